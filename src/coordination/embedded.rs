//! Coordination within one process: the set of tickets that somebody works on.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Claim, ClaimError, Held};

/// The tickets marked in this process. Clones share the set.
#[derive(Debug, Clone, Default)]
pub struct Embedded {
    marked: Arc<Mutex<HashSet<i64>>>,
}

impl Embedded {
    /// Marks every ticket, or none if one of them already is.
    pub(super) fn mark(&self, tickets: Vec<i64>) -> Result<Marks, ClaimError> {
        let mut marked = self.lock();
        if tickets.iter().any(|ticket| marked.contains(ticket)) {
            return Err(ClaimError::Contended);
        }
        marked.extend(&tickets);
        Ok(Marks {
            tickets,
            embedded: self.clone(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<i64>> {
        // No code that runs under this lock can leave the set half changed, so a panic elsewhere
        // does not spoil it.
        self.marked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tickets that are marked until this is dropped, in ascending order.
#[derive(Debug)]
pub struct Marks {
    pub(super) tickets: Vec<i64>,
    embedded: Embedded,
}

impl Drop for Marks {
    fn drop(&mut self) {
        let mut marked = self.embedded.lock();
        for ticket in &self.tickets {
            marked.remove(ticket);
        }
    }
}

impl From<Marks> for Claim {
    fn from(marks: Marks) -> Self {
        // Within a process nothing takes a claim away from its holder, so it lives until it is
        // given back.
        Self {
            live_until: None,
            held: Held::Embedded(marks),
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
    async fn a_claimed_ticket_cannot_be_claimed_again_until_it_is_given_back() {
        let coordinator = coordinator();
        let marks = coordinator.mark(&[1]).unwrap();
        let claims = coordinator.claim(vec![marks]).await;
        assert!(claims[0].as_ref().is_ok_and(Claim::is_live));
        assert_eq!(coordinator.mark(&[1]).unwrap_err(), ClaimError::Contended);
        drop(claims);
        let _again = coordinator.mark(&[1]).unwrap();
    }

    #[test]
    fn who_meets_a_marked_ticket_marks_none() {
        let coordinator = coordinator();
        let two = coordinator.mark(&[2]).unwrap();
        assert_eq!(
            coordinator.mark(&[1, 2, 3]).unwrap_err(),
            ClaimError::Contended
        );
        let _others = coordinator.mark(&[1, 3]).unwrap();
        drop(two);
        let _again = coordinator.mark(&[2]).unwrap();
    }

    #[test]
    fn a_ticket_named_twice_is_marked_once() {
        let coordinator = coordinator();
        drop(coordinator.mark(&[7, 7]).unwrap());
        let _again = coordinator.mark(&[7]).unwrap();
    }

    #[test]
    fn embedded_coordination_depends_on_nothing() {
        assert_eq!(coordinator().health(), super::super::Health::default());
    }
}
