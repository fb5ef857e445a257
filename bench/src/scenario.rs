//! The scenarios: what is on sale, who asks for what, and what the answers mean.

pub mod duplicates;
pub mod hot_seat;
pub mod mixed;
pub mod places;
pub mod sold_out;
pub mod stage;
pub mod uniform;

use bytes::Bytes;
use memchr::memmem::Finder;
use std::sync::LazyLock;

use crate::load::Outcome;

/// The request for one seat, or several.
pub fn seats_body(event: i64, tickets: &[i64]) -> Bytes {
    let mut body = format!("{{\"event_id\":{event},\"ticket_ids\":[");
    for (position, ticket) in tickets.iter().enumerate() {
        if position > 0 {
            body.push(',');
        }
        body.push_str(&ticket.to_string());
    }
    body.push_str("]}");
    body.into()
}

/// The request for any places of a zone.
pub fn places_body(event: i64, zone: i64, quantity: u32) -> Bytes {
    format!("{{\"event_id\":{event},\"zone_id\":{zone},\"quantity\":{quantity}}}").into()
}

/// What the answer to a request for seats or places means.
pub fn judge_hold(status: u16, body: &[u8]) -> Outcome {
    match status {
        201 => Outcome::Won,
        409 if CONTENDED.find(body).is_some() => Outcome::Contended,
        409 if GONE.iter().any(|slug| slug.find(body).is_some()) => Outcome::Refused,
        503 => Outcome::Busy,
        _ => Outcome::Failed,
    }
}

static CONTENDED: LazyLock<Finder> = LazyLock::new(|| Finder::new("/problems/ticket-contended"));
static GONE: LazyLock<[Finder; 3]> = LazyLock::new(|| {
    [
        "/problems/ticket-taken",
        "/problems/zone-sold-out",
        "/problems/no-adjacent-seats",
    ]
    .map(Finder::new)
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_told_by_its_problem() {
        let problem = |slug| format!(r#"{{"status":409,"type":"/problems/{slug}"}}"#);
        for (status, slug, outcome) in [
            (201, "", Outcome::Won),
            (409, "ticket-taken", Outcome::Refused),
            (409, "zone-sold-out", Outcome::Refused),
            (409, "no-adjacent-seats", Outcome::Refused),
            (409, "ticket-contended", Outcome::Contended),
            (409, "not-on-sale", Outcome::Failed),
            (503, "unavailable", Outcome::Busy),
            (500, "internal", Outcome::Failed),
        ] {
            assert_eq!(
                judge_hold(status, problem(slug).as_bytes()),
                outcome,
                "{slug}"
            );
        }
    }

    #[test]
    fn a_body_is_what_the_api_reads() {
        assert_eq!(
            seats_body(7, &[1, 2]),
            r#"{"event_id":7,"ticket_ids":[1,2]}"#
        );
        assert_eq!(
            places_body(7, 3, 2),
            r#"{"event_id":7,"zone_id":3,"quantity":2}"#
        );
    }
}
