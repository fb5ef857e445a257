//! Codes: what opens a sale early for some, takes something off the price, or both.
//!
//! A code belongs to an event, or to one zone of it. Its *uses* are the reservations that name it and
//! are held, confirmed or refunded: they are counted whenever somebody wants to know, so that what is
//! released or expires gives its use back by itself. Whoever is to use a code is decided in the
//! transaction of the hold, which locks the code's row; see `reservations`. An edit changes what
//! later holds get, and nothing of earlier ones.

pub mod api;
mod drafts;
mod problems;
pub mod rules;
pub mod store;
mod views;

pub use rules::NotValid;

use chrono::{DateTime, Utc};
use rand::{Rng, RngExt};
use sea_orm::{DatabaseTransaction, DbErr};

use crate::catalog::store as catalogue;
use crate::db;
use crate::entity::{code, event};
use crate::ids::{CodeId, EventId, ZoneId};
use crate::money::Money;
use crate::precondition::{Expected, VersionMismatch};
use crate::problem::Problem;

/// The text of a code, in upper case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CodeText(String);

/// What a code does, and for whom.
#[derive(Debug, Clone)]
pub struct Terms {
    /// The zone that it is for; the whole event where there is none.
    pub zone: Option<ZoneId>,
    /// Reservations that may use it at the most.
    pub max_uses: Option<i32>,
    pub valid_from: Option<DateTime<Utc>>,
    pub valid_until: Option<DateTime<Utc>>,
    /// Whether it lets reserve before the sale opens.
    pub opens_early: bool,
    pub percent_off: Option<i32>,
    /// Off each ticket.
    pub amount_off: Option<Money>,
    pub note: Option<String>,
    pub active: bool,
}

/// A code, with what is not in its row.
#[derive(Debug)]
pub struct CountedCode {
    pub code: code::Model,
    /// ISO 4217, the event's.
    pub currency: String,
    /// Reservations that use it.
    pub uses: u64,
}

/// Why a code was not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum CodeError {
    /// There is no such event.
    #[error("there is no such event")]
    NoSuchEvent,
    /// The event has no such zone.
    #[error("the event has no zone {0}")]
    NoSuchZone(ZoneId),
    /// The event has no such code.
    #[error("there is no such code")]
    NoSuchCode,
    /// What is taken off is in another currency than the event's tickets.
    #[error("the event is sold in {0}")]
    OtherCurrency(String),
    /// Another code of the event reads like this.
    #[error("another code of the event reads like this")]
    Taken,
    /// What reservations have made of it stands in the way.
    #[error("{uses} reservations name the code")]
    InUse { uses: u64 },
    /// It has moved on.
    #[error(transparent)]
    Mismatch(#[from] VersionMismatch),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbErr),
}

/// Makes codes with the same terms: all of them or none.
pub async fn create_codes(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    event: EventId,
    texts: Vec<CodeText>,
    terms: &Terms,
) -> Result<Vec<CountedCode>, CodeError> {
    let event = event_for_code(tx, event, terms).await?;
    let made = store::insert(tx, now, EventId(event.id), texts, terms).await;
    let unused = |code| CountedCode {
        code,
        currency: event.currency.clone(),
        uses: 0,
    };
    Ok(made.map_err(taken)?.into_iter().map(unused).collect())
}

/// Puts other terms in the place of a code's. Reservations that were made with it stay as they are;
/// so its text cannot change once there are any, nor may fewer use it than do.
pub async fn edit_code(
    tx: &DatabaseTransaction,
    (event, id): (EventId, CodeId),
    expected: Expected,
    text: CodeText,
    terms: &Terms,
) -> Result<CountedCode, CodeError> {
    let facts = event_for_code(tx, event, terms).await?;
    let code = store::code_for_update(tx, event, id).await?;
    let code = code.ok_or(CodeError::NoSuchCode)?;
    expected.check(code.version)?;
    if code.code != text.0 {
        refuse_if_ever_used(tx, id).await?;
    }
    let uses = store::count_uses(tx, &[id]).await?;
    let uses = uses.get(&id).copied().unwrap_or(0);
    let allowed = terms.max_uses.map(|max| u64::try_from(max).unwrap_or(0));
    if allowed.is_some_and(|allowed| allowed < uses) {
        return Err(CodeError::InUse { uses });
    }
    let code = store::update(tx, code, text, terms).await.map_err(taken)?;
    Ok(CountedCode {
        code,
        currency: facts.currency,
        uses,
    })
}

/// Deletes a code that no reservation has ever named.
pub async fn delete_code(
    tx: &DatabaseTransaction,
    (event, id): (EventId, CodeId),
    expected: Expected,
) -> Result<(), CodeError> {
    let code = store::code_for_update(tx, event, id).await?;
    let code = code.ok_or(CodeError::NoSuchCode)?;
    expected.check(code.version)?;
    refuse_if_ever_used(tx, id).await?;
    Ok(store::delete(tx, id).await?)
}

async fn refuse_if_ever_used(tx: &DatabaseTransaction, id: CodeId) -> Result<(), CodeError> {
    match store::count_reservations(tx, id).await? {
        0 => Ok(()),
        uses => Err(CodeError::InUse { uses }),
    }
}

/// The event, where these terms suit it.
async fn event_for_code(
    tx: &DatabaseTransaction,
    id: EventId,
    terms: &Terms,
) -> Result<event::Model, CodeError> {
    let event = catalogue::event(tx, id).await?;
    let event = event.ok_or(CodeError::NoSuchEvent)?;
    if let Some(zone) = terms.zone {
        let zones = catalogue::zones(tx, id).await?;
        if zones.iter().all(|of_event| of_event.id != zone.0) {
            return Err(CodeError::NoSuchZone(zone));
        }
    }
    match &terms.amount_off {
        Some(amount) if amount.currency != event.currency => {
            Err(CodeError::OtherCurrency(event.currency))
        }
        _ => Ok(event),
    }
}

fn taken(err: DbErr) -> CodeError {
    if db::is_duplicate(&err) {
        return CodeError::Taken;
    }
    CodeError::Db(err)
}

impl From<&code::Model> for CodeText {
    fn from(code: &code::Model) -> Self {
        Self(code.code.clone())
    }
}

impl CodeText {
    /// Reads what somebody typed as a code; the case does not matter.
    pub fn read(field: &str, text: &str) -> Result<Self, Problem> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if !(3..=40).contains(&text.len()) || !text.chars().all(is_allowed) {
            let message = "must be 3 to 40 letters A to Z, digits, hyphens and underscores";
            return Err(Problem::invalid(field, message));
        }
        Ok(Self(text.to_ascii_uppercase()))
    }

    /// A code that nobody can guess: 80 random bits after what it begins with, in letters and digits
    /// that are not mistaken for each other.
    fn random(prefix: &str, rng: &mut impl Rng) -> Self {
        let mut text = prefix.to_ascii_uppercase();
        for place in 0..RANDOM_LETTERS {
            if place > 0 && place % 4 == 0 {
                text.push('-');
            }
            let letter = LETTERS[rng.random_range(0..LETTERS.len())];
            text.push(char::from(letter));
        }
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const RANDOM_LETTERS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_in_any_case() {
        let code = CodeText::read("code", "fan_Club-26").unwrap();
        assert_eq!(code.as_str(), "FAN_CLUB-26");
        let long = "X".repeat(41);
        for text in ["", "AB", "A B", "ÄBC", "A'B", "ABC\0", &long] {
            assert!(CodeText::read("code", text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_random_code_is_one_that_can_be_typed() {
        let prefix = "x".repeat(20);
        let code = CodeText::random(&prefix, &mut rand::rng());
        assert_eq!(code.as_str().len(), 39);
        assert_eq!(CodeText::read("code", code.as_str()).unwrap(), code);
    }
}
