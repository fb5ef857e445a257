//! What calls about reservations can be refused for, and the problem document of each error.

use chrono::{DateTime, Utc};

use super::batch::Failure;
use super::change::ChangeError;
use super::hold::HoldError;
use super::near_miss::{Block, BlockTicket};
use super::store::Conflict;
use super::views::status_name;
use crate::catalog::views::ticket_status_name;
use crate::catalog::{row_name, seat_name};
use crate::problem::{
    self, Alternative, AlternativeTicket, KEYED, Problem, Problems, SIGNED_IN, SIGNED_IN_WITH_BODY,
    Slug,
};

/// What reserving one ticket can be refused for.
pub struct ReserveTicketProblems;

impl Problems for ReserveTicketProblems {
    fn slugs() -> Vec<Slug> {
        [SIGNED_IN, KEYED, HOLD].concat()
    }
}

/// What reserving several tickets or places can be refused for.
pub struct ReserveProblems;

impl Problems for ReserveProblems {
    fn slugs() -> Vec<Slug> {
        [
            SIGNED_IN_WITH_BODY,
            KEYED,
            HOLD,
            &[Slug::ZoneSoldOut, Slug::NoAdjacentSeats],
        ]
        .concat()
    }
}

/// What reading one's own reservations can be refused for.
pub struct ListProblems;

impl Problems for ListProblems {
    fn slugs() -> Vec<Slug> {
        SIGNED_IN.to_vec()
    }
}

/// What reading a reservation can be refused for.
pub struct ReadProblems;

impl Problems for ReadProblems {
    fn slugs() -> Vec<Slug> {
        [SIGNED_IN, &[Slug::NotFound]].concat()
    }
}

/// What extending a hold can be refused for.
pub struct ExtendProblems;

impl Problems for ExtendProblems {
    fn slugs() -> Vec<Slug> {
        [SIGNED_IN, KEYED, CHANGE, &[Slug::NotOnSale]].concat()
    }
}

/// What giving up a hold can be refused for.
pub struct ReleaseProblems;

impl Problems for ReleaseProblems {
    fn slugs() -> Vec<Slug> {
        [SIGNED_IN, CHANGE, &[Slug::PaymentInProgress]].concat()
    }
}

/// What giving up one ticket can be refused for.
pub struct ReleaseTicketProblems;

impl Problems for ReleaseTicketProblems {
    fn slugs() -> Vec<Slug> {
        [SIGNED_IN, KEYED, CHANGE, &[Slug::PaymentInProgress]].concat()
    }
}

/// What confirming can be refused for.
pub struct ConfirmProblems;

impl Problems for ConfirmProblems {
    fn slugs() -> Vec<Slug> {
        [
            SIGNED_IN_WITH_BODY,
            KEYED,
            CHANGE,
            &[
                Slug::NotOnSale,
                Slug::PaymentDeclined,
                Slug::PaymentInProgress,
                Slug::PaymentTimeout,
            ],
        ]
        .concat()
    }
}

const HOLD: &[Slug] = &[
    Slug::NotFound,
    Slug::NotOnSale,
    Slug::ByApplication,
    Slug::TicketTaken,
    Slug::TicketContended,
    Slug::LimitExceeded,
    Slug::RateLimited,
    Slug::CodeNotValid,
];

const CHANGE: &[Slug] = &[Slug::NotFound, Slug::InvalidTransition, Slug::HoldExpired];

impl From<HoldError> for Problem {
    fn from(err: HoldError) -> Self {
        match err {
            HoldError::NoSuch(what) => Self::not_found(what),
            HoldError::MixedEvents => {
                Self::invalid("ticket_ids", "must all be tickets of the event")
            }
            HoldError::NotOnSale { sales_open_at } => not_on_sale(sales_open_at),
            HoldError::ByApplication { zone } => Self::new(
                Slug::ByApplication,
                "Apply for the places of this zone; they cannot be reserved.",
            )
            .with("zone_id", zone.0),
            HoldError::Taken {
                conflicts,
                alternatives,
            } => {
                let detail = match conflicts.len() {
                    1 => "The ticket is not available any more.".to_owned(),
                    n => format!("{n} of the tickets are not available any more."),
                };
                let conflicts: Vec<_> = conflicts.iter().map(conflict).collect();
                Self::new(Slug::TicketTaken, detail)
                    .with("conflicts", conflicts)
                    .with("alternatives", blocks(&alternatives))
            }
            HoldError::SoldOut { zone, available } => Self::new(
                Slug::ZoneSoldOut,
                format!("{available} places are left in the zone."),
            )
            .with("zone_id", zone.0)
            .with("available", available),
            HoldError::NotAdjacent {
                zone,
                available,
                largest,
                alternatives,
            } => Self::new(
                Slug::NoAdjacentSeats,
                format!("At most {largest} of the {available} places left are side by side."),
            )
            .with("zone_id", zone.0)
            .with("available", available)
            .with("largest_block", largest)
            .with("alternatives", blocks(&alternatives)),
            HoldError::LimitExceeded { limit, already } => Self::new(
                Slug::LimitExceeded,
                format!("One customer may have {limit} tickets of this event; you have {already}."),
            )
            .with("limit", limit)
            .with("already", already),
            HoldError::CodeNotValid(reason) => reason.into(),
            HoldError::Contended { retry_after } => Self::new(
                Slug::TicketContended,
                "Other attempts are working on these tickets; some may fail.",
            )
            .with(
                "retry_after_ms",
                u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX),
            ),
            // The hold tries again after these, so that they are not answered.
            HoldError::Outrun(_) | HoldError::Gone(_) | HoldError::EventChanged => {
                Self::internal(err)
            }
            HoldError::NotCommitted(failure) => failure.into(),
        }
    }
}

impl From<ChangeError> for Problem {
    fn from(err: ChangeError) -> Self {
        match err {
            ChangeError::NoSuchReservation => Self::not_found("reservation"),
            ChangeError::Expired { at } => {
                Self::new(Slug::HoldExpired, "Its tickets are on sale again.")
                    .with("expired_at", rfc3339(at))
            }
            ChangeError::InvalidTransition(status) => {
                let status = status_name(status);
                Self::new(
                    Slug::InvalidTransition,
                    format!("The reservation is {status}."),
                )
                .with("current_status", status)
            }
            ChangeError::EventCancelled => Self::new(
                Slug::NotOnSale,
                "The event was cancelled; no money is taken.",
            ),
            ChangeError::PaymentRequired => {
                Self::invalid("payment", "is required where something is to be paid")
            }
            ChangeError::PaymentInProgress => {
                Self::new(Slug::PaymentInProgress, "Wait for its answer.")
            }
            ChangeError::Declined(reason) => Self::new(
                Slug::PaymentDeclined,
                "Pay another way before the hold expires.",
            )
            .with("reason", reason),
            ChangeError::PaymentTimedOut => Self::new(
                Slug::PaymentTimeout,
                "No money is taken. Try again before the hold expires.",
            ),
            ChangeError::Outrun => Self::new(
                Slug::InvalidTransition,
                "The reservation changed at the same moment; read it again.",
            )
            .with("current_status", "held"),
            ChangeError::NotCommitted(failure) => failure.into(),
        }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::WithoutLocks => {
                Self::unavailable("Too few lock nodes answer, and this instance needs them.")
            }
            Failure::QueueFull => Self::unavailable("Too many changes wait to be made durable."),
            // Only between its commit and the moment its answer is looked up.
            Failure::AnsweredBefore => Self::new(
                Slug::IdempotencyKeyInFlight,
                "Ask again in a moment for the answer of the first.",
            )
            .with("retry_after_ms", 100),
            // Whoever holds tickets tries again, so that it is not answered.
            Failure::Contended | Failure::Interrupted => Self::internal(failure),
            Failure::Db(err) => err.into(),
        }
    }
}

fn not_on_sale(sales_open_at: Option<DateTime<Utc>>) -> Problem {
    match sales_open_at {
        Some(at) => Problem::new(Slug::NotOnSale, "The sale has not opened yet.")
            .with("sales_open_at", rfc3339(at)),
        None => Problem::new(Slug::NotOnSale, "The sale is closed."),
    }
}

fn blocks(blocks: &[Block]) -> Vec<Alternative> {
    let ticket = |ticket: &BlockTicket| AlternativeTicket {
        ticket_id: ticket.ticket_id,
        row: row_name(ticket.row_number, ticket.row_label.as_deref()),
        seat: seat_name(ticket.seat_number, ticket.seat_label.as_deref()),
    };
    let block = |block: &Block| Alternative {
        zone_id: block.zone_id,
        tickets: block.tickets.iter().map(ticket).collect(),
    };
    blocks.iter().map(block).collect()
}

fn conflict(ticket: &Conflict) -> problem::Conflict {
    problem::Conflict {
        ticket_id: ticket.ticket_id,
        row: row_name(ticket.row_number, ticket.row_label.as_deref()),
        seat: seat_name(ticket.seat_number, ticket.seat_label.as_deref()),
        status: ticket_status_name(ticket.status).to_owned(),
        version: ticket.version,
    }
}

fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339()
}
