//! Releasing: the buyer gives a hold up, or one ticket of it.

use super::BoxOffice;
use super::batch::{Needs, Seen, SeenReservation, Writes};
use super::change::{self, ChangeError, end_hold, move_tickets, running_hold};
use super::commit::Change;
use super::store::{self, HeldTicket};
use super::views::Reservation;
use crate::entity::ledger::Cause;
use crate::entity::payment::PaymentStatus;
use crate::entity::reservation::{self, ReservationStatus};
use crate::entity::ticket::TicketStatus;
use crate::idempotency::Key;
use crate::ids::{ReservationId, TicketId, UserId};

/// Gives a whole hold up. Doing it again changes nothing.
pub async fn release_hold(
    office: &BoxOffice,
    owner: UserId,
    id: ReservationId,
) -> Result<(), ChangeError> {
    match office.committer.commit(WholeRelease { owner, id }).await {
        // Nginx or a client may send a DELETE twice.
        Err(ChangeError::InvalidTransition(ReservationStatus::Released)) => Ok(()),
        outcome => outcome,
    }
}

/// Gives one ticket of the caller's hold up; with its last ticket the hold is released.
pub async fn release_ticket(
    office: &BoxOffice,
    owner: UserId,
    ticket: TicketId,
    key: Option<&Key>,
) -> Result<Reservation, ChangeError> {
    let id = store::own_hold_of_ticket(&office.db, owner, ticket).await?;
    let release = TicketRelease {
        owner,
        id: id.ok_or(ChangeError::NoSuchReservation)?,
        ticket,
        key: key.cloned(),
    };
    office.committer.commit(release).await
}

const RELEASE: (TicketStatus, Cause) = (TicketStatus::Available, Cause::Release);

struct WholeRelease {
    owner: UserId,
    id: ReservationId,
}

impl Change for WholeRelease {
    const OPERATION: &'static str = "release";
    type Done = ();
    type Refused = ChangeError;

    fn needs(&self) -> Needs {
        change::needs(self.id, None)
    }

    fn decide(&self, seen: &Seen) -> Result<((), Writes), ChangeError> {
        let hold = running_hold(seen, self.owner, self.id)?;
        refuse_while_paying(hold)?;
        let (_, writes) = end_hold(hold, ReservationStatus::Released, RELEASE);
        Ok(((), writes))
    }
}

struct TicketRelease {
    owner: UserId,
    /// The hold that had the ticket a moment ago.
    id: ReservationId,
    ticket: TicketId,
    key: Option<Key>,
}

impl Change for TicketRelease {
    const OPERATION: &'static str = "release";
    type Done = Reservation;
    type Refused = ChangeError;

    fn needs(&self) -> Needs {
        change::needs(self.id, self.key.as_ref())
    }

    fn decide(&self, seen: &Seen) -> Result<(Reservation, Writes), ChangeError> {
        seen.check_key(self.key.as_ref())?;
        let hold = running_hold(seen, self.owner, self.id)?;
        refuse_while_paying(hold)?;
        let tickets = hold.tickets.iter().cloned();
        let (given_up, kept): (Vec<_>, Vec<_>) =
            tickets.partition(|ticket| ticket.id == self.ticket.0);
        if given_up.is_empty() {
            // It was given up meanwhile.
            return Err(ChangeError::NoSuchReservation);
        }
        let (released, mut writes) = if kept.is_empty() {
            end_hold(hold, ReservationStatus::Released, RELEASE)
        } else {
            keep_some(hold, &given_up, kept)
        };
        writes.keep(self.key.as_ref(), hold.now, &released)?;
        Ok((released, writes))
    }
}

/// Gives some tickets of a hold up, and lowers what it costs.
fn keep_some(
    hold: &SeenReservation,
    given_up: &[HeldTicket],
    kept: Vec<HeldTicket>,
) -> (Reservation, Writes) {
    let reservation = reservation::Model {
        total_amount: kept.iter().map(|ticket| ticket.price_amount).sum(),
        version: hold.reservation.version + 1,
        ..hold.reservation.clone()
    };
    let writes = Writes {
        moves: move_tickets(hold, given_up, RELEASE.0, RELEASE.1),
        changed: vec![reservation.clone()],
        ..Writes::default()
    };
    (
        Reservation::new(reservation, kept, hold.code.clone()),
        writes,
    )
}

/// What is being paid for must not become less meanwhile.
fn refuse_while_paying(hold: &SeenReservation) -> Result<(), ChangeError> {
    match hold.payment {
        Some((_, PaymentStatus::Pending)) => Err(ChangeError::PaymentInProgress),
        _ => Ok(()),
    }
}
