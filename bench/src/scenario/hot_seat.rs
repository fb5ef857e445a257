//! Everybody wants the same seat.

use bytes::Bytes;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{judge_hold, seats_body};
use crate::load::{Bearer, Call, Outcome, Script};

/// Asks for one seat, each time for another buyer.
#[derive(Debug)]
pub struct HotSeat {
    body: Bytes,
    buyers: Vec<Bearer>,
    next: AtomicUsize,
}

impl HotSeat {
    /// Never ends by itself.
    pub fn new(event: i64, ticket: i64, buyers: Vec<Bearer>) -> Self {
        Self {
            body: seats_body(event, &[ticket]),
            buyers,
            next: AtomicUsize::new(0),
        }
    }
}

impl Script for HotSeat {
    fn next(&self, _connection: usize) -> Option<Call> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let buyer = self.buyers[turn % self.buyers.len()].clone();
        let path = "/api/reservations";
        Some(Call::post(path, buyer, self.body.clone()))
    }

    fn judge(&self, _call: &Call, status: u16, body: &[u8]) -> Outcome {
        judge_hold(status, body)
    }
}
