//! What must not be of seats that an organiser had a hand on.

use kit::{App, Zone};
use serde_json::json;

use super::{Violation, violation};

/// Violations planted into an event of which one seat is withheld and one was taken out.
pub async fn violations(app: &App) -> Vec<Violation> {
    let event = app.on_sale(&[Zone::seated("Circle", 2, 3, 1500)]).await;
    let admin = app.admin().await;
    let &[blocked, removed, first, second, ..] = event.tickets() else {
        panic!("six seats are on sale");
    };
    for (what, ticket) in [("block", blocked), ("remove", removed)] {
        let mut body = json!({ "tickets": [{ "ticket_id": ticket, "version": 0 }] });
        if what == "block" {
            body["reason"] = json!("House seat");
        }
        let path = format!("/api/events/{}/seats/{what}", event.id);
        let call = app
            .post(&path)
            .by(&admin)
            .header("if-match", "*")
            .json(&body);
        call.await.expect(200);
    }
    let set = |rule, table: &str, ticket_id: &str, ticket: i64, plant: &str, undo: &str| {
        let update = |set: &str| format!("UPDATE {table} SET {set} WHERE {ticket_id} = {ticket}");
        violation(rule, update(plant), update(undo))
    };
    vec![
        set(
            "an organiser's transition goes from where it may to where it must",
            "ledger",
            "ticket_id",
            blocked,
            "from_status = 'held'",
            "from_status = 'available'",
        ),
        set(
            "a ticket that was taken out of its event is blocked, and was last moved by that",
            "tickets",
            "id",
            removed,
            "removed = FALSE",
            "removed = TRUE",
        ),
        set(
            "a ticket that was taken out of its event is blocked, and was last moved by that",
            "tickets",
            "id",
            blocked,
            "removed = TRUE",
            "removed = FALSE",
        ),
        set(
            "a reason is kept for tickets that were withheld, and for no others",
            "seat_blocks",
            "ticket_id",
            blocked,
            "event_id = event_id + 1",
            "event_id = event_id - 1",
        ),
        violation(
            "a reason is kept for tickets that were withheld, and for no others",
            format!("UPDATE seat_blocks SET ticket_id = {first} WHERE ticket_id = {blocked}"),
            format!("UPDATE seat_blocks SET ticket_id = {blocked} WHERE ticket_id = {first}"),
        ),
        set(
            "a seat is named once in its row",
            "tickets",
            "id",
            first,
            "seat_label = '1'",
            "seat_label = NULL",
        ),
        set(
            "a row has one name, and the name one row",
            "tickets",
            "id",
            second,
            "row_label = 'Box'",
            "row_label = NULL",
        ),
    ]
}
