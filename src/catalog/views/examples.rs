//! What the OpenAPI document shows of the catalogue.

use chrono::{DateTime, TimeDelta};
use poem_openapi::types::Example;

use super::{Availability, Event, Seated, Seating, Ticket, Venue, Zone};
use crate::catalog::rating::Rating;
use crate::money::Money;

impl Example for Venue {
    fn example() -> Self {
        Self {
            id: 1,
            name: "Stadttheater".into(),
            address: Some("Theaterplatz 1".into()),
            city: "Berlin".into(),
            country: "DE".into(),
            time_zone: "Europe/Berlin".into(),
            picture: Some("https://example.com/stadttheater.svg".into()),
            capacity: Some(600),
            version: 1,
        }
    }
}

impl Example for Event {
    fn example() -> Self {
        let starts_at = DateTime::from_timestamp(1_798_826_400, 0).unwrap_or_default();
        Self {
            id: 1,
            title: "New Year's Concert".into(),
            description: "Beethoven's Ninth.".into(),
            category: Some("concert".into()),
            status: "published".into(),
            starts_at,
            ends_at: Some(starts_at + TimeDelta::hours(2)),
            sales_open_at: None,
            sales_close_at: None,
            limit_per_customer: Some(8),
            currency: "EUR".into(),
            picture: Some("https://example.com/ninth.jpg".into()),
            gallery: vec!["https://example.com/orchestra.jpg".into()],
            doors_at: Some(starts_at - TimeDelta::hours(1)),
            hold_secs: None,
            cancel_reason: None,
            venue: Venue::example(),
            rating: Some(Rating::example()),
            zones: Some(vec![Zone::example()]),
            version: 2,
        }
    }
}

impl Example for Zone {
    fn example() -> Self {
        Self {
            zone_id: 2,
            name: "Stalls".into(),
            benefits: None,
            price: Money::example(),
            by_application: false,
            seating: Seating::Seated(Seated {
                rows: 20,
                seats_per_row: 30,
                focus: None,
            }),
            capacity: 600,
            available: 412,
            held: 8,
            sold: 180,
            blocked: 0,
        }
    }
}

impl Example for Availability {
    fn example() -> Self {
        Self {
            zones: vec![Zone::example()],
        }
    }
}

impl Example for Ticket {
    fn example() -> Self {
        Self {
            id: 17,
            event_id: 1,
            zone_id: 2,
            row: Some("B".into()),
            seat: Some("7".into()),
            traits: Vec::new(),
            price: Money::example(),
            status: "available".into(),
            version: 0,
        }
    }
}
