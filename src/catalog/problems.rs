//! What calls about the catalogue can be refused for, and the problem document of each error.

use super::{CatalogError, status_name};
use crate::entity::event::EventStatus;
use crate::problem::{KEYED, PUBLIC, Problem, Problems, SIGNED_IN, SIGNED_IN_WITH_BODY, Slug};

/// What reading a list can be refused for.
pub struct ListProblems;

impl Problems for ListProblems {
    fn slugs() -> Vec<Slug> {
        PUBLIC.to_vec()
    }
}

/// What reading one thing can be refused for.
pub struct ReadProblems;

impl Problems for ReadProblems {
    fn slugs() -> Vec<Slug> {
        [PUBLIC, &[Slug::NotFound]].concat()
    }
}

/// What making something can be refused for.
pub struct CreateProblems;

impl Problems for CreateProblems {
    fn slugs() -> Vec<Slug> {
        [SIGNED_IN_WITH_BODY, &[Slug::Forbidden], KEYED].concat()
    }
}

/// What publishing can be refused for.
pub struct PublishProblems;

impl Problems for PublishProblems {
    fn slugs() -> Vec<Slug> {
        [
            SIGNED_IN,
            &[Slug::Forbidden, Slug::NotFound, Slug::InvalidTransition],
            KEYED,
        ]
        .concat()
    }
}

impl From<CatalogError> for Problem {
    fn from(err: CatalogError) -> Self {
        match err {
            CatalogError::NoSuchVenue(id) => {
                Self::invalid("venue_id", format!("there is no venue {id}"))
            }
            CatalogError::NoSuchEvent(_) => Self::not_found("event"),
            CatalogError::NotADraft(status) => {
                Self::new(Slug::InvalidTransition, "The event cannot be published.")
                    .with("current_status", status_name(status))
            }
            CatalogError::NoZones => Self::new(
                Slug::InvalidTransition,
                "Add a zone first: nothing is for sale.",
            )
            .with("current_status", status_name(EventStatus::Draft)),
            CatalogError::SaleIsOver => Self::new(
                Slug::InvalidTransition,
                "Its sale would be over already: change its times first.",
            )
            .with("current_status", status_name(EventStatus::Draft)),
            CatalogError::Zone(err) => err.into(),
            CatalogError::Db(err) => err.into(),
        }
    }
}
