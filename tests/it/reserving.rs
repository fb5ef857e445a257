//! Holding tickets: one, several by name, and any places of a zone.

use std::collections::BTreeSet;

use kit::{App, Zone};
use serde_json::json;

kit::stories! {
    a_reserved_ticket_is_held_for_its_buyer,
    a_held_seat_cannot_be_held_again_and_the_conflict_is_named,
    named_tickets_are_reserved_all_or_none,
    places_of_a_zone_are_reserved_until_it_is_sold_out,
    a_ticket_costs_what_it_cost_when_it_was_held,
    what_does_not_exist_cannot_be_reserved,
}

async fn a_reserved_ticket_is_held_for_its_buyer(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 2, 3, 4500)]).await;
    let buyer = app.buyer().await;
    let seat = event.tickets()[4];

    let hold = app.reserve(&buyer, seat).await.expect(201);
    let location = format!("/api/reservations/{}", hold.id());
    assert_eq!(hold.header("location"), Some(location.as_str()));
    assert_eq!(
        (&hold["status"], &hold["version"]),
        (&json!("held"), &json!(1))
    );
    assert_eq!(hold["event_id"], event.id);
    assert_eq!(hold["total"], json!({ "amount": 4500, "currency": "EUR" }));
    let ticket = json!({
        "id": seat, "zone_id": event.zones[0].id, "zone": "Stalls", "row": "B", "seat": "2",
        "price": { "amount": 4500, "currency": "EUR" }, "version": 1,
    });
    assert_eq!(hold["tickets"], json!([ticket]));

    let read = app.get_reservation(&buyer, &hold.id()).await.expect(200);
    assert_eq!(read.body, hold.body);
    let ticket = app.ticket(seat).await.expect(200);
    assert_eq!(
        (&ticket["status"], &ticket["version"]),
        (&json!("held"), &json!(1))
    );
    assert_eq!(app.seats(&event, "held").await, 1);
    assert_eq!(app.count("SELECT count(*) FROM ledger").await, 1);
}

async fn a_held_seat_cannot_be_held_again_and_the_conflict_is_named(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 3, 4500)]).await;
    let [one, two] = [app.buyer().await, app.buyer().await];
    let seat = event.tickets()[2];
    let hold = app.reserve(&one, seat).await.expect(201);
    let conflict = |status: &str, version: i64| json!([{ "ticket_id": seat, "row": "A", "seat": "3", "status": status, "version": version }]);

    for buyer in [&two, &one] {
        let refused = app.reserve(buyer, seat).await;
        let refused = refused.expect_problem(409, "ticket-taken");
        assert_eq!(refused["conflicts"], conflict("held", 1));
    }
    app.confirm(&one, &hold.id(), "tok_success")
        .await
        .expect(200);
    let refused = app.reserve(&two, seat).await;
    let refused = refused.expect_problem(409, "ticket-taken");
    assert_eq!(refused["conflicts"], conflict("sold", 2));
    assert_eq!(app.count("SELECT count(*) FROM reservations").await, 1);
}

async fn named_tickets_are_reserved_all_or_none(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 6, 1000)]).await;
    let [one, two] = [app.buyer().await, app.buyer().await];
    let seats = event.tickets();
    app.reserve(&one, seats[1]).await.expect(201);

    let refused = app.reserve_tickets(&two, &event, &seats[..3]).await;
    let refused = refused.expect_problem(409, "ticket-taken");
    let conflicts = refused["conflicts"].as_array().unwrap();
    assert_eq!(conflicts.len(), 1, "only what is taken is named");
    assert_eq!(conflicts[0]["ticket_id"], seats[1]);
    assert_eq!(app.seats(&event, "held").await, 1);

    let wanted = [seats[5], seats[0], seats[3]];
    let hold = app.reserve_tickets(&two, &event, &wanted).await.expect(201);
    let tickets = hold["tickets"].as_array().unwrap().iter();
    let ids: BTreeSet<_> = tickets.map(|it| it["id"].as_i64().unwrap()).collect();
    assert_eq!(ids, BTreeSet::from(wanted));
    assert_eq!(hold["total"]["amount"], 3000);
    assert_eq!(app.seats(&event, "held").await, 4);
}

async fn places_of_a_zone_are_reserved_until_it_is_sold_out(app: &App) {
    let zones = [
        Zone::standing("Floor", 10, 2500),
        Zone::seated("Stalls", 2, 4, 4500),
    ];
    let event = app.on_sale(&zones).await;
    let buyer = app.buyer().await;
    let floor = event.zone("Floor").id;

    let hold = app
        .reserve_places(&buyer, &event, floor, 3)
        .await
        .expect(201);
    let tickets = hold["tickets"].as_array().unwrap();
    assert_eq!(tickets.len(), 3);
    for ticket in tickets {
        assert_eq!(
            (&ticket["zone"], &ticket["row"]),
            (&json!("Floor"), &json!(null))
        );
    }
    assert_eq!(hold["total"]["amount"], 7500);

    let refused = app.reserve_places(&buyer, &event, floor, 8).await;
    let refused = refused.expect_problem(409, "zone-sold-out");
    assert_eq!(
        (&refused["zone_id"], &refused["available"]),
        (&json!(floor), &json!(7))
    );
    app.reserve_places(&buyer, &event, floor, 7)
        .await
        .expect(201);
    let refused = app.reserve_places(&buyer, &event, floor, 1).await;
    let refused = refused.expect_problem(409, "zone-sold-out");
    assert_eq!(refused["available"], 0);

    // Any places of a seated zone are seats.
    let stalls = event.zone("Stalls").id;
    let hold = app
        .reserve_places(&buyer, &event, stalls, 8)
        .await
        .expect(201);
    assert_eq!(hold["tickets"][7]["seat"], "4");
    assert_eq!(app.seats(&event, "available").await, 0);
}

async fn a_ticket_costs_what_it_cost_when_it_was_held(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 2, 4500)]).await;
    let buyer = app.buyer().await;
    let [early, late] = [event.tickets()[0], event.tickets()[1]];
    let hold = app.reserve(&buyer, early).await.expect(201);
    app.execute("UPDATE zones SET price_amount = 9900").await;

    let read = app.get_reservation(&buyer, &hold.id()).await.expect(200);
    assert_eq!(read["tickets"][0]["price"]["amount"], 4500);
    let paid = app
        .confirm(&buyer, &hold.id(), "tok_success")
        .await
        .expect(200);
    assert_eq!(paid["total"]["amount"], 4500);
    assert_eq!(app.count("SELECT amount FROM payments").await, 4500);
    let hold = app.reserve(&buyer, late).await.expect(201);
    assert_eq!(hold["total"]["amount"], 9900);
}

async fn what_does_not_exist_cannot_be_reserved(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 2, 4500)]).await;
    let other = app.on_sale(&[Zone::standing("Floor", 2, 2500)]).await;
    let buyer = app.buyer().await;
    let nothing = i64::MAX;
    let unknown = kit::Event {
        id: nothing,
        ..event.clone()
    };
    let seat = event.tickets()[0];
    let zone = event.zones[0].id;
    for call in [
        app.reserve(&buyer, nothing),
        app.reserve(&buyer, -1),
        app.reserve_tickets(&buyer, &event, &[seat, nothing]),
        app.reserve_places(&buyer, &event, nothing, 1),
        app.reserve_places(&buyer, &unknown, zone, 1),
        // A zone of another event is no zone of this one, even where it is sold out.
        app.reserve_places(&buyer, &event, other.zones[0].id, 1),
        app.reserve_places(&buyer, &event, other.zones[0].id, 50),
    ] {
        call.await.expect_problem(404, "not-found");
    }
    assert_eq!(app.count("SELECT count(*) FROM reservations").await, 0);
}
