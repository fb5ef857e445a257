//! Every query that fills the mirror.

use sea_orm::{
    ActiveEnum, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter,
    QueryOrder, QuerySelect, Statement, Value,
};

use super::blocks::Focus;
use super::names::Named;
use super::seats::{Loaded, Seats, ZonePlan};
use super::{Facts, Size, seat_status};
use crate::coordination::SeatStatus;
use crate::db::{Column, Db, Rows};
use crate::entity::ticket::TicketStatus;
use crate::entity::{event, ledger, ticket, zone};
use crate::ids::EventId;

/// A transition of a ticket.
#[derive(Debug)]
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

/// All tickets of an event by id, some thousands to a query. They need not be of one moment: each
/// has its own version.
pub async fn tickets(db: &Db, event: EventId) -> Result<Tickets, DbErr> {
    let mut found = Tickets::default();
    loop {
        let after = found.tickets.last().map_or(0, |ticket| ticket.id);
        let rows: Vec<ticket::Model> = ticket::Entity::find()
            .filter(ticket::Column::EventId.eq(event.0))
            .filter(ticket::Column::Removed.eq(false))
            .filter(ticket::Column::Id.gt(after))
            .order_by_asc(ticket::Column::Id)
            .limit(TICKETS_AT_ONCE as u64)
            .all(db.reader())
            .await?;
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
                status: seat_status(row.status),
                version: row.version,
            });
        }
        if is_last {
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
    let found = format!(
        "SELECT id, ticket_id, version, to_status FROM ledger \
         WHERE id > $1 ORDER BY id LIMIT {LEDGER_ROWS_AT_ONCE}"
    );
    rows.extend(ledger_rows(db, &found, vec![high.into()]).await?);
    rows.sort_unstable_by_key(|row| row.id);
    Ok(rows)
}

/// The transitions that a query finds, in one text: every instance reads every one, and a row each is
/// more to send and to take apart than what is in it.
async fn ledger_rows(db: &Db, found: &str, values: Vec<Value>) -> Result<Vec<LedgerRow>, DbErr> {
    // Put together like this, and not with the functions for JSON, which cost PostgreSQL more than rows.
    let row = r#"'[' || id || ',' || ticket_id || ',' || version || ',"' || to_status || '"]'"#;
    let sql =
        format!("SELECT '[' || string_agg({row}, ',') || ']' AS rows FROM ({found}) AS found");
    let statement = Statement::from_sql_and_values(db.reader().get_database_backend(), sql, values);
    let row = db.reader().query_one_raw(statement).await?;
    let text: Option<String> = row
        .map(|row| row.try_get("", "rows"))
        .transpose()?
        .flatten();
    let Some(text) = text else {
        return Ok(Vec::new());
    };
    let rows: Vec<(i64, i64, i64, String)> =
        serde_json::from_str(&text).map_err(|err| DbErr::Json(err.to_string()))?;
    rows.into_iter()
        .map(|(id, ticket_id, version, status)| {
            let status = seat_status(TicketStatus::try_from_value(&status)?);
            Ok(LedgerRow {
                id,
                ticket_id,
                version,
                status,
            })
        })
        .collect()
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
