//! Expiring: every instance ends the holds whose time is up, by the database's time.
//!
//! None of them is special. On PostgreSQL they skip what another is ending (`SKIP LOCKED`); and
//! if two met all the same, the second would find the hold no longer held.

use sea_orm::DbErr;

use super::change::{ChangeError, move_tickets};
use super::commit::{Change, Work, commit};
use super::store;
use crate::entity::ledger::Cause;
use crate::entity::ticket::TicketStatus;
use crate::ids::ReservationId;
use crate::state::App;
use crate::telemetry::{EXPIRY_LAG, HOLDS_ACTIVE, HOLDS_EXPIRED, count_outcome};

/// Ends holds whose time is up, until none is left. Returns how many.
pub async fn expire_due_holds(app: &App) -> Result<usize, ChangeError> {
    let mut total = 0;
    // Asked several times a second, and mostly for nothing, so without a transaction.
    while store::has_due_holds(&app.db).await? {
        let lags = commit(app, &Expiry).await?;
        for lag in &lags {
            metrics::histogram!(EXPIRY_LAG).record(*lag);
            count_outcome("expire", "ok");
        }
        metrics::counter!(HOLDS_EXPIRED).increment(lags.len() as u64);
        total += lags.len();
        if lags.is_empty() {
            // Another instance is ending them.
            break;
        }
    }
    Ok(total)
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

const HOLDS_AT_ONCE: u64 = 100;

/// Ends some holds; gives how late each was ended, in seconds.
struct Expiry;

impl Change for Expiry {
    const OPERATION: &'static str = "expire";
    type Done = Vec<f64>;
    type Refused = ChangeError;

    async fn apply(&self, work: &mut Work) -> Result<Vec<f64>, ChangeError> {
        let due = store::due_holds(&work.tx, HOLDS_AT_ONCE).await?;
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<_> = due.iter().map(|hold| ReservationId(hold.id)).collect();
        let tickets = store::tickets_of(&work.tx, &due).await?;
        if store::mark_expired(&work.tx, work.now, &ids).await? != due.len() as u64 {
            return Err(ChangeError::Outrun);
        }
        for hold in &due {
            let of_hold: Vec<_> = tickets
                .iter()
                .filter(|(id, _)| id.0 == hold.id)
                .map(|(_, ticket)| ticket.clone())
                .collect();
            move_tickets(work, hold, &of_hold, TicketStatus::Available, Cause::Expire).await?;
        }
        let lag = |hold: &crate::entity::reservation::Model| {
            (work.now - hold.expires_at).as_seconds_f64()
        };
        Ok(due.iter().map(lag).collect())
    }
}
