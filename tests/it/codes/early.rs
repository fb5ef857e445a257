//! Codes that let their holders reserve before the sale opens.

use chrono::{TimeDelta, Utc};
use kit::{App, Zone};
use serde_json::json;

use super::{expect_reason, reserve};
use crate::editing::{cancel, publish_and_edit};

kit::stories! {
    before_the_sale_opens_a_code_lets_its_holder_reserve,
    an_early_code_of_a_zone_opens_that_zone_alone,
    a_code_that_does_not_open_early_waits_for_the_sale,
    no_code_opens_what_is_closed_or_no_sale_at_all,
    what_was_reserved_early_is_paid_for_early,
}

const LATER: &str = "2098-01-01T10:00:00Z";

async fn before_the_sale_opens_a_code_lets_its_holder_reserve(app: &App) {
    let later = json!({ "sales_open_at": LATER });
    let event = app
        .on_sale_with(&[Zone::seated("Stalls", 2, 6, 4500)], &later)
        .await;
    let buyer = app.buyer().await;
    let early = json!({ "code": "EARLY", "opens_early": true });
    app.code(&event, &early).await;
    let (seats, zone) = (event.tickets(), event.zones[0].id);

    let refused = app.reserve(&buyer, seats[0]).await;
    let refused = refused.expect_problem(409, "not-on-sale");
    assert!(refused["sales_open_at"].is_string(), "{refused:?}");
    expect_reason(
        app.reserve_with(&buyer, seats[0], "EARLIER").await,
        "unknown",
    );
    let hold = app
        .reserve_with(&buyer, seats[0], "EARLY")
        .await
        .expect(201);
    assert_eq!(hold["code"], "EARLY");
    assert_eq!(hold["discount"]["amount"], 0);
    for wanted in [
        json!({ "ticket_ids": seats[1..3] }),
        json!({ "zone_id": zone, "quantity": 2 }),
        json!({ "zone_id": zone, "quantity": 2, "together": true }),
        json!({ "zone_id": zone, "quantity": 3, "together": true, "split": true }),
    ] {
        let hold = reserve(app, &buyer, &event, "early", &wanted).await;
        assert_eq!(hold.expect(201)["code"], "EARLY");
    }
    // Whoever has none still waits.
    let refused = app.reserve_places(&buyer, &event, zone, 1).await;
    refused.expect_problem(409, "not-on-sale");
    assert_eq!(app.seats(&event, "held").await, 10);
}

async fn an_early_code_of_a_zone_opens_that_zone_alone(app: &App) {
    let zones = [
        Zone::seated("Stalls", 1, 4, 4500),
        Zone::seated("Balcony", 1, 4, 2500),
    ];
    let later = json!({ "sales_open_at": LATER });
    let event = app.on_sale_with(&zones, &later).await;
    let buyer = app.buyer().await;
    let (stalls, balcony) = (event.zone("Stalls"), event.zone("Balcony"));
    let early = json!({ "code": "BALCONY", "opens_early": true, "zone_id": balcony.id });
    app.code(&event, &early).await;

    let both = json!({ "ticket_ids": [stalls.tickets[0], balcony.tickets[0]] });
    let places = json!({ "zone_id": stalls.id, "quantity": 1 });
    for call in [
        app.reserve_with(&buyer, stalls.tickets[0], "BALCONY"),
        reserve(app, &buyer, &event, "BALCONY", &both),
        reserve(app, &buyer, &event, "BALCONY", &places),
    ] {
        expect_reason(call.await, "other-zone");
    }
    assert_eq!(app.seats(&event, "held").await, 0);
    let seats = json!({ "ticket_ids": balcony.tickets[..2] });
    let places = json!({ "zone_id": balcony.id, "quantity": 1 });
    for wanted in [seats, places] {
        let hold = reserve(app, &buyer, &event, "BALCONY", &wanted).await;
        hold.expect(201);
    }
    assert_eq!(app.seats(&event, "held").await, 3);
}

async fn a_code_that_does_not_open_early_waits_for_the_sale(app: &App) {
    let later = json!({ "sales_open_at": LATER });
    let event = app
        .on_sale_with(&[Zone::seated("Stalls", 1, 2, 4500)], &later)
        .await;
    let buyer = app.buyer().await;
    let off = json!({ "code": "TENOFF", "percent_off": 10 });
    app.code(&event, &off).await;
    let refused = app.reserve_with(&buyer, event.tickets()[0], "TENOFF").await;
    let refused = refused.expect_problem(409, "not-on-sale");
    assert!(refused["sales_open_at"].is_string(), "{refused:?}");
}

async fn no_code_opens_what_is_closed_or_no_sale_at_all(app: &App) {
    let zones = [Zone::seated("Stalls", 1, 2, 4500)];
    let yesterday = (Utc::now() - TimeDelta::days(1)).to_rfc3339();
    let buyer = app.buyer().await;
    let early = json!({ "code": "EARLY", "opens_early": true });
    let closing = json!({ "sales_close_at": yesterday });
    let closed = publish_and_edit(app, app.venue().await, "Over", &closing).await;
    let cancelled = app
        .on_sale_with(&zones, &json!({ "sales_open_at": LATER }))
        .await;
    let draft = app.draft(&zones).await;
    for event in [&closed, &cancelled, &draft] {
        app.code(event, &early).await;
    }
    cancel(app, &cancelled).await.expect(200);
    for event in [&closed, &cancelled, &draft] {
        let of_event = format!("SELECT min(id) FROM tickets WHERE event_id = {}", event.id);
        let ticket = app.count(&of_event).await;
        let zone = format!("SELECT min(id) FROM zones WHERE event_id = {}", event.id);
        let places = json!({ "zone_id": app.count(&zone).await, "quantity": 1 });
        for call in [
            app.reserve_with(&buyer, ticket, "EARLY"),
            reserve(
                app,
                &buyer,
                event,
                "EARLY",
                &json!({ "ticket_ids": [ticket] }),
            ),
            reserve(app, &buyer, event, "EARLY", &places),
        ] {
            call.await.expect_problem(409, "not-on-sale");
        }
    }
    assert_eq!(app.count("SELECT count(*) FROM reservations").await, 0);
}

async fn what_was_reserved_early_is_paid_for_early(app: &App) {
    let later = json!({ "sales_open_at": LATER });
    let event = app
        .on_sale_with(&[Zone::seated("Stalls", 1, 2, 4500)], &later)
        .await;
    let buyer = app.buyer().await;
    let early = json!({ "code": "EARLY", "opens_early": true, "percent_off": 10 });
    app.code(&event, &early).await;
    let hold = app
        .reserve_with(&buyer, event.tickets()[0], "EARLY")
        .await
        .expect(201);
    app.extend(&buyer, &hold.id()).await.expect(200);
    let paid = app.confirm(&buyer, &hold.id(), "tok_success").await;
    assert_eq!(paid.expect(200)["total"]["amount"], 4050);
}
