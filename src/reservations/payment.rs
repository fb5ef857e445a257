//! The payment provider: today a simulated one, with tokens that succeed, decline and time out.
//!
//! A provider is told the payment's id with every call and must do nothing twice for it; giving
//! back what was never taken must succeed. That is what real ones promise for idempotency keys,
//! and what makes an answer that got lost harmless.

use chrono::{DateTime, Utc};
use std::time::Duration;
use tokio::time::timeout;

use crate::entity::payment::{self, PaymentStatus};
use crate::ids::{PaymentId, ReservationId};
use crate::money::Money;

/// A way to pay, as the caller names it.
const SIMULATED: &str = "simulated";

/// What the provider is asked for.
#[derive(Debug, Clone)]
pub struct Charge {
    pub id: PaymentId,
    pub amount: Money,
    pub token: String,
}

impl Charge {
    /// What is written down before the provider is asked.
    pub fn intent(&self, reservation: ReservationId, now: DateTime<Utc>) -> payment::Model {
        payment::Model {
            id: self.id.0,
            reservation_id: reservation.0,
            amount: self.amount.amount,
            currency: self.amount.currency.clone(),
            method: SIMULATED.to_owned(),
            token: self.token.clone(),
            status: PaymentStatus::Pending,
            reason: None,
            created_at: now,
            updated_at: now,
        }
    }
}

/// What the provider answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Charged {
    /// The money is ours.
    Succeeded,
    /// It said no, for this reason.
    Declined(&'static str),
    /// It did not answer; the money may be ours.
    TimedOut,
}

/// Asks for money, for as long as `patience` at the most.
pub async fn charge(charge: &Charge, patience: Duration) -> Charged {
    timeout(patience, simulate_charge(charge))
        .await
        .unwrap_or(Charged::TimedOut)
}

/// Gives back whatever was taken for a payment; whether the provider confirmed it.
pub async fn void(id: PaymentId, patience: Duration) -> bool {
    timeout(patience, simulate_void(id)).await.is_ok()
}

async fn simulate_charge(charge: &Charge) -> Charged {
    match charge.token.as_str() {
        "tok_success" => Charged::Succeeded,
        "tok_decline" => Charged::Declined("card_declined"),
        "tok_insufficient_funds" => Charged::Declined("insufficient_funds"),
        "tok_timeout" => std::future::pending().await,
        // Takes a while and then succeeds: for races against the end of the hold.
        "tok_slow" => {
            tokio::time::sleep(SLOW).await;
            Charged::Succeeded
        }
        _ => Charged::Declined("unknown_token"),
    }
}

async fn simulate_void(id: PaymentId) {
    tracing::info!(payment = %id, "a payment was voided");
    tokio::task::yield_now().await;
}

const SLOW: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_token_does_what_its_name_says() {
        for (token, charged) in [
            ("tok_success", Charged::Succeeded),
            ("tok_slow", Charged::Succeeded),
            ("tok_decline", Charged::Declined("card_declined")),
            (
                "tok_insufficient_funds",
                Charged::Declined("insufficient_funds"),
            ),
            ("tok_timeout", Charged::TimedOut),
            ("whatever", Charged::Declined("unknown_token")),
        ] {
            let wanted = Charge {
                id: PaymentId::random(),
                amount: Money::new(100, "EUR"),
                token: token.to_owned(),
            };
            assert_eq!(
                charge(&wanted, Duration::from_secs(3)).await,
                charged,
                "{token}"
            );
        }
    }
}
