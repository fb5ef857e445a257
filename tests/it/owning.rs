//! A reservation is its owner's business.

use std::collections::BTreeSet;

use kit::{Answer, App, Backend, Person, Zone, eventually_eq, secs};
use serde_json::json;

kit::stories! {
    somebody_elses_reservation_is_not_found,
    without_a_sign_in_nothing_is_reserved,
    own_reservations_are_listed_newest_first_in_pages,
    own_reservations_are_filtered_by_status,
    reservations_are_found_however_much_was_sold_between_them,
}

const NOBODYS: &str = "3f2a9d10-5b77-4e0c-9a41-c6d8e0f12233";

async fn somebody_elses_reservation_is_not_found(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 2, 1500)]).await;
    let [owner, stranger] = [app.buyer().await, app.buyer().await];
    let hold = app.reserve(&owner, event.tickets()[0]).await.expect(201);

    let calls = |id: &str| {
        [
            app.get_reservation(&stranger, id),
            app.extend(&stranger, id),
            app.confirm(&stranger, id, "tok_success"),
            app.release(&stranger, id),
        ]
    };
    for (theirs, nobodys) in calls(&hold.id()).into_iter().zip(calls(NOBODYS)) {
        let theirs = theirs.await.expect_problem(404, "not-found");
        let nobodys = nobodys.await.expect_problem(404, "not-found");
        assert_eq!(
            theirs["detail"], nobodys["detail"],
            "a stranger cannot tell that there is one"
        );
    }
    app.release_ticket(&stranger, event.tickets()[0])
        .await
        .expect_problem(404, "not-found");
    // Not even an admin acts for a buyer.
    let admin = app.admin().await;
    app.release(&admin, &hold.id())
        .await
        .expect_problem(404, "not-found");

    let read = app.get_reservation(&owner, &hold.id()).await.expect(200);
    assert_eq!(read.body, hold.body);
    assert_eq!(app.count("SELECT count(*) FROM payments").await, 0);
}

async fn without_a_sign_in_nothing_is_reserved(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 1, 1500)]).await;
    let wanted = json!({ "event_id": event.id, "ticket_ids": event.tickets() });
    let payment = json!({ "payment": { "method": "simulated", "token": "tok_success" } });
    let seat = event.tickets()[0];
    let reservation = format!("/api/reservations/{NOBODYS}");
    for call in [
        app.post(&format!("/api/tickets/{seat}/reserve")),
        app.post(&format!("/api/tickets/{seat}/release")),
        app.post("/api/reservations").json(&wanted),
        app.get("/api/reservations"),
        app.get(&reservation),
        app.delete(&reservation),
        app.post(&format!("{reservation}/extend")),
        app.post(&format!("{reservation}/confirm")).json(&payment),
        app.get("/api/me"),
    ] {
        let refused = call.await.expect_problem(401, "unauthenticated");
        assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    }
    assert_eq!(app.seats(&event, "available").await, 1);
}

async fn own_reservations_are_listed_newest_first_in_pages(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 7, 1500)]).await;
    let [buyer, other] = [app.buyer().await, app.buyer().await];
    let mut made = Vec::new();
    for seat in &event.tickets()[..5] {
        made.push(app.reserve(&buyer, *seat).await.expect(201).id());
    }
    app.reserve(&other, event.tickets()[5]).await.expect(201);

    let first = page(app, &buyer, "limit=2").await;
    // What comes in later does not move the pages that follow.
    app.reserve(&buyer, event.tickets()[6]).await.expect(201);
    let second = page(app, &buyer, &format!("limit=2&cursor={}", next(&first))).await;
    let third = page(app, &buyer, &format!("limit=2&cursor={}", next(&second))).await;
    assert_eq!(third["next"], json!(null));
    let listed = [ids(&first), ids(&second), ids(&third)].concat();
    assert_eq!(listed.len(), 5);
    let newest_first = |page: &Answer| {
        let times = page["items"].as_array().unwrap().iter();
        let times: Vec<_> = times.map(|it| it["created_at"].to_string()).collect();
        times.is_sorted_by(|one, other| one >= other)
    };
    assert!([&first, &second, &third].into_iter().all(newest_first));
    let as_set = |ids: &[String]| ids.iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!(as_set(&listed), as_set(&made));

    let all = page(app, &buyer, "").await;
    assert_eq!((ids(&all).len(), &all["next"]), (6, &json!(null)));
}

async fn own_reservations_are_filtered_by_status(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 4, 1500)]).await;
    let buyer = app.buyer().await;
    let mut made = Vec::new();
    for seat in event.tickets() {
        made.push(app.reserve(&buyer, *seat).await.expect(201).id());
    }
    app.confirm(&buyer, &made[0], "tok_success")
        .await
        .expect(200);
    app.release(&buyer, &made[1]).await.expect(204);

    for (status, expected) in [
        ("confirmed", &made[..1]),
        ("released", &made[1..2]),
        ("held", &made[2..]),
        ("expired", &[]),
        ("refunded", &[]),
    ] {
        let found = page(app, &buyer, &format!("status={status}")).await;
        let mut found = ids(&found);
        found.sort();
        let mut expected = expected.to_vec();
        expected.sort();
        assert_eq!(found, expected, "{status}");
    }
}

async fn reservations_are_found_however_much_was_sold_between_them(app: &App) {
    let event = app
        .on_limited_sale(&[Zone::seated("Stalls", 1, 5, 1500)], 4)
        .await;
    let is_sqlite = matches!(
        app.backend(),
        Backend::SqliteEmbedded | Backend::SqliteRedis
    );
    let buyer = app.buyer().await;
    let mut made = Vec::new();
    for seat in &event.tickets()[..4] {
        made.push(app.reserve(&buyer, *seat).await.expect(201).id());
        if is_sqlite {
            // As if so many transitions had been written meanwhile.
            let sold = "UPDATE sqlite_sequence SET seq = seq + 16384 WHERE name = 'ledger'";
            assert_eq!(app.execute(sold).await, 1);
        }
    }
    if is_sqlite {
        let latest = "SELECT max(portion) FROM reservations";
        assert_eq!(app.count(latest).await, 2);
        let plan = "EXPLAIN QUERY PLAN SELECT id FROM reservations \
                    WHERE user_id = x'00' AND portion IN (SELECT portion FROM portions)";
        let plan = format!("{:?}", app.rows(plan).await);
        assert!(
            plan.contains("reservations_of_user (portion=? AND user_id=?)"),
            "{plan}"
        );
    }

    made.sort();
    let check = || async {
        let mut found = ids(&page(app, &buyer, "").await);
        found.sort();
        assert_eq!(found, made);
        app.reserve(&buyer, event.tickets()[4])
            .await
            .expect_problem(409, "limit-exceeded");
    };
    check().await;
    if is_sqlite {
        // What is past is moved to where all that is old is, and found there.
        let past = "SELECT count(*) FROM reservations WHERE portion = 1";
        eventually_eq(secs(20), 0, async || app.count(past).await).await;
        check().await;
    }
}

async fn page(app: &App, buyer: &Person, query: &str) -> Answer {
    let path = format!("/api/reservations?{query}");
    app.get(&path).by(buyer).await.expect(200)
}

fn next(page: &Answer) -> &str {
    page["next"].as_str().unwrap_or_else(|| panic!("{page:?}"))
}

fn ids(page: &Answer) -> Vec<String> {
    let items = page["items"].as_array().unwrap().iter();
    items
        .filter_map(|it| it["id"].as_str().map(str::to_owned))
        .collect()
}
