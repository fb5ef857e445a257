//! A day at the box office: visitors look around, hold a seat, and pay, think better of it, or leave.

use http::{HeaderValue, Method};
use rand::RngExt;
use serde::Deserialize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{judge_hold, seats_body};
use crate::load::{Bearer, Call, Outcome, Script};
use crate::target::SaleEvent;

/// One visitor at a time on each connection.
#[derive(Debug)]
pub struct Mixed {
    event: i64,
    tickets: Vec<i64>,
    buyers: Vec<Bearer>,
    visitors: Vec<Mutex<Visitor>>,
}

/// Where a visitor is.
#[derive(Debug)]
struct Visitor {
    buyer: Bearer,
    next: Step,
    /// The `ETag` of the seat map that this browser has.
    entity_tag: Option<HeaderValue>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Look,
    Count,
    Map,
    Hold,
    Confirm(String),
    Release(String),
}

const KINDS: &[&str] = &[
    "event",
    "availability",
    "seats",
    "hold",
    "confirm",
    "release",
];

impl Mixed {
    /// Never ends by itself.
    pub fn new(event: &SaleEvent, buyers: Vec<Bearer>, connections: usize) -> Self {
        let visitor = |connection: usize| {
            Mutex::new(Visitor {
                buyer: buyers[connection % buyers.len()].clone(),
                next: Step::Look,
                entity_tag: None,
            })
        };
        Self {
            event: event.id,
            tickets: event.zones[0].ticket_ids.clone(),
            visitors: (0..connections).map(visitor).collect(),
            buyers,
        }
    }

    fn visitor(&self, connection: usize) -> MutexGuard<'_, Visitor> {
        let visitor = &self.visitors[connection];
        visitor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The visitor leaves, and another comes, with a browser of their own.
    fn welcome(&self, visitor: &mut Visitor) {
        let buyer = rand::rng().random_range(0..self.buyers.len());
        *visitor = Visitor {
            buyer: self.buyers[buyer].clone(),
            next: Step::Look,
            entity_tag: None,
        };
    }

    /// What a visitor does after an answer.
    fn go_on(&self, visitor: &mut Visitor, outcome: Outcome, body: &[u8]) {
        let dice = rand::rng().random_range(0..100);
        visitor.next = match (&visitor.next, outcome) {
            (Step::Look, _) => Step::Count,
            (Step::Count, _) => Step::Map,
            // Some look twice before they choose.
            (Step::Map, _) if dice < 30 => Step::Map,
            (Step::Map, _) => Step::Hold,
            (Step::Hold, Outcome::Won) => match (reservation_id(body), dice) {
                (Some(id), 0..50) => Step::Confirm(id),
                (Some(id), 50..75) => Step::Release(id),
                // The hold is left to expire.
                _ => return self.welcome(visitor),
            },
            // Gone: back to the map, for another seat.
            (Step::Hold, Outcome::Refused | Outcome::Contended) if dice < 50 => Step::Map,
            _ => return self.welcome(visitor),
        };
    }

    fn call(&self, visitor: &Visitor) -> Call {
        let event = self.event;
        let bearer = visitor.buyer.clone();
        match &visitor.next {
            Step::Look => Call::get(format!("/api/events/{event}")),
            Step::Count => Call::get(format!("/api/events/{event}/availability")),
            Step::Map => Call::get(format!("/api/events/{event}/seats")),
            Step::Hold => {
                let ticket = self.tickets[rand::rng().random_range(0..self.tickets.len())];
                let body = seats_body(event, &[ticket]);
                Call::post("/api/reservations", bearer, body)
            }
            Step::Confirm(id) => {
                let path = format!("/api/reservations/{id}/confirm");
                Call::post(path, bearer, PAYMENT)
            }
            Step::Release(id) => Call {
                method: Method::DELETE,
                bearer: Some(bearer),
                ..Call::get(format!("/api/reservations/{id}"))
            },
        }
    }
}

const PAYMENT: &str = r#"{"payment":{"method":"simulated","token":"tok_success"}}"#;

// The tag of a call is its connection and kind.
impl Script for Mixed {
    fn next(&self, connection: usize) -> Option<Call> {
        let visitor = self.visitor(connection);
        let kind = match visitor.next {
            Step::Look => 0,
            Step::Count => 1,
            Step::Map => 2,
            Step::Hold => 3,
            Step::Confirm(_) => 4,
            Step::Release(_) => 5,
        };
        let tag = (connection * KINDS.len() + kind) as u64;
        Some(self.call(&visitor).tagged(tag))
    }

    fn judge(&self, call: &Call, status: u16, body: &[u8]) -> Outcome {
        let mut visitor = self.visitor(connection_of(call));
        let outcome = match (&visitor.next, status) {
            (Step::Hold, _) => judge_hold(status, body),
            (_, 200..300 | 304) => Outcome::Done,
            // The hold ended first.
            (Step::Confirm(_) | Step::Release(_), 410) => Outcome::Refused,
            (_, 503) => Outcome::Busy,
            _ => Outcome::Failed,
        };
        self.go_on(&mut visitor, outcome, body);
        outcome
    }

    fn known_entity_tag(&self, call: &Call) -> Option<HeaderValue> {
        let visitor = self.visitor(connection_of(call));
        let tag = visitor.entity_tag.clone();
        tag.filter(|_| visitor.next == Step::Map)
    }

    fn note_entity_tag(&self, call: &Call, entity_tag: &HeaderValue) {
        self.visitor(connection_of(call)).entity_tag = Some(entity_tag.clone());
    }

    fn kinds(&self) -> &'static [&'static str] {
        KINDS
    }

    fn kind(&self, call: &Call) -> usize {
        position(call.tag) % KINDS.len()
    }
}

fn connection_of(call: &Call) -> usize {
    position(call.tag) / KINDS.len()
}

fn position(tag: u64) -> usize {
    usize::try_from(tag).expect("the tag was a usize")
}

fn reservation_id(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Reservation {
        id: String,
    }
    let reservation: Reservation = serde_json::from_slice(body).ok()?;
    Some(reservation.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::SaleZone;

    #[test]
    fn a_visitor_looks_holds_and_leaves() {
        let zone = SaleZone {
            zone_id: 1,
            capacity: 2,
            ticket_ids: vec![1, 2],
        };
        let event = SaleEvent {
            id: 7,
            zones: vec![zone],
        };
        let script = Mixed::new(&event, vec![Bearer::new("token").unwrap()], 2);
        let mut kinds = Vec::new();
        for _ in 0..200 {
            let call = script.next(1).unwrap();
            let kind = script.kind(&call);
            kinds.push(KINDS[kind]);
            let answer: (u16, &[u8]) = match KINDS[kind] {
                "hold" => (201, br#"{"id":"abc","more":[]}"#),
                "seats" => (304, b""),
                _ => (200, b"{}"),
            };
            let outcome = script.judge(&call, answer.0, answer.1);
            let expected = if kind == 3 {
                Outcome::Won
            } else {
                Outcome::Done
            };
            assert_eq!(outcome, expected);
        }
        assert_eq!(kinds[..3], ["event", "availability", "seats"]);
        for kind in KINDS {
            assert!(kinds.contains(kind), "{kind}");
        }
        // The other connection's visitor has not moved.
        assert_eq!(script.kind(&script.next(0).unwrap()), 0);
    }
}
