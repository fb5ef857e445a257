//! What callers send about events, and what is checked of it.

use chrono::{DateTime, Utc};
use poem_openapi::types::Example;
use poem_openapi::{Enum, Object};
use serde::{Deserialize, Serialize};

use super::EventEdit;
use crate::catalog::EventDetails;
use crate::catalog::search::{Order, When};
use crate::catalog::views::Event;
use crate::entity::event::EventStatus;
use crate::ids::VenueId;
use crate::problem::Problem;

/// An event as it is to be. What is left out is emptied, but for the currency; zones are edited by
/// calls of their own.
#[derive(Debug, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "EventEdit", deny_unknown_fields, example)]
pub struct EditRequest {
    /// Where it takes place.
    venue_id: i64,
    /// For display.
    #[oai(validator(min_length = "1", max_length = "200"))]
    title: String,
    /// Plain text.
    #[oai(nullable, validator(max_length = "10000"))]
    description: Option<String>,
    /// As in `concert`.
    #[oai(nullable, validator(min_length = "1", max_length = "50"))]
    category: Option<String>,
    /// A URL.
    #[oai(nullable, validator(max_length = "500"))]
    picture: Option<String>,
    /// URLs of more pictures.
    #[oai(nullable, validator(max_items = "10"))]
    gallery: Option<Vec<String>>,
    /// When it starts.
    starts_at: DateTime<Utc>,
    /// When it ends.
    #[oai(nullable)]
    ends_at: Option<DateTime<Utc>>,
    /// When the doors open.
    #[oai(nullable)]
    doors_at: Option<DateTime<Utc>>,
    /// When the sale opens; at once where absent.
    #[oai(nullable)]
    sales_open_at: Option<DateTime<Utc>>,
    /// When the sale closes; when the event starts, where absent.
    #[oai(nullable)]
    sales_close_at: Option<DateTime<Utc>>,
    /// Most tickets that a customer may have, held and sold; any number where absent. What customers
    /// have already stays theirs.
    #[oai(nullable, validator(minimum(value = "1"), maximum(value = "1000000")))]
    limit_per_customer: Option<i32>,
    /// How many seconds a hold lasts here; as long as the settings say where absent. Holds that run
    /// keep their time.
    #[oai(nullable, validator(minimum(value = "30"), maximum(value = "3600")))]
    hold_secs: Option<i32>,
    /// ISO 4217; stays what it is where absent, and once the event is published.
    #[oai(nullable, validator(pattern = "^[A-Z]{3}$"))]
    currency: Option<String>,
}

/// Why an event is cancelled.
#[derive(Debug, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, example)]
pub struct CancelRequest {
    /// For buyers to read.
    #[oai(nullable, validator(min_length = "1", max_length = "500"))]
    pub reason: Option<String>,
}

/// The status of an event.
#[derive(Debug, Clone, Copy, Enum)]
#[oai(rename = "EventStatus", rename_all = "snake_case")]
pub enum Status {
    /// Seen by organisers only.
    Draft,
    /// Seen by everybody.
    Published,
    /// No longer takes place.
    Cancelled,
}

/// The order of a list of events.
#[derive(Debug, Clone, Copy, Enum)]
#[oai(rename = "EventOrder", rename_all = "snake_case")]
pub enum Sort {
    /// By start.
    Soonest,
    /// By start, the last one first.
    Latest,
}

impl Sort {
    /// The order that was asked for, or the one that suits the time.
    pub fn order(sort: Option<Self>, when: When) -> Order {
        match (sort, when) {
            (Some(Self::Soonest), _) | (None, When::Upcoming) => Order::Soonest,
            (Some(Self::Latest), _) | (None, When::Past) => Order::Latest,
        }
    }
}

impl From<Status> for EventStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Draft => Self::Draft,
            Status::Published => Self::Published,
            Status::Cancelled => Self::Cancelled,
        }
    }
}

impl TryFrom<EditRequest> for EventEdit {
    type Error = Problem;

    fn try_from(edit: EditRequest) -> Result<Self, Problem> {
        let details = EventDetails {
            venue_id: VenueId(edit.venue_id),
            title: edit.title,
            description: edit.description.unwrap_or_default(),
            category: edit.category,
            picture: edit.picture,
            gallery: edit.gallery.unwrap_or_default(),
            starts_at: edit.starts_at,
            ends_at: edit.ends_at,
            doors_at: edit.doors_at,
            sales_open_at: edit.sales_open_at,
            sales_close_at: edit.sales_close_at,
            limit_per_customer: edit.limit_per_customer,
            hold_secs: edit.hold_secs,
        };
        details.check()?;
        Ok(Self {
            details,
            currency: edit.currency,
        })
    }
}

impl Example for EditRequest {
    fn example() -> Self {
        let event = Event::example();
        Self {
            venue_id: event.venue.id,
            title: event.title,
            description: Some(event.description),
            category: event.category,
            picture: event.picture,
            gallery: Some(event.gallery),
            starts_at: event.starts_at,
            ends_at: event.ends_at,
            doors_at: event.doors_at,
            sales_open_at: event.sales_open_at,
            sales_close_at: event.sales_close_at,
            limit_per_customer: event.limit_per_customer,
            hold_secs: event.hold_secs,
            currency: Some(event.currency),
        }
    }
}

impl Example for CancelRequest {
    fn example() -> Self {
        Self {
            reason: Some("The orchestra is ill.".into()),
        }
    }
}
