//! Inquiries as callers see them.

use chrono::{DateTime, NaiveDate, Utc};
use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::status_name;
use crate::entity::{inquiry, inquiry_change};

/// The inquiry was taken. Whoever sent it without signing in is told no more, now or later.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
#[oai(example)]
pub struct Receipt {
    /// The inquiry; nobody can guess it.
    pub id: Uuid,
}

/// An inquiry of an organiser who wants to sell here.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
#[oai(example)]
pub struct Inquiry {
    /// The inquiry.
    pub id: Uuid,
    /// The name of the company or group.
    pub organiser: String,
    /// Where answers go.
    pub email: String,
    /// As in `concert`.
    pub category: String,
    /// How many people are expected.
    pub expected_attendance: i32,
    /// Who answers questions.
    pub contact_name: String,
    /// A number to call.
    #[oai(nullable)]
    pub phone: Option<String>,
    /// Where it is to take place.
    pub city: String,
    /// The day on which it is to take place.
    pub date: NaiveDate,
    /// Plain text, as it was typed: escape it where you show it.
    pub proposal: String,
    /// `pending`, `reviewed`, `approved` or `rejected`.
    pub status: String,
    /// What was decided, in order; left out of lists.
    #[oai(skip_serializing_if_is_none)]
    #[serde(default)]
    pub history: Option<Vec<Change>>,
    /// When it was sent.
    pub created_at: DateTime<Utc>,
    /// Raised with every change.
    pub version: i64,
}

/// A change of an inquiry's status.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
pub struct Change {
    /// What it was.
    pub from: String,
    /// What it became.
    pub to: String,
    /// What the applicant was told with it.
    #[oai(nullable)]
    pub note: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
    /// The account of the admin who decided; for admins only.
    #[oai(skip_serializing_if_is_none)]
    #[serde(default)]
    pub by: Option<Uuid>,
}

/// An inquiry as admins see it.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
#[oai(example)]
pub struct ReceivedInquiry {
    #[oai(flatten)]
    #[serde(flatten)]
    pub inquiry: Inquiry,
    /// The account of the applicant; null where nobody was signed in.
    #[oai(nullable)]
    pub user_id: Option<Uuid>,
}

impl Inquiry {
    /// With what was decided, as the applicant may know it.
    pub fn with_history(self, changes: Vec<inquiry_change::Model>) -> Self {
        let history = changes.into_iter().map(|change| Change {
            by: None,
            ..change.into()
        });
        Self {
            history: Some(history.collect()),
            ..self
        }
    }
}

impl ReceivedInquiry {
    /// With what was decided, and by whom.
    pub fn with_history(mut self, changes: Vec<inquiry_change::Model>) -> Self {
        let history = changes.into_iter().map(Into::into);
        self.inquiry.history = Some(history.collect());
        self
    }
}

impl From<inquiry::Model> for Inquiry {
    fn from(inquiry: inquiry::Model) -> Self {
        Self {
            id: inquiry.id,
            organiser: inquiry.organiser,
            email: inquiry.email,
            category: inquiry.category,
            expected_attendance: inquiry.expected_attendance,
            contact_name: inquiry.contact_name,
            phone: inquiry.phone,
            city: inquiry.city,
            date: inquiry.date,
            proposal: inquiry.proposal,
            status: status_name(inquiry.status).to_owned(),
            history: None,
            created_at: inquiry.created_at,
            version: inquiry.version,
        }
    }
}

impl From<inquiry::Model> for ReceivedInquiry {
    fn from(inquiry: inquiry::Model) -> Self {
        Self {
            user_id: inquiry.user_id,
            inquiry: inquiry.into(),
        }
    }
}

impl From<inquiry_change::Model> for Change {
    fn from(change: inquiry_change::Model) -> Self {
        Self {
            from: status_name(change.from_status).to_owned(),
            to: status_name(change.to_status).to_owned(),
            note: change.note,
            at: change.at,
            by: Some(change.changed_by),
        }
    }
}

impl Example for Receipt {
    fn example() -> Self {
        Self {
            id: Uuid::from_u128(0x0195_7b6c_2f3a_7c41_9d5e_4a1b_2c3d_4e5f),
        }
    }
}

impl Example for Inquiry {
    fn example() -> Self {
        let created_at = DateTime::from_timestamp(1_798_826_400, 0).unwrap_or_default();
        Self {
            id: Receipt::example().id,
            organiser: "Chamber Choir Berlin".into(),
            email: "office@choir.example".into(),
            category: "concert".into(),
            expected_attendance: 450,
            contact_name: "Clara Wieck".into(),
            phone: Some("+49 30 1234567".into()),
            city: "Berlin".into(),
            date: NaiveDate::from_ymd_opt(2099, 6, 1).unwrap_or_default(),
            proposal: "Two evenings of Bach, seated, on one weekend.".into(),
            status: "reviewed".into(),
            history: Some(vec![Change {
                from: "pending".into(),
                to: "reviewed".into(),
                note: Some("We will call you this week.".into()),
                at: created_at,
                by: None,
            }]),
            created_at,
            version: 2,
        }
    }
}

impl Example for ReceivedInquiry {
    fn example() -> Self {
        Self {
            inquiry: Inquiry::example(),
            user_id: None,
        }
    }
}
