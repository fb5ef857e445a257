//! What editing venues can be refused for, and the problem document of each error.

use super::VenueError;
use crate::problem::{Problem, Problems, SIGNED_IN, SIGNED_IN_WITH_BODY, Slug};

/// What editing a venue can be refused for.
pub struct EditProblems;

impl Problems for EditProblems {
    fn slugs() -> Vec<Slug> {
        [
            SIGNED_IN_WITH_BODY,
            &[
                Slug::Forbidden,
                Slug::NotFound,
                Slug::PreconditionRequired,
                Slug::VersionMismatch,
            ],
        ]
        .concat()
    }
}

/// What deleting a venue can be refused for.
pub struct DeleteProblems;

impl Problems for DeleteProblems {
    fn slugs() -> Vec<Slug> {
        [
            SIGNED_IN,
            &[
                Slug::Forbidden,
                Slug::NotFound,
                Slug::VersionMismatch,
                Slug::VenueInUse,
            ],
        ]
        .concat()
    }
}

impl From<VenueError> for Problem {
    fn from(err: VenueError) -> Self {
        match err {
            VenueError::NoSuchVenue => Self::not_found("venue"),
            VenueError::Mismatch(mismatch) => mismatch.into(),
            VenueError::InUse => Self::new(
                Slug::VenueInUse,
                "Events take place there, or took place, or were going to.",
            ),
            VenueError::Db(err) => err.into(),
        }
    }
}
