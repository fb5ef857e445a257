//! A standing zone, sold to its last place.

use bytes::Bytes;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::{judge_hold, places_body};
use crate::load::{Bearer, Call, Outcome, Script};

/// Asks for any places of a zone until it is sold out.
#[derive(Debug)]
pub struct Places {
    body: Bytes,
    buyers: Vec<Bearer>,
    next: AtomicUsize,
    is_sold_out: AtomicBool,
}

impl Places {
    /// Ends with the first answer that not enough places are left.
    pub fn new(event: i64, zone: i64, quantity: u32, buyers: Vec<Bearer>) -> Self {
        Self {
            body: places_body(event, zone, quantity),
            buyers,
            next: AtomicUsize::new(0),
            is_sold_out: AtomicBool::new(false),
        }
    }
}

impl Script for Places {
    fn next(&self, _connection: usize) -> Option<Call> {
        if self.is_sold_out.load(Ordering::Relaxed) {
            return None;
        }
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let buyer = self.buyers[turn % self.buyers.len()].clone();
        let path = "/api/reservations";
        Some(Call::post(path, buyer, self.body.clone()))
    }

    fn judge(&self, _call: &Call, status: u16, body: &[u8]) -> Outcome {
        let outcome = judge_hold(status, body);
        if outcome == Outcome::Refused {
            self.is_sold_out.store(true, Ordering::Relaxed);
        }
        outcome
    }
}
