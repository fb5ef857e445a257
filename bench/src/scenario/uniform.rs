//! Distinct seats: every request asks for a seat that nobody else asks for.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{judge_hold, seats_body};
use crate::load::{Bearer, Call, Outcome, Script};

/// Sells seats in their order, each asked for once.
#[derive(Debug)]
pub struct Uniform {
    event: i64,
    tickets: Vec<i64>,
    buyers: Vec<Bearer>,
    next: AtomicUsize,
}

impl Uniform {
    /// Ends when every ticket was asked for.
    pub fn new(event: i64, tickets: Vec<i64>, buyers: Vec<Bearer>) -> Self {
        Self {
            event,
            tickets,
            buyers,
            next: AtomicUsize::new(0),
        }
    }
}

impl Script for Uniform {
    fn next(&self, _connection: usize) -> Option<Call> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let ticket = *self.tickets.get(turn)?;
        let buyer = self.buyers[turn % self.buyers.len()].clone();
        let body = seats_body(self.event, &[ticket]);
        Some(Call::post("/api/reservations", buyer, body))
    }

    fn judge(&self, _call: &Call, status: u16, body: &[u8]) -> Outcome {
        judge_hold(status, body)
    }
}
