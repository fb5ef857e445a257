//! Single seats in the hands of their organiser: withheld, put on sale again, taken out of the event
//! and put back.
//!
//! ```text
//!            block                      remove
//! available ───────> blocked      available ─────> removed: blocked, and there for nobody
//!           <───────                 or blocked <─────
//!            unblock                      restore -> available
//! ```
//!
//! Nothing here deletes a ticket, and each transition goes from the version that its organiser has
//! seen, one line in the ledger, exactly as a sale does. So a seat that a buyer takes at the same
//! moment is either held or withheld, never both.

pub mod api;
mod plan;
mod problems;
mod store;
mod tell;
mod views;

pub use store::{count_free, free_for_update, move_tickets, removed_for_update};
pub use tell::{Changed, commit_and_tell};
pub use views::ListedSeat;

use chrono::{DateTime, Utc};
use sea_orm::{DatabaseTransaction, DbErr};
use std::collections::{BTreeMap, BTreeSet};

use super::store as catalogue;
use super::zones::{ZoneError, event_to_edit, raise_version, recount};
use crate::db::Db;
use crate::entity::ledger::Cause;
use crate::entity::ticket::{self, TicketStatus};
use crate::entity::{event, zone};
use crate::ids::{EventId, TicketId, UserId, ZoneId};
use crate::precondition::Expected;
use views::SeatsMoved;

/// A ticket at the version that its organiser has seen.
#[derive(Debug, Clone, Copy)]
pub struct SeenSeat {
    pub ticket: TicketId,
    pub version: i64,
}

/// Why no seat was moved.
#[derive(Debug, thiserror::Error)]
pub enum SeatError {
    /// There is no such event.
    #[error("there is no such event")]
    NoSuchEvent,
    /// There is no such ticket in the event.
    #[error("there is no such ticket in the event")]
    NoSuchTicket,
    /// Some are not what they were.
    #[error("{} of the tickets are not what they were", .0.len())]
    Taken(Vec<ticket::Model>),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbErr),
}

/// What an organiser does to a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    Block,
    Unblock,
    Remove,
    Restore,
}

impl Transition {
    /// What the ticket is afterwards.
    pub fn to(self) -> TicketStatus {
        match self {
            Self::Block | Self::Remove => TicketStatus::Blocked,
            Self::Unblock | Self::Restore => TicketStatus::Available,
        }
    }

    /// As the ledger names it.
    pub fn cause(self) -> Cause {
        match self {
            Self::Block => Cause::Block,
            Self::Unblock => Cause::Unblock,
            Self::Remove => Cause::Remove,
            Self::Restore => Cause::Restore,
        }
    }

    /// Whether it can be done to a ticket as it is.
    fn is_possible(self, ticket: &ticket::Model) -> bool {
        let status = ticket.status;
        match self {
            Self::Block => status == TicketStatus::Available,
            Self::Unblock => status == TicketStatus::Blocked,
            Self::Remove => matches!(status, TicketStatus::Available | TicketStatus::Blocked),
            Self::Restore => ticket.removed,
        }
    }
}

/// Withholds seats, all or none.
pub async fn block_seats(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    (event, by): (EventId, UserId),
    wanted: &[SeenSeat],
    reason: &str,
) -> Result<Changed<SeatsMoved>, SeatError> {
    let tickets = seats_to_move(tx, event, wanted, Transition::Block).await?;
    let moved = move_tickets(tx, now, tickets, Transition::Block).await?;
    store::insert_blocks(tx, now, &moved, by, reason).await?;
    Ok(views::seats_moved(event, &moved))
}

/// Puts seats that were withheld on sale again, all or none.
pub async fn unblock_seats(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    event: EventId,
    wanted: &[SeenSeat],
) -> Result<Changed<SeatsMoved>, SeatError> {
    let tickets = seats_to_move(tx, event, wanted, Transition::Unblock).await?;
    store::delete_blocks(tx, &tickets).await?;
    let moved = move_tickets(tx, now, tickets, Transition::Unblock).await?;
    Ok(views::seats_moved(event, &moved))
}

/// Takes seats that are nobody's out of the event, all or none; gives the event as it is then.
pub async fn remove_seats(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    (event, expected): (EventId, Expected),
    wanted: &[SeenSeat],
) -> Result<(event::Model, Changed<SeatsMoved>), ZoneError> {
    let edited = event_to_edit(tx, event, expected).await?;
    let tickets = seats_to_move(tx, event, wanted, Transition::Remove).await?;
    store::delete_blocks(tx, &tickets).await?;
    move_and_recount(tx, now, edited, tickets, Transition::Remove).await
}

/// Puts seats back that were taken out of the event, all or none.
pub async fn restore_seats(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    (event, expected): (EventId, Expected),
    wanted: &[SeenSeat],
) -> Result<(event::Model, Changed<SeatsMoved>), ZoneError> {
    let edited = event_to_edit(tx, event, expected).await?;
    let tickets = seats_to_move(tx, event, wanted, Transition::Restore).await?;
    move_and_recount(tx, now, edited, tickets, Transition::Restore).await
}

async fn move_and_recount(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    event: event::Model,
    tickets: Vec<ticket::Model>,
    transition: Transition,
) -> Result<(event::Model, Changed<SeatsMoved>), ZoneError> {
    let touched: BTreeSet<i64> = tickets.iter().map(|ticket| ticket.zone_id).collect();
    let moved = move_tickets(tx, now, tickets, transition).await?;
    let id = EventId(event.id);
    for zone in catalogue::zones(tx, id).await? {
        if touched.contains(&zone.id) {
            recount(tx, zone).await?;
        }
    }
    let event = raise_version(tx, event).await?;
    Ok((event, views::seats_moved(id, &moved)))
}

/// The tickets as they are, kept from changing, where all of them can be moved.
async fn seats_to_move(
    tx: &DatabaseTransaction,
    event: EventId,
    wanted: &[SeenSeat],
    transition: Transition,
) -> Result<Vec<ticket::Model>, SeatError> {
    let versions: BTreeMap<i64, i64> = wanted.iter().map(|s| (s.ticket.0, s.version)).collect();
    let found = store::tickets_for_update(tx, event, versions.keys().copied()).await?;
    let is_there = |ticket: &ticket::Model| !ticket.removed || transition == Transition::Restore;
    if found.len() < versions.len() || !found.iter().all(is_there) {
        return Err(match catalogue::event(tx, event).await? {
            Some(_) => SeatError::NoSuchTicket,
            None => SeatError::NoSuchEvent,
        });
    }
    let is_as_seen = |ticket: &ticket::Model| {
        versions.get(&ticket.id) == Some(&ticket.version) && transition.is_possible(ticket)
    };
    if found.iter().all(is_as_seen) {
        return Ok(found);
    }
    let others = found.into_iter().filter(|ticket| !is_as_seen(ticket));
    Err(SeatError::Taken(others.collect()))
}

/// A zone of an event, for its organiser.
async fn zone_of(db: &Db, event: EventId, id: ZoneId) -> Result<zone::Model, ZoneError> {
    let zones = catalogue::zones(db.reader(), event).await?;
    let zone = zones.into_iter().find(|zone| zone.id == id.0);
    zone.ok_or(ZoneError::NoSuchZone)
}
