//! What confirming, releasing, extending and expiring a hold have in common.

use chrono::{DateTime, Utc};
use sea_orm::DbErr;

use super::commit::{Refusal, Work};
use super::store::{self, HeldTicket, HoldChange, MoveError, Seen, Step};
use super::views::Reservation;
use crate::entity::ledger::Cause;
use crate::entity::reservation::{self, ReservationStatus};
use crate::entity::ticket::TicketStatus;
use crate::ids::{EventId, ReservationId, UserId};

/// Why a reservation was not changed by its owner.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is none, or it is somebody else's.
    #[error("there is no such reservation")]
    NoSuchReservation,
    /// The hold ended first.
    #[error("the hold has ended")]
    Expired { at: DateTime<Utc> },
    /// It is past that.
    #[error("the reservation is past that")]
    InvalidTransition(ReservationStatus),
    /// Another payment of it has not been answered.
    #[error("a payment is under way")]
    PaymentInProgress,
    /// The provider said no.
    #[error("the payment was declined: {0}")]
    Declined(&'static str),
    /// The provider did not answer.
    #[error("the payment provider did not answer")]
    PaymentTimedOut,
    /// A ticket or the reservation moved on meanwhile.
    #[error("the reservation has moved on")]
    Outrun,
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbErr),
}

/// Reads a hold of `owner` for change, or says what it is instead.
pub async fn running_hold(
    work: &Work,
    owner: UserId,
    id: ReservationId,
) -> Result<reservation::Model, ChangeError> {
    let found = store::own_reservation_for_update(&work.tx, owner, id)
        .await?
        .ok_or(ChangeError::NoSuchReservation)?;
    match found.status {
        ReservationStatus::Held if found.expires_at > work.now => Ok(found),
        ReservationStatus::Held | ReservationStatus::Expired => Err(ChangeError::Expired {
            at: found.expires_at,
        }),
        status => Err(ChangeError::InvalidTransition(status)),
    }
}

/// Changes a hold and moves all its tickets; gives the reservation as it is then.
pub async fn change_whole_hold(
    work: &mut Work,
    hold: reservation::Model,
    change: HoldChange,
    (to, cause): (TicketStatus, Cause),
) -> Result<Reservation, ChangeError> {
    let mut tickets = tickets_of(work, &hold).await?;
    let hold = change_hold(work, hold, change).await?;
    move_tickets(work, &hold, &tickets, to, cause).await?;
    for ticket in &mut tickets {
        ticket.version += 1;
    }
    Ok(Reservation::new(hold, tickets))
}

/// Changes a hold that has not expired, without its tickets.
pub async fn change_hold(
    work: &Work,
    mut hold: reservation::Model,
    change: HoldChange,
) -> Result<reservation::Model, ChangeError> {
    if !store::update_running_hold(&work.tx, &hold, &change).await? {
        // It is locked since it was read, so that only time can have moved on.
        return Err(ChangeError::Expired {
            at: hold.expires_at,
        });
    }
    hold.status = change.status;
    hold.expires_at = change.expires_at;
    hold.total_amount = change.total_amount;
    hold.ended_at = change.ended_at;
    hold.version += 1;
    Ok(hold)
}

/// Moves tickets of a hold on, and out of it where they become available.
pub async fn move_tickets(
    work: &mut Work,
    hold: &reservation::Model,
    tickets: &[HeldTicket],
    to: TicketStatus,
    cause: Cause,
) -> Result<(), MoveError> {
    let seen: Vec<Seen> = tickets.iter().map(HeldTicket::seen).collect();
    let step = Step {
        event: EventId(hold.event_id),
        reservation: ReservationId(hold.id),
        from: TicketStatus::Held,
        to,
        cause,
    };
    store::move_tickets(work, &seen, step).await?;
    if to == TicketStatus::Available {
        store::deactivate(&work.tx, ReservationId(hold.id), &seen).await?;
    }
    Ok(())
}

/// The tickets that a hold has.
pub async fn tickets_of(work: &Work, hold: &reservation::Model) -> Result<Vec<HeldTicket>, DbErr> {
    let tickets = store::tickets_of(&work.tx, std::slice::from_ref(hold)).await?;
    Ok(tickets.into_iter().map(|(_, ticket)| ticket).collect())
}

impl HoldChange {
    /// What the hold is, to change some of it.
    pub fn none(hold: &reservation::Model) -> Self {
        Self {
            status: hold.status,
            expires_at: hold.expires_at,
            total_amount: hold.total_amount,
            ended_at: hold.ended_at,
        }
    }
}

impl From<MoveError> for ChangeError {
    fn from(err: MoveError) -> Self {
        match err {
            MoveError::Outrun => Self::Outrun,
            MoveError::Db(err) => Self::Db(err),
        }
    }
}

impl Refusal for ChangeError {
    fn database_error(&self) -> Option<&DbErr> {
        match self {
            Self::Db(err) => Some(err),
            _ => None,
        }
    }

    fn is_version_conflict(&self) -> bool {
        matches!(self, Self::Outrun)
    }
}
