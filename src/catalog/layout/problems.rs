//! What calls about layouts can be refused for.

use super::LayoutError;
use crate::problem::{PUBLIC, Problem, Problems, SIGNED_IN, SIGNED_IN_WITH_BODY, Slug};

/// What reading a layout can be refused for.
pub struct ReadProblems;

impl Problems for ReadProblems {
    fn slugs() -> Vec<Slug> {
        [PUBLIC, &[Slug::NotFound]].concat()
    }
}

/// What replacing a layout can be refused for.
pub struct ReplaceProblems;

impl Problems for ReplaceProblems {
    fn slugs() -> Vec<Slug> {
        [SIGNED_IN_WITH_BODY, EDIT, &[Slug::PreconditionRequired]].concat()
    }
}

/// What removing a layout can be refused for.
pub struct RemoveProblems;

impl Problems for RemoveProblems {
    fn slugs() -> Vec<Slug> {
        [SIGNED_IN, EDIT].concat()
    }
}

const EDIT: &[Slug] = &[Slug::Forbidden, Slug::NotFound, Slug::VersionMismatch];

impl From<LayoutError> for Problem {
    fn from(err: LayoutError) -> Self {
        match err {
            LayoutError::NoSuchVenue => Self::not_found("venue"),
            LayoutError::NoLayout => Self::not_found("layout"),
            LayoutError::Outdated(err) => err.into(),
            LayoutError::Unreadable(err) => Self::internal(err),
            LayoutError::Db(err) => err.into(),
        }
    }
}
