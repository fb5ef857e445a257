//! Every seat is asked for, and some more than once: a designed share of requests must lose.

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{judge_hold, seats_body};
use crate::load::{Bearer, Call, Outcome, Script};

/// Asks as a plan says, in the order of the plan.
#[derive(Debug)]
pub struct Duplicates {
    event: i64,
    plan: Vec<i64>,
    buyers: Vec<Bearer>,
    next: AtomicUsize,
}

impl Duplicates {
    /// One request for each ticket, and `percent` of as many again for tickets that are asked for
    /// already, all in random order. Ends when all were made.
    pub fn new(event: i64, tickets: &[i64], percent: u32, buyers: Vec<Bearer>) -> Self {
        Self {
            event,
            plan: plan(tickets, percent, &mut rand::rng()),
            buyers,
            next: AtomicUsize::new(0),
        }
    }
}

impl Script for Duplicates {
    fn next(&self, _connection: usize) -> Option<Call> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let ticket = *self.plan.get(turn)?;
        let buyer = self.buyers[turn % self.buyers.len()].clone();
        let body = seats_body(self.event, &[ticket]);
        Some(Call::post("/api/reservations", buyer, body))
    }

    fn judge(&self, _call: &Call, status: u16, body: &[u8]) -> Outcome {
        judge_hold(status, body)
    }
}

fn plan(tickets: &[i64], percent: u32, rng: &mut impl Rng) -> Vec<i64> {
    let extra = tickets.len() * percent as usize / 100;
    let again = (0..extra).map(|_| tickets[rng.random_range(0..tickets.len())]);
    let mut plan: Vec<i64> = tickets.to_vec();
    plan.extend(again);
    plan.shuffle(rng);
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_seat_is_asked_for_and_as_many_again_as_designed() {
        let tickets: Vec<i64> = (1..=1000).collect();
        for (percent, requests) in [(0, 1000), (10, 1100), (110, 2100)] {
            let plan = plan(&tickets, percent, &mut rand::rng());
            assert_eq!(plan.len(), requests);
            let asked: HashSet<i64> = plan.iter().copied().collect();
            assert_eq!(asked.len(), tickets.len());
        }
    }
}
