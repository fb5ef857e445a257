//! What calls about single seats can be refused for.

use super::SeatError;
use crate::catalog::views::ticket_status_name;
use crate::catalog::{row_name, seat_name};
use crate::entity::ticket;
use crate::problem::{
    Conflict, KEYED, PUBLIC, Problem, Problems, SIGNED_IN, SIGNED_IN_WITH_BODY, Slug,
};

/// What reading a plan can be refused for.
pub struct ReadProblems;

impl Problems for ReadProblems {
    fn slugs() -> Vec<Slug> {
        [PUBLIC, &[Slug::NotFound]].concat()
    }
}

/// What listing seats can be refused for.
pub struct ListProblems;

impl Problems for ListProblems {
    fn slugs() -> Vec<Slug> {
        [SIGNED_IN, &[Slug::Forbidden, Slug::NotFound]].concat()
    }
}

/// What withholding seats, and putting them on sale again, can be refused for.
pub struct BlockProblems;

impl Problems for BlockProblems {
    fn slugs() -> Vec<Slug> {
        [SIGNED_IN_WITH_BODY, MOVE, KEYED].concat()
    }
}

/// What taking seats out of an event, and putting them back, can be refused for.
pub struct RemoveProblems;

impl Problems for RemoveProblems {
    fn slugs() -> Vec<Slug> {
        let edit = [
            Slug::SeatsInUse,
            Slug::InvalidTransition,
            Slug::VersionMismatch,
            Slug::PreconditionRequired,
        ];
        [SIGNED_IN_WITH_BODY, MOVE, KEYED, &edit].concat()
    }
}

const MOVE: &[Slug] = &[Slug::Forbidden, Slug::NotFound, Slug::TicketTaken];

impl From<SeatError> for Problem {
    fn from(err: SeatError) -> Self {
        match err {
            SeatError::NoSuchEvent => Self::not_found("event"),
            SeatError::NoSuchTicket => Self::not_found("ticket"),
            SeatError::Taken(tickets) => {
                let detail = format!("{} of the tickets are not what they were.", tickets.len());
                let conflicts: Vec<_> = tickets.iter().map(conflict).collect();
                Self::new(Slug::TicketTaken, detail).with("conflicts", conflicts)
            }
            SeatError::Db(err) => err.into(),
        }
    }
}

fn conflict(ticket: &ticket::Model) -> Conflict {
    Conflict {
        ticket_id: ticket.id,
        row: row_name(ticket.row_number, ticket.row_label.as_deref()),
        seat: seat_name(ticket.seat_number, ticket.seat_label.as_deref()),
        status: ticket_status_name(ticket.status).to_owned(),
        version: ticket.version,
    }
}
