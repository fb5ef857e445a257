//! What an admin sends to make a venue or an event, and what is checked of it.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::{Deserialize, Serialize};

use super::times::Times;
use super::views::{Event, Seated, Venue};
use super::zones::drafts::{ZoneDraft, ZoneSeating};
use super::{EventDetails, MAX_TICKETS, NewEvent, NewVenue, NewZone};
use crate::ids::VenueId;
use crate::money::Money;
use crate::problem::Problem;
use crate::texts::{check_url, check_urls};

/// A venue as it is to be.
#[derive(Debug, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, example)]
pub struct VenueDraft {
    /// For display.
    #[oai(validator(min_length = "1", max_length = "200"))]
    name: String,
    /// Street and number.
    #[oai(nullable, validator(max_length = "300"))]
    address: Option<String>,
    /// City.
    #[oai(validator(min_length = "1", max_length = "100"))]
    city: String,
    /// ISO 3166-1 alpha-2, as in `DE`.
    #[oai(validator(pattern = "^[A-Z]{2}$"))]
    country: String,
    /// IANA name, as in `Europe/Berlin`.
    #[oai(validator(max_length = "64"))]
    time_zone: String,
    /// A URL: where its seats are.
    #[oai(nullable, validator(max_length = "500"))]
    picture: Option<String>,
}

/// An event to be made, with its zones; it starts as a draft.
#[derive(Debug, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, example)]
pub struct EventDraft {
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
    /// When it starts.
    starts_at: DateTime<Utc>,
    /// When it ends.
    #[oai(nullable)]
    ends_at: Option<DateTime<Utc>>,
    /// When the sale opens; at once where absent.
    #[oai(nullable)]
    sales_open_at: Option<DateTime<Utc>>,
    /// When the sale closes; when the event starts, where absent.
    #[oai(nullable)]
    sales_close_at: Option<DateTime<Utc>>,
    /// Most tickets that a customer may have, held and sold; any number where absent.
    #[oai(nullable, validator(minimum(value = "1"), maximum(value = "1000000")))]
    limit_per_customer: Option<i32>,
    /// A URL.
    #[oai(nullable, validator(max_length = "500"))]
    picture: Option<String>,
    /// URLs of more pictures.
    #[oai(nullable, validator(max_items = "10"))]
    gallery: Option<Vec<String>>,
    /// When the doors open.
    #[oai(nullable)]
    doors_at: Option<DateTime<Utc>>,
    /// How many seconds a hold lasts here; as long as the settings say where absent.
    #[oai(nullable, validator(minimum(value = "30"), maximum(value = "3600")))]
    hold_secs: Option<i32>,
    /// At least one zone, all priced in the same currency; a million tickets at the most.
    #[oai(validator(min_items = "1", max_items = "200"))]
    zones: Vec<ZoneDraft>,
}

impl TryFrom<VenueDraft> for NewVenue {
    type Error = Problem;

    fn try_from(draft: VenueDraft) -> Result<Self, Problem> {
        if draft.time_zone.parse::<chrono_tz::Tz>().is_err() {
            return Err(Problem::invalid(
                "time_zone",
                "must be an IANA name, as in Europe/Berlin",
            ));
        }
        check_pictures(draft.picture.as_deref(), &[])?;
        Ok(Self {
            picture: draft.picture,
            name: draft.name,
            address: draft.address,
            city: draft.city,
            country: draft.country,
            time_zone: draft.time_zone,
        })
    }
}

impl TryFrom<EventDraft> for NewEvent {
    type Error = Problem;

    fn try_from(draft: EventDraft) -> Result<Self, Problem> {
        let currency = draft.zones[0].price.currency.clone();
        let mut zones = Vec::with_capacity(draft.zones.len());
        for (i, zone) in draft.zones.into_iter().enumerate() {
            if zone.price.currency != currency {
                return Err(Problem::invalid(
                    &format!("zones[{i}].price.currency"),
                    "must be the same in every zone",
                ));
            }
            zone.check(&format!("zones[{i}]."))?;
            zones.push(zone.into());
        }
        let tickets = |zone: &NewZone| u64::try_from(zone.seating.capacity()).unwrap_or(0);
        if zones.iter().map(tickets).sum::<u64>() > MAX_TICKETS {
            return Err(Problem::invalid(
                "zones",
                "may have a million tickets together",
            ));
        }
        let details = EventDetails {
            venue_id: VenueId(draft.venue_id),
            title: draft.title,
            description: draft.description.unwrap_or_default(),
            category: draft.category,
            picture: draft.picture,
            gallery: draft.gallery.unwrap_or_default(),
            starts_at: draft.starts_at,
            ends_at: draft.ends_at,
            doors_at: draft.doors_at,
            sales_open_at: draft.sales_open_at,
            sales_close_at: draft.sales_close_at,
            limit_per_customer: draft.limit_per_customer,
            hold_secs: draft.hold_secs,
        };
        details.check()?;
        Ok(Self {
            details,
            currency,
            zones,
        })
    }
}

impl EventDetails {
    /// Refuses what contradicts itself or cannot be kept.
    pub fn check(&self) -> Result<(), Problem> {
        let times = Times {
            starts: self.starts_at,
            ends: self.ends_at,
            doors: self.doors_at,
            sale_opens: self.sales_open_at,
            sale_closes: self.sales_close_at,
        };
        times.check()?;
        check_pictures(self.picture.as_deref(), &self.gallery)
    }
}

/// Refuses pictures that are not on the web.
fn check_pictures(picture: Option<&str>, gallery: &[String]) -> Result<(), Problem> {
    picture.map_or(Ok(()), |url| check_url("picture", url))?;
    check_urls("gallery", gallery)
}

impl Example for VenueDraft {
    fn example() -> Self {
        let venue = Venue::example();
        Self {
            name: venue.name,
            address: venue.address,
            city: venue.city,
            country: venue.country,
            time_zone: venue.time_zone,
            picture: venue.picture,
        }
    }
}

impl Example for EventDraft {
    fn example() -> Self {
        let event = Event::example();
        Self {
            venue_id: event.venue.id,
            title: event.title,
            description: Some(event.description),
            category: event.category,
            starts_at: event.starts_at,
            ends_at: event.ends_at,
            sales_open_at: None,
            sales_close_at: None,
            limit_per_customer: event.limit_per_customer,
            picture: event.picture,
            gallery: Some(event.gallery),
            doors_at: event.doors_at,
            hold_secs: event.hold_secs,
            zones: vec![ZoneDraft {
                name: "Stalls".into(),
                price: Money::example(),
                benefits: None,
                by_application: None,
                seating: ZoneSeating::Seated(Seated {
                    rows: 20,
                    seats_per_row: 30,
                    focus: None,
                }),
            }],
        }
    }
}
