//! Confirming: pay for a hold before it ends.
//!
//! ```text
//!   intent ──────> charge ──succeeded──> settle: hold -> confirmed, tickets -> sold,
//!   (committed)    (no transaction,      │       payment -> succeeded, in one transaction
//!                   no connection)       └─ the hold ended meanwhile ──> give the money back
//!                    ├─declined───> payment -> declined; the hold stands
//!                    └─no answer──> give the money back; the hold stands
//! ```
//!
//! A crash between the arrows leaves an intent that is `pending` or a payment that is `voiding`;
//! whichever instance finds it later gives the money back ([`settle_lost_payments`]). So money
//! is kept exactly where tickets were sold.

use sea_orm::DbErr;
use std::time::Duration;

use super::change::{ChangeError, change_whole_hold, running_hold};
use super::commit::{Change, Work, commit};
use super::payment::{self, Charge, Charged};
use super::store::{self, HoldChange};
use super::views::Reservation;
use crate::db;
use crate::entity::ledger::Cause;
use crate::entity::reservation::ReservationStatus;
use crate::entity::ticket::TicketStatus;
use crate::idempotency::Key;
use crate::ids::{PaymentId, ReservationId, UserId};
use crate::money::Money;
use crate::state::App;
use crate::telemetry::count_payment;

/// Pays for a hold and confirms it.
pub async fn confirm_reservation(
    app: &App,
    owner: UserId,
    id: ReservationId,
    token: &str,
    key: Option<&Key>,
) -> Result<Reservation, ChangeError> {
    let intent = Intent {
        payment: PaymentId::random(),
        owner,
        reservation: id,
        token,
    };
    let charge = commit(app, &intent).await?;
    match payment::charge(&charge, app.config.payment_timeout()).await {
        Charged::Succeeded => {
            let settlement = Settlement {
                owner,
                reservation: id,
                charge: &charge,
                key,
            };
            match commit(app, &settlement).await {
                Ok(confirmed) => {
                    count_payment("succeeded");
                    Ok(confirmed)
                }
                Err(reason) => {
                    give_back(app, charge.id).await?;
                    count_payment("refunded");
                    Err(reason)
                }
            }
        }
        Charged::Declined(reason) => {
            store::mark_declined(app, charge.id, reason).await?;
            count_payment("declined");
            Err(ChangeError::Declined(reason))
        }
        Charged::TimedOut => {
            give_back(app, charge.id).await?;
            count_payment("timed_out");
            Err(ChangeError::PaymentTimedOut)
        }
    }
}

/// Gives back the money of payments that some instance began and none finished. Returns how many.
pub async fn settle_lost_payments(app: &App) -> Result<usize, DbErr> {
    // Whoever began it has given up by then.
    let patience = app.config.payment_timeout() + GRACE;
    let lost = store::lost_payments(&app.db, patience).await?;
    for id in &lost {
        give_back(app, *id).await?;
        count_payment("refunded");
    }
    Ok(lost.len())
}

const GRACE: Duration = Duration::from_secs(10);

async fn give_back(app: &App, id: PaymentId) -> Result<(), DbErr> {
    if !store::mark_voiding(app, id).await? {
        // Somebody settled it meanwhile.
        return Ok(());
    }
    if payment::void(id, app.config.payment_timeout()).await {
        store::mark_voided(app, id).await?;
    }
    Ok(())
}

/// Writes down that the provider is about to be asked.
struct Intent<'a> {
    payment: PaymentId,
    owner: UserId,
    reservation: ReservationId,
    token: &'a str,
}

impl Change for Intent<'_> {
    const OPERATION: &'static str = "pay";
    type Done = Charge;
    type Refused = ChangeError;

    async fn apply(&self, work: &mut Work) -> Result<Charge, ChangeError> {
        let hold = running_hold(work, self.owner, self.reservation).await?;
        let charge = Charge {
            id: self.payment,
            amount: Money::new(hold.total_amount, hold.currency),
            token: self.token.to_owned(),
        };
        store::insert_intent(&work.tx, work.now, self.reservation, &charge)
            .await
            .map_err(|err| {
                if db::is_duplicate(&err) {
                    ChangeError::PaymentInProgress
                } else {
                    err.into()
                }
            })?;
        Ok(charge)
    }
}

/// Sells the tickets of a hold for money that was taken.
struct Settlement<'a> {
    owner: UserId,
    reservation: ReservationId,
    charge: &'a Charge,
    key: Option<&'a Key>,
}

impl Change for Settlement<'_> {
    const OPERATION: &'static str = "confirm";
    type Done = Reservation;
    type Refused = ChangeError;

    async fn apply(&self, work: &mut Work) -> Result<Reservation, ChangeError> {
        let hold = running_hold(work, self.owner, self.reservation).await?;
        let was_paid_in_full = hold.total_amount == self.charge.amount.amount;
        if !was_paid_in_full || !store::mark_succeeded(&work.tx, self.charge.id).await? {
            return Err(ChangeError::Outrun);
        }
        let change = HoldChange {
            status: ReservationStatus::Confirmed,
            ended_at: Some(work.now),
            ..HoldChange::none(&hold)
        };
        let sold = (TicketStatus::Sold, Cause::Confirm);
        let confirmed = change_whole_hold(work, hold, change, sold).await?;
        if let Some(key) = self.key {
            key.remember(&work.tx, work.now, &confirmed).await?;
        }
        Ok(confirmed)
    }
}
