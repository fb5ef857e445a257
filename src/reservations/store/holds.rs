//! Writing a batch of holds as an instance foresees it, without having read anything for it.
//!
//! The database has the last word all the same: each ticket is taken from the version that the
//! instance knows it at, and only if it is available, and all is undone unless each event is on sale and
//! each zone costs what was thought. The time of all is what the instance takes for the database's.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ConnectionTrait, DatabaseBackend, DbErr, Statement, Value};
use std::collections::BTreeMap;

use super::writes::keep_answers;
use crate::db::{self, Column, Db, Rows};
use crate::entity::reservation;
use crate::reservations::batch::{Move, Seen, SeenTicket, Writes};

/// Holds all, or fails with an error after which to try again where something is not as it was
/// foreseen. PostgreSQL only.
pub async fn hold_at_once(
    db: &Db,
    mut writes: Writes,
    seen: &Seen,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let backend = DatabaseBackend::Postgres;
    // The order in which rows are locked.
    writes.moves.sort_unstable_by_key(|change| change.ticket);
    let zones = zones(&writes.moves, seen);
    let expected = writes.moves.len() + zones.len();

    let mut values: Vec<Value> = Vec::new();
    let mut table = |alias, rows: Rows| rows.table(alias, backend, &mut values);
    let made = table("r", made(&writes.reservations));
    let wanted = table("r", wanted(&writes.moves, seen));
    let assumed = table("x", assumed(&zones));
    let kept = (!writes.answers.is_empty()).then(|| keep_answers(writes.answers));
    let kept = kept.map(|part| {
        let rows = table("r", part.rows);
        let statement = part.statements.concat();
        let name = part.name;
        format!(", {name} AS (SELECT * FROM {rows}), answered AS ({statement})")
    });
    let kept = kept.unwrap_or_default();
    let mut value = |value: Value| {
        values.push(value);
        format!("${}", values.len())
    };
    let at = value(now.into());
    let earliest = value((now - MOST_AHEAD).into());
    let latest = value((now + MOST_BEHIND).into());
    let expected = value(i64::try_from(expected).unwrap_or(i64::MAX).into());
    let now = db::now_sql(backend);
    let sql = format!(
        "WITH made AS ( \
           INSERT INTO reservations \
             (id, user_id, event_id, status, expires_at, total_amount, currency, created_at, version) \
           SELECT id, user_id, event_id, 'held', expires_at, total_amount, currency, {at}, 1 FROM {made} \
         ), wanted AS MATERIALIZED (SELECT * FROM {wanted} \
         ), moved AS ( \
           UPDATE tickets AS t SET status = 'held', version = t.version + 1, \
                  reservation_id = x.reservation_id \
           FROM wanted x \
           WHERE t.id = x.ticket_id AND t.version = x.version AND t.status = 'available' \
             AND t.zone_id = x.zone_id \
           RETURNING 1 \
         ), noted AS ( \
           INSERT INTO ledger (ticket_id, version, from_status, to_status, cause, reservation_id, at) \
           SELECT ticket_id, version + 1, 'available', 'held', 'hold', reservation_id, {at} FROM wanted \
         ), listed AS ( \
           INSERT INTO reservation_tickets (reservation_id, ticket_id, price_amount, active) \
           SELECT reservation_id, ticket_id, price_amount, TRUE FROM wanted \
         ), on_sale AS ( \
           SELECT FROM {assumed} JOIN zones z ON z.id = x.zone_id JOIN events e ON e.id = z.event_id \
           WHERE z.event_id = x.event_id AND z.price_amount = x.price_amount AND NOT z.by_application \
             AND e.limit_per_customer IS NULL AND COALESCE(e.hold_secs, 0) = x.hold_secs \
             AND e.status = 'published' AND {now} < COALESCE(e.sales_close_at, e.starts_at) \
             AND (e.sales_open_at IS NULL OR e.sales_open_at <= {now}) \
             AND {now} BETWEEN {earliest} AND {latest} \
         ){kept} \
         SELECT expect_rows((SELECT COUNT(*) FROM moved) + (SELECT COUNT(*) FROM on_sale), {expected})"
    );
    let statement = Statement::from_sql_and_values(backend, sql, values);
    db.writer().execute_raw(statement).await?;
    Ok(())
}

/// How far the instance's idea of the database's time may be off, one way or the other.
const MOST_AHEAD: TimeDelta = TimeDelta::seconds(1);
const MOST_BEHIND: TimeDelta = TimeDelta::seconds(1);

/// What was foreseen of each zone: one of its tickets tells.
fn zones<'a>(moves: &[Move], seen: &'a Seen) -> Vec<&'a SeenTicket> {
    let tickets = moves
        .iter()
        .filter_map(|change| seen.tickets.get(&change.ticket));
    let zones: BTreeMap<_, _> = tickets.map(|ticket| (ticket.zone.0, ticket)).collect();
    zones.into_values().collect()
}

fn made(new: &[reservation::Model]) -> Rows {
    fn all<T>(new: &[reservation::Model], of: impl Fn(&reservation::Model) -> T) -> Vec<T> {
        new.iter().map(of).collect()
    }
    Rows::default()
        .with("id", Column::Uuids(all(new, |r| r.id)))
        .with("user_id", Column::Uuids(all(new, |r| r.user_id)))
        .with("event_id", Column::Integers(all(new, |r| r.event_id)))
        .with("expires_at", Column::Times(all(new, |r| r.expires_at)))
        .with(
            "total_amount",
            Column::Integers(all(new, |r| r.total_amount)),
        )
        .with("currency", Column::Texts(all(new, |r| r.currency.clone())))
}

fn wanted(moves: &[Move], seen: &Seen) -> Rows {
    fn all<T>(moves: &[Move], of: impl Fn(&Move) -> T) -> Vec<T> {
        moves.iter().map(of).collect()
    }
    // No zone has the number 0.
    let zone = |m: &Move| seen.tickets.get(&m.ticket).map_or(0, |seen| seen.zone.0);
    Rows::default()
        .with("ticket_id", Column::Integers(all(moves, |m| m.ticket.0)))
        .with("zone_id", Column::Integers(all(moves, zone)))
        .with("version", Column::Integers(all(moves, |m| m.version)))
        .with(
            "price_amount",
            Column::Integers(all(moves, |m| m.price_amount)),
        )
        .with(
            "reservation_id",
            Column::Uuids(all(moves, |m| m.reservation.0)),
        )
}

fn assumed(zones: &[&SeenTicket]) -> Rows {
    fn all(zones: &[&SeenTicket], of: impl Fn(&SeenTicket) -> i64) -> Column {
        Column::Integers(zones.iter().map(|zone| of(zone)).collect())
    }
    let hold_secs = |zone: &SeenTicket| zone.hold_ttl.map_or(0, |ttl| ttl.as_secs().cast_signed());
    Rows::default()
        .with("zone_id", all(zones, |zone| zone.zone.0))
        .with("event_id", all(zones, |zone| zone.event.0))
        .with("price_amount", all(zones, |zone| zone.price_amount))
        .with("hold_secs", all(zones, hold_secs))
}
