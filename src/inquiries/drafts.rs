//! What callers send about inquiries, and what is checked of it.

use chrono::NaiveDate;
use poem_openapi::types::Example;
use poem_openapi::{Enum, Object};
use serde::{Deserialize, Serialize};

use super::{Decision, NewInquiry};
use crate::entity::inquiry::InquiryStatus;
use crate::problem::Problem;
use crate::texts::check_said;

/// What an organiser asks for.
#[derive(Debug, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, example)]
pub struct InquiryDraft {
    /// The name of the company or group.
    #[oai(validator(min_length = "1", max_length = "200"))]
    organiser: String,
    /// Where answers go.
    #[oai(validator(
        max_length = "254",
        pattern = r#"^[^@\s,;:<>()\[\]"\\\x00-\x1f]+@[^@\s,;:<>()\[\]"\\\x00-\x1f.]+(\.[^@\s,;:<>()\[\]"\\\x00-\x1f.]+)+$"#
    ))]
    email: String,
    /// As in `concert`.
    #[oai(validator(min_length = "1", max_length = "50"))]
    category: String,
    /// How many people are expected.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000000")))]
    expected_attendance: i32,
    /// Who answers questions.
    #[oai(validator(min_length = "1", max_length = "100"))]
    contact_name: String,
    /// A number to call.
    #[oai(
        nullable,
        validator(min_length = "3", max_length = "40", pattern = r"^\+?[0-9 ()/.-]+$")
    )]
    phone: Option<String>,
    /// Where it is to take place.
    #[oai(validator(min_length = "1", max_length = "100"))]
    city: String,
    /// The day on which it is to take place, as in `2027-06-01`.
    date: NaiveDate,
    /// What is planned; plain text.
    #[oai(validator(min_length = "1", max_length = "10000"))]
    proposal: String,
}

/// What an admin decides about an inquiry.
#[derive(Debug, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, example)]
pub struct DecisionDraft {
    /// `reviewed`, then `approved` or `rejected`.
    status: Status,
    /// What the applicant is told with it, by mail and among their inquiries.
    #[oai(nullable, validator(max_length = "2000"))]
    note: Option<String>,
}

/// An inquiry's state.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, Enum)]
#[serde(rename_all = "snake_case")]
#[oai(rename_all = "snake_case", rename = "InquiryStatus")]
pub enum Status {
    /// Nobody has looked at it.
    Pending,
    /// Somebody is at it.
    Reviewed,
    /// The organiser may sell here.
    Approved,
    /// Not this time.
    Rejected,
}

impl TryFrom<InquiryDraft> for NewInquiry {
    type Error = Problem;

    fn try_from(draft: InquiryDraft) -> Result<Self, Problem> {
        for (field, text) in [
            ("organiser", &draft.organiser),
            ("category", &draft.category),
            ("contact_name", &draft.contact_name),
            ("city", &draft.city),
            ("proposal", &draft.proposal),
        ] {
            check_said(field, text)?;
        }
        check_day("date", draft.date)?;
        Ok(Self {
            organiser: draft.organiser,
            email: draft.email,
            category: draft.category,
            expected_attendance: draft.expected_attendance,
            contact_name: draft.contact_name,
            phone: draft.phone,
            city: draft.city,
            date: draft.date,
            proposal: draft.proposal,
        })
    }
}

impl From<DecisionDraft> for Decision {
    fn from(draft: DecisionDraft) -> Self {
        Self {
            status: draft.status.into(),
            note: draft.note.filter(|note| !note.trim().is_empty()),
        }
    }
}

impl From<Status> for InquiryStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Pending => Self::Pending,
            Status::Reviewed => Self::Reviewed,
            Status::Approved => Self::Approved,
            Status::Rejected => Self::Rejected,
        }
    }
}

/// `SQLite` sorts days as texts, which holds for years of four digits.
pub fn check_day(field: &str, day: NaiveDate) -> Result<(), Problem> {
    let years = NaiveDate::from_ymd_opt(1970, 1, 1)..=NaiveDate::from_ymd_opt(9999, 12, 31);
    if years.contains(&Some(day)) {
        return Ok(());
    }
    Err(Problem::invalid(field, "must lie between 1970 and 9999"))
}

impl Example for InquiryDraft {
    fn example() -> Self {
        Self {
            organiser: "Chamber Choir Berlin".into(),
            email: "office@choir.example".into(),
            category: "concert".into(),
            expected_attendance: 450,
            contact_name: "Clara Wieck".into(),
            phone: Some("+49 30 1234567".into()),
            city: "Berlin".into(),
            date: NaiveDate::from_ymd_opt(2099, 6, 1).unwrap_or_default(),
            proposal: "Two evenings of Bach, seated, on one weekend.".into(),
        }
    }
}

impl Example for DecisionDraft {
    fn example() -> Self {
        Self {
            status: Status::Reviewed,
            note: Some("We will call you this week.".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_a_year_of_four_digits() {
        for (year, is_allowed) in [(1969, false), (1970, true), (9999, true), (10_000, false)] {
            let day = NaiveDate::from_ymd_opt(year, 6, 1).unwrap();
            assert_eq!(check_day("date", day).is_ok(), is_allowed, "{year}");
        }
    }
}
