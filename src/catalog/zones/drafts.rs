//! What an admin sends to make or change a zone.

use poem_openapi::types::Example;
use poem_openapi::{Object, Union};
use serde::{Deserialize, Serialize};

use crate::catalog::layout::Row;
use crate::catalog::views::{Focus, Seated, Standing};
use crate::catalog::{NewSeating, NewZone};
use crate::money::Money;
use crate::problem::Problem;

/// A zone to be made.
#[derive(Debug, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, example)]
pub struct ZoneDraft {
    /// For display.
    #[oai(validator(min_length = "1", max_length = "100"))]
    pub name: String,
    /// The price of one ticket.
    pub price: Money,
    /// What it offers.
    #[oai(nullable, validator(max_length = "500"))]
    pub benefits: Option<String>,
    /// Whether its places are given to those who apply, and to nobody else; then the price is 0.
    #[oai(nullable)]
    pub by_application: Option<bool>,
    /// Rows of seats, places, or a section of the venue's layout.
    pub seating: ZoneSeating,
}

/// How a zone is to be filled.
#[derive(Debug, Clone, Serialize, Deserialize, Union)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[oai(discriminator_name = "kind", one_of)]
pub enum ZoneSeating {
    /// Rows of numbered seats.
    #[oai(mapping = "seated")]
    Seated(Seated),
    /// Places without a number.
    #[oai(mapping = "standing")]
    Standing(Standing),
    /// As in the venue's layout.
    #[oai(mapping = "section")]
    Section(SectionCopy),
}

/// A copy of a section of the venue's layout, as it is now: rows, names, aisles, traits, and the seat
/// nearest to the focal point as the best. Later changes of the layout do not change it.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct SectionCopy {
    /// The name of the section.
    #[oai(validator(min_length = "1", max_length = "100"))]
    pub section: String,
}

/// A zone as it is to be.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, example)]
pub struct ZoneEdit {
    /// For display.
    #[oai(validator(min_length = "1", max_length = "100"))]
    pub name: String,
    /// The price of one ticket from now on. What is held or paid for keeps its price.
    pub price: Money,
    /// What it offers.
    #[oai(nullable, validator(max_length = "500"))]
    pub benefits: Option<String>,
    /// Its place in the list of zones, from 0; where it is, if absent.
    #[oai(nullable, validator(minimum(value = "0"), maximum(value = "199")))]
    pub position: Option<i32>,
    /// The seat that the best ones are nearest to; the middle of the front row where absent.
    #[oai(nullable)]
    pub focus: Option<Focus>,
}

/// How many places a standing zone is to have.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, example)]
pub struct CapacityEdit {
    /// How many places.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000000")))]
    pub capacity: i32,
}

/// Rows and seats to be added.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, example)]
pub struct SeatsDraft {
    /// A row whose label the zone has goes on behind its last seat; any other is a new one.
    #[oai(validator(min_items = "1", max_items = "500"))]
    pub rows: Vec<Row>,
}

impl ZoneDraft {
    /// Refuses a price of what is given away; `path` leads to the zone in the request.
    pub fn check(&self, path: &str) -> Result<(), Problem> {
        if self.by_application == Some(true) && self.price.amount != 0 {
            let field = format!("{path}price.amount");
            return Err(Problem::invalid(&field, GIVEN_AWAY));
        }
        Ok(())
    }
}

/// What the price of a zone must be whose places are given to those who apply.
pub const GIVEN_AWAY: &str = "must be 0 where the zone is given away by application";

impl From<ZoneDraft> for NewZone {
    fn from(draft: ZoneDraft) -> Self {
        Self {
            name: draft.name,
            benefits: draft.benefits,
            price_amount: draft.price.amount,
            by_application: draft.by_application.unwrap_or(false),
            seating: draft.seating.into(),
        }
    }
}

impl From<ZoneSeating> for NewSeating {
    fn from(seating: ZoneSeating) -> Self {
        match seating {
            ZoneSeating::Seated(Seated {
                rows,
                seats_per_row,
                focus,
            }) => Self::Seated {
                rows,
                seats_per_row,
                focus: focus.map(|focus| (focus.row, focus.seat)),
            },
            ZoneSeating::Standing(Standing { capacity }) => Self::Standing { capacity },
            ZoneSeating::Section(SectionCopy { section }) => Self::Section { section },
        }
    }
}

impl Example for ZoneDraft {
    fn example() -> Self {
        Self {
            name: "Stalls".into(),
            price: Money::example(),
            benefits: None,
            by_application: None,
            seating: ZoneSeating::Section(SectionCopy {
                section: "Stalls".into(),
            }),
        }
    }
}

impl Example for ZoneEdit {
    fn example() -> Self {
        Self {
            name: "Stalls".into(),
            price: Money::example(),
            benefits: Some("Free cloakroom".into()),
            position: Some(0),
            focus: Some(Focus { row: 5, seat: 12 }),
        }
    }
}

impl Example for CapacityEdit {
    fn example() -> Self {
        Self { capacity: 500 }
    }
}

impl Example for SeatsDraft {
    fn example() -> Self {
        let row = Row {
            label: "Z".into(),
            seats: 12,
            aisles_after: Some(vec![6]),
            ..Row::default()
        };
        Self { rows: vec![row] }
    }
}
