//! Single seats in the hands of their organiser: withheld, and taken out of the event.

mod racing;

use kit::{Answer, App, Call, Event, Zone};
use serde_json::{Value, json};

kit::stories! {
    a_withheld_seat_is_nobodys_until_it_is_put_on_sale_again,
    seats_are_withheld_all_or_none,
    withholding_twice_with_a_key_does_it_once,
    a_seat_that_was_taken_out_is_there_for_nobody,
    what_is_held_or_sold_cannot_be_taken_out,
    only_admins_have_their_hands_on_seats,
    the_seats_of_a_draft_are_edited_before_anybody_sees_them,
    what_is_off_about_seats_is_named,
}

fn named(seats: &[(i64, i64)]) -> Value {
    let seats = seats.iter();
    let seats = seats.map(|(ticket, version)| json!({ "ticket_id": ticket, "version": version }));
    json!({ "tickets": seats.collect::<Vec<_>>() })
}

async fn block(app: &App, event: &Event, seats: &[(i64, i64)]) -> Answer {
    let mut body = named(seats);
    body["reason"] = json!("For the mixing desk.");
    let admin = app.admin().await;
    let path = format!("/api/events/{}/seats/block", event.id);
    app.post(&path).by(&admin).json(&body).await
}

async fn unblock(app: &App, event: &Event, seats: &[(i64, i64)]) -> Answer {
    let admin = app.admin().await;
    let path = format!("/api/events/{}/seats/unblock", event.id);
    app.post(&path).by(&admin).json(&named(seats)).await
}

/// `remove` or `restore`, by an admin who has just read the event.
async fn edit(app: &App, event: &Event, what: &str, seats: &[(i64, i64)]) -> Answer {
    let version = format!("SELECT version FROM events WHERE id = {}", event.id);
    let version = app.count(&version).await;
    edit_at(app, event, what, seats, version).await.await
}

async fn edit_at(app: &App, event: &Event, what: &str, seats: &[(i64, i64)], version: i64) -> Call {
    let admin = app.admin().await;
    let path = format!("/api/events/{}/seats/{what}", event.id);
    let call = app.post(&path).by(&admin).if_match(version);
    call.json(&named(seats))
}

async fn states(app: &App, event: &Event) -> String {
    let map = app.get(&format!("/api/events/{}/seats", event.id)).await;
    let map = map.expect(200);
    map["zones"][0]["rows"][0]["states"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn a_withheld_seat_is_nobodys_until_it_is_put_on_sale_again(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 3, 4500)]).await;
    let buyer = app.buyer().await;
    let seat = event.tickets()[1];
    assert_eq!(states(app, &event).await, "aaa");
    let done = block(app, &event, &[(seat, 0)]).await.expect(200);
    let ticket = &done["tickets"][0];
    assert_eq!(
        (&ticket["status"], &ticket["version"]),
        (&json!("blocked"), &json!(1))
    );
    assert_eq!(
        (&ticket["row"], &ticket["seat"]),
        (&json!("A"), &json!("2"))
    );
    assert_eq!(states(app, &event).await, "aba");
    assert_eq!(app.seats(&event, "blocked").await, 1);
    let refused = app
        .reserve(&buyer, seat)
        .await
        .expect_problem(409, "ticket-taken");
    assert_eq!(refused["conflicts"][0]["status"], "blocked");
    let zone = event.zones[0].id;
    let refused = app.reserve_places(&buyer, &event, zone, 3).await;
    refused.expect_problem(409, "zone-sold-out");

    let admin = app.admin().await;
    let path = format!("/api/events/{}/seats/blocked", event.id);
    let list = app.get(&path).by(&admin).await.expect(200);
    let listed = &list["items"][0];
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&listed["ticket_id"], &listed["version"]),
        (&json!(seat), &json!(1))
    );
    assert_eq!(
        (&listed["reason"], &listed["zone"]),
        (&json!("For the mixing desk."), &json!("Stalls"))
    );
    assert_eq!(listed["blocked_by"], admin.id);

    unblock(app, &event, &[(seat, 1)]).await.expect(200);
    assert_eq!(states(app, &event).await, "aaa");
    let list = app.get(&path).by(&admin).await.expect(200);
    assert_eq!(list["items"], json!([]));
    app.reserve(&buyer, seat).await.expect(201);
    let causes = "SELECT cause, from_status, to_status FROM ledger ORDER BY version";
    let expected = [
        json!({ "cause": "block", "from_status": "available", "to_status": "blocked" }),
        json!({ "cause": "unblock", "from_status": "blocked", "to_status": "available" }),
        json!({ "cause": "hold", "from_status": "available", "to_status": "held" }),
    ];
    assert_eq!(app.rows(causes).await, expected);
}

async fn seats_are_withheld_all_or_none(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 4, 4500)]).await;
    let other = app.on_sale(&[Zone::seated("Stalls", 1, 1, 4500)]).await;
    let &[a, b, c, d] = event.tickets() else {
        panic!("four seats are on sale");
    };
    app.reserve(&app.buyer().await, b).await.expect(201);
    let refused = block(app, &event, &[(a, 0), (b, 0), (c, 7)]).await;
    let refused = refused.expect_problem(409, "ticket-taken");
    let conflicts: Vec<_> = refused["conflicts"].as_array().unwrap().iter().collect();
    assert_eq!(conflicts.len(), 2);
    assert_eq!(
        (&conflicts[0]["ticket_id"], &conflicts[0]["status"]),
        (&json!(b), &json!("held"))
    );
    assert_eq!(
        (&conflicts[1]["ticket_id"], &conflicts[1]["version"]),
        (&json!(c), &json!(0))
    );
    let stranger = block(app, &event, &[(a, 0), (other.tickets()[0], 0)]).await;
    stranger.expect_problem(404, "not-found");
    block(app, &event, &[(a, 0), (-1, 0)])
        .await
        .expect_problem(404, "not-found");
    assert_eq!(states(app, &event).await, "ahaa");
    block(app, &event, &[(d, 0), (a, 0), (c, 0)])
        .await
        .expect(200);
    assert_eq!(states(app, &event).await, "bhbb");
    // What is not withheld cannot be put on sale again.
    let refused = unblock(app, &event, &[(a, 1), (b, 1)]).await;
    refused.expect_problem(409, "ticket-taken");
    assert_eq!(app.count("SELECT count(*) FROM seat_blocks").await, 3);

    let admin = app.admin().await;
    let mut path = format!("/api/events/{}/seats/blocked?limit=2", event.id);
    let page = app.get(&path).by(&admin).await.expect(200);
    path = format!("{path}&cursor={}", page["next"].as_str().unwrap());
    let rest = app.get(&path).by(&admin).await.expect(200);
    let mut listed: Vec<i64> = [&page, &rest]
        .iter()
        .flat_map(|page| page["items"].as_array().unwrap())
        .map(|seat| seat["ticket_id"].as_i64().unwrap())
        .collect();
    listed.sort_unstable();
    assert_eq!((listed, &rest["next"]), (vec![a, c, d], &Value::Null));
}

async fn withholding_twice_with_a_key_does_it_once(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 2, 4500)]).await;
    let admin = app.admin().await;
    let path = format!("/api/events/{}/seats/block", event.id);
    let mut body = named(&[(event.tickets()[0], 0)]);
    body["reason"] = json!("House seats");
    let ask = || app.post(&path).by(&admin).key("once").json(&body);
    let first = ask().await.expect(200);
    let again = ask().await.expect(200);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(first.body, again.body);
    assert_eq!(app.count("SELECT count(*) FROM ledger").await, 1);
}

async fn a_seat_that_was_taken_out_is_there_for_nobody(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 2, 4, 4500)]).await;
    let buyer = app.buyer().await;
    let (gone, blocked) = (event.tickets()[1], event.tickets()[5]);
    let path = format!("/api/events/{}/seats", event.id);
    let before = app.get(&path).await.expect(200);
    block(app, &event, &[(blocked, 0)]).await.expect(200);
    let outdated = edit_at(app, &event, "remove", &[(gone, 0)], 1).await;
    outdated.await.expect_problem(412, "version-mismatch");
    let done = edit(app, &event, "remove", &[(gone, 0), (blocked, 1)])
        .await
        .expect(200);
    assert_eq!(done.header("etag"), Some("\"3\""));
    assert_eq!(done["tickets"][0]["removed"], true);

    let map = app.get(&path).await.expect(200);
    assert_ne!(map.header("etag"), before.header("etag"));
    let row = &map["zones"][0]["rows"][0];
    assert_eq!(
        (&row["states"], &row["labels"]),
        (&json!("aaa"), &json!(["1", "3", "4"]))
    );
    assert_eq!(row["gaps_after"], json!([1]));
    app.ticket(gone).await.expect_problem(404, "not-found");
    app.reserve(&buyer, gone)
        .await
        .expect_problem(404, "not-found");
    block(app, &event, &[(gone, 1)])
        .await
        .expect_problem(404, "not-found");
    let zone = &app.availability(&event).await.expect(200)["zones"][0];
    assert_eq!(
        (&zone["capacity"], &zone["blocked"]),
        (&json!(6), &json!(0))
    );
    let zone = event.zones[0].id;
    // The rest of each row, on both sides of what is gone.
    let refused = app.reserve_together(&buyer, &event, zone, 3).await;
    refused.expect_problem(409, "no-adjacent-seats");
    assert_eq!(app.count("SELECT count(*) FROM seat_blocks").await, 0);

    let admin = app.admin().await;
    let list = format!("/api/events/{}/zones/{zone}/seats", event.id);
    let list = app.get(&list).by(&admin).await.expect(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 8);
    assert_eq!(
        (&list["items"][1]["removed"], &list["items"][1]["version"]),
        (&json!(true), &json!(1))
    );

    edit(app, &event, "restore", &[(gone, 0)])
        .await
        .expect_problem(409, "ticket-taken");
    edit(app, &event, "restore", &[(gone, 1)]).await.expect(200);
    assert_eq!(states(app, &event).await, "aaaa");
    app.reserve(&buyer, gone).await.expect(201);
}

async fn what_is_held_or_sold_cannot_be_taken_out(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 3, 4500)]).await;
    let buyer = app.buyer().await;
    let &[held, sold, free] = event.tickets() else {
        panic!("three seats are on sale");
    };
    app.reserve(&buyer, held).await.expect(201);
    let order = app.reserve(&buyer, sold).await.expect(201).id();
    app.confirm(&buyer, &order, "tok_success").await.expect(200);
    let refused = edit(app, &event, "remove", &[(held, 1), (sold, 2), (free, 0)]).await;
    let refused = refused.expect_problem(409, "ticket-taken");
    assert_eq!(refused["conflicts"].as_array().unwrap().len(), 2);
    assert_eq!(states(app, &event).await, "hsa");

    // And a zone keeps a place.
    let other = app.on_sale(&[Zone::seated("Stalls", 1, 1, 4500)]).await;
    let refused = edit(app, &other, "remove", &[(other.tickets()[0], 0)]).await;
    refused.expect_problem(409, "seats-in-use");
    assert_eq!(app.ticket_status(other.tickets()[0]).await, "available");
}

async fn only_admins_have_their_hands_on_seats(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 2, 4500)]).await;
    let buyer = app.buyer().await;
    let base = format!("/api/events/{}/seats", event.id);
    for what in ["block", "unblock", "remove", "restore"] {
        let mut body = named(&[(event.tickets()[0], 0)]);
        if what == "block" {
            body["reason"] = json!("Mine");
        }
        let ask = || app.post(&format!("{base}/{what}")).if_match(2).json(&body);
        ask().await.expect_problem(401, "unauthenticated");
        ask().by(&buyer).await.expect_problem(403, "forbidden");
        let nowhere = format!("/api/events/999999/seats/{what}");
        let admin = app.admin().await;
        let nowhere = app.post(&nowhere).by(&admin).if_match(2).json(&body).await;
        nowhere.expect_problem(404, "not-found");
    }
    let lists = [
        format!("{base}/blocked"),
        format!("/api/events/{}/zones/{}/seats", event.id, event.zones[0].id),
    ];
    for list in lists {
        app.get(&list).await.expect_problem(401, "unauthenticated");
        app.get(&list)
            .by(&buyer)
            .await
            .expect_problem(403, "forbidden");
    }
}

async fn the_seats_of_a_draft_are_edited_before_anybody_sees_them(app: &App) {
    let event = app.draft(&[Zone::seated("Stalls", 1, 3, 4500)]).await;
    let admin = app.admin().await;
    let zone = app.count("SELECT id FROM zones").await;
    let list = format!("/api/events/{}/zones/{zone}/seats", event.id);
    let seats = app.get(&list).by(&admin).await.expect(200);
    let seats: Vec<i64> = seats["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|seat| seat["ticket_id"].as_i64().unwrap())
        .collect();
    edit(app, &event, "remove", &[(seats[0], 0)])
        .await
        .expect(200);
    block(app, &event, &[(seats[1], 0)]).await.expect(200);
    let publish = format!("/api/events/{}/publish", event.id);
    app.post(&publish).by(&admin).await.expect(200);
    assert_eq!(states(app, &event).await, "ba");
}

async fn what_is_off_about_seats_is_named(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 2, 4500)]).await;
    let admin = app.admin().await;
    let path = format!("/api/events/{}/seats/block", event.id);
    let seat = json!({ "ticket_id": event.tickets()[0], "version": 0 });
    let too_many = vec![seat.clone(); 1001];
    let long = "x".repeat(301);
    for (body, field) in [
        (json!({ "tickets": [], "reason": "x" }), "tickets"),
        (json!({ "tickets": too_many, "reason": "x" }), "tickets"),
        (json!({ "tickets": [seat], "reason": "" }), "reason"),
        (json!({ "tickets": [seat], "reason": long }), "reason"),
        (json!({ "tickets": [seat] }), "reason"),
        (
            json!({ "tickets": [seat, seat], "reason": "x" }),
            "tickets[1].ticket_id",
        ),
        (
            json!({ "tickets": [{ "ticket_id": 1, "version": -1 }], "reason": "x" }),
            "version",
        ),
        (
            json!({ "tickets": [{ "ticket_id": 1 }], "reason": "x" }),
            "tickets[0].version",
        ),
        (
            json!({ "tickets": [seat], "reason": "x", "force": true }),
            "force",
        ),
    ] {
        let refused = app.post(&path).by(&admin).json(&body).await;
        let refused = refused.expect_problem(400, "validation-failed");
        assert_eq!(refused["errors"][0]["field"], field, "{body}");
    }
    let remove = format!("/api/events/{}/seats/remove", event.id);
    let refused = app
        .post(&remove)
        .by(&admin)
        .json(&json!({ "tickets": [seat] }))
        .await;
    refused.expect_problem(428, "precondition-required");
    assert_eq!(app.count("SELECT count(*) FROM ledger").await, 0);
}
