//! Locking the tickets that the changes of a batch are to take.

use super::batch::Failure;
use super::queue::Queued;
use crate::config::WithoutLocks;
use crate::coordination::{Claim, ClaimError};
use crate::state::App;
use crate::telemetry::LOCK_BYPASSED;

/// Locks all that a batch is to take, and answers those changes of whose tickets another instance has
/// some. Gives the others.
pub async fn lock(app: &App, batch: Vec<Box<dyn Queued>>) -> Vec<Box<dyn Queued>> {
    let (mut permitted, mut takers, mut marked) = (Vec::new(), Vec::new(), Vec::new());
    for mut change in batch {
        match change.take_marks() {
            Some(marks) => {
                marked.push(marks);
                takers.push(change);
            }
            None => permitted.push(change),
        }
    }
    if takers.is_empty() {
        return permitted;
    }
    let claims = app.coordinator.claim(marked).await;
    for (mut change, claim) in takers.into_iter().zip(claims) {
        match permit(app, claim) {
            Ok(claim) => {
                change.permit(claim);
                permitted.push(change);
            }
            Err(failure) => {
                change.fail(failure);
                change.answer();
            }
        }
    }
    permitted
}

/// Whether a change may go on, with its locks or without.
fn permit(app: &App, claim: Result<Claim, ClaimError>) -> Result<Option<Claim>, Failure> {
    match claim {
        Ok(claim) if claim.is_live() => Ok(Some(claim)),
        Ok(_) | Err(ClaimError::Contended) => Err(Failure::Contended),
        Err(ClaimError::QuorumLost | ClaimError::TimedOut) => match app.config.without_locks {
            WithoutLocks::Continue => {
                metrics::counter!(LOCK_BYPASSED).increment(1);
                Ok(None)
            }
            WithoutLocks::Refuse => Err(Failure::WithoutLocks),
        },
    }
}
