//! Problem documents (RFC 9457): every way in which Holdfast says no.
//!
//! The slug is the last part of a problem's `type`, part of the API, and the `outcome` label of
//! the metrics. This module names no slice: each slice turns its own errors into problems where
//! it meets HTTP.
//!
//! A [`Problem`] becomes a response in two steps: here a response that carries the problem, and at
//! the edge (`server`) the body, because only there the request's id is known.

use poem::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use poem::http::{HeaderName, HeaderValue, StatusCode};
use poem::{IntoResponse, Response};
use serde::Serialize;
use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

use crate::db;

pub mod document;
mod refused;

pub use document::{Alternative, AlternativeTicket, Conflict, FieldError, ProblemDocument};
pub use refused::{
    KEYED, PUBLIC, PUBLIC_WITH_BODY, Problems, Refused, SIGNED_IN, SIGNED_IN_WITH_BODY,
};

macro_rules! slugs {
    ($($variant:ident = $slug:literal, $status:literal, $title:literal, $when:literal;)+) => {
        /// The kinds of problems, each with one meaning and one status.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Slug {
            $(#[doc = $when] $variant,)+
        }

        impl Slug {
            /// Every kind of problem.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The last part of the problem's `type`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $slug,)+ }
            }

            /// The problem's `type`.
            pub fn uri(self) -> &'static str {
                match self { $(Self::$variant => concat!("/problems/", $slug),)+ }
            }

            /// The HTTP status it is answered with.
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)+ }
            }

            /// The same short sentence whenever it occurs.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }

            /// When it occurs, for the documentation.
            pub fn when(self) -> &'static str {
                match self { $(Self::$variant => $when,)+ }
            }
        }
    };
}

slugs! {
    TicketTaken = "ticket-taken", 409, "Somebody else has this ticket.",
        "A ticket is held or sold already; `conflicts` names each, `alternatives` what is free nearby.";
    TicketContended = "ticket-contended", 409, "Somebody is taking this ticket right now.",
        "Another attempt on a ticket is in flight, and may fail; try again after `retry_after_ms`.";
    ZoneSoldOut = "zone-sold-out", 409, "Not enough places are left in this zone.",
        "Fewer places are `available` in the zone than were asked for.";
    NoAdjacentSeats = "no-adjacent-seats", 409, "Not enough seats side by side.",
        "Enough places are `available` in the zone, but at most `largest_block` of them side by side; ask with `split`, or take one of the `alternatives`.";
    LimitExceeded = "limit-exceeded", 409, "That would be too many tickets.",
        "With those that the caller has `already`, the tickets would be more than the event's `limit` per customer.";
    NotOnSale = "not-on-sale", 409, "This event is not on sale.",
        "The event is not published, was cancelled, or its sale has not opened (`sales_open_at`) or has closed.";
    CodeNotValid = "code-not-valid", 409, "This code does nothing here.",
        "The code is `unknown` for the event, not valid yet or any more (`not-yet`, `ended`), `used-up`, or of an `other-zone`: the `reason`.";
    CodeTaken = "code-taken", 409, "Another code reads like this.",
        "The event has another code that reads like this.";
    CodeInUse = "code-in-use", 409, "The code was used.",
        "Reservations, so many as `uses` says, were made with the code and stand in the way; it can be switched off.";
    ByApplication = "by-application", 409, "These places are given away by application.",
        "The places of the zone `zone_id` are given to those who apply, and cannot be reserved.";
    AlreadyApplied = "already-applied", 409, "You have applied already.",
        "The caller has an application for this event that is pending or granted.";
    ApplicationsClosed = "applications-closed", 409, "No applications are taken now.",
        "The event takes no applications, not yet (`opens_at`), not any more, or was cancelled.";
    HoldExpired = "hold-expired", 410, "The hold has ended.",
        "The hold ended at `expired_at`; its tickets are on sale again.";
    InvalidTransition = "invalid-transition", 409, "It is past that.",
        "What it is now, `current_status`, does not allow this.";
    VersionMismatch = "version-mismatch", 412, "Somebody changed it meanwhile.",
        "It is at another `version` than `If-Match` says; read it again.";
    PreconditionRequired = "precondition-required", 428, "Say which version you have seen.",
        "An edit needs `If-Match` with the `ETag` of what was read.";
    SeatsInUse = "seats-in-use", 409, "Places that are taken cannot go.",
        "Only so many of the places as are `available` can be taken out: the others are held, sold or withheld, have been so, or are the last.";
    RateLimited = "rate-limited", 429, "Too many attempts.",
        "The account or the address has tried too often; try again after `Retry-After` seconds, or `retry_after_ms`.";
    EmailTaken = "email-taken", 409, "This e-mail address has an account.",
        "An account with this e-mail address exists.";
    VenueInUse = "venue-in-use", 409, "Something takes place there.",
        "A venue that has events cannot be deleted.";
    AccountDisabled = "account-disabled", 403, "This account is disabled.",
        "The e-mail and password match, but an admin has disabled the account.";
    LastAdmin = "last-admin", 409, "Somebody has to be an admin.",
        "Without this one there would be no active admin.";
    TokenNotValid = "token-not-valid", 410, "This token is not good any more.",
        "The token that was mailed was used, is too old, or a newer one was mailed; or there never was one.";
    IdempotencyKeyReused = "idempotency-key-reused", 422, "This Idempotency-Key was used for something else.",
        "The same `Idempotency-Key` came with another operation or body before.";
    IdempotencyKeyInFlight = "idempotency-key-in-flight", 409, "The first request with this Idempotency-Key is still running.",
        "The same request is still running; ask again after `retry_after_ms` for its answer.";
    PaymentDeclined = "payment-declined", 402, "The payment was declined.",
        "The payment provider said no, for `reason`; the hold stands until it expires.";
    PaymentInProgress = "payment-in-progress", 409, "A payment for this reservation is under way.",
        "Another payment of the same reservation has not been answered yet.";
    PaymentTimeout = "payment-timeout", 504, "The payment provider did not answer in time.",
        "The payment provider did not answer; no money is taken and the hold stands until it expires.";
    ValidationFailed = "validation-failed", 400, "The request is not valid.",
        "Something in the body, path, query or headers is off; `errors` names each field.";
    Unauthenticated = "unauthenticated", 401, "Sign in first.",
        "The access token is missing, malformed, expired or of a session that has ended; the refresh token is not valid; or the e-mail and password do not match.";
    Forbidden = "forbidden", 403, "Your account may not do this.",
        "The account's role does not allow this.";
    NoTicket = "no-ticket", 403, "You had no ticket for this event.",
        "The caller never had a confirmed reservation of the event.";
    AlreadyReviewed = "already-reviewed", 409, "You have reviewed this event.",
        "One person writes one review of an event, also where it was removed.";
    NotFound = "not-found", 404, "There is no such thing.",
        "It does not exist, or it is somebody else's.";
    MethodNotAllowed = "method-not-allowed", 405, "This address does not take that method.",
        "The path exists, with other methods.";
    BodyTooLarge = "body-too-large", 413, "The body is too large.",
        "The body is larger than 64 KiB.";
    UnsupportedMediaType = "unsupported-media-type", 415, "The body must be JSON.",
        "The `Content-Type` of the body is not `application/json`.";
    Unavailable = "unavailable", 503, "Holdfast cannot answer right now.",
        "The database is gone, the instance sheds load or shuts down; try again after `Retry-After` seconds.";
    Internal = "internal", 500, "Something went wrong on our side.",
        "An unforeseen failure; `request_id` finds its cause in the logs.";
}

/// One problem: its kind, what happened this time, and members that a program can act on.
#[derive(Debug, Clone)]
pub struct Problem {
    slug: Slug,
    detail: Cow<'static, str>,
    /// As JSON already, as they stand in the document, each after a comma.
    members: Vec<u8>,
    headers: Vec<(&'static str, String)>,
}

impl Problem {
    /// A problem of that kind; `detail` says what happened this time, for a person.
    pub fn new(slug: Slug, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            slug,
            detail: detail.into(),
            members: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// Adds a member that a program can act on.
    #[must_use]
    pub fn with(mut self, member: &'static str, value: impl Serialize) -> Self {
        // Once, however many members there are.
        let room = MEMBERS.saturating_sub(self.members.len());
        self.members.reserve(room);
        add(&mut self.members, member, value);
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// One field of the request is off.
    pub fn invalid(field: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        let detail = format!("{field}: {message}");
        let field = field.to_owned();
        Self::new(Slug::ValidationFailed, detail).with("errors", [FieldError { field, message }])
    }

    /// There is no such thing, or none that the caller may know of.
    pub fn not_found(what: &str) -> Self {
        Self::new(Slug::NotFound, format!("There is no such {what}."))
    }

    /// Try again in a moment.
    pub fn unavailable(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Slug::Unavailable, detail)
    }

    /// An unforeseen failure. Its cause goes to the log, never to the caller.
    pub fn internal(cause: impl fmt::Display) -> Self {
        tracing::error!(error = %cause, "a request failed unexpectedly");
        Self::new(
            Slug::Internal,
            "The cause is in the logs, under the request's id.",
        )
    }

    /// Its kind.
    pub fn slug(&self) -> Slug {
        self.slug
    }

    /// The HTTP status it is answered with.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.slug.status()).expect("every slug has a valid status")
    }

    /// What it adds to the headers of the answer.
    pub fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let of_its_kind = match self.slug {
            Slug::Unavailable => Some((RETRY_AFTER, HeaderValue::from_static("1"))),
            Slug::Unauthenticated => Some((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            _ => None,
        };
        let own = self.headers.iter().filter_map(|(name, value)| {
            Some((name.parse().ok()?, HeaderValue::from_str(value).ok()?))
        });
        of_its_kind.into_iter().chain(own)
    }

    /// The response without its body.
    fn head(&self) -> Response {
        let mut response = Response::builder().status(self.status()).finish();
        response.headers_mut().extend(self.headers());
        response
    }

    /// The document as it is sent.
    pub fn document(&self, request_id: &str) -> Vec<u8> {
        let Self { slug, members, .. } = self;
        let mut document = Vec::with_capacity(FIXED + self.detail.len() + members.len());
        document.extend_from_slice(&HEADS[*slug as usize]);
        add(&mut document, "detail", &self.detail);
        document.extend_from_slice(members);
        add(&mut document, "request_id", request_id);
        document.push(b'}');
        document
    }
}

/// Enough for most members that a kind has of its own: a seat that is taken, and three others.
const MEMBERS: usize = 448;

/// Enough for what a document has besides its detail and its own members.
const FIXED: usize = 320;

/// What the documents of each kind begin with.
static HEADS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let head = |slug: &Slug| {
        let mut head = Vec::new();
        add(&mut head, "type", slug.uri());
        // In place of the comma.
        head[0] = b'{';
        add(&mut head, "title", slug.title());
        add(&mut head, "status", slug.status());
        head
    };
    Slug::ALL.iter().map(head).collect()
});

/// Adds a member, as JSON, after a comma. Its name is one that needs no escapes.
fn add(members: &mut Vec<u8>, name: &'static str, value: impl Serialize) {
    members.extend_from_slice(b",\"");
    members.extend_from_slice(name.as_bytes());
    members.extend_from_slice(b"\":");
    serde_json::to_writer(members, &value).expect("texts and numbers can be written as JSON");
}

impl From<sea_orm::DbErr> for Problem {
    fn from(err: sea_orm::DbErr) -> Self {
        if db::is_unavailable(&err) {
            tracing::warn!(error = %err, "the database is not available");
            return Self::unavailable("The database cannot be reached.");
        }
        if db::is_retryable(&err) || db::is_waiting_in_vain(&err) {
            tracing::warn!(error = %err, "the database is too busy");
            return Self::unavailable("The database is too busy.");
        }
        Self::internal(err)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.head();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Problem> for poem::Error {
    fn from(problem: Problem) -> Self {
        // An error has extensions of its own, which replace the response's.
        let mut err = Self::from_response(problem.head());
        err.set_data(problem);
        err
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::collections::HashSet;

    #[test]
    fn every_kind_has_a_slug_of_its_own_and_an_error_status() {
        let slugs: HashSet<_> = Slug::ALL.iter().map(|slug| slug.as_str()).collect();
        assert_eq!(slugs.len(), Slug::ALL.len());
        for slug in Slug::ALL {
            assert!((400..600).contains(&slug.status()));
            assert!(StatusCode::from_u16(slug.status()).is_ok());
        }
    }

    #[test]
    fn a_document_has_the_members_of_the_standard_and_its_own() {
        let document = Problem::invalid("quantity", "must be at least 1").document("7");
        let document: Value = serde_json::from_slice(&document).unwrap();
        assert_eq!(document["type"], "/problems/validation-failed");
        assert_eq!(document["status"], 400);
        assert_eq!(document["errors"][0]["field"], "quantity");
        assert_eq!(document["request_id"], "7");
    }

    #[test]
    fn every_kind_has_a_document_of_its_own() {
        for slug in Slug::ALL {
            let document = Problem::new(*slug, "so it is").document("7");
            let document: Value = serde_json::from_slice(&document).unwrap();
            assert_eq!(document["type"], slug.uri());
            assert_eq!(document["title"], slug.title());
            assert_eq!(document["status"], slug.status());
        }
    }

    #[test]
    fn a_cause_is_not_told_to_the_caller() {
        let document = Problem::internal("password=hunter2").document("7");
        let document = String::from_utf8(document).unwrap();
        assert!(!document.contains("hunter2"));
    }
}
