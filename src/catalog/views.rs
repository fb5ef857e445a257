//! The catalogue as the API shows it.

mod examples;

use chrono::{DateTime, Utc};
use poem_openapi::{Object, Union};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

use super::names::trait_names;
use super::rating::Rating;
use super::{row_name, seat_name, status_name};
use crate::entity::ticket::TicketStatus;
use crate::entity::{event, ticket, venue, zone};
use crate::mirror::Counts;
use crate::money::Money;

/// A place, with a time zone.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
#[oai(example)]
pub struct Venue {
    /// The venue.
    pub id: i64,
    /// For display.
    pub name: String,
    /// Street and number.
    #[oai(nullable)]
    pub address: Option<String>,
    /// City.
    pub city: String,
    /// ISO 3166-1 alpha-2, as in `DE`.
    pub country: String,
    /// IANA name, as in `Europe/Berlin`.
    pub time_zone: String,
    /// A URL: where its seats are.
    #[oai(nullable)]
    #[serde(default)]
    pub picture: Option<String>,
    /// How many people its layout has room for; null without a layout.
    #[serde(default)]
    #[oai(nullable)]
    pub capacity: Option<i32>,
    /// Raised with every change.
    pub version: i64,
}

/// Something on sale at a venue.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
#[oai(example)]
pub struct Event {
    /// The event.
    pub id: i64,
    /// For display.
    pub title: String,
    /// Plain text.
    pub description: String,
    /// As in `concert`.
    #[oai(nullable)]
    pub category: Option<String>,
    /// `draft`, `published` or `cancelled`.
    pub status: String,
    /// When it starts, in UTC; show it in the venue's time zone.
    pub starts_at: DateTime<Utc>,
    /// When it ends.
    #[oai(nullable)]
    pub ends_at: Option<DateTime<Utc>>,
    /// When the sale opens; at once where absent.
    #[oai(nullable)]
    pub sales_open_at: Option<DateTime<Utc>>,
    /// When the sale closes; when the event starts, where absent.
    #[oai(nullable)]
    pub sales_close_at: Option<DateTime<Utc>>,
    /// Most tickets that a customer may have, held and sold; any number where absent.
    #[oai(nullable)]
    pub limit_per_customer: Option<i32>,
    /// ISO 4217; every zone is sold in it.
    #[serde(default)]
    pub currency: String,
    /// A URL.
    #[oai(nullable)]
    #[serde(default)]
    pub picture: Option<String>,
    /// URLs of more pictures.
    #[serde(default)]
    pub gallery: Vec<String>,
    /// When the doors open.
    #[oai(nullable)]
    #[serde(default)]
    pub doors_at: Option<DateTime<Utc>>,
    /// How many seconds a hold lasts here; as long as everywhere where absent.
    #[oai(nullable)]
    #[serde(default)]
    pub hold_secs: Option<i32>,
    /// Why it was cancelled.
    #[oai(skip_serializing_if_is_none)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_reason: Option<String>,
    /// Where it takes place.
    pub venue: Venue,
    /// What its reviews come to.
    #[oai(skip_serializing_if_is_none)]
    #[serde(default)]
    pub rating: Option<Rating>,
    /// Its zones, in order of display; left out of lists.
    #[oai(skip_serializing_if_is_none)]
    pub zones: Option<Vec<Zone>>,
    /// Raised with every change.
    pub version: i64,
}

/// A part of an event with one price, and how it stands.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
#[oai(example)]
pub struct Zone {
    /// The zone.
    pub zone_id: i64,
    /// For display.
    pub name: String,
    /// What it offers.
    #[oai(nullable)]
    pub benefits: Option<String>,
    /// The price of one ticket.
    pub price: Money,
    /// Whether its places are given to those who apply, and to nobody else.
    #[serde(default)]
    pub by_application: bool,
    /// Rows of seats, or places.
    pub seating: Seating,
    /// How many tickets it has.
    pub capacity: i64,
    /// Nobody's yet.
    pub available: i64,
    /// In somebody's hold.
    pub held: i64,
    /// Paid for.
    pub sold: i64,
    /// Withheld by the organiser.
    pub blocked: i64,
}

/// How a zone is filled.
#[derive(Debug, Clone, Serialize, Deserialize, Union)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[oai(discriminator_name = "kind", one_of)]
pub enum Seating {
    /// Rows of numbered seats.
    #[oai(mapping = "seated")]
    Seated(Seated),
    /// Places without a number.
    #[oai(mapping = "standing")]
    Standing(Standing),
}

/// Rows of numbered seats.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct Seated {
    /// How many rows.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
    pub rows: i32,
    /// How many seats in each; where rows differ, in the longest.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
    pub seats_per_row: i32,
    /// The seat that the best ones are nearest to; the middle of the front row where absent.
    #[oai(skip_serializing_if_is_none)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub focus: Option<Focus>,
}

/// A seat of a zone, by its numbers.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields)]
pub struct Focus {
    /// The row, counted from the front, from 1.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
    pub row: i32,
    /// The seat, counted from 1.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
    pub seat: i32,
}

/// Places without a number.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// How many places.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000000")))]
    pub capacity: i32,
}

/// How every zone of an event stands.
#[derive(Debug, Object)]
#[oai(example)]
pub struct Availability {
    /// In order of display.
    pub zones: Vec<Zone>,
}

/// One unit of a zone: a seat, or one place in a standing zone.
#[derive(Debug, Clone, Object)]
#[oai(example)]
pub struct Ticket {
    /// The ticket.
    pub id: i64,
    /// Its event.
    pub event_id: i64,
    /// Its zone.
    pub zone_id: i64,
    /// Its row; null in a standing zone.
    #[oai(nullable)]
    pub row: Option<String>,
    /// Its seat; null in a standing zone.
    #[oai(nullable)]
    pub seat: Option<String>,
    /// Any of `accessible`, `companion`, `restricted_view`.
    pub traits: Vec<String>,
    /// What it costs.
    pub price: Money,
    /// `available`, `held`, `sold` or `blocked`.
    pub status: String,
    /// Raised by exactly 1 with every change of status.
    pub version: i64,
}

impl From<venue::Model> for Venue {
    fn from(venue: venue::Model) -> Self {
        Self {
            id: venue.id,
            name: venue.name,
            address: venue.address,
            city: venue.city,
            country: venue.country,
            time_zone: venue.time_zone,
            picture: venue.picture,
            capacity: venue.capacity,
            version: venue.version,
        }
    }
}

impl Event {
    /// The event at its venue, without its zones.
    pub fn new(event: event::Model, venue: venue::Model) -> Self {
        Self {
            id: event.id,
            title: event.title,
            description: event.description,
            category: event.category,
            status: status_name(event.status).to_owned(),
            starts_at: event.starts_at,
            ends_at: event.ends_at,
            sales_open_at: event.sales_open_at,
            sales_close_at: event.sales_close_at,
            limit_per_customer: event.limit_per_customer,
            currency: event.currency,
            picture: event.picture,
            gallery: gallery(event.gallery.as_deref()),
            doors_at: event.doors_at,
            hold_secs: event.hold_secs,
            cancel_reason: event.cancel_reason,
            venue: venue.into(),
            rating: None,
            zones: None,
            version: event.version,
        }
    }

    /// The event at its venue, with its zones and how they stand.
    pub fn with_zones(
        event: event::Model,
        venue: venue::Model,
        zones: &[zone::Model],
        counts: &HashMap<i64, Counts>,
    ) -> Self {
        let counts_of = |zone_id| counts.get(&zone_id).copied().unwrap_or_default();
        let zones = zones_with_counts(zones, counts_of, &event.currency);
        Self {
            zones: Some(zones),
            ..Self::new(event, venue)
        }
    }
}

fn gallery(json: Option<&str>) -> Vec<String> {
    let urls = json.and_then(|json| serde_json::from_str(json).ok());
    urls.unwrap_or_default()
}

/// The zones with how many of their tickets are in each state.
pub fn zones_with_counts(
    zones: &[zone::Model],
    counts_of: impl Fn(i64) -> Counts,
    currency: &str,
) -> Vec<Zone> {
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let view = |zone: &zone::Model| {
        let counts = counts_of(zone.id);
        Zone {
            zone_id: zone.id,
            name: zone.name.clone(),
            benefits: zone.benefits.clone(),
            price: Money::new(zone.price_amount, currency),
            by_application: zone.by_application,
            seating: seating(zone),
            capacity: zone.capacity.into(),
            available: number(counts.available),
            held: number(counts.held),
            sold: number(counts.sold),
            blocked: number(counts.blocked),
        }
    };
    zones.iter().map(view).collect()
}

fn seating(zone: &zone::Model) -> Seating {
    match (zone.seat_rows, zone.seats_per_row) {
        (Some(rows), Some(seats_per_row)) => Seating::Seated(Seated {
            rows,
            seats_per_row,
            focus: zone
                .focus_row
                .zip(zone.focus_seat)
                .map(|(row, seat)| Focus { row, seat }),
        }),
        _ => Seating::Standing(Standing {
            capacity: zone.capacity,
        }),
    }
}

impl Ticket {
    /// The ticket at the price of its zone.
    pub fn new(ticket: &ticket::Model, zone: &zone::Model, currency: &str) -> Self {
        Self {
            id: ticket.id,
            event_id: ticket.event_id,
            zone_id: ticket.zone_id,
            row: row_name(ticket.row_number, ticket.row_label.as_deref()),
            seat: seat_name(ticket.seat_number, ticket.seat_label.as_deref()),
            traits: trait_names(ticket.traits),
            price: Money::new(zone.price_amount, currency),
            status: ticket_status_name(ticket.status).to_owned(),
            version: ticket.version,
        }
    }
}

/// The name of a ticket's state in answers.
pub fn ticket_status_name(status: TicketStatus) -> &'static str {
    match status {
        TicketStatus::Available => "available",
        TicketStatus::Held => "held",
        TicketStatus::Sold => "sold",
        TicketStatus::Blocked => "blocked",
    }
}
