//! Applications as the API shows them, and as an idempotency key keeps them.

use chrono::{DateTime, TimeDelta, Utc};
use poem_openapi::types::Example;
use poem_openapi::{Enum, Object};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::open_form;
use super::store::Found;
use crate::entity::application::ApplicationStatus;
use crate::entity::{application_form, event};
use crate::ids::{ApplicationId, ReservationId};

/// What an event asks of those who apply for free places, and when they may.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
#[oai(example)]
pub struct ApplicationForm {
    /// The event.
    pub event_id: i64,
    /// In the order in which they are asked.
    pub questions: Vec<Question>,
    /// When applications begin to be taken; at once where absent.
    #[oai(nullable)]
    pub opens_at: Option<DateTime<Utc>>,
    /// When they are not taken any more; when the event starts, where absent.
    #[oai(nullable)]
    pub closes_at: Option<DateTime<Utc>>,
    /// Whether applications are taken now.
    pub is_open: bool,
    /// Raised with every change; 0 where the organiser has not made it yet, and none are taken.
    pub version: i64,
}

/// A question to those who apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, example, rename = "ApplicationQuestion")]
pub struct Question {
    /// What its answer is sent under.
    #[oai(validator(pattern = "^[a-z][a-z0-9_]{0,39}$"))]
    pub key: String,
    /// For display.
    #[oai(validator(min_length = "1", max_length = "500"))]
    pub text: String,
    /// Whether it must be answered.
    pub required: bool,
    /// Most characters of its answer.
    #[oai(validator(minimum(value = "1"), maximum(value = "2000")))]
    pub max_length: u32,
}

/// Somebody's application for free places.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
#[oai(example)]
pub struct Application {
    /// The application; nobody can guess it.
    pub id: Uuid,
    /// The event.
    pub event_id: i64,
    /// Its title.
    pub event: String,
    /// The zone.
    pub zone_id: i64,
    /// Its name.
    pub zone: String,
    /// How many places; all of them are granted, or none.
    pub quantity: i32,
    /// `pending`, `granted`, `rejected` or `withdrawn`.
    pub status: String,
    /// What was answered to what was asked then.
    pub answers: Vec<GivenAnswer>,
    /// Where it is granted: the reservation that has the tickets.
    #[oai(nullable)]
    pub reservation_id: Option<Uuid>,
    /// Where it is rejected: what the organiser says to it.
    #[oai(nullable)]
    pub reason: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was granted, rejected or withdrawn.
    #[oai(nullable)]
    pub ended_at: Option<DateTime<Utc>>,
    /// Raised with every change.
    pub version: i64,
}

/// An answer, with the question as it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Object)]
#[oai(rename = "ApplicationAnswer")]
pub struct GivenAnswer {
    /// The key of the question.
    pub key: String,
    /// The question.
    pub question: String,
    /// Plain text.
    pub answer: String,
}

/// An application as organisers see it.
#[derive(Debug, Clone, Object)]
#[oai(example)]
pub struct ReceivedApplication {
    /// The application.
    #[oai(flatten)]
    pub application: Application,
    /// Who made it.
    pub applicant: Applicant,
    /// What has happened to it, oldest first.
    pub history: Vec<Step>,
}

/// Who made an application.
#[derive(Debug, Clone, Object)]
pub struct Applicant {
    /// The account.
    pub id: Uuid,
    /// For display.
    pub name: String,
    /// For mail.
    pub email: String,
}

/// What somebody did with an application.
#[derive(Debug, Clone, Object)]
#[oai(rename = "ApplicationStep")]
pub struct Step {
    /// What it became.
    pub status: String,
    /// When.
    pub at: DateTime<Utc>,
    /// Who did it: the applicant, or an admin.
    pub by: Uuid,
    /// Their name.
    pub name: String,
    /// With a rejection: why.
    #[oai(nullable)]
    pub reason: Option<String>,
}

/// What came of deciding on applications.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
#[oai(example, rename = "ApplicationDecisions")]
pub struct Decisions {
    /// One for each id, in the order in which they were named.
    pub results: Vec<Decision>,
}

/// What came of deciding on an application.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
#[oai(rename = "ApplicationDecision")]
pub struct Decision {
    /// The application.
    pub id: Uuid,
    /// What came of it.
    pub outcome: Outcome,
    /// Where it was granted: the reservation that has the tickets.
    #[oai(nullable)]
    pub reservation_id: Option<Uuid>,
}

/// What can come of deciding on an application. All but the first two change nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Enum)]
#[serde(rename_all = "snake_case")]
#[oai(rename_all = "snake_case", rename = "ApplicationOutcome")]
pub enum Outcome {
    /// The applicant has the places.
    Granted,
    /// The applicant was told no.
    Rejected,
    /// It was granted, rejected or withdrawn before.
    NotPending,
    /// Fewer places are left in its zone.
    ZoneFull,
    /// The applicant would have more tickets of the event than one customer may.
    LimitExceeded,
    /// Its event was cancelled.
    EventCancelled,
    /// There is no such application.
    NotFound,
}

impl ApplicationForm {
    /// The form of an event as it stands at that time.
    pub fn new(
        event: &event::Model,
        form: Option<application_form::Model>,
        now: DateTime<Utc>,
    ) -> serde_json::Result<Self> {
        let is_open = open_form(event, form.as_ref(), now).is_ok();
        let questions = form.as_ref().map(|form| form.questions.as_str());
        Ok(Self {
            event_id: event.id,
            questions: serde_json::from_str(questions.unwrap_or("[]"))?,
            opens_at: form.as_ref().and_then(|form| form.opens_at),
            closes_at: form.as_ref().and_then(|form| form.closes_at),
            is_open,
            version: form.map_or(0, |form| form.version),
        })
    }
}

impl Question {
    /// Most characters of its answer.
    pub fn most_characters(&self) -> usize {
        usize::try_from(self.max_length).unwrap_or(usize::MAX)
    }
}

impl TryFrom<Found> for Application {
    type Error = serde_json::Error;

    fn try_from(found: Found) -> serde_json::Result<Self> {
        let application = found.application;
        Ok(Self {
            id: application.id,
            event_id: application.event_id,
            event: found.event_title,
            zone_id: application.zone_id,
            zone: found.zone_name,
            quantity: application.quantity,
            status: status_name(application.status).to_owned(),
            answers: serde_json::from_str(&application.answers)?,
            reservation_id: application.reservation_id,
            reason: application.reason,
            created_at: application.created_at,
            ended_at: application.ended_at,
            version: application.version,
        })
    }
}

impl TryFrom<Found> for ReceivedApplication {
    type Error = serde_json::Error;

    fn try_from(found: Found) -> serde_json::Result<Self> {
        let applicant = Applicant {
            id: found.application.user_id,
            name: found.applicant_name.clone(),
            email: found.applicant_email.clone(),
        };
        let mut history = vec![Step {
            status: status_name(ApplicationStatus::Pending).to_owned(),
            at: found.application.created_at,
            by: applicant.id,
            name: applicant.name.clone(),
            reason: None,
        }];
        history.extend(found.application.ended_at.map(|at| {
            Step {
                status: status_name(found.application.status).to_owned(),
                at,
                by: found.application.decided_by.unwrap_or(applicant.id),
                name: found
                    .decider_name
                    .as_ref()
                    .unwrap_or(&applicant.name)
                    .clone(),
                reason: found.application.reason.clone(),
            }
        }));
        Ok(Self {
            application: found.try_into()?,
            applicant,
            history,
        })
    }
}

impl Decision {
    /// The applicant has the places.
    pub fn granted(id: ApplicationId, reservation: ReservationId) -> Self {
        Self {
            id: id.0,
            outcome: Outcome::Granted,
            reservation_id: Some(reservation.0),
        }
    }

    /// Another outcome.
    pub fn new(id: ApplicationId, outcome: Outcome) -> Self {
        Self {
            id: id.0,
            outcome,
            reservation_id: None,
        }
    }
}

/// The name of a status in answers.
pub fn status_name(status: ApplicationStatus) -> &'static str {
    match status {
        ApplicationStatus::Pending => "pending",
        ApplicationStatus::Granted => "granted",
        ApplicationStatus::Rejected => "rejected",
        ApplicationStatus::Withdrawn => "withdrawn",
    }
}

const EXAMPLE_ID: Uuid = Uuid::from_u128(0x0193_4f2a_9d10_7b77_8e0c_9a41_c6d8_e0f1);
const EXAMPLE_RESERVATION: Uuid = Uuid::from_u128(0x0193_4f2b_1c20_7b77_8e0c_9a41_c6d8_e0f2);

impl Example for ApplicationForm {
    fn example() -> Self {
        Self {
            event_id: 1,
            questions: vec![Question::example()],
            opens_at: None,
            closes_at: None,
            is_open: true,
            version: 1,
        }
    }
}

impl Example for Question {
    fn example() -> Self {
        Self {
            key: "why".into(),
            text: "Why would you like to come?".into(),
            required: true,
            max_length: 500,
        }
    }
}

impl Example for Application {
    fn example() -> Self {
        Self {
            id: EXAMPLE_ID,
            event_id: 1,
            event: "Last Night of the Proms".into(),
            zone_id: 4,
            zone: "Students".into(),
            quantity: 2,
            status: "pending".into(),
            answers: vec![GivenAnswer {
                key: "why".into(),
                question: "Why would you like to come?".into(),
                answer: "I study the cello.".into(),
            }],
            reservation_id: None,
            reason: None,
            created_at: DateTime::from_timestamp(1_795_255_200, 0).unwrap_or_default(),
            ended_at: None,
            version: 1,
        }
    }
}

impl Example for ReceivedApplication {
    fn example() -> Self {
        let made = Application::example();
        let (applicant, admin) = (Uuid::from_u128(7), Uuid::from_u128(8));
        let ended_at = made.created_at + TimeDelta::hours(3);
        let step = |status: &str, at, by, name: &str| Step {
            status: status.into(),
            at,
            by,
            name: name.into(),
            reason: None,
        };
        Self {
            applicant: Applicant {
                id: applicant,
                name: "Ada".into(),
                email: "ada@example.com".into(),
            },
            history: vec![
                step("pending", made.created_at, applicant, "Ada"),
                step("granted", ended_at, admin, "Admin"),
            ],
            application: Application {
                status: "granted".into(),
                reservation_id: Some(EXAMPLE_RESERVATION),
                ended_at: Some(ended_at),
                version: 2,
                ..made
            },
        }
    }
}

impl Example for Decisions {
    fn example() -> Self {
        let granted = Decision::granted(
            ApplicationId(EXAMPLE_ID),
            ReservationId(EXAMPLE_RESERVATION),
        );
        Self {
            results: vec![granted],
        }
    }
}
