//! Expiring: every instance ends the holds whose time is up, by the database's time.
//!
//! None of them is special. On PostgreSQL they skip what another is ending (`SKIP LOCKED`); and
//! if two met all the same, the second would find the hold no longer held.

use futures_util::future::join_all;
use sea_orm::DbErr;

use super::BoxOffice;
use super::batch::{Needs, Seen, Writes};
use super::change::{ChangeError, end_hold};
use super::commit::Change;
use super::store;
use crate::entity::ledger::Cause;
use crate::entity::reservation::ReservationStatus;
use crate::entity::ticket::TicketStatus;
use crate::ids::ReservationId;
use crate::state::App;
use crate::telemetry::{EXPIRY_LAG, HOLDS_ACTIVE, HOLDS_EXPIRED, count_outcome};

/// Ends holds whose time is up, until none is left. Returns how many.
pub async fn expire_due_holds(office: &BoxOffice) -> Result<usize, ChangeError> {
    let mut total = 0;
    loop {
        let due = store::due_holds(&office.db, HOLDS_AT_ONCE).await?;
        if due.is_empty() {
            return Ok(total);
        }
        let expiries = due
            .into_iter()
            .map(|id| office.committer.commit(Expiry { id }));
        let mut ended = 0;
        let mut failure = None;
        for outcome in join_all(expiries).await {
            match outcome {
                Ok(Some(lag_secs)) => {
                    metrics::histogram!(EXPIRY_LAG).record(lag_secs);
                    metrics::counter!(HOLDS_EXPIRED).increment(1);
                    count_outcome("expire", "ok");
                    ended += 1;
                }
                // Another instance has ended it.
                Ok(None) => {}
                Err(err) => failure = Some(err),
            }
        }
        total += ended;
        if ended == 0 {
            // Others are at what is left, or nothing can be committed. As long as something can,
            // what found no room in the queue has its turn in the next round.
            return failure.map_or(Ok(total), Err);
        }
    }
}

/// Records how many holds are running.
pub async fn sample_active_holds(app: &App) -> Result<(), DbErr> {
    let holds = store::count_holds(&app.db).await?;
    #[expect(
        clippy::cast_precision_loss,
        reason = "a gauge is a float, and nobody has 2^52 holds"
    )]
    metrics::gauge!(HOLDS_ACTIVE).set(holds as f64);
    Ok(())
}

const HOLDS_AT_ONCE: u64 = 200;

/// Ends a hold; gives how late it was ended, in seconds, where it was this instance that did.
struct Expiry {
    id: ReservationId,
}

impl Change for Expiry {
    const OPERATION: &'static str = "expire";
    type Done = Option<f64>;
    type Refused = ChangeError;

    fn needs(&self) -> Needs {
        Needs {
            due: vec![self.id],
            ..Needs::default()
        }
    }

    fn decide(&self, seen: &Seen) -> Result<(Option<f64>, Writes), ChangeError> {
        let due = seen.reservations.get(&self.id);
        let due = due.filter(|hold| hold.reservation.status == ReservationStatus::Held);
        let Some(hold) = due.filter(|hold| hold.reservation.expires_at <= hold.now) else {
            return Ok((None, Writes::default()));
        };
        let available = (TicketStatus::Available, Cause::Expire);
        let (_, writes) = end_hold(hold, ReservationStatus::Expired, available);
        let lag = hold.now - hold.reservation.expires_at;
        Ok((Some(lag.as_seconds_f64()), writes))
    }
}
