//! What a cancelled event leaves behind: its holds end, and its buyers are owed their money.
//!
//! ```text
//!   cancelled (committed) ─> every instance: end its holds, mark what is confirmed
//!                            ─> until nothing is left, for as long as there may be stragglers ─> settled
//! ```
//!
//! A hold or a payment that was on its way when the event was cancelled may be committed just after.
//! So an event counts as settled only once nothing was left after every transaction that could have
//! seen it on sale was over; until then every instance looks again, at those events alone.

use futures_util::future::join_all;
use sea_orm::DbErr;
use std::time::Duration;

use super::BoxOffice;
use super::batch::{Needs, Seen, Writes};
use super::change::{ChangeError, end_hold};
use super::commit::Change;
use super::store;
use crate::entity::ledger::Cause;
use crate::entity::reservation::ReservationStatus;
use crate::entity::ticket::TicketStatus;
use crate::ids::{EventId, ReservationId};
use crate::telemetry::count_outcome;

/// Ends the holds of cancelled events and marks their confirmed reservations for refund, until
/// nothing is left to do. Returns how many it changed.
pub async fn settle_cancelled_events(office: &BoxOffice) -> Result<usize, ChangeError> {
    let events = store::unsettled_events(&office.db).await?;
    if events.is_empty() {
        // Nearly always.
        return Ok(0);
    }
    let mut total = 0;
    loop {
        let open = store::open_reservations(&office.db, &events, AT_ONCE).await?;
        if open.is_empty() {
            mark_settled(office, events).await?;
            return Ok(total);
        }
        let (held, confirmed): (Vec<_>, Vec<_>) = open
            .into_iter()
            .partition(|(_, status)| *status == ReservationStatus::Held);
        let ended = end_holds(office, held.into_iter().map(|(id, _)| id)).await;
        let marked = mark_refunds_due(office, confirmed.into_iter().map(|(id, _)| id)).await?;
        let changed = ended? + marked;
        total += changed;
        if changed == 0 {
            // Others are at what is left, or it expires.
            return Ok(total);
        }
    }
}

const AT_ONCE: u64 = 200;

/// Longer than any transaction can take that saw the event on sale.
const STRAGGLERS_FOR: Duration = Duration::from_mins(2);

async fn end_holds(
    office: &BoxOffice,
    ids: impl Iterator<Item = ReservationId>,
) -> Result<usize, ChangeError> {
    let endings = ids.map(|id| office.committer.commit(Cancellation { id }));
    let mut ended = 0;
    let mut failure = None;
    for outcome in join_all(endings).await {
        match outcome {
            Ok(true) => {
                count_outcome("cancel", "ok");
                ended += 1;
            }
            // Another instance has ended it.
            Ok(false) => {}
            Err(err) => failure = Some(err),
        }
    }
    // What found no room in the queue has its turn in the next round, as long as there is one.
    match failure {
        Some(err) if ended == 0 => Err(err),
        _ => Ok(ended),
    }
}

async fn mark_refunds_due(
    office: &BoxOffice,
    ids: impl Iterator<Item = ReservationId>,
) -> Result<usize, DbErr> {
    let ids: Vec<_> = ids.collect();
    if ids.is_empty() {
        return Ok(0);
    }
    let db = office.db.clone();
    office
        .detached(async move { store::mark_refunds_due(&db, &ids).await })
        .await
}

async fn mark_settled(office: &BoxOffice, events: Vec<EventId>) -> Result<(), DbErr> {
    let db = office.db.clone();
    office
        .detached(async move { store::mark_settled(&db, &events, STRAGGLERS_FOR).await })
        .await
}

/// Ends a hold of an event that was cancelled; gives whether it was this that did.
struct Cancellation {
    id: ReservationId,
}

impl Change for Cancellation {
    const OPERATION: &'static str = "cancel";
    type Done = bool;
    type Refused = ChangeError;

    fn needs(&self) -> Needs {
        Needs {
            due: vec![self.id],
            ..Needs::default()
        }
    }

    fn decide(&self, seen: &Seen) -> Result<(bool, Writes), ChangeError> {
        let hold = seen.reservations.get(&self.id);
        let hold = hold.filter(|hold| hold.is_cancelled);
        let hold = hold.filter(|hold| hold.reservation.status == ReservationStatus::Held);
        // One whose time is up expires.
        let Some(hold) = hold.filter(|hold| hold.reservation.expires_at > hold.now) else {
            return Ok((false, Writes::default()));
        };
        let available = (TicketStatus::Available, Cause::Cancel);
        let (_, writes) = end_hold(hold, ReservationStatus::Released, available);
        Ok((true, writes))
    }
}
