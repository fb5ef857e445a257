//! How admins find inquiries.

use std::collections::BTreeSet;

use kit::{Answer, App, Person};
use serde_json::{Value, json};

use super::{decide, inquiry, send};

kit::stories! {
    admins_find_inquiries_by_what_they_are_of,
    a_filter_that_is_off_is_named,
    inquiries_are_listed_newest_first_whatever_comes_in_meanwhile,
}

async fn admins_find_inquiries_by_what_they_are_of(app: &App) {
    let admin = app.admin().await;
    let mut choir = inquiry();
    choir["proposal"] = json!("Matthäus-Passion, 100% Bach");
    let mut circus = inquiry();
    circus["organiser"] = json!("Cirque Émile");
    circus["category"] = json!("circus");
    circus["city"] = json!("Genf");
    circus["date"] = json!("2099-07-01");
    let choir = send(app, &choir).await.expect(201);
    let circus = send(app, &circus).await.expect(201);
    decide(app, &admin, &circus, 1, "reviewed")
        .await
        .expect(200);
    let (both, none) = ([&choir, &circus], [&choir; 0]);

    for (query, expected) in [
        ("", &both[..]),
        ("status=pending", &both[..1]),
        ("status=reviewed", &both[1..]),
        ("status=approved", &none),
        ("category=concert", &both[..1]),
        ("category=CIRCUS", &both[1..]),
        ("category=conc", &none),
        ("city=zurich", &both[..1]),
        ("city=Z%C3%BCrich", &both[..1]),
        ("city=genf&category=concert", &none),
        ("from=2099-06-01", &both[..]),
        ("from=2099-06-02", &both[1..]),
        ("to=2099-06-01", &both[..1]),
        ("from=2099-06-02&to=2099-06-30", &none),
        ("from=2099-07-01&to=2099-06-01", &none),
        ("q=matthaus", &both[..1]),
        ("q=EMILE%20cirq", &both[1..]),
        ("q=irque", &none),
        ("q=passion%20emile", &none),
        ("q=office@choir.example", &both[..]),
        ("q=clara", &both[..]),
        ("q=100%25", &both[..1]),
        // Signs that mean something in a pattern mean nothing here.
        ("q=%25", &none),
        ("q=_", &none),
        ("q=%27", &none),
        ("q=%00", &none),
    ] {
        let found = ids(&list(app, &admin, query).await);
        let expected: BTreeSet<_> = expected.iter().map(|it| it.id()).collect();
        assert_eq!(
            found.into_iter().collect::<BTreeSet<_>>(),
            expected,
            "{query}"
        );
    }
}

async fn a_filter_that_is_off_is_named(app: &App) {
    let admin = app.admin().await;
    for (query, field) in [
        ("status=lost", "status"),
        ("from=yesterday", "from"),
        ("from=1900-01-01", "from"),
        ("to=2099-13-01", "to"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("cursor=x", "cursor"),
        (&format!("q={}", "x".repeat(201)), "q"),
    ] {
        let call = app.get(&format!("/api/admin/inquiries?{query}")).by(&admin);
        let refused = call.await.expect_problem(400, "validation-failed");
        assert_eq!(refused["errors"][0]["field"], field, "{query}");
    }
}

async fn inquiries_are_listed_newest_first_whatever_comes_in_meanwhile(app: &App) {
    let (admin, ada) = (app.admin().await, app.buyer().await);
    let mut sent = BTreeSet::new();
    for _ in 0..5 {
        sent.insert(send(app, &inquiry()).by(&ada).await.expect(201).id());
    }
    let first = list(app, &admin, "limit=2").await;
    send(app, &inquiry()).await.expect(201);
    let second = list(app, &admin, &next(&first)).await;
    send(app, &inquiry()).await.expect(201);
    let third = list(app, &admin, &next(&second)).await;
    assert_eq!(third["next"], Value::Null);
    let listed = [ids(&first), ids(&second), ids(&third)].concat();
    assert_eq!(listed.len(), 5);
    assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), sent);
    let times: Vec<_> = [&first, &second, &third]
        .into_iter()
        .flat_map(|page| page["items"].as_array().unwrap())
        .map(|item| item["created_at"].to_string())
        .collect();
    assert!(times.is_sorted_by(|one, other| one >= other), "{times:?}");

    let own = app
        .get("/api/me/inquiries?limit=3")
        .by(&ada)
        .await
        .expect(200);
    let rest = format!("/api/me/inquiries?{}", next(&own));
    let rest = app.get(&rest).by(&ada).await.expect(200);
    let own = [ids(&own), ids(&rest)].concat();
    assert_eq!(own.into_iter().collect::<BTreeSet<_>>(), sent);
}

async fn list(app: &App, admin: &Person, query: &str) -> Answer {
    let path = format!("/api/admin/inquiries?{query}");
    app.get(&path).by(admin).await.expect(200)
}

fn next(page: &Answer) -> String {
    format!("limit=2&cursor={}", page["next"].as_str().unwrap())
}

fn ids(page: &Answer) -> Vec<String> {
    let items = page["items"].as_array().unwrap().iter();
    items
        .filter_map(|item| item["id"].as_str().map(str::to_owned))
        .collect()
}
