//! Single seats as their organiser sees and names them.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use uuid::Uuid;

use super::store::Withheld;
use super::{Changed, SeenSeat};
use crate::catalog::names::trait_names;
use crate::catalog::views::ticket_status_name;
use crate::catalog::{row_name, seat_name};
use crate::entity::ticket;
use crate::ids::{EventId, TicketId};
use crate::problem::Problem;

/// A ticket at the version that the organiser has seen.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields)]
pub struct NamedSeat {
    /// The ticket.
    ticket_id: i64,
    /// Its version, as the seat map or an earlier answer told it.
    #[oai(validator(minimum(value = "0")))]
    version: i64,
}

/// Seats to be withheld.
#[derive(Debug, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, example)]
pub struct SeatsToBlock {
    /// All of them or none.
    #[oai(validator(min_items = "1", max_items = "1000"))]
    pub tickets: Vec<NamedSeat>,
    /// Why, for other organisers.
    #[oai(validator(min_length = "1", max_length = "300"))]
    pub reason: String,
}

/// Seats to be moved.
#[derive(Debug, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, example)]
pub struct SeatsToMove {
    /// All of them or none.
    #[oai(validator(min_items = "1", max_items = "1000"))]
    pub tickets: Vec<NamedSeat>,
}

/// The tickets that were named, each once.
pub fn seen_seats(named: &[NamedSeat]) -> Result<Vec<SeenSeat>, Problem> {
    let mut seen = HashSet::new();
    if let Some(i) = named.iter().position(|seat| !seen.insert(seat.ticket_id)) {
        let field = format!("tickets[{i}].ticket_id");
        return Err(Problem::invalid(&field, "is named twice"));
    }
    let seat = |seat: &NamedSeat| SeenSeat {
        ticket: TicketId(seat.ticket_id),
        version: seat.version,
    };
    Ok(named.iter().map(seat).collect())
}

/// Seats that were moved, as they are now.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
#[oai(example)]
pub struct SeatsMoved {
    /// Their event.
    pub event_id: i64,
    /// By id.
    pub tickets: Vec<ListedSeat>,
}

/// A seat as its organiser sees it.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
pub struct ListedSeat {
    /// The ticket.
    pub ticket_id: i64,
    /// Its zone.
    pub zone_id: i64,
    /// Its row; null in a standing zone.
    #[oai(nullable)]
    pub row: Option<String>,
    /// Its seat; null in a standing zone.
    #[oai(nullable)]
    pub seat: Option<String>,
    /// Any of `accessible`, `companion`, `restricted_view`.
    pub traits: Vec<String>,
    /// `available`, `held`, `sold` or `blocked`.
    pub status: String,
    /// True where it was taken out of the event, and exists for nobody else.
    pub removed: bool,
    /// Raised by exactly 1 with every change of status.
    pub version: i64,
}

/// A page of the seats of a zone.
#[derive(Debug, Object)]
pub struct SeatList {
    /// By id.
    pub items: Vec<ListedSeat>,
    /// The cursor of the next page; null on the last.
    #[oai(nullable)]
    pub next: Option<String>,
}

/// A seat that is withheld, and why.
#[derive(Debug, Object)]
pub struct BlockedSeat {
    /// The ticket.
    pub ticket_id: i64,
    /// Its zone.
    pub zone_id: i64,
    /// The zone's name.
    pub zone: String,
    /// Its row; null in a standing zone.
    #[oai(nullable)]
    pub row: Option<String>,
    /// Its seat; null in a standing zone.
    #[oai(nullable)]
    pub seat: Option<String>,
    /// Its version, to put it on sale again.
    pub version: i64,
    /// Why it is withheld.
    pub reason: String,
    /// Who withheld it.
    pub blocked_by: Uuid,
    /// When.
    pub blocked_at: DateTime<Utc>,
}

/// A page of seats that are withheld.
#[derive(Debug, Object)]
pub struct BlockedList {
    /// Those withheld last first.
    pub items: Vec<BlockedSeat>,
    /// The cursor of the next page; null on the last.
    #[oai(nullable)]
    pub next: Option<String>,
}

/// The answer to something that moved these tickets.
pub fn seats_moved(event: EventId, moved: &[ticket::Model]) -> Changed<SeatsMoved> {
    let answer = SeatsMoved {
        event_id: event.0,
        tickets: moved.iter().map(Into::into).collect(),
    };
    Changed::new(answer, moved)
}

impl From<&ticket::Model> for ListedSeat {
    fn from(ticket: &ticket::Model) -> Self {
        Self {
            ticket_id: ticket.id,
            zone_id: ticket.zone_id,
            row: row_name(ticket.row_number, ticket.row_label.as_deref()),
            seat: seat_name(ticket.seat_number, ticket.seat_label.as_deref()),
            traits: trait_names(ticket.traits),
            status: ticket_status_name(ticket.status).to_owned(),
            removed: ticket.removed,
            version: ticket.version,
        }
    }
}

impl From<Withheld> for BlockedSeat {
    fn from(blocked: Withheld) -> Self {
        Self {
            ticket_id: blocked.ticket_id,
            zone_id: blocked.zone_id,
            zone: blocked.zone_name,
            row: row_name(blocked.row_number, blocked.row_label.as_deref()),
            seat: seat_name(blocked.seat_number, blocked.seat_label.as_deref()),
            version: blocked.version,
            reason: blocked.reason,
            blocked_by: blocked.blocked_by,
            blocked_at: blocked.blocked_at,
        }
    }
}

impl Example for SeatsToBlock {
    fn example() -> Self {
        Self {
            tickets: SeatsToMove::example().tickets,
            reason: "For the mixing desk.".into(),
        }
    }
}

impl Example for SeatsToMove {
    fn example() -> Self {
        Self {
            tickets: vec![NamedSeat {
                ticket_id: 17,
                version: 0,
            }],
        }
    }
}

impl Example for SeatsMoved {
    fn example() -> Self {
        Self {
            event_id: 1,
            tickets: vec![ListedSeat {
                ticket_id: 17,
                zone_id: 2,
                row: Some("B".into()),
                seat: Some("7".into()),
                traits: Vec::new(),
                status: "blocked".into(),
                removed: false,
                version: 1,
            }],
        }
    }
}
