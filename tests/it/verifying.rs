//! `holdfast verify` finds what must not be, and the database refuses most of it in the first place.

mod applications;
mod catalogue;
mod codes;
mod orphans;
mod people;
mod seats;
mod words;

use std::collections::BTreeSet;

use kit::{App, Zone};
use sea_orm::ConnectionTrait;

kit::stories! {
    every_planted_violation_is_found,
    the_database_itself_refuses_what_must_not_be,
    what_belongs_to_a_sale_cannot_be_deleted,
}

/// A rule, what breaks it, and what mends it.
struct Violation {
    rule: &'static str,
    plant: String,
    undo: String,
}

async fn every_planted_violation_is_found(app: &App) {
    let sale = Sale::new(app).await;
    let of_seats = seats::violations(app).await;
    assert_eq!(app.violations(), Ok(()));
    let mut broken = BTreeSet::new();
    let violations = [
        people::violations(app).await,
        sale.violations_of_owners(),
        sale.violations_of_sums(),
        sale.violations_of_the_catalogue(),
        orphans::violations(&sale, app),
        words::violations(app).await,
        codes::violations(&sale),
        applications::violations(app).await,
        of_seats,
    ];
    for Violation { rule, plant, undo } in violations.into_iter().flatten() {
        app.execute(&plant).await;
        let found = app.violations().expect_err(&plant);
        assert!(
            found.contains(&format!("BROKEN  {rule}\n")),
            "after {plant}:\n{found}"
        );
        app.execute(&undo).await;
        assert_eq!(app.violations(), Ok(()), "after {undo}");
        broken.insert(rule);
    }
    let output = app.run(&["verify"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let checked = format!("{} rules checked, 0 broken\n", broken.len());
    assert_eq!(
        said, checked,
        "every rule is broken by one of the violations"
    );
}

async fn the_database_itself_refuses_what_must_not_be(app: &App) {
    let sale = Sale::new(app).await;
    let Sale {
        held, sold, free, ..
    } = sale;
    let connection = app.connect().await;
    let (hold, order) = (reservation_of(held), reservation_of(sold));
    for statement in [
        second_owner(held, sold),
        format!("UPDATE tickets SET reservation_id = NULL WHERE id = {held}"),
        format!("UPDATE tickets SET status = 'held' WHERE id = {free}"),
        format!("UPDATE tickets SET status = 'available' WHERE id = {sold}"),
        format!("UPDATE tickets SET status = 'lost' WHERE id = {free}"),
        format!("UPDATE tickets SET version = -1 WHERE id = {free}"),
        format!("UPDATE tickets SET seat_number = 1 WHERE id = {held}"),
        format!("UPDATE tickets SET row_number = NULL WHERE id = {free}"),
        format!("UPDATE tickets SET zone_id = 999999 WHERE id = {free}"),
        format!("UPDATE reservations SET status = 'confirmed' WHERE id = {hold}"),
        format!("UPDATE reservations SET ended_at = NULL WHERE id = {order}"),
        format!("UPDATE reservations SET status = 'lost' WHERE id = {order}"),
        format!("UPDATE reservations SET total_amount = -1 WHERE id = {order}"),
        codes::made(sale.event, "true, 101, NULL"),
        codes::made(sale.event, "true, NULL, 0"),
        codes::made(sale.event, "true, 10, 10"),
        codes::made(sale.event, "false, NULL, NULL"),
        "UPDATE reservations SET code_id = 999999".to_owned(),
        "UPDATE reservation_tickets SET discount_amount = -1".to_owned(),
        "UPDATE zones SET price_amount = -1".to_owned(),
        "UPDATE zones SET capacity = 0".to_owned(),
        "UPDATE events SET status = 'lost'".to_owned(),
        "UPDATE users SET role = 'emperor'".to_owned(),
        "UPDATE users SET status = 'lost'".to_owned(),
        "INSERT INTO refresh_tokens SELECT 'x', session_id, created_at, used_at FROM refresh_tokens"
            .to_owned(),
        "UPDATE users SET email_lower = 'admin@example.com'".to_owned(),
        "UPDATE payments SET status = 'lost'".to_owned(),
        "UPDATE payments SET amount = -1".to_owned(),
        format!(
            "INSERT INTO payments \
             SELECT {hold}, reservation_id, amount, currency, method, token, status, reason, \
                    created_at, updated_at FROM payments"
        ),
        format!("UPDATE ledger SET version = 1 WHERE ticket_id = {sold}"),
        "UPDATE ledger SET cause = 'magic'".to_owned(),
        "UPDATE zones SET by_application = TRUE".to_owned(),
    ] {
        let refused = connection.execute_unprepared(&statement).await;
        let Err(error) = refused else {
            panic!("{statement} is allowed");
        };
        // Not because it is no SQL.
        assert!(error.to_string().contains("constraint"), "{error}");
    }
    for statement in orphans::refused_by_sqlite(&sale, app) {
        let refused = connection.execute_unprepared(&statement).await;
        let error = refused.expect_err(&statement).to_string();
        assert!(error.contains("FOREIGN KEY"), "{statement}: {error}");
    }
    connection.close().await.unwrap();
}

async fn what_belongs_to_a_sale_cannot_be_deleted(app: &App) {
    let sale = Sale::new(app).await;
    let Sale {
        held,
        sold,
        free,
        released,
        ..
    } = sale;
    let connection = app.connect().await;
    let (hold, order) = (reservation_of(held), reservation_of(sold));
    for statement in [
        format!("DELETE FROM tickets WHERE id = {held}"),
        format!("DELETE FROM tickets WHERE id = {sold}"),
        // It was somebody's once, and the ledger tells.
        format!("DELETE FROM tickets WHERE id = {released}"),
        format!("DELETE FROM reservations WHERE id = {hold}"),
        format!("DELETE FROM reservations WHERE id = {order}"),
        "DELETE FROM tickets".to_owned(),
        "DELETE FROM reservations".to_owned(),
        format!(
            "DELETE FROM users WHERE id = (SELECT user_id FROM reservations WHERE id = {hold})"
        ),
    ] {
        let refused = connection.execute_unprepared(&statement).await;
        let Err(error) = refused else {
            panic!("{statement} is allowed");
        };
        let error = error.to_string();
        let reasons = [
            "FOREIGN KEY constraint failed",
            "that belongs to a sale",
            "a person who has reservations",
        ];
        let is_meant = reasons.iter().any(|reason| error.contains(reason));
        assert!(is_meant, "{statement}: {error}");
    }
    connection.close().await.unwrap();
    assert_eq!(app.ticket_status(free).await, "available");
    assert_eq!(app.count("SELECT count(*) FROM ledger").await, 5);
}

/// A sale in which something of everything has happened.
struct Sale {
    held: i64,
    sold: i64,
    free: i64,
    /// Was held, and given up.
    released: i64,
    event: i64,
    other_event: i64,
}

impl Sale {
    async fn new(app: &App) -> Self {
        let zones = [
            Zone::seated("Stalls", 1, 4, 1500),
            Zone::standing("Floor", 3, 900),
        ];
        let event = app.on_sale(&zones).await;
        let other = app.on_sale(&zones).await;
        let buyer = app.buyer().await;
        let &[sold, held, free, released] = event.tickets() else {
            panic!("four seats are on sale");
        };
        let order = app.reserve(&buyer, sold).await.expect(201);
        app.confirm(&buyer, &order.id(), "tok_success")
            .await
            .expect(200);
        app.reserve_tickets(&buyer, &event, &[held, released])
            .await
            .expect(201);
        app.release_ticket(&buyer, released).await.expect(200);
        let sale = Self {
            held,
            sold,
            free,
            released,
            event: event.id,
            other_event: other.id,
        };
        app.buyer().await;
        sale
    }

    fn violations_of_owners(&self) -> Vec<Violation> {
        let Self {
            held,
            sold,
            free,
            released,
            event,
            other_event,
        } = *self;
        let (hold, order) = (reservation_of(held), reservation_of(sold));
        vec![
            violation(
                "a ticket is in at most one active reservation",
                format!(
                    "DROP INDEX one_active_reservation_per_ticket; {}",
                    second_owner(held, sold)
                ),
                format!(
                    "DELETE FROM reservation_tickets WHERE ticket_id = {held} AND reservation_id = {order}; \
                     CREATE UNIQUE INDEX one_active_reservation_per_ticket \
                         ON reservation_tickets (ticket_id) WHERE active"
                ),
            ),
            violation(
                "a held ticket is in a held reservation, a sold one in a confirmed one",
                format!("UPDATE tickets SET status = 'sold' WHERE id = {held}"),
                format!("UPDATE tickets SET status = 'held' WHERE id = {held}"),
            ),
            violation(
                "a held or sold ticket names the reservation that has it, and no other does",
                format!("UPDATE tickets SET reservation_id = {order} WHERE id = {held}"),
                format!(
                    "UPDATE tickets SET reservation_id = (SELECT reservation_id FROM reservation_tickets \
                         WHERE ticket_id = {held} AND active) WHERE id = {held}"
                ),
            ),
            violation(
                "a held or sold ticket names the reservation that has it, and no other does",
                format!(
                    "UPDATE reservation_tickets SET active = true WHERE ticket_id = {released}"
                ),
                format!(
                    "UPDATE reservation_tickets SET active = false WHERE ticket_id = {released}"
                ),
            ),
            violation(
                "a held or confirmed reservation has tickets, an ended one has none",
                format!(
                    "UPDATE reservations SET status = 'released', ended_at = created_at WHERE id = {hold}"
                ),
                format!(
                    "UPDATE reservations SET status = 'held', ended_at = NULL WHERE id = {hold}"
                ),
            ),
            violation(
                "a reservation's tickets are of its event",
                format!("UPDATE reservations SET event_id = {other_event} WHERE id = {hold}"),
                format!("UPDATE reservations SET event_id = {event} WHERE id = {hold}"),
            ),
            violation(
                "a ticket is of its zone's event",
                format!("UPDATE tickets SET event_id = {other_event} WHERE id = {free}"),
                format!("UPDATE tickets SET event_id = {event} WHERE id = {free}"),
            ),
        ]
    }

    fn violations_of_sums(&self) -> Vec<Violation> {
        let Self {
            held,
            sold,
            free,
            released,
            ..
        } = *self;
        let (hold, order) = (reservation_of(held), reservation_of(sold));
        vec![
            violation(
                "a held or confirmed reservation costs what its tickets cost",
                format!(
                    "UPDATE reservations SET total_amount = total_amount + 1 WHERE id = {hold}"
                ),
                format!(
                    "UPDATE reservations SET total_amount = total_amount - 1 WHERE id = {hold}"
                ),
            ),
            violation(
                "a zone has as many tickets as its capacity",
                "UPDATE zones SET capacity = capacity + 1 WHERE seat_rows IS NULL".to_owned(),
                "UPDATE zones SET capacity = capacity - 1 WHERE seat_rows IS NULL".to_owned(),
            ),
            violation(
                "a ticket's version is the number of its transitions",
                format!("UPDATE tickets SET version = version + 1 WHERE id = {free}"),
                format!("UPDATE tickets SET version = version - 1 WHERE id = {free}"),
            ),
            violation(
                "a ticket's version is the number of its transitions",
                format!("UPDATE ledger SET version = 7 WHERE ticket_id = {held}"),
                format!("UPDATE ledger SET version = 1 WHERE ticket_id = {held}"),
            ),
            violation(
                "a ticket is what its last transition made it",
                format!("UPDATE tickets SET status = 'blocked' WHERE id = {released}"),
                format!("UPDATE tickets SET status = 'available' WHERE id = {released}"),
            ),
            violation(
                "each transition begins where the one before ended",
                format!(
                    "UPDATE ledger SET from_status = 'blocked' WHERE ticket_id = {sold} AND version = 2"
                ),
                format!(
                    "UPDATE ledger SET from_status = 'held' WHERE ticket_id = {sold} AND version = 2"
                ),
            ),
            violation(
                "money is kept exactly for confirmed reservations, to the cent",
                "UPDATE payments SET amount = amount + 1".to_owned(),
                "UPDATE payments SET amount = amount - 1".to_owned(),
            ),
            violation(
                "money is kept exactly for confirmed reservations, to the cent",
                "UPDATE payments SET status = 'voided'".to_owned(),
                "UPDATE payments SET status = 'succeeded'".to_owned(),
            ),
            violation(
                "money is kept exactly for confirmed reservations, to the cent",
                format!("UPDATE payments SET reservation_id = {hold}"),
                format!("UPDATE payments SET reservation_id = {order}"),
            ),
        ]
    }
}

fn violation(rule: &'static str, plant: String, undo: String) -> Violation {
    Violation { rule, plant, undo }
}

/// The id of the reservation that has this ticket, in whatever form the database keeps it.
fn reservation_of(ticket: i64) -> String {
    format!("(SELECT reservation_id FROM tickets WHERE id = {ticket})")
}

/// Puts the ticket that somebody holds into somebody else's order as well.
fn second_owner(held: i64, sold: i64) -> String {
    format!(
        "INSERT INTO reservation_tickets (reservation_id, ticket_id, price_amount, active) \
         VALUES ({}, {held}, 0, true)",
        reservation_of(sold)
    )
}
