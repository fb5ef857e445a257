//! Reviews: by those who had a ticket, one each, and what everybody sees of them.

use kit::{Answer, App, Call, Event, Person, Zone, race, tally};
use serde_json::{Value, json};

mod reading;

kit::stories! {
    only_who_has_or_had_a_confirmed_reservation_reviews_and_once,
    of_fifty_reviews_at_once_one_is_written,
    a_review_that_is_sent_twice_with_its_key_is_answered_twice,
    an_author_changes_and_deletes_their_review_and_nobody_else_does,
    what_an_admin_removes_its_author_sees_with_the_reason_and_nobody_else,
    what_is_off_in_a_review_is_named,
}

async fn only_who_has_or_had_a_confirmed_reservation_reviews_and_once(app: &App) {
    let event = concert(app).await;
    let other = concert(app).await;
    let [stranger, holder, guest, refunded] = crowd(app).await;
    hold(app, &event, &holder).await;
    attend(app, &event, &guest).await;
    attend(app, &event, &refunded).await;
    for nosy in [&stranger, &holder] {
        let refused = write(app, nosy, &event, 5).await;
        refused.expect_problem(403, "no-ticket");
    }
    let refused = write(app, &guest, &other, 5).await;
    refused.expect_problem(403, "no-ticket");

    let written = write(app, &guest, &event, 4).await.expect(201);
    assert_eq!(
        written.header("location").unwrap(),
        format!("/api/reviews/{}", written.id())
    );
    let again = write(app, &guest, &event, 1).await;
    again.expect_problem(409, "already-reviewed");

    let of_refunded = format!("WHERE user_id = {}", id_of(&refunded));
    let refund = format!("UPDATE reservations SET status = 'refunded' {of_refunded}");
    assert_eq!(app.execute(&refund).await, 1);
    write(app, &refunded, &event, 2).await.expect(201);
    let undo = format!("UPDATE reservations SET status = 'confirmed' {of_refunded}");
    app.execute(&undo).await;

    let draft = app.draft(&[Zone::standing("Floor", 5, 100)]).await;
    for unknown in [draft.id, 0, -1, i64::MAX] {
        let unknown = Event {
            id: unknown,
            ..event.clone()
        };
        let refused = write(app, &guest, &unknown, 5).await;
        refused.expect_problem(404, "not-found");
        let refused = list(app, &unknown, "").await;
        refused.expect_problem(404, "not-found");
    }
    assert_eq!(app.count("SELECT count(*) FROM reviews").await, 2);
}

async fn of_fifty_reviews_at_once_one_is_written(app: &App) {
    let event = concert(app).await;
    let guest = app.buyer().await;
    attend(app, &event, &guest).await;
    let answers = race(50, |number| {
        write(app, &guest, &event, i64::try_from(number % 5).unwrap() + 1)
    })
    .await;
    let outcomes = tally(&answers);
    assert_eq!(
        (outcomes["201"], outcomes["already-reviewed"]),
        (1, 49),
        "{outcomes:?}"
    );
    assert_eq!(app.count("SELECT count(*) FROM reviews").await, 1);
    let kept = answers.iter().find(|answer| answer.status == 201).unwrap();
    let average = json!(kept["stars"].as_f64());
    assert_eq!(rating(app, &event).await, (average, 1));
}

async fn a_review_that_is_sent_twice_with_its_key_is_answered_twice(app: &App) {
    let event = concert(app).await;
    let guest = app.buyer().await;
    attend(app, &event, &guest).await;
    let first = write(app, &guest, &event, 4).key("k").await.expect(201);
    let second = write(app, &guest, &event, 4).key("k").await.expect(201);
    assert_eq!(first.body, second.body);
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    let other = write(app, &guest, &event, 5).key("k").await;
    other.expect_problem(422, "idempotency-key-reused");
}

async fn an_author_changes_and_deletes_their_review_and_nobody_else_does(app: &App) {
    let event = concert(app).await;
    let [ada, bob, ..] = crowd(app).await;
    let admin = app.admin().await;
    attend(app, &event, &ada).await;
    attend(app, &event, &bob).await;
    let written = write(app, &ada, &event, 2).await.expect(201);
    assert_eq!(written["edited_at"], Value::Null);
    assert_eq!(written.header("etag"), Some("\"1\""));

    for other in [&bob, &admin] {
        let refused = change(app, other, &written, 5).await;
        refused.expect_problem(403, "forbidden");
    }
    let refused = app.delete(&path(&written)).by(&bob).await;
    refused.expect_problem(403, "forbidden");
    let body = json!({ "stars": 5, "text": "On second thoughts" });
    let blind = app.put(&path(&written)).by(&ada).json(&body).await;
    blind.expect_problem(428, "precondition-required");

    let changed = change(app, &ada, &written, 5).await.expect(200);
    assert_eq!(
        (&changed["stars"], &changed["version"]),
        (&json!(5), &json!(2))
    );
    assert_eq!(changed["pictures"], json!([]), "the whole is replaced");
    assert_ne!(changed["edited_at"], Value::Null);
    assert_eq!(changed["created_at"], written["created_at"]);
    let stale = change(app, &ada, &written, 1).await;
    let stale = stale.expect_problem(412, "version-mismatch");
    assert_eq!(stale["version"], 2);
    let stale = app.delete(&path(&written)).by(&ada).if_match(1).await;
    stale.expect_problem(412, "version-mismatch");

    app.delete(&path(&written))
        .by(&ada)
        .if_match(2)
        .await
        .expect(204);
    for answer in [
        app.get(&path(&written)).await,
        app.delete(&path(&written)).by(&ada).await,
        change(app, &ada, &changed, 1).await,
    ] {
        answer.expect_problem(404, "not-found");
    }
    write(app, &ada, &event, 3).await.expect(201);
}

async fn what_an_admin_removes_its_author_sees_with_the_reason_and_nobody_else(app: &App) {
    let event = concert(app).await;
    let [ada, bob, ..] = crowd(app).await;
    let (admin, staff) = (app.admin().await, app.person_of_role("staff").await);
    attend(app, &event, &ada).await;
    let written = write(app, &ada, &event, 1).await.expect(201);
    let address = path(&written);
    let with_reason = format!("{address}?reason=Insults%20the%20singers");
    let refused = app.delete(&with_reason).by(&staff).await;
    refused.expect_problem(403, "forbidden");
    for without in [address.clone(), format!("{address}?reason=%20")] {
        let refused = app.delete(&without).by(&admin).await;
        let refused = refused.expect_problem(400, "validation-failed");
        assert_eq!(refused["errors"][0]["field"], "reason");
    }
    app.delete(&with_reason).by(&admin).await.expect(204);

    for stranger in [app.get(&address), app.get(&address).by(&bob)] {
        stranger.await.expect_problem(404, "not-found");
    }
    let refused = app.delete(&address).by(&bob).await;
    refused.expect_problem(404, "not-found");
    assert_eq!(list(app, &event, "").await["items"], json!([]));
    let own = app.get("/api/me/reviews").by(&ada).await.expect(200);
    for seen in [
        &app.get(&address).by(&ada).await.expect(200).body,
        &own["items"][0],
    ] {
        assert_eq!(seen["status"], "removed");
        assert_eq!(seen["removal"]["reason"], "Insults the singers");
        assert_eq!(seen.get("removed_by"), None, "the author is not told who");
    }
    for refused in [
        app.delete(&address).by(&ada).await,
        app.delete(&with_reason).by(&admin).await,
        app.put(&address)
            .by(&ada)
            .header("if-match", "*")
            .json(&json!({ "stars": 5, "text": "Nice" }))
            .await,
    ] {
        let refused = refused.expect_problem(409, "invalid-transition");
        assert_eq!(refused["current_status"], "removed");
    }
    let again = write(app, &ada, &event, 1).await;
    again.expect_problem(409, "already-reviewed");

    let all = |query: &str| app.get(&format!("/api/admin/reviews{query}")).by(&admin);
    let removed = all("?status=removed").await.expect(200);
    assert_eq!(removed["items"][0]["removed_by"], admin.id);
    assert_eq!(removed["items"][0]["user_id"], ada.id);
    assert_eq!(all("?status=visible").await["items"], json!([]));
    assert_eq!(all("").await["items"], removed["items"]);
    let refused = all("?status=lost").await;
    refused.expect_problem(400, "validation-failed");
}

async fn what_is_off_in_a_review_is_named(app: &App) {
    let event = concert(app).await;
    let guest = app.buyer().await;
    attend(app, &event, &guest).await;
    let address = format!("/api/events/{}/reviews", event.id);
    let url = "https://example.com/a.jpg";
    for (member, value, field) in [
        ("stars", json!(0), "stars"),
        ("stars", json!(-1), "stars"),
        ("stars", json!(6), "stars"),
        ("stars", json!(1_000_000_000), "stars"),
        ("stars", json!(4.5), "stars"),
        ("stars", Value::Null, "stars"),
        ("text", json!(""), "text"),
        ("text", json!(" \n\t"), "text"),
        ("text", json!("x".repeat(5001)), "text"),
        ("text", json!("x\0"), "text"),
        ("pictures", json!(vec![url; 6]), "pictures"),
        ("pictures", json!(url), "pictures"),
        (
            "pictures",
            json!([url, "javascript:alert(1)"]),
            "pictures[1]",
        ),
        ("pictures", json!(["data:text/html,x"]), "pictures[0]"),
        (
            "pictures",
            json!([format!("{url}{}", "x".repeat(500))]),
            "pictures[0]",
        ),
        ("author", json!("Somebody else"), "author"),
        ("user_id", json!(1), "user_id"),
    ] {
        let mut body = json!({ "stars": 5, "text": "Fine" });
        body[member] = value;
        let refused = app.post(&address).by(&guest).json(&body).await;
        let refused = refused.expect_problem(400, "validation-failed");
        assert_eq!(refused["errors"][0]["field"], field, "{refused:?}");
    }
    assert_eq!(app.count("SELECT count(*) FROM reviews").await, 0);
}

async fn concert(app: &App) -> Event {
    app.on_sale(&[Zone::standing("Floor", 20, 1500)]).await
}

async fn crowd(app: &App) -> [Person; 4] {
    app.buyers(4).await.try_into().unwrap()
}

async fn hold(app: &App, event: &Event, guest: &Person) -> Answer {
    let call = app.reserve_places(guest, event, event.zones[0].id, 1);
    call.await.expect(201)
}

async fn attend(app: &App, event: &Event, guest: &Person) {
    let hold = hold(app, event, guest).await;
    app.confirm(guest, &hold.id(), "tok_success")
        .await
        .expect(200);
}

fn write(app: &App, guest: &Person, event: &Event, stars: i64) -> Call {
    let body = json!({ "stars": stars, "text": "So it was", "pictures": ["https://a.example/b"] });
    app.post(&format!("/api/events/{}/reviews", event.id))
        .by(guest)
        .json(&body)
}

/// A change by somebody who has read the review as it is here.
fn change(app: &App, author: &Person, review: &Answer, stars: i64) -> Call {
    let body = json!({ "stars": stars, "text": "On second thoughts" });
    let version = review["version"].as_i64().unwrap();
    let call = app.put(&path(review)).by(author).if_match(version);
    call.json(&body)
}

async fn remove(app: &App, admin: &Person, review: &Answer, reason: &str) {
    let address = format!("{}?reason={reason}", path(review));
    app.delete(&address).by(admin).await.expect(204);
}

fn list(app: &App, event: &Event, query: &str) -> Call {
    app.get(&format!("/api/events/{}/reviews?{query}", event.id))
}

fn path(review: &Answer) -> String {
    format!("/api/reviews/{}", review.id())
}

async fn rating(app: &App, event: &Event) -> (Value, i64) {
    let event = app.get(&format!("/api/events/{}", event.id));
    let rating = event.await.expect(200)["rating"].clone();
    (rating["average"].clone(), rating["count"].as_i64().unwrap())
}

/// An account's id, in whatever form the database keeps it.
fn id_of(person: &Person) -> String {
    format!(
        "(SELECT id FROM users WHERE email_lower = '{}')",
        person.email
    )
}
