//! After the rush: nine of ten requests are for seats that are taken, one is for a free one.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{judge_hold, seats_body};
use crate::load::{Bearer, Call, Outcome, Script};

/// Asks for taken seats in turn, and every tenth time for a seat that is free.
#[derive(Debug)]
pub struct SoldOut {
    event: i64,
    taken: Vec<i64>,
    free: Vec<i64>,
    buyers: Vec<Bearer>,
    next: AtomicUsize,
}

impl SoldOut {
    /// Ends when every free ticket was asked for.
    pub fn new(event: i64, taken: Vec<i64>, free: Vec<i64>, buyers: Vec<Bearer>) -> Self {
        Self {
            event,
            taken,
            free,
            buyers,
            next: AtomicUsize::new(0),
        }
    }

    fn ticket(&self, turn: usize) -> Option<i64> {
        if turn.is_multiple_of(10) {
            return self.free.get(turn / 10).copied();
        }
        // A stride that is prime to most sizes, so that neighbours do not follow each other.
        Some(self.taken[turn.wrapping_mul(7919) % self.taken.len()])
    }
}

impl Script for SoldOut {
    fn next(&self, _connection: usize) -> Option<Call> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let ticket = self.ticket(turn)?;
        let buyer = self.buyers[turn % self.buyers.len()].clone();
        let body = seats_body(self.event, &[ticket]);
        Some(Call::post("/api/reservations", buyer, body))
    }

    fn judge(&self, _call: &Call, status: u16, body: &[u8]) -> Outcome {
        judge_hold(status, body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_ten_is_free_and_none_of_those_twice() {
        let script = SoldOut::new(1, (0..50).collect(), (100..110).collect(), Vec::new());
        let asked: Vec<i64> = (0..).map_while(|turn| script.ticket(turn)).collect();
        assert_eq!(asked.len(), 100);
        let free: Vec<i64> = asked.iter().copied().filter(|id| *id >= 100).collect();
        assert_eq!(free, (100..110).collect::<Vec<_>>());
    }
}
