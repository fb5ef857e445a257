//! Writing a batch of holds as an instance foresees it, without having read anything for it.
//!
//! The database has the last word all the same: each ticket is taken from the version that the
//! instance knows it at, and only if it is available, and all is undone unless each event is on sale and
//! each zone costs what was thought. The time of all is what the instance takes for the database's.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{DatabaseBackend, DbErr, Value};
use std::collections::BTreeMap;

use super::writes::{keep_from, kept};
use crate::db::{self, Column, Db, Rows};
use crate::entity::reservation;
use crate::reservations::batch::{Move, Seen, SeenTicket, Writes};

/// Holds all, or fails with an error after which to try again where something is not as it was
/// foreseen.
pub async fn hold_at_once(
    db: &Db,
    mut writes: Writes,
    seen: &Seen,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    // The order in which rows are locked.
    writes.moves.sort_unstable_by_key(|change| change.ticket);
    let zones = zones(&writes.moves, seen);
    let (moved, sold) = (writes.moves.len(), zones.len());
    let backend = db.reader().get_database_backend();
    let mut values = Vec::new();
    // Most sales are of one ticket, and a quiet sale is one at a time.
    let rows = (moved, sold, writes.reservations.len(), writes.answers.len());
    let is_one = db.is_postgres() && matches!(rows, (1, 1, 1, 0 | 1));
    let mut table = |rows: Rows| {
        if is_one {
            rows.only_row("x", &mut values)
        } else {
            rows.table("x", backend, &mut values)
        }
    };
    let tables = Tables {
        made: table(made(&writes.reservations)),
        wanted: table(wanted(&writes.moves, seen)),
        assumed: table(assumed(&zones)),
        kept: (!writes.answers.is_empty()).then(|| table(kept(writes.answers))),
    };
    let mut value = |value: Value| {
        values.push(value);
        format!("${}", values.len())
    };
    let times = [now, now - MOST_AHEAD, now + MOST_BEHIND].map(|at| value(db.time_value(at)));
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX).into();
    if db.is_postgres() {
        let expected = value(count(moved + sold));
        let sql = tables.at_once(&times, &expected, is_one);
        db.run_statement(sql, values).await
    } else {
        let text = tables.in_turn(&times, &[value(count(moved)), value(count(sold))]);
        db.run_as_one(text, values).await
    }
}

/// The rows of a batch, each as a table `x`.
struct Tables {
    made: String,
    wanted: String,
    assumed: String,
    kept: Option<String>,
}

impl Tables {
    /// For PostgreSQL, as one statement, which fails as a whole where it touches too few rows.
    fn at_once(&self, times: &[String; 3], expected: &str, is_one: bool) -> String {
        let wanted = &self.wanted;
        let make = make(&self.made, &times[0], DatabaseBackend::Postgres);
        let moving = move_from("wanted x");
        let note = note("wanted x", &times[0]);
        let list = list("wanted x");
        let on_sale = self.on_sale(db::POSTGRES_NOW, times);
        let keep = self.keep();
        let keep = keep.map(|keep| format!(", answered AS ({keep})"));
        let keep = keep.unwrap_or_default();
        // Values need no table of their own.
        let materialized = if is_one {
            "NOT MATERIALIZED"
        } else {
            "MATERIALIZED"
        };
        format!(
            "WITH made AS ({make}), wanted AS {materialized} (SELECT * FROM {wanted}), \
               moved AS ({moving} RETURNING 1), noted AS ({note}), \
               listed AS ({list}), on_sale AS ({on_sale}){keep} \
             SELECT expect_rows( \
               (SELECT COUNT(*) FROM moved) + (SELECT COUNT(*) FROM on_sale), {expected})"
        )
    }

    /// For SQLite, as a text of several statements. What touches too few rows tells it to a table that
    /// takes no rows, and what is against a rule ends the transaction: otherwise each statement would
    /// keep, for its own undoing, all that it changes. So would one that calls a function, since that may
    /// fail: the rows of the batch are taken out of their JSON before.
    fn in_turn(&self, times: &[String; 3], [moved, sold]: &[String; 2]) -> String {
        let unmet = "INSERT INTO unmet_expectations SELECT NULL";
        let on_sale = self.on_sale(db::SQLITE_NOW, times);
        let wanted = "wanted AS x";
        let statements = [
            make("made AS x", &times[0], DatabaseBackend::Sqlite),
            move_from(wanted),
            format!("{unmet} WHERE changes() <> {moved}"),
            note(wanted, &times[0]),
            list(wanted),
            format!("{unmet} WHERE (SELECT COUNT(*) FROM ({on_sale})) <> {sold}"),
        ];
        let statements: Vec<_> = statements.into_iter().chain(self.keep()).collect();
        let statements = statements.join("; ");
        let statements = statements
            .replace("INSERT INTO", "INSERT OR ROLLBACK INTO")
            .replace("UPDATE tickets", "UPDATE OR ROLLBACK tickets");
        let made = fill("made", MADE, &self.made);
        let wanted = fill("wanted", WANTED, &self.wanted);
        format!("BEGIN IMMEDIATE; {made}; {wanted}; {statements}; COMMIT")
    }

    /// Those of the zones that are on sale as it was foreseen. Each is looked up by its key: left to
    /// join them, PostgreSQL goes through all events that are published.
    fn on_sale(&self, now: &str, [_, earliest, latest]: &[String; 3]) -> String {
        format!(
            "SELECT 1 FROM {} \
             WHERE (SELECT z.event_id = x.event_id AND z.price_amount = x.price_amount \
                           AND NOT z.by_application \
                    FROM zones z WHERE z.id = x.zone_id) \
               AND (SELECT e.limit_per_customer IS NULL AND COALESCE(e.hold_secs, 0) = x.hold_secs \
                           AND e.status = 'published' \
                           AND {now} < COALESCE(e.sales_close_at, e.starts_at) \
                           AND (e.sales_open_at IS NULL OR e.sales_open_at <= {now}) \
                    FROM events e WHERE e.id = x.event_id) \
               AND {now} BETWEEN {earliest} AND {latest}",
            self.assumed
        )
    }

    fn keep(&self) -> Option<String> {
        self.kept.as_deref().map(keep_from)
    }
}

/// Puts rows into a table of the connection's own, in memory, in place of those of the batch before.
fn fill(table: &str, columns: &str, rows: &str) -> String {
    format!(
        "CREATE TEMP TABLE IF NOT EXISTS {table} ({columns}); DELETE FROM {table}; \
         INSERT INTO {table} SELECT {columns} FROM {rows}"
    )
}

const MADE: &str = "id, user_id, event_id, expires_at, total_amount, currency";
const WANTED: &str = "ticket_id, zone_id, version, price_amount, reservation_id";

fn make(made: &str, at: &str, backend: DatabaseBackend) -> String {
    let (portion, latest_portion) = reservation::latest_portion(backend);
    format!(
        "INSERT INTO reservations \
           (id, user_id, event_id, status, expires_at, total_amount, currency, created_at, \
            version{portion}) \
         SELECT id, user_id, event_id, 'held', expires_at, total_amount, currency, {at}, \
                1{latest_portion} \
         FROM {made}"
    )
}

fn move_from(wanted: &str) -> String {
    format!(
        "UPDATE tickets AS t SET status = 'held', version = t.version + 1, \
                reservation_id = x.reservation_id \
         FROM {wanted} \
         WHERE t.id = x.ticket_id AND t.version = x.version AND t.status = 'available' \
           AND t.zone_id = x.zone_id"
    )
}

fn note(wanted: &str, at: &str) -> String {
    format!(
        "INSERT INTO ledger (ticket_id, version, from_status, to_status, cause, reservation_id, at) \
         SELECT ticket_id, version + 1, 'available', 'held', 'hold', reservation_id, {at} \
         FROM {wanted}"
    )
}

fn list(wanted: &str) -> String {
    format!(
        "INSERT INTO reservation_tickets (reservation_id, ticket_id, price_amount, active) \
         SELECT reservation_id, ticket_id, price_amount, TRUE FROM {wanted}"
    )
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
