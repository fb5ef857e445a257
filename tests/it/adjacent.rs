//! Places side by side: the best block, none where there is none, and a group that splits.

use std::collections::BTreeSet;

use kit::{App, Call, Event, Person, Zone, race, tally};
use serde_json::{Value, json};

kit::stories! {
    the_best_seats_side_by_side_are_in_the_middle_of_the_front,
    the_best_seats_are_around_the_one_that_the_organiser_named,
    no_seat_is_left_alone_where_that_can_be_avoided,
    too_far_apart_is_refused_and_blocks_of_other_zones_are_offered,
    standing_places_are_next_to_nobody,
    a_group_that_splits_sits_as_near_as_it_can,
    wishes_that_contradict_each_other_name_the_field,
    the_same_key_gives_the_same_block,
    groups_that_come_at_once_each_sit_together: |app| app.lock_ttl_ms(60_000),
}

async fn the_best_seats_side_by_side_are_in_the_middle_of_the_front(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 3, 9, 4500)]).await;
    let buyer = app.buyer().await;
    for best in ["A4 A5 A6", "B4 B5 B6", "A1 A2 A3", "A7 A8 A9"] {
        let hold = together(app, &buyer, &event, 3).await.expect(201);
        assert_eq!(seats(&hold["tickets"]), best);
    }
    // Who comes alone gets the best seat that is left.
    let hold = together(app, &buyer, &event, 1).await.expect(201);
    assert_eq!(seats(&hold["tickets"]), "B3");
}

async fn the_best_seats_are_around_the_one_that_the_organiser_named(app: &App) {
    let zone = Zone::seated("Stalls", 4, 12, 4500).focus(3, 8);
    let event = app.on_sale(&[zone]).await;
    let shown = app.get(&format!("/api/events/{}", event.id)).await;
    assert_eq!(
        shown["zones"][0]["seating"]["focus"],
        json!({ "row": 3, "seat": 8 })
    );
    let buyer = app.buyer().await;
    for best in ["C7 C8", "C9 C10", "B7 B8", "D7 D8"] {
        let hold = together(app, &buyer, &event, 2).await.expect(201);
        assert_eq!(seats(&hold["tickets"]), best);
    }
}

async fn no_seat_is_left_alone_where_that_can_be_avoided(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 2, 4, 4500)]).await;
    let buyer = app.buyer().await;
    // In the middle of four seats two would leave one on each side.
    for (quantity, best) in [(2, "A1 A2"), (2, "A3 A4"), (3, "B1 B2 B3"), (1, "B4")] {
        let hold = together(app, &buyer, &event, quantity).await.expect(201);
        assert_eq!(seats(&hold["tickets"]), best);
    }
    let refused = together(app, &buyer, &event, 1).await;
    let refused = refused.expect_problem(409, "zone-sold-out");
    assert_eq!(refused["available"], 0);
}

async fn too_far_apart_is_refused_and_blocks_of_other_zones_are_offered(app: &App) {
    let zones = [
        Zone::seated("Boxes", 4, 2, 9900),
        Zone::seated("Balcony", 2, 8, 2500),
        Zone::seated("Stalls", 1, 6, 4500),
        Zone::seated("Gallery", 1, 3, 1500),
        Zone::standing("Floor", 9, 900),
    ];
    let event = app.on_sale(&zones).await;
    let [first, second] = [app.buyer().await, app.buyer().await];
    let stalls = event.zone("Stalls");
    let apart = [stalls.tickets[1], stalls.tickets[4]];
    app.reserve_tickets(&first, &event, &apart)
        .await
        .expect(201);

    let refused = app.reserve_together(&second, &event, stalls.id, 3).await;
    let refused = refused.expect_problem(409, "no-adjacent-seats");
    let members = ["zone_id", "available", "largest_block"].map(|name| &refused[name]);
    assert_eq!(members, [&json!(stalls.id), &json!(4), &json!(2)]);
    let offers = refused["alternatives"].as_array().unwrap();
    // The zone before and the one behind are as near, and two boxes are no three seats.
    let offered: Vec<_> = offers.iter().map(|it| seats(&it["tickets"])).collect();
    assert_eq!(offered, ["A3 A4 A5", "A1 A2 A3"]);
    let of_zones = [&offers[0]["zone_id"], &offers[1]["zone_id"]];
    let [balcony, gallery] = ["Balcony", "Gallery"].map(|name| event.zone(name).id);
    assert_eq!(of_zones, [&json!(balcony), &json!(gallery)]);
    for offer in offers {
        let offered = tickets(offer);
        let hold = app.reserve_tickets(&second, &event, &offered).await;
        assert_eq!(hold.expect(201).tickets(), offered);
    }
    let refused = app.reserve_together(&second, &event, stalls.id, 5).await;
    let refused = refused.expect_problem(409, "zone-sold-out");
    assert_eq!(refused["available"], 4);
}

async fn standing_places_are_next_to_nobody(app: &App) {
    let event = app.on_sale(&[Zone::standing("Floor", 5, 900)]).await;
    let buyer = app.buyer().await;
    let refused = together(app, &buyer, &event, 2).await;
    let refused = refused.expect_problem(409, "no-adjacent-seats");
    let members = ["available", "largest_block", "alternatives"].map(|name| &refused[name]);
    assert_eq!(members, [&json!(5), &json!(1), &json!([])]);
    together(app, &buyer, &event, 1).await.expect(201);
    let hold = split(app, &buyer, &event, 4).await.expect(201);
    assert_eq!(hold.tickets().len(), 4);
}

async fn a_group_that_splits_sits_as_near_as_it_can(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 5, 4, 4500)]).await;
    let buyer = app.buyer().await;
    for (quantity, best) in [
        (6, "A1 A2 A3 A4 B2 B3"),
        // What fits into one row is not split.
        (3, "C1 C2 C3"),
        // The largest block there is, and the rest as near to it as can be.
        (5, "D1 D2 D3 D4 E2"),
    ] {
        let hold = split(app, &buyer, &event, quantity).await.expect(201);
        assert_eq!(seats(&hold["tickets"]), best);
    }
    assert_eq!(app.seats(&event, "available").await, 6);
    let refused = split(app, &buyer, &event, 7).await;
    let refused = refused.expect_problem(409, "zone-sold-out");
    assert_eq!(refused["available"], 6);
    split(app, &buyer, &event, 6).await.expect(201);
}

async fn wishes_that_contradict_each_other_name_the_field(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 4, 4500)]).await;
    let buyer = app.buyer().await;
    let zone = event.zones[0].id;
    let seat = event.tickets()[0];
    for (wish, field) in [
        (
            json!({ "ticket_ids": [seat], "together": true }),
            "together",
        ),
        (
            json!({ "ticket_ids": [seat], "together": true, "split": true }),
            "together",
        ),
        (json!({ "ticket_ids": [seat], "split": true }), "split"),
        (
            json!({ "zone_id": zone, "quantity": 2, "split": true }),
            "split",
        ),
        (
            json!({ "zone_id": zone, "quantity": 2, "together": false, "split": true }),
            "split",
        ),
        (json!({ "zone_id": zone, "together": true }), "quantity"),
        (json!({ "quantity": 2, "together": true }), "zone_id"),
        (
            json!({ "zone_id": zone, "quantity": 0, "together": true }),
            "quantity",
        ),
        (
            json!({ "zone_id": zone, "quantity": 51, "together": true }),
            "quantity",
        ),
        (
            json!({ "zone_id": zone, "quantity": 2, "together": "yes" }),
            "together",
        ),
        (
            json!({ "zone_id": zone, "quantity": 2, "together": true, "split": 1 }),
            "split",
        ),
    ] {
        let refused = wish_for(app, &buyer, &event, wish.clone()).await;
        let refused = refused.expect_problem(400, "validation-failed");
        assert_eq!(refused["errors"][0]["field"], field, "{wish}: {refused:?}");
    }
    assert_eq!(app.count("SELECT count(*) FROM reservations").await, 0);
    // What is false is not asked for.
    let wish = json!({ "ticket_ids": [seat], "together": false, "split": null });
    wish_for(app, &buyer, &event, wish).await.expect(201);
}

async fn the_same_key_gives_the_same_block(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 2, 6, 4500)]).await;
    let buyer = app.buyer().await;
    let first = together(app, &buyer, &event, 3).key("k").await.expect(201);
    let again = together(app, &buyer, &event, 3).key("k").await.expect(201);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.body, first.body);
    for other in [
        split(app, &buyer, &event, 3),
        together(app, &buyer, &event, 2),
        app.reserve_places(&buyer, &event, event.zones[0].id, 3),
    ] {
        let refused = other.key("k").await;
        refused.expect_problem(422, "idempotency-key-reused");
    }
    assert_eq!(app.seats(&event, "held").await, 3);
}

async fn groups_that_come_at_once_each_sit_together(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 10, 6, 4500)]).await;
    let buyers = app.buyers(5).await;
    let answers = race(20, |number| together(app, &buyers[number % 5], &event, 3)).await;
    assert_eq!(tally(&answers), [("201".to_owned(), 20)].into());
    let mut held = BTreeSet::new();
    for answer in &answers {
        let block = answer.tickets();
        let follow = block.windows(2).all(|pair| pair[1] == pair[0] + 1);
        let rows = answer["tickets"].as_array().unwrap().iter();
        let rows: BTreeSet<_> = rows.map(|ticket| ticket["row"].as_str()).collect();
        assert!(follow && rows.len() == 1, "{answer:?}");
        held.extend(block);
    }
    assert_eq!(held.len(), 60, "no seat is held twice");
}

fn together(app: &App, buyer: &Person, event: &Event, quantity: u32) -> Call {
    app.reserve_together(buyer, event, event.zones[0].id, quantity)
}

fn split(app: &App, buyer: &Person, event: &Event, quantity: u32) -> Call {
    let wish = json!({
        "zone_id": event.zones[0].id, "quantity": quantity, "together": true, "split": true,
    });
    wish_for(app, buyer, event, wish)
}

fn wish_for(app: &App, buyer: &Person, event: &Event, mut wish: Value) -> Call {
    wish["event_id"] = event.id.into();
    app.post("/api/reservations").by(buyer).json(&wish)
}

/// The names of seats: `A1 A2`.
fn seats(tickets: &Value) -> String {
    let name = |ticket: &Value| {
        let part = |name: &str| ticket[name].as_str().unwrap_or("?").to_owned();
        part("row") + &part("seat")
    };
    let tickets = tickets.as_array().unwrap();
    tickets.iter().map(name).collect::<Vec<_>>().join(" ")
}

/// The ids of the tickets of an offer.
fn tickets(offer: &Value) -> Vec<i64> {
    let tickets = offer["tickets"].as_array().unwrap().iter();
    tickets
        .map(|ticket| ticket["ticket_id"].as_i64().unwrap())
        .collect()
}
