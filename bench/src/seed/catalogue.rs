//! A catalogue that one could look something up in: who plays what, where and when.

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use rand::{Rng, RngExt};

use super::words::{
    ADJECTIVES, ARTISTS, CITIES, COMPOSERS, FIRST_NAMES, GENRES, LAST_NAMES, MATTERS, NOUNS,
    OPERAS, PLAYS, SENTENCES, SPORTS, STREETS, TEAMS, VENUE_KINDS,
};

/// A place.
#[derive(Debug)]
pub struct Venue {
    pub name: String,
    pub address: String,
    pub city: City,
}

/// A city.
#[derive(Debug, Clone, Copy)]
pub struct City {
    pub name: &'static str,
    /// ISO 3166-1 alpha-2.
    pub country: &'static str,
    /// IANA name.
    pub time_zone: &'static str,
}

/// Something that takes, took or will take place.
#[derive(Debug)]
pub struct Event {
    pub title: String,
    pub description: String,
    pub category: &'static str,
    pub status: &'static str,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub sales_open_at: DateTime<Utc>,
    pub created_at: DateTime<Utc>,
    pub zones: Vec<Zone>,
}

/// A part of an event with one price.
#[derive(Debug, Clone, Copy)]
pub struct Zone {
    pub name: &'static str,
    /// Minor units.
    pub price: i64,
    /// Rows and seats in each; none in a standing zone.
    pub seats: Option<(i64, i64)>,
    pub capacity: i64,
}

/// The venue of that number.
pub fn venue(number: u32, random: &mut impl Rng) -> Venue {
    let (name, country, time_zone) = CITIES[number as usize % CITIES.len()];
    let kind = pick(VENUE_KINDS, random);
    let noun = pick(NOUNS, random);
    let venue_name = match random.random_range(0..3) {
        0 => format!("{name} {kind}"),
        1 => format!("{noun} {kind}"),
        _ => format!("{} {noun} {kind}", pick(ADJECTIVES, random)),
    };
    Venue {
        name: venue_name,
        address: format!("{} {}", pick(STREETS, random), random.random_range(1..200)),
        city: City {
            name,
            country,
            time_zone,
        },
    }
}

/// The event of that number, with as many tickets.
pub fn event(
    number: u32,
    tickets: i64,
    venue: &Venue,
    now: DateTime<Utc>,
    random: &mut impl Rng,
) -> Event {
    let (category, title, about) = act(venue, random);
    // Two years back and a year and a half ahead.
    let day = (now + TimeDelta::days(random.random_range(-730..550))).date_naive();
    let half_hours = TimeDelta::minutes(30 * random.random_range(20..44));
    let starts_at = day.and_time(NaiveTime::MIN).and_utc() + half_hours;
    let sales_open_at = starts_at - TimeDelta::days(random.random_range(30..200));
    Event {
        description: format!(
            "{about} at {} in {}. {} {}",
            venue.name,
            venue.city.name,
            pick(SENTENCES, random),
            pick(SENTENCES, random)
        ),
        title,
        category,
        status: match number % 100 {
            0 => "cancelled",
            1 | 2 => "draft",
            _ => "published",
        },
        starts_at,
        ends_at: starts_at + TimeDelta::minutes(30 * random.random_range(3..9)),
        sales_open_at,
        created_at: (sales_open_at - TimeDelta::days(7)).min(now),
        zones: zones(tickets, is_standing(category), random),
    }
}

/// Somebody's name.
pub fn person(random: &mut impl Rng) -> String {
    format!("{} {}", pick(FIRST_NAMES, random), pick(LAST_NAMES, random))
}

/// How many tickets the event of that number has: one at least, many have few and few have many.
pub fn count_tickets(number: u32, events: u32, tickets: u32) -> i64 {
    let [number, events, tickets] = [number, events, tickets].map(u64::from);
    let left_over = u128::from(tickets - events);
    let share = |number: u64| {
        left_over * u128::from(weight_below(number)) / u128::from(weight_below(events))
    };
    let extra = share(number + 1) - share(number);
    1 + i64::try_from(extra).expect("a share is smaller than the whole")
}

/// The weights of all events below a number: 1 each, 20 more for each tenth and 500 for each
/// thousandth.
fn weight_below(number: u64) -> u64 {
    number + 20 * number.div_ceil(10) + 500 * number.div_ceil(1000)
}

fn is_standing(category: &str) -> bool {
    matches!(category, "festival" | "exhibition" | "club")
}

fn zones(tickets: i64, is_standing: bool, random: &mut impl Rng) -> Vec<Zone> {
    let price = 500 * random.random_range(2..40);
    let standing = |name, capacity| Zone {
        name,
        price,
        seats: None,
        capacity,
    };
    if is_standing {
        return vec![standing("General admission", tickets)];
    }
    let seats_per_row = if tickets >= 400 { 20 } else { tickets.min(10) };
    let rows = (tickets / seats_per_row).min(1000);
    let mut zones = vec![Zone {
        name: "Stalls",
        price: price + 1500,
        seats: Some((rows, seats_per_row)),
        capacity: rows * seats_per_row,
    }];
    if tickets > zones[0].capacity {
        zones.push(standing("Standing", tickets - zones[0].capacity));
    }
    zones
}

/// What it is: a category, a title and the beginning of a sentence.
fn act(venue: &Venue, random: &mut impl Rng) -> (&'static str, String, String) {
    let city = venue.city.name;
    let artist = pick(ARTISTS, random);
    let (adjective, noun) = (pick(ADJECTIVES, random), pick(NOUNS, random));
    let genre = pick(GENRES, random);
    let somebody = person(random);
    match random.random_range(0..20) {
        0..6 => (
            "concert",
            format!("{artist}: {adjective} {noun} Tour"),
            format!("{artist} play {genre}"),
        ),
        6..8 => (
            "classical",
            format!(
                "{}: Symphony No. {}",
                pick(COMPOSERS, random),
                random.random_range(1..10)
            ),
            format!("{somebody} conducts the {city} Philharmonic"),
        ),
        8..10 => (
            "theatre",
            format!("{}, by the {noun} Company", pick(PLAYS, random)),
            format!("{somebody} directs an evening of theatre"),
        ),
        10..11 => (
            "opera",
            pick(OPERAS, random).to_owned(),
            format!("{somebody} sings the leading part"),
        ),
        11..14 => {
            let (other, _, _) = CITIES[random.random_range(0..CITIES.len())];
            let (home, guest) = (pick(TEAMS, random), pick(TEAMS, random));
            (
                "sport",
                format!("{city} {home} v {other} {guest}"),
                format!("{} of the highest league", pick(SPORTS, random)),
            )
        }
        14..16 => (
            "comedy",
            format!("{somebody}: {adjective} {noun}"),
            format!("{somebody} on {}", pick(MATTERS, random)),
        ),
        16..17 => (
            "festival",
            format!("{city} {genre} Festival"),
            format!("Three days of {genre}, with {artist} and many more,"),
        ),
        17..18 => (
            "exhibition",
            format!(
                "The {adjective} {noun}: a history of {}",
                pick(MATTERS, random)
            ),
            format!("Curated by {somebody}"),
        ),
        18..19 => (
            "club",
            format!("{noun} Night with DJ {}", pick(LAST_NAMES, random)),
            format!("{genre} until the morning"),
        ),
        _ => (
            "family",
            format!("The {adjective} {noun} and the {}", pick(NOUNS, random)),
            format!(
                "A story about {} for everybody from six years on",
                pick(MATTERS, random)
            ),
        ),
    }
}

fn pick<T: Copy>(from: &[T], random: &mut impl Rng) -> T {
    from[random.random_range(0..from.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ticket_is_dealt_and_every_event_has_one() {
        for (events, tickets) in [(1, 1), (10, 10), (1000, 10_000), (999, 12_345)] {
            let counts: Vec<i64> = (0..events)
                .map(|number| count_tickets(number, events, tickets))
                .collect();
            assert_eq!(counts.iter().sum::<i64>(), i64::from(tickets));
            assert!(counts.iter().all(|count| *count >= 1));
        }
    }

    #[test]
    fn zones_have_the_tickets_of_their_event() {
        for tickets in [1, 7, 10, 25, 400, 1490, 30_000] {
            for is_standing in [false, true] {
                let zones = zones(tickets, is_standing, &mut rand::rng());
                let capacity: i64 = zones.iter().map(|zone| zone.capacity).sum();
                assert_eq!(capacity, tickets);
                for zone in zones {
                    let seats = zone.seats.map(|(rows, seats)| rows * seats);
                    assert!(seats.is_none_or(|seats| seats == zone.capacity), "{zone:?}");
                }
            }
        }
    }
}
