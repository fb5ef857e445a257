//! Releasing: the buyer gives a hold up, or one ticket of it.

use super::change::{
    ChangeError, change_hold, change_whole_hold, move_tickets, running_hold, tickets_of,
};
use super::commit::{Change, Work, commit};
use super::store::{self, HoldChange};
use super::views::Reservation;
use crate::entity::ledger::Cause;
use crate::entity::reservation::ReservationStatus;
use crate::entity::ticket::TicketStatus;
use crate::idempotency::Key;
use crate::ids::{ReservationId, TicketId, UserId};
use crate::state::App;

/// Gives a whole hold up. Doing it again changes nothing.
pub async fn release_hold(app: &App, owner: UserId, id: ReservationId) -> Result<(), ChangeError> {
    match commit(app, &WholeRelease { owner, id }).await {
        // Nginx or a client may send a DELETE twice.
        Err(ChangeError::InvalidTransition(ReservationStatus::Released)) => Ok(()),
        outcome => outcome,
    }
}

/// Gives one ticket of the caller's hold up; with its last ticket the hold is released.
pub async fn release_ticket(
    app: &App,
    owner: UserId,
    ticket: TicketId,
    key: Option<&Key>,
) -> Result<Reservation, ChangeError> {
    commit(app, &TicketRelease { owner, ticket, key }).await
}

struct WholeRelease {
    owner: UserId,
    id: ReservationId,
}

impl Change for WholeRelease {
    const OPERATION: &'static str = "release";
    type Done = ();
    type Refused = ChangeError;

    async fn apply(&self, work: &mut Work) -> Result<(), ChangeError> {
        let hold = running_hold(work, self.owner, self.id).await?;
        refuse_while_paying(work, self.id).await?;
        let change = HoldChange {
            status: ReservationStatus::Released,
            ended_at: Some(work.now),
            ..HoldChange::none(&hold)
        };
        let available = (TicketStatus::Available, Cause::Release);
        change_whole_hold(work, hold, change, available).await?;
        Ok(())
    }
}

struct TicketRelease<'a> {
    owner: UserId,
    ticket: TicketId,
    key: Option<&'a Key>,
}

impl Change for TicketRelease<'_> {
    const OPERATION: &'static str = "release";
    type Done = Reservation;
    type Refused = ChangeError;

    async fn apply(&self, work: &mut Work) -> Result<Reservation, ChangeError> {
        let id = store::own_hold_of_ticket(&work.tx, self.owner, self.ticket)
            .await?
            .ok_or(ChangeError::NoSuchReservation)?;
        let hold = running_hold(work, self.owner, id).await?;
        refuse_while_paying(work, id).await?;
        let (given_up, kept): (Vec<_>, Vec<_>) = tickets_of(work, &hold)
            .await?
            .into_iter()
            .partition(|ticket| ticket.id == self.ticket.0);
        let available = (TicketStatus::Available, Cause::Release);
        let released = if kept.is_empty() {
            let change = HoldChange {
                status: ReservationStatus::Released,
                ended_at: Some(work.now),
                ..HoldChange::none(&hold)
            };
            change_whole_hold(work, hold, change, available).await?
        } else {
            let change = HoldChange {
                total_amount: kept.iter().map(|ticket| ticket.price_amount).sum(),
                ..HoldChange::none(&hold)
            };
            let hold = change_hold(work, hold, change).await?;
            move_tickets(work, &hold, &given_up, available.0, available.1).await?;
            Reservation::new(hold, kept)
        };
        if let Some(key) = self.key {
            key.remember(&work.tx, work.now, &released).await?;
        }
        Ok(released)
    }
}

/// What is being paid for must not become less meanwhile.
async fn refuse_while_paying(work: &Work, id: ReservationId) -> Result<(), ChangeError> {
    if store::has_pending_payment(&work.tx, id).await? {
        return Err(ChangeError::PaymentInProgress);
    }
    Ok(())
}
