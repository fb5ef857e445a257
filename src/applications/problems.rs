//! What calls about applications can be refused for, and the problem document of each error.

use super::ApplicationError;
use super::views::status_name;
use crate::problem::{KEYED, PUBLIC, Problem, Problems, SIGNED_IN, SIGNED_IN_WITH_BODY, Slug};

/// What reading a form can be refused for.
pub struct FormProblems;

impl Problems for FormProblems {
    fn slugs() -> Vec<Slug> {
        [PUBLIC, &[Slug::NotFound]].concat()
    }
}

/// What changing a form can be refused for.
pub struct ChangeFormProblems;

impl Problems for ChangeFormProblems {
    fn slugs() -> Vec<Slug> {
        let own = [
            Slug::Forbidden,
            Slug::NotFound,
            Slug::PreconditionRequired,
            Slug::VersionMismatch,
        ];
        [SIGNED_IN_WITH_BODY, &own].concat()
    }
}

/// What applying can be refused for.
pub struct ApplyProblems;

impl Problems for ApplyProblems {
    fn slugs() -> Vec<Slug> {
        let own = [
            Slug::NotFound,
            Slug::ApplicationsClosed,
            Slug::AlreadyApplied,
            Slug::LimitExceeded,
        ];
        [SIGNED_IN_WITH_BODY, KEYED, &own].concat()
    }
}

/// What listing one's own applications can be refused for.
pub struct ListProblems;

impl Problems for ListProblems {
    fn slugs() -> Vec<Slug> {
        SIGNED_IN.to_vec()
    }
}

/// What reading one's own application can be refused for.
pub struct ReadProblems;

impl Problems for ReadProblems {
    fn slugs() -> Vec<Slug> {
        [SIGNED_IN, &[Slug::NotFound]].concat()
    }
}

/// What withdrawing can be refused for.
pub struct WithdrawProblems;

impl Problems for WithdrawProblems {
    fn slugs() -> Vec<Slug> {
        let own = [
            Slug::NotFound,
            Slug::InvalidTransition,
            Slug::VersionMismatch,
        ];
        [SIGNED_IN, &own].concat()
    }
}

/// What listing everybody's applications can be refused for.
pub struct AdminListProblems;

impl Problems for AdminListProblems {
    fn slugs() -> Vec<Slug> {
        [SIGNED_IN, &[Slug::Forbidden]].concat()
    }
}

/// What reading somebody's application, or the form of a draft, can be refused for.
pub struct AdminReadProblems;

impl Problems for AdminReadProblems {
    fn slugs() -> Vec<Slug> {
        [SIGNED_IN, &[Slug::Forbidden, Slug::NotFound]].concat()
    }
}

/// What deciding on applications can be refused for; what becomes of each is in the answer.
pub struct DecideProblems;

impl Problems for DecideProblems {
    fn slugs() -> Vec<Slug> {
        [SIGNED_IN_WITH_BODY, KEYED, &[Slug::Forbidden]].concat()
    }
}

impl From<ApplicationError> for Problem {
    fn from(err: ApplicationError) -> Self {
        match err {
            ApplicationError::NoSuch(what) => Self::not_found(what),
            ApplicationError::Closed { opens_at: Some(at) } => {
                Self::new(Slug::ApplicationsClosed, "Applications are not taken yet.")
                    .with("opens_at", at.to_rfc3339())
            }
            ApplicationError::Closed { opens_at: None } => {
                Self::new(Slug::ApplicationsClosed, "Applications are not taken.")
            }
            ApplicationError::NotByApplication => Self::invalid(
                "zone_id",
                "must be a zone that is given away by application",
            ),
            ApplicationError::Answer { key, message } => {
                Self::invalid(&format!("answers.{key}"), message)
            }
            ApplicationError::LimitExceeded { limit, already } => Self::new(
                Slug::LimitExceeded,
                format!("One customer may have {limit} tickets of this event; you have {already}."),
            )
            .with("limit", limit)
            .with("already", already),
            ApplicationError::AlreadyApplied => Self::new(
                Slug::AlreadyApplied,
                "Withdraw your application to make another, while it is pending.",
            ),
            ApplicationError::NotPending(status) => {
                let status = status_name(status);
                Self::new(
                    Slug::InvalidTransition,
                    format!("The application is {status}."),
                )
                .with("current_status", status)
            }
            ApplicationError::Version(mismatch) => mismatch.into(),
            ApplicationError::Stored(err) => Self::internal(err),
            ApplicationError::Db(err) => err.into(),
        }
    }
}
