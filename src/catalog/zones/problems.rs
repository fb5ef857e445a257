//! What calls about zones can be refused for.

use super::ZoneError;
use crate::problem::{KEYED, Problem, Problems, SIGNED_IN, SIGNED_IN_WITH_BODY, Slug};

/// What adding a zone or seats can be refused for.
pub struct AddProblems;

impl Problems for AddProblems {
    fn slugs() -> Vec<Slug> {
        [
            SIGNED_IN_WITH_BODY,
            EDIT,
            KEYED,
            &[Slug::PreconditionRequired],
        ]
        .concat()
    }
}

/// What editing a zone can be refused for.
pub struct EditProblems;

impl Problems for EditProblems {
    fn slugs() -> Vec<Slug> {
        [SIGNED_IN_WITH_BODY, EDIT, &[Slug::PreconditionRequired]].concat()
    }
}

/// What changing a capacity can be refused for.
pub struct CapacityProblems;

impl Problems for CapacityProblems {
    fn slugs() -> Vec<Slug> {
        [EditProblems::slugs(), vec![Slug::SeatsInUse]].concat()
    }
}

/// What removing a zone can be refused for.
pub struct RemoveProblems;

impl Problems for RemoveProblems {
    fn slugs() -> Vec<Slug> {
        [SIGNED_IN, EDIT, &[Slug::SeatsInUse]].concat()
    }
}

const EDIT: &[Slug] = &[
    Slug::Forbidden,
    Slug::NotFound,
    Slug::InvalidTransition,
    Slug::VersionMismatch,
];

impl From<ZoneError> for Problem {
    fn from(err: ZoneError) -> Self {
        match err {
            ZoneError::NoSuchEvent => Self::not_found("event"),
            ZoneError::NoSuchZone => Self::not_found("zone"),
            ZoneError::Cancelled => {
                Self::new(Slug::InvalidTransition, "The event does not take place.")
                    .with("current_status", "cancelled")
            }
            ZoneError::Outdated(err) => err.into(),
            ZoneError::Invalid { field, message } => Self::invalid(&field, message),
            ZoneError::InUse { available } => Self::new(
                Slug::SeatsInUse,
                format!("At most {available} of its places can be taken out."),
            )
            .with("available", available),
            ZoneError::Layout(err) => err.into(),
            ZoneError::Seats(err) => err.into(),
            ZoneError::Db(err) => err.into(),
        }
    }
}
