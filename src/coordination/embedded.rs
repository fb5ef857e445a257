//! Coordination within one process: the set of tickets that somebody works on.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Claim, ClaimError, Held};

/// The tickets claimed in this process. Clones share the set.
#[derive(Debug, Clone, Default)]
pub struct Embedded {
    claimed: Arc<Mutex<HashSet<i64>>>,
}

impl Embedded {
    /// Marks every ticket as claimed, or none if one of them already is.
    pub(super) fn claim(&self, tickets: &[i64]) -> Result<Marks, ClaimError> {
        let mut claimed = self.lock();
        if tickets.iter().any(|ticket| claimed.contains(ticket)) {
            return Err(ClaimError::Contended);
        }
        claimed.extend(tickets);
        Ok(Marks {
            tickets: tickets.to_vec(),
            embedded: self.clone(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<i64>> {
        // No code that runs under this lock can leave the set half changed, so a panic elsewhere
        // does not spoil it.
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tickets marked as claimed until this is dropped.
#[derive(Debug)]
pub(super) struct Marks {
    tickets: Vec<i64>,
    embedded: Embedded,
}

impl Drop for Marks {
    fn drop(&mut self) {
        let mut claimed = self.embedded.lock();
        for ticket in &self.tickets {
            claimed.remove(ticket);
        }
    }
}

impl From<Marks> for Claim {
    fn from(marks: Marks) -> Self {
        // Within a process nothing takes a claim away from its holder, so it lives until it is
        // given back.
        Self {
            live_until: None,
            _held: Held::Embedded(marks),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Coordinator;
    use super::*;

    fn coordinator() -> Coordinator {
        Coordinator::Embedded(Embedded::default())
    }

    #[tokio::test]
    async fn a_claimed_ticket_cannot_be_claimed_again_until_it_is_released() {
        let coordinator = coordinator();
        let claim = coordinator.claim(&[1]).await.unwrap();
        assert!(claim.is_live());
        assert_eq!(
            coordinator.claim(&[1]).await.unwrap_err(),
            ClaimError::Contended
        );
        claim.release();
        let _again = coordinator.claim(&[1]).await.unwrap();
    }

    #[tokio::test]
    async fn dropping_a_claim_releases_it() {
        let coordinator = coordinator();
        drop(coordinator.claim(&[1, 2]).await.unwrap());
        let _again = coordinator.claim(&[2, 1]).await.unwrap();
    }

    #[tokio::test]
    async fn a_contended_claim_takes_nothing() {
        let coordinator = coordinator();
        let _two = coordinator.claim(&[2]).await.unwrap();
        assert_eq!(
            coordinator.claim(&[1, 2, 3]).await.unwrap_err(),
            ClaimError::Contended
        );
        let _one = coordinator.claim(&[1]).await.unwrap();
        let _three = coordinator.claim(&[3]).await.unwrap();
    }

    #[tokio::test]
    async fn a_ticket_named_twice_is_claimed_once() {
        let coordinator = coordinator();
        coordinator.claim(&[7, 7]).await.unwrap().release();
        let _again = coordinator.claim(&[7]).await.unwrap();
    }

    #[test]
    fn embedded_coordination_depends_on_nothing() {
        assert_eq!(coordinator().health(), super::super::Health::default());
    }
}
