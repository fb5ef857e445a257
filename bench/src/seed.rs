//! `bench seed`: fills a database with a large catalogue and many people, past the API.
//!
//! The same numbers give the same catalogue, but for its times, which lie around now.

mod catalogue;
mod filler;
mod findable;
mod words;

use anyhow::{Result, ensure};
use chrono::{DateTime, Utc};
use holdfast::catalog::search::venue_text;
use holdfast::texts::fold;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::time::Instant;
use uuid::Uuid;

use crate::cli::Seed;
use crate::target::{ACCOUNT_COLUMNS, NO_PASSWORD};
use catalogue::{Event, Venue, count_tickets, event, person, venue};
use filler::{Cell, Filler, Table};
use findable::Findable;

/// Fills the database, in one transaction.
pub async fn seed(options: &Seed) -> Result<()> {
    ensure!(
        options.tickets >= options.events,
        "every event has at least one ticket"
    );
    let started = Instant::now();
    let mut filler = Filler::begin(&options.database_url).await?;
    let now = Utc::now();
    let venues = options.events.div_ceil(EVENTS_PER_VENUE);
    let first_venue = filler.reserve_ids("venues", venues.into()).await?;
    let first_event = filler.reserve_ids("events", options.events.into()).await?;

    let mut random = StdRng::seed_from_u64(1);
    let venues: Vec<Venue> = (0..venues)
        .map(|number| venue(number, &mut random))
        .collect();
    let rows = (first_venue..).zip(&venues);
    let rows = rows.map(|(id, venue)| venue_row(id, venue, now));
    filler.fill(&VENUES, rows).await?;

    let mut events = Vec::new();
    for number in 0..options.events {
        let tickets = count_tickets(number, options.events, options.tickets);
        let venue = &venues[number as usize % venues.len()];
        events.push(event(number, tickets, venue, now, &mut random));
    }
    let rows = (0_i64..).zip(&events).map(|(number, event)| {
        let venue = first_venue + number % i64::try_from(venues.len()).unwrap_or(i64::MAX);
        event_row(first_event + number, venue, event)
    });
    filler.fill(&EVENTS, rows).await?;
    let found = Findable {
        first_venue,
        first_event,
        venues: &venues,
        events: &events,
    };
    found.fill(&mut filler).await?;

    let zones = events.iter().map(|event| event.zones.len() as u64).sum();
    let first_zone = filler.reserve_ids("zones", zones).await?;
    filler
        .fill(&ZONES, zone_rows(first_zone, first_event, &events))
        .await?;
    let tickets = ticket_rows(first_zone, first_event, &events);
    filler.fill(&TICKETS, tickets).await?;

    let people = (0..options.people).map(|_| person_row(&person(&mut random), now));
    filler.fill(&USERS, people).await?;
    filler.commit().await?;
    println!(
        "{} venues, {} events, {} tickets and {} people in {:.1} s",
        venues.len(),
        options.events,
        options.tickets,
        options.people,
        started.elapsed().as_secs_f64()
    );
    Ok(())
}

const EVENTS_PER_VENUE: u32 = 50;

const VENUES: Table = Table {
    name: "venues",
    columns: &[
        "id",
        "name",
        "address",
        "city",
        "country",
        "time_zone",
        "created_at",
        "version",
        "search_text",
        "search_city",
    ],
};

const EVENTS: Table = Table {
    name: "events",
    columns: &[
        "id",
        "venue_id",
        "title",
        "description",
        "category",
        "currency",
        "status",
        "starts_at",
        "ends_at",
        "sales_open_at",
        "created_at",
        "published_at",
        "version",
    ],
};

const ZONES: Table = Table {
    name: "zones",
    columns: &[
        "id",
        "event_id",
        "position",
        "name",
        "price_amount",
        "seat_rows",
        "seats_per_row",
        "capacity",
    ],
};

const TICKETS: Table = Table {
    name: "tickets",
    columns: &["event_id", "zone_id", "row_number", "seat_number"],
};

const USERS: Table = Table {
    name: "users",
    columns: &ACCOUNT_COLUMNS,
};

fn venue_row(id: i64, venue: &Venue, now: DateTime<Utc>) -> Vec<Cell> {
    vec![
        Cell::Int(id),
        Cell::text(&venue.name),
        Cell::text(&venue.address),
        Cell::text(venue.city.name),
        Cell::text(venue.city.country),
        Cell::text(venue.city.time_zone),
        Cell::Time(now),
        Cell::Int(1),
        Cell::Text(venue_text(&venue.name, venue.city.name)),
        Cell::Text(fold(venue.city.name)),
    ]
}

fn event_row(id: i64, venue: i64, event: &Event) -> Vec<Cell> {
    vec![
        Cell::Int(id),
        Cell::Int(venue),
        Cell::text(&event.title),
        Cell::text(&event.description),
        Cell::text(event.category),
        Cell::text("EUR"),
        Cell::text(event.status),
        Cell::Time(event.starts_at),
        Cell::Time(event.ends_at),
        Cell::Time(event.sales_open_at),
        Cell::Time(event.created_at),
        if event.status == "draft" {
            Cell::Null
        } else {
            Cell::Time(event.created_at)
        },
        Cell::Int(1),
    ]
}

fn zone_rows(
    first_zone: i64,
    first_event: i64,
    events: &[Event],
) -> impl Iterator<Item = Vec<Cell>> {
    zones(first_zone, first_event, events).map(|(id, event, position, zone)| {
        vec![
            Cell::Int(id),
            Cell::Int(event),
            Cell::Int(position),
            Cell::text(zone.name),
            Cell::Int(zone.price),
            zone.seats.map_or(Cell::Null, |(rows, _)| Cell::Int(rows)),
            zone.seats.map_or(Cell::Null, |(_, seats)| Cell::Int(seats)),
            Cell::Int(zone.capacity),
        ]
    })
}

fn ticket_rows(
    first_zone: i64,
    first_event: i64,
    events: &[Event],
) -> impl Iterator<Item = Vec<Cell>> {
    zones(first_zone, first_event, events).flat_map(|(id, event, _, zone)| {
        (0..zone.capacity).map(move |number| {
            let [row, seat] = match zone.seats {
                Some((_, seats)) => [number / seats + 1, number % seats + 1].map(Cell::Int),
                None => [Cell::Null, Cell::Null],
            };
            vec![Cell::Int(event), Cell::Int(id), row, seat]
        })
    })
}

/// Every zone with its id, its event's id and its position there.
fn zones(
    first_zone: i64,
    first_event: i64,
    events: &[Event],
) -> impl Iterator<Item = (i64, i64, i64, catalogue::Zone)> {
    let of_event = (first_event..).zip(events);
    let zones = of_event.flat_map(|(event, of)| {
        (0..)
            .zip(&of.zones)
            .map(move |(position, zone)| (event, position, *zone))
    });
    (first_zone..)
        .zip(zones)
        .map(|(id, (event, position, zone))| (id, event, position, zone))
}

fn person_row(name: &str, now: DateTime<Utc>) -> Vec<Cell> {
    let id = Uuid::new_v4();
    let email = format!("person-{}@example.com", id.simple());
    vec![
        Cell::Uuid(id),
        Cell::text(name),
        Cell::text(&email),
        Cell::Text(email),
        Cell::text(NO_PASSWORD),
        Cell::text("customer"),
        Cell::Time(now),
    ]
}
