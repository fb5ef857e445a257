//! The problem document as the OpenAPI document describes it.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Slug;

/// A problem document (RFC 9457).
#[derive(Debug, Object)]
#[oai(rename = "Problem")]
pub struct ProblemDocument {
    /// `/problems/<slug>`: the kind of problem, stable, for programs.
    pub r#type: String,
    /// The same short sentence for every problem of the kind.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time, for a person.
    pub detail: String,
    /// Finds this request in the logs; also in `X-Request-Id`.
    pub request_id: String,
    /// With `ticket-taken`: which tickets, and what they are now.
    #[oai(skip_serializing_if_is_none)]
    pub conflicts: Option<Vec<Conflict>>,
    /// With `ticket-contended`, `idempotency-key-in-flight` and `rate-limited`: when to try again, in milliseconds.
    #[oai(skip_serializing_if_is_none)]
    pub retry_after_ms: Option<u32>,
    /// With `ticket-taken` and `no-adjacent-seats`: up to three blocks of as many tickets side by side
    /// that were free a moment ago, the nearest first; reserve one by its `ticket_ids`.
    #[oai(skip_serializing_if_is_none)]
    pub alternatives: Option<Vec<Alternative>>,
    /// With `zone-sold-out`, `no-adjacent-seats` and `by-application`: the zone.
    #[oai(skip_serializing_if_is_none)]
    pub zone_id: Option<i64>,
    /// With `zone-sold-out` and `no-adjacent-seats`: how many places are left. With `seats-in-use`: how
    /// many can be taken out.
    #[oai(skip_serializing_if_is_none)]
    pub available: Option<u32>,
    /// With `no-adjacent-seats`: the most places that are side by side.
    #[oai(skip_serializing_if_is_none)]
    pub largest_block: Option<u32>,
    /// With `limit-exceeded`: how many tickets of the event one customer may have.
    #[oai(skip_serializing_if_is_none)]
    pub limit: Option<u32>,
    /// With `limit-exceeded`: how many the caller has, held and confirmed.
    #[oai(skip_serializing_if_is_none)]
    pub already: Option<u32>,
    /// With `not-on-sale`: when the sale opens, where that is why.
    #[oai(skip_serializing_if_is_none)]
    pub sales_open_at: Option<DateTime<Utc>>,
    /// With `applications-closed`: when applications are taken, where that is why.
    #[oai(skip_serializing_if_is_none)]
    pub opens_at: Option<DateTime<Utc>>,
    /// With `invalid-transition`: what it is now. Not `status`, which is the HTTP status.
    #[oai(skip_serializing_if_is_none)]
    pub current_status: Option<String>,
    /// With `version-mismatch`: at which version it is.
    #[oai(skip_serializing_if_is_none)]
    pub version: Option<i64>,
    /// With `hold-expired`: when the hold ended.
    #[oai(skip_serializing_if_is_none)]
    pub expired_at: Option<DateTime<Utc>>,
    /// With `payment-declined`: why, in the provider's word. With `code-not-valid`: `unknown`,
    /// `not-yet`, `ended`, `used-up` or `other-zone`.
    #[oai(skip_serializing_if_is_none)]
    pub reason: Option<String>,
    /// With `code-in-use`: how many reservations were made with the code.
    #[oai(skip_serializing_if_is_none)]
    pub uses: Option<u64>,
    /// With `validation-failed`: what is off.
    #[oai(skip_serializing_if_is_none)]
    pub errors: Option<Vec<FieldError>>,
}

/// A ticket that stood in the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Object)]
pub struct Conflict {
    /// The ticket.
    pub ticket_id: i64,
    /// Its row; null in a standing zone.
    #[oai(nullable)]
    pub row: Option<String>,
    /// Its seat; null in a standing zone.
    #[oai(nullable)]
    pub seat: Option<String>,
    /// What it is now: `held`, `sold` or `blocked`.
    pub status: String,
    /// Its version now.
    pub version: i64,
}

/// Tickets side by side that could be had instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Object)]
pub struct Alternative {
    /// Their zone.
    pub zone_id: i64,
    /// The tickets.
    pub tickets: Vec<AlternativeTicket>,
}

/// A ticket that could be had instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Object)]
pub struct AlternativeTicket {
    /// The ticket.
    pub ticket_id: i64,
    /// Its row; null in a standing zone.
    #[oai(nullable)]
    pub row: Option<String>,
    /// Its seat; null in a standing zone.
    #[oai(nullable)]
    pub seat: Option<String>,
}

/// A field of the request that is off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Object)]
pub struct FieldError {
    /// The field, as a path into the body, or the name of a parameter or header.
    pub field: String,
    /// What is allowed.
    pub message: String,
}

/// A whole example document of that kind, for the OpenAPI document.
pub fn example(slug: Slug) -> Value {
    let members = match slug {
        Slug::TicketTaken => json!({
            "conflicts": [{"ticket_id": 17, "row": "B", "seat": "7", "status": "held", "version": 3}],
            "alternatives": [{"zone_id": 2, "tickets": [{"ticket_id": 18, "row": "B", "seat": "8"}]}]
        }),
        Slug::NoAdjacentSeats => json!({
            "zone_id": 2, "available": 3, "largest_block": 1, "alternatives": []
        }),
        Slug::LimitExceeded => json!({"limit": 8, "already": 6}),
        Slug::TicketContended => json!({"retry_after_ms": 50}),
        Slug::IdempotencyKeyInFlight => json!({"retry_after_ms": 100}),
        Slug::RateLimited => json!({"retry_after_ms": 5400}),
        Slug::ZoneSoldOut => json!({"zone_id": 2, "available": 1}),
        Slug::SeatsInUse => json!({"available": 12}),
        Slug::NotOnSale => json!({"sales_open_at": "2026-12-01T09:00:00Z"}),
        Slug::ByApplication => json!({"zone_id": 2}),
        Slug::ApplicationsClosed => json!({"opens_at": "2026-12-01T09:00:00Z"}),
        Slug::VersionMismatch => json!({"version": 8}),
        Slug::InvalidTransition => json!({"current_status": "confirmed"}),
        Slug::CodeNotValid => json!({"reason": "used-up"}),
        Slug::CodeInUse => json!({"uses": 41}),
        Slug::HoldExpired => json!({"expired_at": "2026-11-21T10:05:00Z"}),
        Slug::PaymentDeclined => json!({"reason": "insufficient_funds"}),
        Slug::ValidationFailed => json!({
            "errors": [{"field": "quantity", "message": "must be at least 1"}]
        }),
        _ => json!({}),
    };
    let mut document = Map::new();
    document.insert("type".into(), slug.uri().into());
    document.insert("title".into(), slug.title().into());
    document.insert("status".into(), slug.status().into());
    document.insert("detail".into(), slug.when().into());
    document.insert("request_id".into(), "01J8ZK4T".into());
    if let Value::Object(members) = members {
        document.extend(members);
    }
    Value::Object(document)
}
