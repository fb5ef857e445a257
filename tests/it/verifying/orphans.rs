//! What is left where a ticket or a reservation has gone.

use kit::{App, Backend};

use super::{Sale, Violation, reservation_of, violation};

/// On SQLite, before what breaks a foreign key.
const UNCHECKED: &str = "PRAGMA foreign_keys = OFF; ";

/// What `holdfast verify` finds; PostgreSQL has no foreign keys there.
pub fn violations(sale: &Sale, app: &App) -> Vec<Violation> {
    let Sale { held, released, .. } = *sale;
    // SQLite has foreign keys, and sees to them unless it is told not to.
    let unchecked = match app.backend() {
        Backend::SqliteEmbedded | Backend::SqliteRedis => UNCHECKED,
        Backend::PostgresEmbedded | Backend::PostgresRedis => "",
    };
    // No reservation has the id of a user.
    let nothing = "(SELECT id FROM users LIMIT 1)";
    let hold = reservation_of(held);
    let mut orphans = Vec::new();
    for (table, ticket) in [("reservation_tickets", released), ("ledger", held)] {
        let update = |set: &str, of: i64| {
            format!("{unchecked}UPDATE {table} SET {set} WHERE ticket_id = {of}")
        };
        orphans.push((
            update("ticket_id = -1", ticket),
            update(&format!("ticket_id = {ticket}"), -1),
        ));
        orphans.push((
            update(&format!("reservation_id = {nothing}"), held),
            update(&format!("reservation_id = {hold}"), held),
        ));
    }
    let rule = "what is written of a sale names a ticket and a reservation that are there";
    let orphan = |(plant, undo)| violation(rule, plant, undo);
    let mut orphans: Vec<_> = orphans.into_iter().map(orphan).collect();
    // No user has the id of a reservation.
    let update = |set: &str| format!("{unchecked}UPDATE reservations SET {set}");
    orphans.push(violation(
        "a reservation is somebody's, for an event that is there",
        update(&format!("user_id = id WHERE id = {hold}")),
        update(&format!(
            "user_id = (SELECT user_id FROM reservations WHERE id <> {hold} LIMIT 1) \
             WHERE id = {hold}"
        )),
    ));
    orphans
}

/// The same with foreign keys, where there are any.
pub fn refused_by_sqlite(sale: &Sale, app: &App) -> Vec<String> {
    let plants = violations(sale, app).into_iter().map(|it| it.plant);
    plants
        .filter_map(|plant| Some(plant.strip_prefix(UNCHECKED)?.to_owned()))
        .collect()
}
