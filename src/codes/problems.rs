//! What calls about codes can be refused for, and the problem document of each error.

use super::{CodeError, NotValid};
use crate::problem::{KEYED, Problem, Problems, SIGNED_IN, SIGNED_IN_WITH_BODY, Slug};

/// What making codes can be refused for.
pub struct CreateProblems;

impl Problems for CreateProblems {
    fn slugs() -> Vec<Slug> {
        [SIGNED_IN_WITH_BODY, ADMIN, &[Slug::CodeTaken], KEYED].concat()
    }
}

/// What reading codes can be refused for.
pub struct ReadProblems;

impl Problems for ReadProblems {
    fn slugs() -> Vec<Slug> {
        [SIGNED_IN, ADMIN].concat()
    }
}

/// What editing a code can be refused for.
pub struct EditProblems;

impl Problems for EditProblems {
    fn slugs() -> Vec<Slug> {
        [
            SIGNED_IN_WITH_BODY,
            ADMIN,
            &[
                Slug::CodeTaken,
                Slug::CodeInUse,
                Slug::VersionMismatch,
                Slug::PreconditionRequired,
            ],
        ]
        .concat()
    }
}

/// What deleting a code can be refused for.
pub struct DeleteProblems;

impl Problems for DeleteProblems {
    fn slugs() -> Vec<Slug> {
        [SIGNED_IN, ADMIN, &[Slug::CodeInUse, Slug::VersionMismatch]].concat()
    }
}

/// What asking about a code can be refused for.
pub struct CheckProblems;

impl Problems for CheckProblems {
    fn slugs() -> Vec<Slug> {
        [
            SIGNED_IN,
            &[Slug::NotFound, Slug::CodeNotValid, Slug::RateLimited],
        ]
        .concat()
    }
}

const ADMIN: &[Slug] = &[Slug::Forbidden, Slug::NotFound];

impl From<CodeError> for Problem {
    fn from(err: CodeError) -> Self {
        match err {
            CodeError::NoSuchEvent => Self::not_found("event"),
            CodeError::NoSuchCode => Self::not_found("code"),
            CodeError::NoSuchZone(id) => {
                Self::invalid("zone_id", format!("the event has no zone {id}"))
            }
            CodeError::OtherCurrency(currency) => Self::invalid(
                "amount_off.currency",
                format!("must be the event's, {currency}"),
            ),
            CodeError::Taken => Self::new(Slug::CodeTaken, "Take another text."),
            CodeError::InUse { uses } => Self::new(
                Slug::CodeInUse,
                format!("Reservations that name it: {uses}. It can be switched off."),
            )
            .with("uses", uses),
            CodeError::Mismatch(err) => err.into(),
            CodeError::Db(err) => err.into(),
        }
    }
}

impl From<NotValid> for Problem {
    fn from(err: NotValid) -> Self {
        let detail = match err {
            NotValid::Unknown => "There is no such code for this event.",
            NotValid::NotYet => "The code is not valid yet.",
            NotValid::Ended => "The code is not valid any more.",
            NotValid::UsedUp => "The code has been used as often as it may be.",
            NotValid::OtherZone => "The code is for tickets of another zone.",
        };
        Self::new(Slug::CodeNotValid, detail).with("reason", err.name())
    }
}
