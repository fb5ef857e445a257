//! Every query about single seats in the hands of their organiser.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, LockType};
use sea_orm::{
    ActiveEnum, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr,
    EntityTrait, FromQueryResult, JoinType, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    RelationTrait, Statement, Value,
};
use uuid::Uuid;

use super::Transition;
use crate::db::{self, Column, Db, Rows};
use crate::entity::ticket::{self, TicketStatus};
use crate::entity::{seat_block, zone};
use crate::ids::{EventId, UserId, ZoneId};
use crate::page::Cursor;

/// Tickets to a statement.
const AT_ONCE: usize = 4000;

/// Those of the named tickets that are of the event, kept from changing.
pub async fn tickets_for_update(
    tx: &DatabaseTransaction,
    event: EventId,
    ids: impl Iterator<Item = i64>,
) -> Result<Vec<ticket::Model>, DbErr> {
    ticket::Entity::find()
        .filter(ticket::Column::EventId.eq(event.0))
        .filter(ticket::Column::Id.is_in(ids))
        .order_by_asc(ticket::Column::Id)
        .lock(LockType::NoKeyUpdate)
        .all(tx)
        .await
}

/// Up to so many tickets of a zone that are nobody's, kept from changing. Those that somebody is
/// just taking are waited for, and left out where they are taken.
pub async fn free_for_update(
    tx: &DatabaseTransaction,
    zone: ZoneId,
    limit: u64,
) -> Result<Vec<ticket::Model>, DbErr> {
    first_for_update(tx, zone, is_free(), limit).await
}

/// Up to so many tickets of a zone that were taken out of the event.
pub async fn removed_for_update(
    tx: &DatabaseTransaction,
    zone: ZoneId,
    limit: u64,
) -> Result<Vec<ticket::Model>, DbErr> {
    first_for_update(tx, zone, ticket::Column::Removed.eq(true), limit).await
}

async fn first_for_update(
    tx: &DatabaseTransaction,
    zone: ZoneId,
    which: Expr,
    limit: u64,
) -> Result<Vec<ticket::Model>, DbErr> {
    ticket::Entity::find()
        .filter(ticket::Column::ZoneId.eq(zone.0))
        .filter(which)
        .order_by_asc(ticket::Column::Id)
        .limit(limit)
        .lock(LockType::NoKeyUpdate)
        .all(tx)
        .await
}

/// How many tickets of a zone are nobody's.
pub async fn count_free(tx: &DatabaseTransaction, zone: ZoneId) -> Result<u64, DbErr> {
    ticket::Entity::find()
        .filter(ticket::Column::ZoneId.eq(zone.0))
        .filter(is_free())
        .count(tx)
        .await
}

fn is_free() -> Expr {
    ticket::Column::Status.eq(TicketStatus::Available)
}

/// Moves tickets from the versions at which they were read, and gives them as they are then.
///
/// # Errors
/// Where one has moved meanwhile, which whoever has read them for an update need not fear.
pub async fn move_tickets(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    mut tickets: Vec<ticket::Model>,
    transition: Transition,
) -> Result<Vec<ticket::Model>, DbErr> {
    let backend = tx.get_database_backend();
    let statements = statements(transition);
    for chunk in tickets.chunks(AT_ONCE) {
        for sql in &statements {
            let mut values: Vec<Value> = Vec::new();
            let rows = rows(chunk, now).table("x", backend, &mut values);
            let sql = sql.replace("{rows}", &rows);
            let statement = Statement::from_sql_and_values(backend, sql, values);
            let touched = tx.execute_raw(statement).await?.rows_affected();
            if touched != chunk.len() as u64 {
                return Err(DbErr::Custom("tickets moved while they were kept".into()));
            }
        }
    }
    for ticket in &mut tickets {
        ticket.version += 1;
        ticket.status = transition.to();
        ticket.removed = transition == Transition::Remove;
    }
    Ok(tickets)
}

fn rows(tickets: &[ticket::Model], now: DateTime<Utc>) -> Rows {
    Rows::default()
        .with(
            "id",
            Column::Integers(tickets.iter().map(|t| t.id).collect()),
        )
        .with(
            "version",
            Column::Integers(tickets.iter().map(|t| t.version).collect()),
        )
        .with(
            "from_status",
            Column::Texts(tickets.iter().map(|t| t.status.to_value()).collect()),
        )
        .with("at", Column::Times(vec![now; tickets.len()]))
}

/// What moves the tickets and what keeps that in the ledger, each with `{rows}` for [`rows`] as `x`.
fn statements(transition: Transition) -> [String; 2] {
    let to = transition.to().to_value();
    let cause = transition.cause().to_value();
    let removed = transition == Transition::Remove;
    let update = format!(
        "UPDATE tickets AS t SET status = '{to}', version = t.version + 1, removed = {removed} \
         FROM {{rows}} WHERE t.id = x.id AND t.version = x.version AND t.status = x.from_status"
    );
    let append = format!(
        "INSERT INTO ledger (ticket_id, version, from_status, to_status, cause, at) \
         SELECT x.id, x.version + 1, x.from_status, '{to}', '{cause}', x.at FROM {{rows}}"
    );
    [update, append]
}

/// Writes down why tickets are withheld.
pub async fn insert_blocks(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    tickets: &[ticket::Model],
    by: UserId,
    reason: &str,
) -> Result<(), DbErr> {
    let blocks = tickets.iter().map(|ticket| seat_block::ActiveModel {
        ticket_id: Set(ticket.id),
        event_id: Set(ticket.event_id),
        reason: Set(reason.to_owned()),
        blocked_by: Set(by.0),
        blocked_at: Set(now),
    });
    seat_block::Entity::insert_many(blocks)
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// Forgets why tickets were withheld.
pub async fn delete_blocks(
    tx: &DatabaseTransaction,
    tickets: &[ticket::Model],
) -> Result<(), DbErr> {
    seat_block::Entity::delete_many()
        .filter(seat_block::Column::TicketId.is_in(tickets.iter().map(|ticket| ticket.id)))
        .exec(tx)
        .await?;
    Ok(())
}

/// A ticket that is withheld, and why.
#[derive(Debug, FromQueryResult)]
pub struct Withheld {
    pub ticket_id: i64,
    pub zone_id: i64,
    pub zone_name: String,
    pub row_number: Option<i32>,
    pub seat_number: Option<i32>,
    pub row_label: Option<String>,
    pub seat_label: Option<String>,
    pub version: i64,
    pub reason: String,
    pub blocked_by: Uuid,
    pub blocked_at: DateTime<Utc>,
}

/// The tickets of an event that are withheld, those withheld last first; one more than `limit`.
pub async fn blocked(
    db: &Db,
    event: EventId,
    after: Option<Cursor<i64>>,
    limit: u64,
) -> Result<Vec<Withheld>, DbErr> {
    let ticket = seat_block::Entity::belongs_to(ticket::Entity)
        .from(seat_block::Column::TicketId)
        .to(ticket::Column::Id);
    let query = seat_block::Entity::find()
        .select_only()
        .columns([
            seat_block::Column::TicketId,
            seat_block::Column::Reason,
            seat_block::Column::BlockedBy,
            seat_block::Column::BlockedAt,
        ])
        .columns([
            ticket::Column::ZoneId,
            ticket::Column::RowNumber,
            ticket::Column::SeatNumber,
            ticket::Column::RowLabel,
            ticket::Column::SeatLabel,
            ticket::Column::Version,
        ])
        .column_as(zone::Column::Name, "zone_name")
        .join(JoinType::InnerJoin, ticket.into())
        .join(JoinType::InnerJoin, ticket::Relation::Zone.def())
        .filter(seat_block::Column::EventId.eq(event.0));
    let columns = (seat_block::Column::BlockedAt, seat_block::Column::TicketId);
    db::newest_first(query, columns, after.map(Into::into), limit)
        .into_model()
        .all(db.reader())
        .await
}

/// The tickets of a zone by id, with those that were taken out; one more than `limit`.
pub async fn seats_of_zone(
    db: &Db,
    zone: ZoneId,
    after: Option<Cursor<i64>>,
    limit: u64,
) -> Result<Vec<ticket::Model>, DbErr> {
    ticket::Entity::find()
        .filter(ticket::Column::ZoneId.eq(zone.0))
        .filter(ticket::Column::Id.gt(after.map_or(0, |after| after.id)))
        .order_by_asc(ticket::Column::Id)
        .limit(limit + 1)
        .all(db.reader())
        .await
}
