//! Every query that reads or moves reservations and tickets on sale.

mod payments;
mod reservations;

pub use payments::{
    has_pending_payment, insert_intent, lost_payments, mark_declined, mark_succeeded, mark_voided,
    mark_voiding,
};
pub use reservations::{
    HoldChange, count_holds, deactivate, due_holds, has_due_holds, insert_reservation,
    insert_reservation_tickets, mark_expired, own_hold_of_ticket, own_reservation,
    own_reservation_for_update, own_reservations, tickets_of, update_running_hold,
};

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, LockType};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, DatabaseTransaction, DbErr, EntityTrait, ExprTrait,
    FromQueryResult, JoinType, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, RelationTrait,
    Select,
};

use super::commit::Work;
use crate::coordination::{SeatChange, SeatStatus};
use crate::db::Db;
use crate::entity::event::EventStatus;
use crate::entity::ledger::Cause;
use crate::entity::ticket::TicketStatus;
use crate::entity::{event, ledger, ticket, zone};
use crate::ids::{EventId, ReservationId, TicketId, ZoneId};

/// A ticket as somebody who wants it sees it: with its price and the sale window of its event.
#[derive(Debug, Clone, FromQueryResult)]
pub struct Candidate {
    pub id: i64,
    pub event_id: i64,
    pub row_number: Option<i32>,
    pub seat_number: Option<i32>,
    pub status: TicketStatus,
    pub version: i64,
    pub zone_id: i64,
    pub zone_name: String,
    pub price_amount: i64,
}

impl Candidate {
    /// The ticket once it is held: at its next version.
    pub fn held(&self) -> HeldTicket {
        HeldTicket {
            id: self.id,
            zone_id: self.zone_id,
            zone_name: self.zone_name.clone(),
            row_number: self.row_number,
            seat_number: self.seat_number,
            price_amount: self.price_amount,
            version: self.version + 1,
        }
    }
}

/// Whether and when an event is on sale, and what the time is.
#[derive(Debug, Clone, FromQueryResult)]
pub struct Sale {
    pub event_id: i64,
    pub currency: String,
    pub status: EventStatus,
    pub starts_at: DateTime<Utc>,
    pub sales_open_at: Option<DateTime<Utc>>,
    pub sales_close_at: Option<DateTime<Utc>>,
    /// The database's.
    pub now: DateTime<Utc>,
}

/// A ticket of a reservation, as it was held.
#[derive(Debug, Clone, FromQueryResult)]
pub struct HeldTicket {
    pub id: i64,
    pub zone_id: i64,
    pub zone_name: String,
    pub row_number: Option<i32>,
    pub seat_number: Option<i32>,
    pub price_amount: i64,
    pub version: i64,
}

/// A ticket at the version at which it was seen.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    pub ticket: TicketId,
    pub version: i64,
}

/// A transition of tickets, on behalf of one reservation.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    pub event: EventId,
    pub reservation: ReservationId,
    pub from: TicketStatus,
    pub to: TicketStatus,
    pub cause: Cause,
}

/// Why tickets were not moved.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// One of them has another version or status than the one seen.
    #[error("a ticket has moved on")]
    Outrun,
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbErr),
}

/// The sale of an event.
pub async fn sale(db: &Db, event: EventId) -> Result<Option<Sale>, DbErr> {
    event::Entity::find_by_id(event.0)
        .select_only()
        .column_as(event::Column::Id, "event_id")
        .columns([
            event::Column::Currency,
            event::Column::Status,
            event::Column::StartsAt,
            event::Column::SalesOpenAt,
            event::Column::SalesCloseAt,
        ])
        .expr_as(db.now(), "now")
        .into_model()
        .one(db.reader())
        .await
}

impl HeldTicket {
    /// The ticket at the version at which it was read.
    pub fn seen(&self) -> Seen {
        Seen {
            ticket: TicketId(self.id),
            version: self.version,
        }
    }
}

/// Those of the named tickets that exist, by id.
pub async fn named_tickets(db: &Db, ids: &[TicketId]) -> Result<Vec<Candidate>, DbErr> {
    candidates()
        .filter(ticket::Column::Id.is_in(ids.iter().map(|id| id.0)))
        .order_by_asc(ticket::Column::Id)
        .into_model()
        .all(db.reader())
        .await
}

/// The first and last available ticket of a zone; `None` where there is none.
pub async fn available_span(db: &Db, zone: ZoneId) -> Result<Option<(i64, i64)>, DbErr> {
    let span: Option<(Option<i64>, Option<i64>)> = ticket::Entity::find()
        .select_only()
        .expr(ticket::Column::Id.min())
        .expr(ticket::Column::Id.max())
        .filter(available_in(zone))
        .into_tuple()
        .one(db.reader())
        .await?;
    Ok(span.and_then(|(first, last)| first.zip(last)))
}

/// Up to `limit` available tickets of a zone with ids in the range, in order of their ids.
pub async fn available_tickets(
    db: &Db,
    zone: ZoneId,
    ids: std::ops::RangeInclusive<i64>,
    limit: usize,
) -> Result<Vec<Candidate>, DbErr> {
    candidates()
        .filter(available_in(zone))
        .filter(ticket::Column::Id.between(*ids.start(), *ids.end()))
        .order_by_asc(ticket::Column::Id)
        .limit(u64::try_from(limit).unwrap_or(u64::MAX))
        .into_model()
        .all(db.reader())
        .await
}

/// Whether the zone is one of the event's.
pub async fn has_zone(db: &Db, event: EventId, zone: ZoneId) -> Result<bool, DbErr> {
    let found = zone::Entity::find_by_id(zone.0)
        .filter(zone::Column::EventId.eq(event.0))
        .count(db.reader())
        .await?;
    Ok(found > 0)
}

/// How many tickets of a zone are available.
pub async fn count_available(db: &Db, zone: ZoneId) -> Result<u64, DbErr> {
    ticket::Entity::find()
        .filter(available_in(zone))
        .count(db.reader())
        .await
}

/// Moves tickets one step, each from exactly the version at which it was seen, raises their
/// versions by one and writes the ledger. All of them or none: the caller rolls back on an error.
pub async fn move_tickets(work: &mut Work, tickets: &[Seen], step: Step) -> Result<(), MoveError> {
    lock_in_order(&work.tx, tickets).await?;
    let keeps_reservation = matches!(step.to, TicketStatus::Held | TicketStatus::Sold);
    let owner = keeps_reservation.then_some(step.reservation.0);
    let at_seen_versions = tickets.iter().fold(Condition::any(), |any, seen| {
        any.add(
            Condition::all()
                .add(ticket::Column::Id.eq(seen.ticket.0))
                .add(ticket::Column::Version.eq(seen.version)),
        )
    });
    let done = ticket::Entity::update_many()
        .col_expr(ticket::Column::Status, step.to.into())
        .col_expr(
            ticket::Column::Version,
            Expr::col(ticket::Column::Version).add(1_i64),
        )
        .col_expr(ticket::Column::ReservationId, Expr::value(owner))
        .filter(ticket::Column::Status.eq(step.from))
        .filter(at_seen_versions)
        .exec(&work.tx)
        .await?;
    if done.rows_affected != tickets.len() as u64 {
        return Err(MoveError::Outrun);
    }
    append_to_ledger(&work.tx, work.now, tickets, step).await?;
    work.changes.extend(tickets.iter().map(|seen| SeatChange {
        ticket_id: seen.ticket.0,
        event_id: step.event.0,
        version: seen.version + 1,
        status: seat_status(step.to),
    }));
    Ok(())
}

/// Takes the row locks of several tickets in the order of their ids, so that two transactions
/// without Redlocks wait for each other rather than deadlock. One row needs no order.
async fn lock_in_order(tx: &DatabaseTransaction, tickets: &[Seen]) -> Result<(), DbErr> {
    if tickets.len() < 2 {
        return Ok(());
    }
    ticket::Entity::find()
        .select_only()
        .column(ticket::Column::Id)
        .filter(ticket::Column::Id.is_in(tickets.iter().map(|seen| seen.ticket.0)))
        .order_by_asc(ticket::Column::Id)
        .lock(LockType::NoKeyUpdate)
        .into_tuple::<i64>()
        .all(tx)
        .await?;
    Ok(())
}

async fn append_to_ledger(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    tickets: &[Seen],
    step: Step,
) -> Result<(), DbErr> {
    let rows = tickets.iter().map(|seen| ledger::ActiveModel {
        ticket_id: Set(seen.ticket.0),
        version: Set(seen.version + 1),
        from_status: Set(step.from),
        to_status: Set(step.to),
        cause: Set(step.cause),
        reservation_id: Set(step.reservation.0),
        at: Set(now),
        ..Default::default()
    });
    ledger::Entity::insert_many(rows)
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

fn candidates() -> Select<ticket::Entity> {
    ticket::Entity::find()
        .select_only()
        .columns([
            ticket::Column::Id,
            ticket::Column::EventId,
            ticket::Column::ZoneId,
            ticket::Column::RowNumber,
            ticket::Column::SeatNumber,
            ticket::Column::Status,
            ticket::Column::Version,
        ])
        .column_as(zone::Column::Name, "zone_name")
        .column(zone::Column::PriceAmount)
        .join(JoinType::InnerJoin, ticket::Relation::Zone.def())
}

fn available_in(zone: ZoneId) -> Condition {
    Condition::all()
        .add(ticket::Column::ZoneId.eq(zone.0))
        .add(ticket::Column::Status.eq(TicketStatus::Available))
}

fn seat_status(status: TicketStatus) -> SeatStatus {
    match status {
        TicketStatus::Available => SeatStatus::Available,
        TicketStatus::Held => SeatStatus::Held,
        TicketStatus::Sold => SeatStatus::Sold,
        TicketStatus::Blocked => SeatStatus::Blocked,
    }
}
