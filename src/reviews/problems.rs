//! What calls about reviews can be refused for, and the problem document of each error.

use super::{ReviewError, status_name};
use crate::entity::review::ReviewStatus;
use crate::problem::{KEYED, PUBLIC, Problem, Problems, SIGNED_IN, SIGNED_IN_WITH_BODY, Slug};

/// What listing the reviews of an event can be refused for.
pub struct ListProblems;

impl Problems for ListProblems {
    fn slugs() -> Vec<Slug> {
        [PUBLIC, &[Slug::NotFound]].concat()
    }
}

/// What reading a review can be refused for.
pub struct ReadProblems;

impl Problems for ReadProblems {
    fn slugs() -> Vec<Slug> {
        [SIGNED_IN, &[Slug::NotFound]].concat()
    }
}

/// What listing one's own reviews can be refused for.
pub struct OwnListProblems;

impl Problems for OwnListProblems {
    fn slugs() -> Vec<Slug> {
        SIGNED_IN.to_vec()
    }
}

/// What looking through all reviews can be refused for.
pub struct AdminListProblems;

impl Problems for AdminListProblems {
    fn slugs() -> Vec<Slug> {
        [SIGNED_IN, &[Slug::Forbidden]].concat()
    }
}

/// What writing a review can be refused for.
pub struct WriteProblems;

impl Problems for WriteProblems {
    fn slugs() -> Vec<Slug> {
        [
            SIGNED_IN_WITH_BODY,
            &[Slug::NoTicket, Slug::NotFound, Slug::AlreadyReviewed],
            KEYED,
        ]
        .concat()
    }
}

/// What changing a review can be refused for.
pub struct EditProblems;

impl Problems for EditProblems {
    fn slugs() -> Vec<Slug> {
        [SIGNED_IN_WITH_BODY, STANDING, &[Slug::PreconditionRequired]].concat()
    }
}

/// What taking a review away can be refused for.
pub struct RemoveProblems;

impl Problems for RemoveProblems {
    fn slugs() -> Vec<Slug> {
        [SIGNED_IN, STANDING].concat()
    }
}

/// What stands in the way of changing a review that is there.
const STANDING: &[Slug] = &[
    Slug::Forbidden,
    Slug::NotFound,
    Slug::InvalidTransition,
    Slug::VersionMismatch,
];

impl From<ReviewError> for Problem {
    fn from(err: ReviewError) -> Self {
        match err {
            ReviewError::NoSuchEvent(_) => Self::not_found("event"),
            ReviewError::NoTicket(_) => Self::new(
                Slug::NoTicket,
                "Reviews are written by those who had a confirmed reservation of the event.",
            ),
            ReviewError::AlreadyReviewed(_) => Self::new(
                Slug::AlreadyReviewed,
                "Change the review that you have written.",
            ),
            ReviewError::NoSuchReview(_) => Self::not_found("review"),
            ReviewError::NotTheAuthor(_) => {
                Self::new(Slug::Forbidden, "The review is somebody else's.")
            }
            ReviewError::Removed(_) => {
                Self::new(Slug::InvalidTransition, "The review was removed.")
                    .with("current_status", status_name(ReviewStatus::Removed))
            }
            ReviewError::NoReason => Self::invalid("reason", "is required"),
            ReviewError::Moved(err) => err.into(),
            ReviewError::Db(err) => err.into(),
        }
    }
}
