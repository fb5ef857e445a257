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

use super::BoxOffice;
use super::batch::{Needs, Seen, Writes};
use super::change::{self, ChangeError, end_hold, refuse_cancelled, running_hold};
use super::commit::Change;
use super::payment::{self, Charge, Charged};
use super::store;
use super::views::Reservation;
use crate::entity::ledger::Cause;
use crate::entity::payment::PaymentStatus;
use crate::entity::reservation::ReservationStatus;
use crate::entity::ticket::TicketStatus;
use crate::idempotency::Key;
use crate::ids::{PaymentId, ReservationId, UserId};
use crate::money::Money;
use crate::state::App;
use crate::telemetry::count_payment;

/// Pays for a hold and confirms it.
pub async fn confirm_reservation(
    office: &BoxOffice,
    owner: UserId,
    id: ReservationId,
    token: &str,
    key: Option<&Key>,
) -> Result<Reservation, ChangeError> {
    let intent = Intent {
        payment: PaymentId::random(),
        owner,
        reservation: id,
        token: token.to_owned(),
        key: key.cloned(),
    };
    let charge = office.committer.commit(intent).await?;
    match payment::charge(&charge, office.config.payment_timeout()).await {
        Charged::Succeeded => {
            let settlement = Settlement {
                owner,
                reservation: id,
                charge: charge.clone(),
                key: key.cloned(),
            };
            match office.committer.commit(settlement).await {
                Ok(confirmed) => {
                    count_payment("succeeded");
                    Ok(confirmed)
                }
                Err(reason) => {
                    give_back(office, charge.id).await?;
                    count_payment("refunded");
                    Err(reason)
                }
            }
        }
        Charged::Declined(reason) => {
            store::mark_declined(office, charge.id, reason).await?;
            count_payment("declined");
            Err(ChangeError::Declined(reason))
        }
        Charged::TimedOut => {
            give_back(office, charge.id).await?;
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
struct Intent {
    payment: PaymentId,
    owner: UserId,
    reservation: ReservationId,
    token: String,
    /// Not kept with it, but it must be new: nobody is charged twice for one request.
    key: Option<Key>,
}

impl Change for Intent {
    const OPERATION: &'static str = "pay";
    type Done = Charge;
    type Refused = ChangeError;

    fn needs(&self) -> Needs {
        change::needs(self.reservation, self.key.as_ref())
    }

    fn decide(&self, seen: &Seen) -> Result<(Charge, Writes), ChangeError> {
        seen.check_key(self.key.as_ref())?;
        let hold = running_hold(seen, self.owner, self.reservation)?;
        refuse_cancelled(hold)?;
        if hold.payment.is_some() {
            return Err(ChangeError::PaymentInProgress);
        }
        let charge = Charge {
            id: self.payment,
            amount: Money::new(
                hold.reservation.total_amount,
                hold.reservation.currency.as_str(),
            ),
            token: self.token.clone(),
        };
        let writes = Writes {
            payments: vec![charge.intent(self.reservation, hold.now)],
            ..Writes::default()
        };
        Ok((charge, writes))
    }
}

/// Sells the tickets of a hold for money that was taken.
struct Settlement {
    owner: UserId,
    reservation: ReservationId,
    charge: Charge,
    key: Option<Key>,
}

impl Change for Settlement {
    const OPERATION: &'static str = "confirm";
    type Done = Reservation;
    type Refused = ChangeError;

    fn needs(&self) -> Needs {
        change::needs(self.reservation, self.key.as_ref())
    }

    fn decide(&self, seen: &Seen) -> Result<(Reservation, Writes), ChangeError> {
        seen.check_key(self.key.as_ref())?;
        let hold = running_hold(seen, self.owner, self.reservation)?;
        refuse_cancelled(hold)?;
        let was_paid_in_full = hold.reservation.total_amount == self.charge.amount.amount;
        // It may have been given back meanwhile.
        let is_pending = hold.payment == Some((self.charge.id, PaymentStatus::Pending));
        if !was_paid_in_full || !is_pending {
            return Err(ChangeError::Outrun);
        }
        let sold = (TicketStatus::Sold, Cause::Confirm);
        let (confirmed, mut writes) = end_hold(hold, ReservationStatus::Confirmed, sold);
        writes.paid.push(self.charge.id);
        writes.keep(self.key.as_ref(), hold.now, &confirmed)?;
        Ok((confirmed, writes))
    }
}
