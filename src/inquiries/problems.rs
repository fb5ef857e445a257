//! What calls about inquiries can be refused for, and the problem document of each error.

use super::{InquiryError, status_name};
use crate::problem::{KEYED, Problem, Problems, SIGNED_IN, SIGNED_IN_WITH_BODY, Slug};

/// What sending an inquiry can be refused for.
pub struct SendProblems;

impl Problems for SendProblems {
    fn slugs() -> Vec<Slug> {
        [SIGNED_IN_WITH_BODY, KEYED].concat()
    }
}

/// What listing one's own inquiries can be refused for.
pub struct OwnListProblems;

impl Problems for OwnListProblems {
    fn slugs() -> Vec<Slug> {
        SIGNED_IN.to_vec()
    }
}

/// What reading one's own inquiry can be refused for.
pub struct OwnProblems;

impl Problems for OwnProblems {
    fn slugs() -> Vec<Slug> {
        [SIGNED_IN, &[Slug::NotFound]].concat()
    }
}

/// What looking through inquiries can be refused for.
pub struct ListProblems;

impl Problems for ListProblems {
    fn slugs() -> Vec<Slug> {
        [SIGNED_IN, &[Slug::Forbidden]].concat()
    }
}

/// What reading an inquiry can be refused for.
pub struct ReadProblems;

impl Problems for ReadProblems {
    fn slugs() -> Vec<Slug> {
        [SIGNED_IN, &[Slug::Forbidden, Slug::NotFound]].concat()
    }
}

/// What deciding can be refused for.
pub struct DecideProblems;

impl Problems for DecideProblems {
    fn slugs() -> Vec<Slug> {
        [
            SIGNED_IN_WITH_BODY,
            &[
                Slug::Forbidden,
                Slug::NotFound,
                Slug::InvalidTransition,
                Slug::VersionMismatch,
                Slug::PreconditionRequired,
            ],
        ]
        .concat()
    }
}

impl From<InquiryError> for Problem {
    fn from(err: InquiryError) -> Self {
        match err {
            InquiryError::DayIsOver(_) => Self::invalid("date", "must not be over"),
            InquiryError::KeyIsKnown => Self::new(
                Slug::IdempotencyKeyReused,
                "Take a new key for a new request.",
            ),
            InquiryError::NoSuchInquiry(_) => Self::not_found("inquiry"),
            InquiryError::NoSuchArrow(status) => Self::new(
                Slug::InvalidTransition,
                "It goes from pending to reviewed, and from there to approved or rejected.",
            )
            .with("current_status", status_name(status)),
            InquiryError::Moved(err) => err.into(),
            InquiryError::Db(err) => err.into(),
        }
    }
}
