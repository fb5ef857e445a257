//! What calls about events can be refused for, and the problem document of each error.

use std::borrow::Cow;

use super::EventError;
use crate::catalog::status_name;
use crate::entity::event::EventStatus;
use crate::problem::{KEYED, Problem, Problems, SIGNED_IN, SIGNED_IN_WITH_BODY, Slug};

/// What an admin's reading of lists can be refused for.
pub struct AdminListProblems;

impl Problems for AdminListProblems {
    fn slugs() -> Vec<Slug> {
        [SIGNED_IN, &[Slug::Forbidden]].concat()
    }
}

/// What an admin's reading of one event can be refused for.
pub struct AdminReadProblems;

impl Problems for AdminReadProblems {
    fn slugs() -> Vec<Slug> {
        [SIGNED_IN, &[Slug::Forbidden, Slug::NotFound]].concat()
    }
}

/// What editing an event can be refused for.
pub struct EditProblems;

impl Problems for EditProblems {
    fn slugs() -> Vec<Slug> {
        [
            SIGNED_IN_WITH_BODY,
            CHANGE,
            &[Slug::PreconditionRequired, Slug::VersionMismatch],
        ]
        .concat()
    }
}

/// What deleting an event can be refused for.
pub struct DeleteProblems;

impl Problems for DeleteProblems {
    fn slugs() -> Vec<Slug> {
        [SIGNED_IN, CHANGE, &[Slug::VersionMismatch]].concat()
    }
}

/// What cancelling an event can be refused for.
pub struct CancelProblems;

impl Problems for CancelProblems {
    fn slugs() -> Vec<Slug> {
        [
            SIGNED_IN_WITH_BODY,
            &[Slug::Forbidden, Slug::NotFound],
            KEYED,
        ]
        .concat()
    }
}

const CHANGE: &[Slug] = &[Slug::Forbidden, Slug::NotFound, Slug::InvalidTransition];

impl From<EventError> for Problem {
    fn from(err: EventError) -> Self {
        let invalid = |detail: Cow<'static, str>, status| {
            Self::new(Slug::InvalidTransition, detail).with("current_status", status_name(status))
        };
        match err {
            EventError::NoSuchEvent => Self::not_found("event"),
            EventError::NoSuchVenue(id) => {
                Self::invalid("venue_id", format!("there is no venue {id}"))
            }
            EventError::PastThat(status) => {
                let detail = format!("The event is {}.", status_name(status));
                invalid(detail.into(), status)
            }
            EventError::CurrencyPublished(status) => {
                let detail = "Its prices were published in another currency.";
                invalid(detail.into(), status)
            }
            EventError::InUse => invalid(
                "Something that must stay belongs to it: cancel it instead.".into(),
                EventStatus::Draft,
            ),
            EventError::Mismatch(mismatch) => mismatch.into(),
            EventError::Db(err) => err.into(),
        }
    }
}
