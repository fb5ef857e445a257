//! What an admin sends to make or edit codes, and what is checked of it.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::{Deserialize, Serialize};

use super::{CodeText, Terms};
use crate::catalog::times::check_time;
use crate::ids::ZoneId;
use crate::money::Money;
use crate::problem::Problem;

/// A code to be made, or as it is to be. It opens the sale early, takes something off, or both.
#[derive(Debug, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, example)]
pub struct CodeDraft {
    /// What buyers type, in any case; no other code of the event reads like it.
    #[oai(validator(min_length = "3", max_length = "40", pattern = "^[A-Za-z0-9_-]*$"))]
    code: String,
    /// The zone that it is for; the whole event where absent.
    #[oai(nullable)]
    zone_id: Option<i64>,
    /// Reservations that may use it at the most; any number where absent.
    #[oai(nullable, validator(minimum(value = "1"), maximum(value = "1000000")))]
    max_uses: Option<i32>,
    /// From when on it is valid; at once where absent.
    #[oai(nullable)]
    valid_from: Option<DateTime<Utc>>,
    /// Until when it is valid; to the end of the sale where absent.
    #[oai(nullable)]
    valid_until: Option<DateTime<Utc>>,
    /// Whether it lets reserve before the sale opens; false where absent.
    #[oai(nullable)]
    opens_early: Option<bool>,
    /// What it takes off each ticket, in percent; a part of a cent is the buyer's.
    #[oai(nullable, validator(minimum(value = "1"), maximum(value = "100")))]
    percent_off: Option<i32>,
    /// What it takes off each ticket, at the most its price; goes without `percent_off`.
    #[oai(skip_serializing_if_is_none)]
    amount_off: Option<Money>,
    /// For organisers only.
    #[oai(nullable, validator(min_length = "1", max_length = "500"))]
    note: Option<String>,
    /// False switches it off; true where absent.
    #[oai(nullable)]
    active: Option<bool>,
}

/// Codes to be made at once, which nobody can guess, all with the same terms.
#[derive(Debug, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, example)]
pub struct CodeBatch {
    /// How many.
    #[oai(validator(minimum(value = "1"), maximum(value = "500")))]
    count: u16,
    /// What each begins with; nothing where absent.
    #[oai(
        nullable,
        validator(min_length = "1", max_length = "20", pattern = "^[A-Za-z0-9_-]*$")
    )]
    prefix: Option<String>,
    /// The zone that they are for; the whole event where absent.
    #[oai(nullable)]
    zone_id: Option<i64>,
    /// Reservations that may use each at the most; any number where absent.
    #[oai(nullable, validator(minimum(value = "1"), maximum(value = "1000000")))]
    max_uses: Option<i32>,
    /// From when on they are valid; at once where absent.
    #[oai(nullable)]
    valid_from: Option<DateTime<Utc>>,
    /// Until when they are valid; to the end of the sale where absent.
    #[oai(nullable)]
    valid_until: Option<DateTime<Utc>>,
    /// Whether they let reserve before the sale opens; false where absent.
    #[oai(nullable)]
    opens_early: Option<bool>,
    /// What they take off each ticket, in percent; a part of a cent is the buyer's.
    #[oai(nullable, validator(minimum(value = "1"), maximum(value = "100")))]
    percent_off: Option<i32>,
    /// What they take off each ticket, at the most its price; goes without `percent_off`.
    #[oai(skip_serializing_if_is_none)]
    amount_off: Option<Money>,
    /// For organisers only.
    #[oai(nullable, validator(min_length = "1", max_length = "500"))]
    note: Option<String>,
    /// False makes them switched off; true where absent.
    #[oai(nullable)]
    active: Option<bool>,
}

impl CodeDraft {
    /// The code and its terms, where they make sense.
    pub fn read(self) -> Result<(CodeText, Terms), Problem> {
        let text = CodeText::read("code", &self.code)?;
        let terms = Terms {
            zone: self.zone_id.map(ZoneId),
            max_uses: self.max_uses,
            valid_from: self.valid_from,
            valid_until: self.valid_until,
            opens_early: self.opens_early.unwrap_or(false),
            percent_off: self.percent_off,
            amount_off: self.amount_off,
            note: self.note,
            active: self.active.unwrap_or(true),
        };
        check(&terms)?;
        Ok((text, terms))
    }
}

impl CodeBatch {
    /// Codes that were never there before, and their terms, where they make sense.
    pub fn read(self) -> Result<(Vec<CodeText>, Terms), Problem> {
        let prefix = self.prefix.unwrap_or_default();
        let mut rng = rand::rng();
        let texts = (0..self.count).map(|_| CodeText::random(&prefix, &mut rng));
        let texts = texts.collect();
        let terms = Terms {
            zone: self.zone_id.map(ZoneId),
            max_uses: self.max_uses,
            valid_from: self.valid_from,
            valid_until: self.valid_until,
            opens_early: self.opens_early.unwrap_or(false),
            percent_off: self.percent_off,
            amount_off: self.amount_off,
            note: self.note,
            active: self.active.unwrap_or(true),
        };
        check(&terms)?;
        Ok((texts, terms))
    }
}

fn check(terms: &Terms) -> Result<(), Problem> {
    match (terms.percent_off, &terms.amount_off) {
        (Some(_), Some(_)) => {
            return Err(Problem::invalid("amount_off", "goes without percent_off"));
        }
        (None, Some(amount)) if amount.amount < 1 => {
            return Err(Problem::invalid("amount_off.amount", "must be at least 1"));
        }
        (None, None) if !terms.opens_early => {
            return Err(Problem::invalid(
                "opens_early",
                "must be true where nothing is taken off",
            ));
        }
        _ => {}
    }
    check_time("valid_from", terms.valid_from)?;
    check_time("valid_until", terms.valid_until)?;
    match (terms.valid_from, terms.valid_until) {
        (Some(from), Some(until)) if until <= from => {
            Err(Problem::invalid("valid_until", "must be after valid_from"))
        }
        _ => Ok(()),
    }
}

impl Example for CodeDraft {
    fn example() -> Self {
        Self {
            code: "FANCLUB-26".into(),
            zone_id: None,
            max_uses: Some(300),
            valid_from: None,
            valid_until: None,
            opens_early: Some(true),
            percent_off: Some(10),
            amount_off: None,
            note: Some("For members of the fan club".into()),
            active: Some(true),
        }
    }
}

impl Example for CodeBatch {
    fn example() -> Self {
        Self {
            count: 100,
            prefix: Some("PRESS-".into()),
            zone_id: None,
            max_uses: Some(1),
            valid_from: None,
            valid_until: None,
            opens_early: Some(true),
            percent_off: Some(100),
            amount_off: None,
            note: Some("For the press".into()),
            active: Some(true),
        }
    }
}
