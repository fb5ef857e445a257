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
//! Where nothing is to be paid, the intent itself sells the tickets: the provider is not asked, and
//! there is no payment.
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
    token: Option<String>,
    key: Option<&Key>,
) -> Result<Reservation, ChangeError> {
    let intent = Intent {
        payment: PaymentId::random(),
        owner,
        reservation: id,
        token,
        key: key.cloned(),
    };
    let charge = match office.committer.commit(intent).await? {
        Begun::ToBePaid(charge) => charge,
        Begun::ForNothing(confirmed) => return Ok(confirmed),
    };
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

/// Writes down that the provider is about to be asked, or sells what costs nothing.
struct Intent {
    payment: PaymentId,
    owner: UserId,
    reservation: ReservationId,
    token: Option<String>,
    /// Not kept with a charge, but it must be new: nobody is charged twice for one request.
    key: Option<Key>,
}

/// How the confirmation of a hold goes on.
enum Begun {
    /// The provider is to be asked.
    ToBePaid(Charge),
    /// It cost nothing and is confirmed.
    ForNothing(Reservation),
}

impl Change for Intent {
    const OPERATION: &'static str = "pay";
    type Done = Begun;
    type Refused = ChangeError;

    fn needs(&self) -> Needs {
        change::needs(self.reservation, self.key.as_ref())
    }

    fn decide(&self, seen: &Seen) -> Result<(Begun, Writes), ChangeError> {
        seen.check_key(self.key.as_ref())?;
        let hold = running_hold(seen, self.owner, self.reservation)?;
        refuse_cancelled(hold)?;
        if hold.payment.is_some() {
            return Err(ChangeError::PaymentInProgress);
        }
        if hold.reservation.total_amount == 0 {
            let (confirmed, mut writes) = end_hold(hold, ReservationStatus::Confirmed, SOLD);
            writes.keep(self.key.as_ref(), hold.now, &confirmed)?;
            return Ok((Begun::ForNothing(confirmed), writes));
        }
        let token = self.token.clone().ok_or(ChangeError::PaymentRequired)?;
        let charge = Charge {
            id: self.payment,
            amount: Money::new(
                hold.reservation.total_amount,
                hold.reservation.currency.as_str(),
            ),
            token,
        };
        let writes = Writes {
            payments: vec![charge.intent(self.reservation, hold.now)],
            ..Writes::default()
        };
        Ok((Begun::ToBePaid(charge), writes))
    }
}

const SOLD: (TicketStatus, Cause) = (TicketStatus::Sold, Cause::Confirm);

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
        let (confirmed, mut writes) = end_hold(hold, ReservationStatus::Confirmed, SOLD);
        writes.paid.push(self.charge.id);
        writes.keep(self.key.as_ref(), hold.now, &confirmed)?;
        Ok((confirmed, writes))
    }
}
