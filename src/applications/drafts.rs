//! What callers send about applications, and what is checked of it.

use chrono::{DateTime, Utc};
use poem_openapi::types::Example;
use poem_openapi::{Enum, Object};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use uuid::Uuid;

use super::views::Question;
use super::{NewApplication, NewForm};
use crate::catalog::times::check_time;
use crate::entity::application::ApplicationStatus;
use crate::ids::{ApplicationId, ZoneId};
use crate::problem::Problem;

/// What an event is to ask of those who apply, and when they may.
#[derive(Debug, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, example)]
pub struct FormDraft {
    /// In the order in which they are asked; there may be none.
    #[oai(validator(max_items = "20"))]
    questions: Vec<Question>,
    /// When applications begin to be taken; at once where absent.
    #[oai(nullable)]
    opens_at: Option<DateTime<Utc>>,
    /// When they are not taken any more; when the event starts, where absent.
    #[oai(nullable)]
    closes_at: Option<DateTime<Utc>>,
}

/// An application for free places of a zone.
#[derive(Debug, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, example)]
pub struct ApplicationDraft {
    /// A zone that is given away by application.
    zone_id: i64,
    /// How many places; one where absent.
    #[oai(nullable, validator(minimum(value = "1"), maximum(value = "10")))]
    quantity: Option<u32>,
    /// By the key of each question.
    #[serde(default)]
    #[oai(default)]
    answers: BTreeMap<String, String>,
}

/// Which applications to grant.
#[derive(Debug, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, example)]
pub struct GrantRequest {
    /// In the order in which they are served, none twice.
    #[oai(validator(min_items = "1", max_items = "100"))]
    ids: Vec<Uuid>,
}

/// Which applications to reject.
#[derive(Debug, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, example)]
pub struct RejectionRequest {
    /// None twice.
    #[oai(validator(min_items = "1", max_items = "100"))]
    ids: Vec<Uuid>,
    /// What the applicants are told.
    #[oai(nullable, validator(min_length = "1", max_length = "1000"))]
    reason: Option<String>,
}

/// An application's state, to filter by.
#[derive(Debug, Clone, Copy, Enum)]
#[oai(rename_all = "snake_case", rename = "ApplicationStatus")]
pub enum Status {
    /// Nobody has decided on it.
    Pending,
    /// The applicant has the places.
    Granted,
    /// The applicant was told no.
    Rejected,
    /// The applicant does not want the places any more.
    Withdrawn,
}

impl TryFrom<FormDraft> for NewForm {
    type Error = Problem;

    fn try_from(draft: FormDraft) -> Result<Self, Problem> {
        let mut keys = HashSet::new();
        for (i, question) in draft.questions.iter().enumerate() {
            if !keys.insert(question.key.as_str()) {
                let field = format!("questions[{i}].key");
                return Err(Problem::invalid(&field, "is another question's"));
            }
            if question.text.trim().is_empty() {
                let field = format!("questions[{i}].text");
                return Err(Problem::invalid(&field, "must not be blank"));
            }
        }
        check_time("opens_at", draft.opens_at)?;
        check_time("closes_at", draft.closes_at)?;
        if let (Some(opens_at), Some(closes_at)) = (draft.opens_at, draft.closes_at)
            && closes_at <= opens_at
        {
            return Err(Problem::invalid("closes_at", "must be after opens_at"));
        }
        Ok(Self {
            questions: draft.questions,
            opens_at: draft.opens_at,
            closes_at: draft.closes_at,
        })
    }
}

impl From<ApplicationDraft> for NewApplication {
    fn from(draft: ApplicationDraft) -> Self {
        Self {
            zone: ZoneId(draft.zone_id),
            quantity: draft.quantity.unwrap_or(1),
            answers: draft.answers,
        }
    }
}

impl GrantRequest {
    /// The applications, each once.
    pub fn ids(self) -> Result<Vec<ApplicationId>, Problem> {
        each_once(self.ids)
    }
}

impl RejectionRequest {
    /// The applications, each once, and what the applicants are told.
    pub fn parts(self) -> Result<(Vec<ApplicationId>, Option<String>), Problem> {
        Ok((each_once(self.ids)?, self.reason))
    }
}

fn each_once(ids: Vec<Uuid>) -> Result<Vec<ApplicationId>, Problem> {
    let mut seen = HashSet::new();
    match ids.iter().find(|id| !seen.insert(**id)) {
        Some(twice) => Err(Problem::invalid("ids", format!("names {twice} twice"))),
        None => Ok(ids.into_iter().map(ApplicationId).collect()),
    }
}

impl From<Status> for ApplicationStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Pending => Self::Pending,
            Status::Granted => Self::Granted,
            Status::Rejected => Self::Rejected,
            Status::Withdrawn => Self::Withdrawn,
        }
    }
}

impl Example for FormDraft {
    fn example() -> Self {
        Self {
            questions: vec![Question::example()],
            opens_at: None,
            closes_at: None,
        }
    }
}

impl Example for ApplicationDraft {
    fn example() -> Self {
        let answer = ("why".to_owned(), "I study the cello.".to_owned());
        Self {
            zone_id: 4,
            quantity: Some(2),
            answers: BTreeMap::from([answer]),
        }
    }
}

impl Example for GrantRequest {
    fn example() -> Self {
        Self {
            ids: vec![Uuid::from_u128(0x0193_4f2a_9d10_7b77_8e0c_9a41_c6d8_e0f1)],
        }
    }
}

impl Example for RejectionRequest {
    fn example() -> Self {
        Self {
            ids: GrantRequest::example().ids,
            reason: Some("All places are gone.".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_application_is_named_once() {
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert!(each_once(vec![one, two]).is_ok());
        assert!(each_once(vec![one, two, one]).is_err());
    }

    #[test]
    fn a_form_that_never_opens_or_asks_twice_is_refused() {
        let at = |secs| DateTime::from_timestamp(secs, 0);
        let draft = |keys: &[&str], opens_at, closes_at| FormDraft {
            questions: keys
                .iter()
                .map(|key| Question {
                    key: (*key).into(),
                    ..Question::example()
                })
                .collect(),
            opens_at,
            closes_at,
        };
        assert!(NewForm::try_from(draft(&["a", "b"], at(1), at(2))).is_ok());
        for off in [
            draft(&["a", "a"], None, None),
            draft(&[], at(2), at(2)),
            draft(&[], at(-1), None),
            draft(&[], None, at(253_402_300_800)),
        ] {
            assert!(NewForm::try_from(off).is_err());
        }
    }
}
