//! What an admin sends to make a venue or an event, and what is checked of it.

use chrono::{DateTime, Timelike, Utc};
use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::{Deserialize, Serialize};

use super::views::{Event, Seated, Seating, Standing, Venue};
use super::{MAX_TICKETS, NewEvent, NewSeating, NewVenue, NewZone};
use crate::ids::VenueId;
use crate::money::Money;
use crate::problem::Problem;

/// A venue to be made.
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
    /// At least one zone, all priced in the same currency; a million tickets at the most.
    #[oai(validator(min_items = "1", max_items = "200"))]
    zones: Vec<ZoneDraft>,
}

/// A zone to be made.
#[derive(Debug, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields)]
pub struct ZoneDraft {
    /// For display.
    #[oai(validator(min_length = "1", max_length = "100"))]
    name: String,
    /// The price of one ticket.
    price: Money,
    /// What it offers.
    #[oai(nullable, validator(max_length = "500"))]
    benefits: Option<String>,
    /// Rows of seats, or places.
    seating: Seating,
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
        Ok(Self {
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
            zones.push(NewZone {
                name: zone.name,
                benefits: zone.benefits,
                price_amount: zone.price.amount,
                seating: zone.seating.into(),
            });
        }
        let tickets = |zone: &NewZone| u64::try_from(zone.seating.capacity()).unwrap_or(0);
        if zones.iter().map(tickets).sum::<u64>() > MAX_TICKETS {
            return Err(Problem::invalid(
                "zones",
                "may have a million tickets together",
            ));
        }
        check_times(
            &draft.starts_at,
            draft.ends_at,
            draft.sales_open_at,
            draft.sales_close_at,
        )?;
        Ok(Self {
            venue_id: VenueId(draft.venue_id),
            title: draft.title,
            description: draft.description.unwrap_or_default(),
            category: draft.category,
            starts_at: draft.starts_at,
            ends_at: draft.ends_at,
            sales_open_at: draft.sales_open_at,
            sales_close_at: draft.sales_close_at,
            limit_per_customer: draft.limit_per_customer,
            currency,
            zones,
        })
    }
}

fn check_times(
    starts_at: &DateTime<Utc>,
    ends_at: Option<DateTime<Utc>>,
    sales_open_at: Option<DateTime<Utc>>,
    sales_close_at: Option<DateTime<Utc>>,
) -> Result<(), Problem> {
    if ends_at.is_some_and(|ends_at| ends_at < *starts_at) {
        return Err(Problem::invalid("ends_at", "must not be before starts_at"));
    }
    if let (Some(open), Some(close)) = (sales_open_at, sales_close_at)
        && close <= open
    {
        return Err(Problem::invalid(
            "sales_close_at",
            "must be after sales_open_at",
        ));
    }
    // SQLite sorts times as texts, which holds for years of four digits.
    let years =
        DateTime::UNIX_EPOCH..=DateTime::from_timestamp(253_402_300_799, 0).unwrap_or_default();
    let fields = [
        ("starts_at", Some(*starts_at)),
        ("ends_at", ends_at),
        ("sales_open_at", sales_open_at),
        ("sales_close_at", sales_close_at),
    ];
    for (field, at) in fields {
        if at.is_some_and(|at| !years.contains(&at)) {
            return Err(Problem::invalid(field, "must lie between 1970 and 9999"));
        }
        // Chrono reads 12:00:60 too, and would answer with it, though it is no time of RFC 3339.
        if at.is_some_and(|at| at.nanosecond() >= 1_000_000_000) {
            return Err(Problem::invalid(field, "must not be a leap second"));
        }
    }
    Ok(())
}

impl From<Seating> for NewSeating {
    fn from(seating: Seating) -> Self {
        match seating {
            Seating::Seated(Seated {
                rows,
                seats_per_row,
                focus,
            }) => Self::Seated {
                rows,
                seats_per_row,
                focus: focus.map(|focus| (focus.row, focus.seat)),
            },
            Seating::Standing(Standing { capacity }) => Self::Standing { capacity },
        }
    }
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
            zones: vec![ZoneDraft {
                name: "Stalls".into(),
                price: Money::example(),
                benefits: None,
                seating: Seating::Seated(Seated {
                    rows: 20,
                    seats_per_row: 30,
                    focus: None,
                }),
            }],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_takes_place_in_times_that_every_database_keeps() {
        for (text, is_allowed) in [
            ("1970-01-01T00:00:00Z", true),
            ("9999-12-31T23:59:59Z", true),
            ("1969-12-31T23:59:59Z", false),
            ("9999-12-31T23:59:59-12:00", false),
            ("2030-01-01T12:00:60Z", false),
        ] {
            let at = DateTime::parse_from_rfc3339(text).unwrap().to_utc();
            let outcome = check_times(&at, None, None, None);
            assert_eq!(outcome.is_ok(), is_allowed, "{text}");
        }
    }
}
