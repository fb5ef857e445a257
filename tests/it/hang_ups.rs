//! Clients that are gone before their answer comes: what they asked for is done whole or not at all.

use std::time::Duration;

use futures_util::future::join_all;
use kit::{App, Person, Zone, eventually, eventually_eq, race, secs, tally};
use serde_json::json;

kit::stories! {
    whoever_hangs_up_while_reserving_leaves_all_or_nothing,
    whoever_hangs_up_while_paying_has_paid_or_still_holds,
    whoever_hangs_up_while_registering_or_making_an_event_leaves_it_whole,
}

/// From nothing to longer than a request takes, in an order that looks random.
fn pause(number: usize) -> Duration {
    let millis = u64::try_from(number * 7 % 24).unwrap();
    Duration::from_millis(millis)
}

async fn whoever_hangs_up_while_reserving_leaves_all_or_nothing(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 40, 3, 1500)]).await;
    let buyer = app.buyer().await;
    let rows: Vec<&[i64]> = event.tickets().chunks(3).collect();

    // Twice for each row, and a few side by side.
    for wave in 0..8 {
        let calls = (0..10).map(|place| {
            let number = wave * 10 + place;
            let call = app.reserve_tickets(&buyer, &event, rows[number % rows.len()]);
            call.hang_up(pause(number))
        });
        for hung_up in join_all(calls).await {
            hung_up.unwrap();
        }
    }
    until_nobody_is_served(app).await;
    let path = format!("/api/events/{}/seats", event.id);
    let map = app.get(&path).await.expect(200);
    for row in map["zones"][0]["rows"].as_array().unwrap() {
        let states = row["states"].as_str().unwrap();
        let is_whole = ["aaa", "hhh"].contains(&states);
        assert!(is_whole, "a row is held in part: {row}");
    }
    // Neither a lock nor a connection was lost on the way. What a client has left behind may still
    // come through, so this may take more than one attempt.
    eventually(secs(30), async || {
        release_everything(app, &buyer).await;
        let answers = race(120, |number| app.reserve(&buyer, event.tickets()[number])).await;
        let all_are_held = answers.iter().all(|answer| answer.status == 201);
        let outcomes = tally(&answers);
        all_are_held.then_some(()).ok_or(format!("{outcomes:?}"))
    })
    .await;
}

async fn whoever_hangs_up_while_paying_has_paid_or_still_holds(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 24, 1500)]).await;
    let buyer = app.buyer().await;
    let mut holds = Vec::new();
    for seat in event.tickets() {
        holds.push(app.reserve(&buyer, *seat).await.expect(201).id());
    }
    let calls = holds.iter().enumerate().map(|(number, id)| {
        let token = if number % 6 == 0 {
            "tok_slow"
        } else {
            "tok_success"
        };
        app.confirm(&buyer, id, token).hang_up(pause(number))
    });
    for hung_up in join_all(calls).await {
        hung_up.unwrap();
    }
    until_nobody_is_served(app).await;
    // Who comes back finds it paid, or pays now; never twice.
    for id in &holds {
        eventually(secs(15), async || {
            let answer = app.confirm(&buyer, id, "tok_success").await;
            let is_over = answer.status == 200 || answer["current_status"] == "confirmed";
            is_over.then_some(()).ok_or(format!("{answer:?}"))
        })
        .await;
    }
    assert_eq!(app.seats(&event, "sold").await, 24);
    let paid = "SELECT count(*) FROM payments WHERE status = 'succeeded'";
    assert_eq!(app.count(paid).await, 24);
}

async fn whoever_hangs_up_while_registering_or_making_an_event_leaves_it_whole(app: &App) {
    let venue = app.venue().await;
    let admin = app.admin().await;
    let price = json!({ "amount": 100, "currency": "EUR" });
    let seating = json!({ "kind": "seated", "rows": 20, "seats_per_row": 50 });
    let event = json!({
        "venue_id": venue, "title": "Premiere", "starts_at": "2099-01-01T20:00:00Z",
        "zones": [{ "name": "Stalls", "price": price, "seating": seating }],
    });
    for number in 0..12 {
        let account = json!({
            "name": "Ada", "email": format!("ada-{number}@example.com"), "password": "long enough for us",
        });
        let register = app.post("/api/auth/register").json(&account);
        register.hang_up(pause(number) * 4).await.unwrap();
        let make = app.post("/api/events").by(&admin).json(&event);
        make.hang_up(pause(number) * 2).await.unwrap();
    }
    until_nobody_is_served(app).await;
    let in_part = "SELECT count(*) FROM events \
                   WHERE (SELECT count(*) FROM tickets WHERE event_id = events.id) <> 1000";
    assert_eq!(app.count(in_part).await, 0);
    let event = app.post("/api/events").by(&admin).json(&event);
    event.await.expect(201);
    app.buyer().await;
}

/// Nobody is waited for who has hung up.
async fn until_nobody_is_served(app: &App) {
    let in_flight = async || {
        let metric = app
            .instance()
            .metric("holdfast_http_requests_in_flight", &[]);
        metric.await.to_string()
    };
    eventually_eq(secs(30), "0".to_owned(), in_flight).await;
}

async fn release_everything(app: &App, buyer: &Person) {
    let held = app.get("/api/reservations?status=held&limit=200").by(buyer);
    let held = held.await.expect(200);
    assert_eq!(held["next"], json!(null));
    for hold in held["items"].as_array().unwrap() {
        let id = hold["id"].as_str().unwrap();
        app.release(buyer, id).await.expect(204);
    }
}
