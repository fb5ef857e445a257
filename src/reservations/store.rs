//! Every query that reads or moves reservations and tickets on sale.

mod batch;
mod cancelled;
mod grants;
mod holds;
mod payments;
mod portions;
mod reservations;
mod writes;

pub use batch::read_and_lock;
pub use cancelled::{mark_refunds_due, mark_settled, open_reservations, unsettled_events};
pub use holds::hold_at_once;
pub use payments::{lost_payments, mark_declined, mark_voided, mark_voiding};
pub use portions::merge_portions;
pub use reservations::{
    count_holds, due_holds, own_hold_of_ticket, own_reservation, own_reservations, tickets_of,
};
pub use writes::write;

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, DbErr, EntityTrait, FromQueryResult, JoinType, QueryFilter, QueryOrder,
    QuerySelect, RelationTrait,
};

use super::batch::Move;
use super::propose::Proposed;
use crate::coordination::SeatChange;
use crate::db::Db;
use crate::entity::ticket::TicketStatus;
use crate::entity::{event, ticket, zone};
use crate::ids::{EventId, TicketId};
use crate::mirror::seat_status;

/// A ticket as somebody who wants it sees it.
#[derive(Debug, Clone, FromQueryResult)]
pub struct Candidate {
    pub id: i64,
    pub event_id: i64,
    pub row_number: Option<i32>,
    pub seat_number: Option<i32>,
    pub row_label: Option<String>,
    pub seat_label: Option<String>,
    pub status: TicketStatus,
    pub version: i64,
    pub zone_id: i64,
    pub zone_name: String,
    /// Whether its zone is given to those who apply, and to nobody else.
    pub by_application: bool,
}

impl Candidate {
    /// The ticket as one that stands in the way.
    pub fn conflict(&self) -> Conflict {
        Conflict {
            ticket_id: self.id,
            row_number: self.row_number,
            seat_number: self.seat_number,
            row_label: self.row_label.clone(),
            seat_label: self.seat_label.clone(),
            status: self.status,
            version: self.version,
        }
    }

    /// The ticket as one that could be had.
    pub fn proposed(self) -> Proposed {
        Proposed {
            id: TicketId(self.id),
            zone_id: self.zone_id,
            zone_name: self.zone_name,
            row_number: self.row_number,
            seat_number: self.seat_number,
            row_label: self.row_label,
            seat_label: self.seat_label,
            version: self.version,
        }
    }
}

/// A ticket that stands in the way of a hold.
#[derive(Debug, Clone)]
pub struct Conflict {
    pub ticket_id: i64,
    pub row_number: Option<i32>,
    pub seat_number: Option<i32>,
    pub row_label: Option<String>,
    pub seat_label: Option<String>,
    pub status: TicketStatus,
    pub version: i64,
}

impl Conflict {
    /// Whether it is somebody else's, or withheld.
    pub fn is_taken(&self) -> bool {
        self.status != TicketStatus::Available
    }
}

/// An event that somebody wants tickets of, and what the time is.
#[derive(Debug, Clone, FromQueryResult)]
pub struct Sale {
    #[sea_orm(nested)]
    pub event: event::Model,
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
    pub row_label: Option<String>,
    pub seat_label: Option<String>,
    /// What is to be paid for it.
    pub price_amount: i64,
    /// What a code has taken off.
    pub discount_amount: i64,
    pub version: i64,
}

/// The sale of an event.
pub async fn sale(db: &Db, event: EventId) -> Result<Option<Sale>, DbErr> {
    event::Entity::find_by_id(event.0)
        .expr_as(db.now(), "now")
        .into_model()
        .one(db.reader())
        .await
}

/// Those of the named tickets that exist, by id.
pub async fn named_tickets(db: &Db, ids: &[TicketId]) -> Result<Vec<Candidate>, DbErr> {
    ticket::Entity::find()
        .select_only()
        .columns([
            ticket::Column::Id,
            ticket::Column::EventId,
            ticket::Column::ZoneId,
            ticket::Column::RowNumber,
            ticket::Column::SeatNumber,
            ticket::Column::RowLabel,
            ticket::Column::SeatLabel,
            ticket::Column::Status,
            ticket::Column::Version,
        ])
        .column_as(zone::Column::Name, "zone_name")
        .column(zone::Column::ByApplication)
        .join(JoinType::InnerJoin, ticket::Relation::Zone.def())
        .filter(ticket::Column::Id.is_in(ids.iter().map(|id| id.0)))
        .filter(ticket::Column::Removed.eq(false))
        .order_by_asc(ticket::Column::Id)
        .into_model()
        .all(db.reader())
        .await
}

/// A move as instances tell each other.
pub fn seat_change(change: &Move) -> SeatChange {
    SeatChange {
        ticket_id: change.ticket.0,
        event_id: change.event.0,
        version: change.version + 1,
        status: seat_status(change.to),
    }
}
