//! What confirming, releasing, extending and expiring a hold have in common.

use chrono::{DateTime, Utc};
use sea_orm::DbErr;

use super::batch::{Failure, Move, Needs, Seen, SeenReservation, Writes};
use super::store::HeldTicket;
use super::views::Reservation;
use crate::entity::ledger::Cause;
use crate::entity::reservation::{self, ReservationStatus};
use crate::entity::ticket::TicketStatus;
use crate::idempotency::Key;
use crate::ids::{EventId, ReservationId, TicketId, UserId};

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
    /// Its event was cancelled.
    #[error("the event was cancelled")]
    EventCancelled,
    /// It costs something, and the caller does not say how to pay.
    #[error("it takes a payment")]
    PaymentRequired,
    /// Another payment of it has not been answered.
    #[error("a payment is under way")]
    PaymentInProgress,
    /// The provider said no.
    #[error("the payment was declined: {0}")]
    Declined(&'static str),
    /// The provider did not answer.
    #[error("the payment provider did not answer")]
    PaymentTimedOut,
    /// The payment is not for what the reservation is now.
    #[error("the reservation has moved on")]
    Outrun,
    /// It was not committed.
    #[error(transparent)]
    NotCommitted(#[from] Failure),
}

/// What a change of one reservation must see.
pub fn needs(id: ReservationId, key: Option<&Key>) -> Needs {
    Needs {
        reservations: vec![id],
        ..Needs::default()
    }
    .with_key(key)
}

/// A hold of `owner` that is running, or what it is instead.
pub fn running_hold(
    seen: &Seen,
    owner: UserId,
    id: ReservationId,
) -> Result<&SeenReservation, ChangeError> {
    let found = seen.reservations.get(&id);
    let found = found.filter(|found| found.reservation.user_id == owner.0);
    let found = found.ok_or(ChangeError::NoSuchReservation)?;
    let expires_at = found.reservation.expires_at;
    match found.reservation.status {
        ReservationStatus::Held if expires_at > found.now => Ok(found),
        ReservationStatus::Held | ReservationStatus::Expired => {
            Err(ChangeError::Expired { at: expires_at })
        }
        status => Err(ChangeError::InvalidTransition(status)),
    }
}

/// Refuses to go on with a hold of an event that was cancelled; it is about to be ended.
pub fn refuse_cancelled(hold: &SeenReservation) -> Result<(), ChangeError> {
    if hold.is_cancelled {
        return Err(ChangeError::EventCancelled);
    }
    Ok(())
}

/// Ends a hold and moves all its tickets; gives the reservation as it is then.
pub fn end_hold(
    hold: &SeenReservation,
    status: ReservationStatus,
    (to, cause): (TicketStatus, Cause),
) -> (Reservation, Writes) {
    let ended = reservation::Model {
        status,
        ended_at: Some(hold.now),
        version: hold.reservation.version + 1,
        ..hold.reservation.clone()
    };
    let writes = Writes {
        moves: move_tickets(hold, &hold.tickets, to, cause),
        changed: vec![ended.clone()],
        ..Writes::default()
    };
    let mut tickets = hold.tickets.clone();
    for ticket in &mut tickets {
        ticket.version += 1;
    }
    (Reservation::new(ended, tickets, hold.code.clone()), writes)
}

/// Moves of some tickets of a hold.
pub fn move_tickets(
    hold: &SeenReservation,
    tickets: &[HeldTicket],
    to: TicketStatus,
    cause: Cause,
) -> Vec<Move> {
    let one = |ticket: &HeldTicket| Move {
        ticket: TicketId(ticket.id),
        event: EventId(hold.reservation.event_id),
        reservation: ReservationId(hold.reservation.id),
        version: ticket.version,
        from: TicketStatus::Held,
        to,
        cause,
        price_amount: ticket.price_amount,
        discount_amount: ticket.discount_amount,
        at: hold.now,
    };
    tickets.iter().map(one).collect()
}

impl From<DbErr> for ChangeError {
    fn from(err: DbErr) -> Self {
        Self::NotCommitted(Failure::Db(err))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use uuid::Uuid;

    const OWNER: UserId = UserId(Uuid::max());

    fn seen(status: ReservationStatus, expires_in: TimeDelta) -> (ReservationId, Seen) {
        let (id, now) = (ReservationId::random(), DateTime::<Utc>::UNIX_EPOCH);
        let reservation = reservation::Model {
            id: id.0,
            user_id: OWNER.0,
            event_id: 1,
            status,
            expires_at: now + expires_in,
            total_amount: 0,
            currency: "EUR".into(),
            created_at: now,
            ended_at: None,
            version: 1,
            refund_due_at: None,
            code_id: None,
        };
        let entry = SeenReservation {
            reservation,
            tickets: Vec::new(),
            payment: None,
            is_cancelled: false,
            hold_ttl: None,
            code: None,
            now,
        };
        let mut seen = Seen::default();
        seen.reservations.insert(id, entry);
        (id, seen)
    }

    #[test]
    fn only_its_owner_finds_a_running_hold() {
        let (id, seen) = seen(ReservationStatus::Held, TimeDelta::seconds(1));
        assert!(running_hold(&seen, OWNER, id).is_ok());
        let stranger = running_hold(&seen, UserId::random(), id).unwrap_err();
        assert!(matches!(stranger, ChangeError::NoSuchReservation));
    }

    #[test]
    fn a_hold_has_ended_at_its_very_deadline() {
        let (id, seen) = seen(ReservationStatus::Held, TimeDelta::zero());
        let refused = running_hold(&seen, OWNER, id).unwrap_err();
        assert!(matches!(refused, ChangeError::Expired { .. }));
    }

    #[test]
    fn what_is_confirmed_is_past_changing() {
        let (id, seen) = seen(ReservationStatus::Confirmed, TimeDelta::seconds(1));
        let refused = running_hold(&seen, OWNER, id).unwrap_err();
        let confirmed = ReservationStatus::Confirmed;
        assert!(matches!(refused, ChangeError::InvalidTransition(status) if status == confirmed));
    }
}
