//! A hold is written as the instance foresees it. Where the database says otherwise by then, it is
//! decided on what the database says.

use chrono::{DateTime, Utc};
use kit::{App, Event, Person, Zone};
use serde_json::Value;

kit::stories! {
    a_price_of_which_the_mirror_does_not_know_is_what_a_hold_costs,
    a_time_of_which_the_mirror_does_not_know_is_how_long_a_hold_lasts,
    a_limit_of_which_the_mirror_does_not_know_is_kept,
    a_sale_that_has_closed_behind_the_mirrors_back_is_closed,
    a_zone_that_is_given_away_behind_the_mirrors_back_is_not_sold,
    a_seat_that_has_moved_on_behind_the_mirrors_back_is_taken_at_its_version,
}

async fn a_price_of_which_the_mirror_does_not_know_is_what_a_hold_costs(app: &App) {
    let (event, buyer) = in_demand(app).await;
    let zone = event.zones[0].id;
    let change = format!("UPDATE zones SET price_amount = 5000 WHERE id = {zone}");
    assert_eq!(app.execute(&change).await, 1);
    for ticket in &event.tickets()[1..3] {
        let held = app.reserve(&buyer, *ticket).await.expect(201);
        assert_eq!(held["total"]["amount"], 5000);
        assert_eq!(held["tickets"][0]["price"]["amount"], 5000);
    }
}

async fn a_time_of_which_the_mirror_does_not_know_is_how_long_a_hold_lasts(app: &App) {
    let (event, buyer) = in_demand(app).await;
    change_event(app, &event, "hold_secs = 77").await;
    let held = app.reserve(&buyer, event.tickets()[1]).await.expect(201);
    let lasts = time(&held["expires_at"]) - time(&held["created_at"]);
    assert_eq!(lasts.num_seconds(), 77);
}

async fn a_limit_of_which_the_mirror_does_not_know_is_kept(app: &App) {
    let (event, buyer) = in_demand(app).await;
    change_event(app, &event, "limit_per_customer = 1").await;
    let refused = app.reserve(&buyer, event.tickets()[1]).await;
    let refused = refused.expect_problem(409, "limit-exceeded");
    assert_eq!(refused["already"], 1);
    let other = app.buyer().await;
    app.reserve(&other, event.tickets()[1]).await.expect(201);
}

async fn a_sale_that_has_closed_behind_the_mirrors_back_is_closed(app: &App) {
    let (event, buyer) = in_demand(app).await;
    let closed = "sales_open_at = '2020-01-01T00:00:00+00:00', \
                  sales_close_at = '2020-01-02T00:00:00+00:00'";
    change_event(app, &event, closed).await;
    let refused = app.reserve(&buyer, event.tickets()[1]).await;
    refused.expect_problem(409, "not-on-sale");
    assert_eq!(app.count("SELECT count(*) FROM reservations").await, 1);
}

async fn a_zone_that_is_given_away_behind_the_mirrors_back_is_not_sold(app: &App) {
    let (event, buyer) = in_demand(app).await;
    let zone = event.zones[0].id;
    let change =
        format!("UPDATE zones SET price_amount = 0, by_application = TRUE WHERE id = {zone}");
    assert_eq!(app.execute(&change).await, 1);
    let refused = app.reserve(&buyer, event.tickets()[1]).await;
    refused.expect_problem(409, "by-application");
    assert_eq!(app.count("SELECT count(*) FROM reservations").await, 1);
    // The first ticket of the zone was sold before, which the books would not allow.
    let back = format!("UPDATE zones SET by_application = FALSE WHERE id = {zone}");
    assert_eq!(app.execute(&back).await, 1);
}

async fn a_seat_that_has_moved_on_behind_the_mirrors_back_is_taken_at_its_version(app: &App) {
    let (event, buyer) = in_demand(app).await;
    let ticket = event.tickets()[1];
    // Withheld and put back by somebody who tells nobody and writes no ledger.
    let moved_on = format!("UPDATE tickets SET version = 2 WHERE id = {ticket}");
    assert_eq!(app.execute(&moved_on).await, 1);
    let held = app.reserve(&buyer, ticket).await.expect(201);
    assert_eq!(held["tickets"][0]["version"], 3);
    // The ledger that was left out, for the books.
    for (version, from, to) in [(1, "available", "blocked"), (2, "blocked", "available")] {
        let cause = if version == 1 { "block" } else { "unblock" };
        let row = format!(
            "INSERT INTO ledger (ticket_id, version, from_status, to_status, cause, at) \
             VALUES ({ticket}, {version}, '{from}', '{to}', '{cause}', '2020-01-01T00:00:00+00:00')"
        );
        assert_eq!(app.execute(&row).await, 1);
    }
}

/// An event that the instance has in memory, and somebody who has bought a ticket of it.
async fn in_demand(app: &App) -> (Event, Person) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 6, 4500)]).await;
    let buyer = app.buyer().await;
    // The answer comes from memory, so it is there from now on.
    assert_eq!(app.seats(&event, "available").await, 6);
    let held = app.reserve(&buyer, event.tickets()[0]).await.expect(201);
    assert_eq!(held["total"]["amount"], 4500);
    (event, buyer)
}

async fn change_event(app: &App, event: &Event, what: &str) {
    let change = format!("UPDATE events SET {what} WHERE id = {}", event.id);
    assert_eq!(app.execute(&change).await, 1);
}

fn time(value: &Value) -> DateTime<Utc> {
    let text = value.as_str().expect("a time is a text");
    text.parse().expect("a time")
}
