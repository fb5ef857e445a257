//! `Idempotency-Key`: asked twice, done once.

use kit::{App, Zone, race, tally};
use serde_json::json;

kit::stories! {
    the_same_key_gives_the_same_answer_and_holds_once,
    a_key_guards_one_request_only,
    of_fifty_requests_with_one_key_one_reserves,
    keys_belong_to_their_user,
    a_confirmation_is_replayed_and_paid_once,
    extending_and_releasing_are_replayed,
    what_an_admin_makes_is_made_once,
    a_refused_request_may_be_tried_again_with_its_key,
    a_malformed_key_is_refused,
    a_key_survives_a_crash_together_with_its_answer,
}

async fn the_same_key_gives_the_same_answer_and_holds_once(app: &App) {
    let event = app.on_sale(&[Zone::standing("Floor", 10, 1500)]).await;
    let buyer = app.buyer().await;
    let floor = event.zones[0].id;
    let ask = || app.reserve_places(&buyer, &event, floor, 2).key("order 17");

    let first = ask().await.expect(201);
    assert_eq!(first.header("idempotency-replayed"), None);
    for _ in 0..2 {
        let again = ask().await.expect(201);
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        assert_eq!(again.body, first.body);
        assert_eq!(again.header("location"), first.header("location"));
    }
    assert_eq!(app.seats(&event, "held").await, 2);
    // Another key is another order.
    let other = app.reserve_places(&buyer, &event, floor, 2).key("order 18");
    assert_ne!(other.await.expect(201)["id"], first["id"]);
    assert_eq!(app.count("SELECT count(*) FROM reservations").await, 2);
}

async fn a_key_guards_one_request_only(app: &App) {
    let event = app.on_sale(&[Zone::standing("Floor", 10, 1500)]).await;
    let buyer = app.buyer().await;
    let floor = event.zones[0].id;
    let hold = app.reserve_places(&buyer, &event, floor, 2).key("k").await;
    let id = hold.expect(201).id();

    for call in [
        app.reserve_places(&buyer, &event, floor, 3),
        app.reserve(&buyer, 1),
        app.release_ticket(&buyer, 1),
        app.extend(&buyer, &id),
        app.confirm(&buyer, &id, "tok_success"),
    ] {
        let refused = call.key("k").await;
        refused.expect_problem(422, "idempotency-key-reused");
    }
    assert_eq!(app.seats(&event, "held").await, 2);
    assert_eq!(app.count("SELECT count(*) FROM payments").await, 0);
}

async fn of_fifty_requests_with_one_key_one_reserves(app: &App) {
    let event = app.on_sale(&[Zone::standing("Floor", 100, 1500)]).await;
    let buyer = app.buyer().await;
    let ask = || {
        app.reserve_places(&buyer, &event, event.zones[0].id, 1)
            .key("k")
    };

    let answers = race(50, |_| ask()).await;
    let outcomes = tally(&answers);
    let in_flight = outcomes.get("idempotency-key-in-flight");
    assert_eq!(
        outcomes["201"] + in_flight.unwrap_or(&0),
        50,
        "{outcomes:?}"
    );
    let last = ask().await.expect(201);
    for won in answers.iter().filter(|answer| answer.status == 201) {
        assert_eq!(won.body, last.body);
    }
    let fresh = |answer: &&kit::Answer| {
        answer.status == 201 && answer.header("idempotency-replayed").is_none()
    };
    assert_eq!(answers.iter().filter(fresh).count(), 1);
    assert_eq!(app.count("SELECT count(*) FROM reservations").await, 1);
}

async fn keys_belong_to_their_user(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 2, 1500)]).await;
    let [one, two] = [app.buyer().await, app.buyer().await];
    let [left, right] = [event.tickets()[0], event.tickets()[1]];

    app.reserve(&one, left).key("k").await.expect(201);
    let hold = app.reserve(&two, right).key("k").await.expect(201);
    assert_eq!(hold.header("idempotency-replayed"), None);
    assert_eq!(hold["tickets"][0]["id"], right);
    // With her key and request he gets his own refusal, not her answer.
    app.reserve(&two, left)
        .key("another")
        .await
        .expect_problem(409, "ticket-taken");
}

async fn a_confirmation_is_replayed_and_paid_once(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 1, 1500)]).await;
    let buyer = app.buyer().await;
    let hold = app.reserve(&buyer, event.tickets()[0]).await.expect(201);
    let pay = |token| app.confirm(&buyer, &hold.id(), token).key("k");

    let first = pay("tok_success").await.expect(200);
    let again = pay("tok_success").await.expect(200);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.body, first.body);
    pay("tok_decline")
        .await
        .expect_problem(422, "idempotency-key-reused");
    assert_eq!(app.count("SELECT count(*) FROM payments").await, 1);
}

async fn extending_and_releasing_are_replayed(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 2, 1500)]).await;
    let buyer = app.buyer().await;
    let seats = event.tickets();
    let hold = app.reserve_tickets(&buyer, &event, seats).await.expect(201);

    let extend = || app.extend(&buyer, &hold.id()).key("extend");
    let release = || app.release_ticket(&buyer, seats[0]).key("release");
    let first = [extend().await.expect(200), release().await.expect(200)];
    let again = [extend().await.expect(200), release().await.expect(200)];
    for (first, again) in first.iter().zip(&again) {
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        assert_eq!(again.body, first.body);
    }
    let read = app.get_reservation(&buyer, &hold.id()).await.expect(200);
    assert_eq!(read["version"], 3, "each was done once");
}

async fn what_an_admin_makes_is_made_once(app: &App) {
    let admin = app.admin().await;
    let venue =
        json!({ "name": "Hall", "city": "Riga", "country": "LV", "time_zone": "Europe/Riga" });
    let make_venue = || app.post("/api/venues").by(&admin).key("v").json(&venue);
    let first = make_venue().await.expect(201);
    let again = make_venue().await.expect(201);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.body, first.body);

    let price = json!({ "amount": 100, "currency": "EUR" });
    let seating = json!({ "kind": "standing", "capacity": 5 });
    let event = json!({
        "venue_id": first["id"], "title": "Premiere", "starts_at": "2099-01-01T20:00:00Z",
        "zones": [{ "name": "Floor", "price": price, "seating": seating }],
    });
    let make_event = || app.post("/api/events").by(&admin).key("e").json(&event);
    let first = make_event().await.expect(201);
    assert_eq!(make_event().await.expect(201).body, first.body);

    let path = format!("/api/events/{}/publish", first.id());
    let publish = || app.post(&path).by(&admin).key("p");
    let published = publish().await.expect(200);
    assert_eq!(publish().await.expect(200).body, published.body);

    let mut other = venue.clone();
    other["city"] = json!("Vilnius");
    let reused = app.post("/api/venues").by(&admin).key("v").json(&other);
    reused.await.expect_problem(422, "idempotency-key-reused");

    assert_eq!(app.count("SELECT count(*) FROM venues").await, 1);
    assert_eq!(app.count("SELECT count(*) FROM events").await, 1);
    assert_eq!(app.count("SELECT count(*) FROM tickets").await, 5);
}

async fn a_refused_request_may_be_tried_again_with_its_key(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 1, 1500)]).await;
    let [one, two] = [app.buyer().await, app.buyer().await];
    let seat = event.tickets()[0];
    let hold = app.reserve(&one, seat).await.expect(201);

    let refused = app.reserve(&two, seat).key("k").await;
    refused.expect_problem(409, "ticket-taken");
    app.release(&one, &hold.id()).await.expect(204);
    let hold = app.reserve(&two, seat).key("k").await.expect(201);
    assert_eq!(hold.header("idempotency-replayed"), None);

    let declined = app
        .confirm(&two, &hold.id(), "tok_decline")
        .key("pay")
        .await;
    declined.expect_problem(402, "payment-declined");
    // The other token makes it another body, but nothing was kept for the first.
    let paid = app.confirm(&two, &hold.id(), "tok_success").key("pay");
    paid.await.expect(200);
}

async fn a_malformed_key_is_refused(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 1, 1500)]).await;
    let buyer = app.buyer().await;
    let too_long = "k".repeat(256);
    let malformed: [&[u8]; 4] = [b"", too_long.as_bytes(), "clé".as_bytes(), b"a\tb"];
    for key in malformed {
        let call = app.reserve(&buyer, event.tickets()[0]);
        let refused = call.header("idempotency-key", key).await;
        let refused = refused.expect_problem(400, "validation-failed");
        assert_eq!(refused["errors"][0]["field"], "Idempotency-Key");
    }
    assert_eq!(app.seats(&event, "held").await, 0);
    let longest = "k".repeat(255);
    let call = app.reserve(&buyer, event.tickets()[0]);
    call.key(&longest).await.expect(201);
}

async fn a_key_survives_a_crash_together_with_its_answer(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 1, 1500)]).await;
    let buyer = app.buyer().await;
    let ask = || app.reserve(&buyer, event.tickets()[0]).key("k");
    let first = ask().await.expect(201);
    app.instance().restart().await;
    let again = ask().await.expect(201);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.body, first.body);
}
