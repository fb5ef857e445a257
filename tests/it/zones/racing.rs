//! Zones that are edited while many buy: prices and capacities that everything adds up to.

use std::collections::BTreeSet;

use kit::{App, Backend, Builder, Zone, race, tally};
use serde_json::json;

use super::{counts, names, price};

kit::stories! {
    of_organisers_who_edit_at_once_one_wins_and_the_others_are_told,
    holds_while_the_price_changes_cost_what_their_tickets_cost: super::patient,
    capacity_never_falls_below_what_is_taken_meanwhile: super::patient,
}

/// On a busy machine a crowd waits longer for the database than clients would put up with.
fn patient(app: Builder<Backend>) -> Builder<Backend> {
    app.env("HOLDFAST_DB_ACQUIRE_MS", "60000")
        .lock_ttl_ms(60_000)
}

async fn of_organisers_who_edit_at_once_one_wins_and_the_others_are_told(app: &App) {
    let event = app.on_sale(&[Zone::standing("Floor", 5, 2500)]).await;
    let admin = app.admin().await;
    let floor = event.zones[0].id;
    let path = format!("/api/events/{}/zones/{floor}", event.id);
    let answers = race(6, |number| {
        let change = json!({ "name": format!("Floor {number}"), "price": price(2500) });
        app.put(&path).by(&admin).if_match(2).json(&change)
    })
    .await;
    let outcomes = tally(&answers);
    assert_eq!(
        (outcomes["200"], outcomes["version-mismatch"]),
        (1, 5),
        "{outcomes:?}"
    );
    let won = answers.iter().find(|answer| answer.is_success()).unwrap();
    let seen = app
        .get(&format!("/api/events/{}", event.id))
        .await
        .expect(200);
    assert_eq!((names(won), &seen["version"]), (names(&seen), &json!(3)));
    let unread = json!({ "name": "Floor", "price": price(2500) });
    let unread = app.put(&path).by(&admin).json(&unread).await;
    unread.expect_problem(428, "precondition-required");
}

async fn holds_while_the_price_changes_cost_what_their_tickets_cost(app: &App) {
    let event = app.on_sale(&[Zone::standing("Floor", 60, 1000)]).await;
    let (admin, buyers) = (app.admin().await, app.buyers(4).await);
    let floor = event.zones[0].id;
    let path = format!("/api/events/{}/zones/{floor}", event.id);
    let answers = race(36, |number| {
        if number % 12 == 6 {
            let change = json!({ "name": "Floor", "price": price(2000) });
            app.put(&path)
                .by(&admin)
                .header("if-match", "*")
                .json(&change)
        } else {
            app.reserve_places(&buyers[number % 4], &event, floor, 1)
        }
    })
    .await;
    for (number, answer) in answers.iter().enumerate() {
        if number % 12 == 6 {
            assert_eq!(answer.status, 200, "{answer:?}");
            continue;
        }
        assert_eq!(answer.status, 201, "{answer:?}");
        assert!(
            [price(1000), price(2000)].contains(&answer["total"]),
            "{answer:?}"
        );
        let ticket = answer.tickets()[0];
        let cost =
            format!("SELECT price_amount FROM reservation_tickets WHERE ticket_id = {ticket}");
        assert_eq!(answer["total"]["amount"], app.count(&cost).await);
        assert_eq!(answer["tickets"][0]["price"], answer["total"]);
    }
    let later = app
        .reserve_places(&buyers[0], &event, floor, 1)
        .await
        .expect(201);
    assert_eq!(later["total"], price(2000));
}

async fn capacity_never_falls_below_what_is_taken_meanwhile(app: &App) {
    let event = app.on_sale(&[Zone::standing("Floor", 40, 2500)]).await;
    let (admin, buyers) = (app.admin().await, app.buyers(5).await);
    let floor = event.zones[0].id;
    let path = format!("/api/events/{}/zones/{floor}/capacity", event.id);
    let answers = race(48, |number| {
        if number % 8 == 3 {
            // Down to 35, 30, 25 and so on, in whatever order they come.
            let capacity = json!({ "capacity": 35 - 5 * (number / 8) });
            app.put(&path)
                .by(&admin)
                .header("if-match", "*")
                .json(&capacity)
        } else {
            app.reserve_places(&buyers[number % 5], &event, floor, 1)
        }
    })
    .await;
    let mut held = BTreeSet::new();
    for (number, answer) in answers.iter().enumerate() {
        let slugs: &[&str] = if number % 8 == 3 {
            &["seats-in-use"]
        } else {
            &["zone-sold-out"]
        };
        let refused = !answer.is_success();
        assert!(!refused || slugs.contains(&answer.slug()), "{answer:?}");
        if number % 8 != 3 {
            held.extend(answer.tickets());
        }
    }
    let count = async |of: &str| {
        app.count(&format!("SELECT count(*) FROM tickets WHERE {of}"))
            .await
    };
    let capacity = app.count("SELECT capacity FROM zones").await;
    assert_eq!(count("NOT removed").await, capacity);
    assert_eq!(
        count("status = 'held'").await,
        i64::try_from(held.len()).unwrap()
    );
    assert!(held.iter().all(|ticket| *ticket > 0));
    assert_eq!(count("removed AND status <> 'blocked'").await, 0);
    assert_eq!(counts(app, &event, 0).await[0], capacity);
    assert_eq!(tally(&answers).get("internal"), None);
    // What is left can be had to the last place.
    let left = count("status = 'available'").await;
    for _ in 0..left {
        app.reserve_places(&buyers[0], &event, floor, 1)
            .await
            .expect(201);
    }
    let refused = app.reserve_places(&buyers[0], &event, floor, 1).await;
    refused.expect_problem(409, "zone-sold-out");
}
