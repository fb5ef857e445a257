//! Every query that fills the mirror.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect, Statement, Value,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::blocks::Focus;
use super::names::Named;
use super::seats::{Loaded, Seats, ZonePlan};
use super::{Facts, Size};
use crate::coordination::SeatStatus;
use crate::db::{Column, Db, Rows};
use crate::entity::{event, ledger, zone};
use crate::ids::EventId;

/// A transition of a ticket.
#[derive(Debug, Deserialize)]
pub struct LedgerRow {
    pub id: i64,
    pub ticket_id: i64,
    pub version: i64,
    pub status: SeatStatus,
}

/// An event with its zones; `None` where there is none, or a draft only.
pub async fn facts(db: &Db, id: EventId) -> Result<Option<Facts>, DbErr> {
    let event = event::Entity::find_by_id(id.0)
        .filter(event::is_public())
        .one(db.reader())
        .await?;
    let Some(event) = event else {
        return Ok(None);
    };
    let zones = zone::Entity::find()
        .filter(zone::Column::EventId.eq(id.0))
        .order_by_asc(zone::Column::Position)
        .all(db.reader())
        .await?;
    Ok(Some(Facts { event, zones }))
}

/// Where the best seats of a zone are.
fn plan(zone: &zone::Model) -> ZonePlan {
    let focus = zone.focus_row.zip(zone.focus_seat);
    ZonePlan {
        id: zone.id,
        focus: focus.map(|(row, seat)| Focus::at(row, seat)),
    }
}

/// The tickets of an event.
#[derive(Debug, Default)]
pub struct Tickets {
    /// By id.
    tickets: Vec<Loaded>,
    /// Those that are named otherwise than by their numbers, or have traits.
    named: Vec<Named>,
}

impl Tickets {
    /// The lowest and the highest id, and how many there are.
    pub fn size(&self) -> Size {
        Size {
            first: self.tickets.first().map_or(0, |ticket| ticket.id),
            last: self.tickets.last().map_or(0, |ticket| ticket.id),
            count: self.tickets.len(),
        }
    }

    /// The tickets in the zones of their event.
    pub fn seats(self, facts: &Facts) -> Seats {
        let plans = facts.zones.iter().map(plan).collect();
        Seats::new(plans, self.tickets).with_names(self.named)
    }
}

/// A ticket of an event.
#[derive(Debug, Deserialize)]
struct TicketRow {
    id: i64,
    zone_id: i64,
    row_number: Option<i32>,
    seat_number: Option<i32>,
    status: SeatStatus,
    version: i64,
    row_label: Option<String>,
    seat_label: Option<String>,
    traits: i32,
}

/// All tickets of an event by id, some thousands to a query. They need not be of one moment: each
/// has its own version.
pub async fn tickets(db: &Db, event: EventId) -> Result<Tickets, DbErr> {
    let quote = if db.is_postgres() {
        "to_json"
    } else {
        "json_quote"
    };
    let or_null = |json: &str| format!("COALESCE(CAST({json} AS text), 'null')");
    let row = json_row(&[
        "id",
        "zone_id",
        &or_null("row_number"),
        &or_null("seat_number"),
        &quoted("status"),
        "version",
        &or_null(&format!("{quote}(row_label)")),
        &or_null(&format!("{quote}(seat_label)")),
        "traits",
    ]);
    let part = format!(
        "SELECT * FROM tickets WHERE event_id = $1 AND NOT removed AND id > $2 \
         ORDER BY id LIMIT {TICKETS_AT_ONCE}"
    );
    let mut found = Tickets::default();
    let tx = db.begin_reading_in_order().await?;
    loop {
        let after = found.tickets.last().map_or(0, |ticket| ticket.id);
        let values = vec![event.0.into(), after.into()];
        let mut rows: Vec<TicketRow> = rows_in_one_text(&tx, &row, &part, values).await?;
        rows.sort_unstable_by_key(|row| row.id);
        let is_last = rows.len() < TICKETS_AT_ONCE;
        for row in rows {
            if row.row_label.is_some() || row.seat_label.is_some() || row.traits != 0 {
                found.named.push(Named {
                    ticket_id: row.id,
                    row: row.row_label,
                    seat: row.seat_label,
                    traits: row.traits,
                });
            }
            found.tickets.push(Loaded {
                id: row.id,
                zone_id: row.zone_id,
                row: row.row_number,
                seat: row.seat_number,
                status: row.status,
                version: row.version,
            });
        }
        if is_last {
            tx.commit().await?;
            return Ok(found);
        }
    }
}

const TICKETS_AT_ONCE: usize = 20_000;

/// The id of the latest transition.
pub async fn last_id(db: &Db) -> Result<i64, DbErr> {
    let last: Option<Option<i64>> = ledger::Entity::find()
        .select_only()
        .expr(ledger::Column::Id.max())
        .into_tuple()
        .one(db.reader())
        .await?;
    Ok(last.flatten().unwrap_or(0))
}

/// Most transitions after the highest id that was seen, of one reading.
pub const LEDGER_ROWS_AT_ONCE: usize = 20_000;

/// Transitions after `high`, and those of `missing` that are there now; by id.
pub async fn ledger_after(db: &Db, high: i64, missing: &[i64]) -> Result<Vec<LedgerRow>, DbErr> {
    let backend = db.reader().get_database_backend();
    let mut values: Vec<Value> = Vec::new();
    let mut rows = Vec::new();
    if !missing.is_empty() {
        let ids = Rows::default().with("id", Column::Integers(missing.to_vec()));
        let ids = ids.table("x", backend, &mut values);
        let found = format!(
            "SELECT l.id, l.ticket_id, l.version, l.to_status FROM {ids} JOIN ledger l ON l.id = x.id"
        );
        rows.extend(ledger_rows(db, &found, values).await?);
    }
    // Until it has analysed the table, PostgreSQL expects a third of all to be above a number, and reads all
    // to find that. Between two it expects little, and goes by the index.
    let found = format!(
        "SELECT id, ticket_id, version, to_status FROM ledger \
         WHERE id > $1 AND id < {} ORDER BY id LIMIT {LEDGER_ROWS_AT_ONCE}",
        i64::MAX
    );
    rows.extend(ledger_rows(db, &found, vec![high.into()]).await?);
    rows.sort_unstable_by_key(|row| row.id);
    Ok(rows)
}

async fn ledger_rows(db: &Db, found: &str, values: Vec<Value>) -> Result<Vec<LedgerRow>, DbErr> {
    let row = json_row(&["id", "ticket_id", "version", &quoted("to_status")]);
    rows_in_one_text(db.reader(), &row, found, values).await
}

/// Columns that are JSON as a row of JSON. Put together like this, and not with the functions for
/// JSON, which cost PostgreSQL more than rows.
fn json_row(columns: &[&str]) -> String {
    format!("'[' || {} || ']'", columns.join(" || ',' || "))
}

/// A text that has nothing in it to be escaped, as JSON.
fn quoted(column: &str) -> String {
    format!("'\"' || {column} || '\"'")
}

/// What a query finds, in one text: a row each would be more to send and to take apart than what is in
/// it, and every instance reads all that is on sale.
/// `row` is JSON, in the order of `T`'s fields.
async fn rows_in_one_text<T: DeserializeOwned>(
    connection: &impl ConnectionTrait,
    row: &str,
    found: &str,
    values: Vec<Value>,
) -> Result<Vec<T>, DbErr> {
    let sql =
        format!("SELECT '[' || string_agg({row}, ',') || ']' AS rows FROM ({found}) AS found");
    let backend = connection.get_database_backend();
    let statement = Statement::from_sql_and_values(backend, sql, values);
    let row = connection.query_one_raw(statement).await?;
    let text: Option<String> = row
        .map(|row| row.try_get("", "rows"))
        .transpose()?
        .flatten();
    // Of no rows there is no text.
    text.map_or(Ok(Vec::new()), |text| {
        serde_json::from_str(&text).map_err(|err| DbErr::Json(err.to_string()))
    })
}

/// Those of the events that `is_news` says are not as they are known, or that are gone.
pub async fn changed_events(
    db: &Db,
    ids: &[EventId],
    is_news: impl Fn(&event::Model) -> bool,
) -> Result<Vec<EventId>, DbErr> {
    let mut values: Vec<Value> = Vec::new();
    let backend = db.reader().get_database_backend();
    let rows = Rows::default().with("id", Column::Integers(ids.iter().map(|id| id.0).collect()));
    let rows = rows.table("x", backend, &mut values);
    let sql = format!("SELECT e.* FROM {rows} JOIN events e ON e.id = x.id");
    let statement = Statement::from_sql_and_values(backend, sql, values);
    let mut changed = Vec::new();
    let mut found = Vec::with_capacity(ids.len());
    for row in db.reader().query_all_raw(statement).await? {
        let event = event::Model::from_query_result(&row, "")?;
        found.push(event.id);
        if is_news(&event) {
            changed.push(EventId(event.id));
        }
    }
    changed.extend(ids.iter().filter(|id| !found.contains(&id.0)));
    Ok(changed)
}
