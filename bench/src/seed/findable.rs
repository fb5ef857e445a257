//! What the events are found by, as Holdfast itself writes it down.

use anyhow::Result;
use holdfast::catalog::search::{as_text, lasts_long, own_words, venue_text};
use holdfast::texts::fold;

use super::catalogue::{Event, Venue};
use super::filler::{Cell, Filler, Table};

/// Events with the venues that they go round.
pub struct Findable<'a> {
    pub first_venue: i64,
    pub first_event: i64,
    pub venues: &'a [Venue],
    pub events: &'a [Event],
}

impl Findable<'_> {
    /// Fills both tables.
    pub async fn fill(&self, filler: &mut Filler) -> Result<()> {
        filler.fill(&EVENT_SEARCH, self.rows()).await?;
        filler.fill(&EVENT_WORDS, self.words()).await
    }

    fn rows(&self) -> impl Iterator<Item = Vec<Cell>> {
        self.at_venues().map(|(id, event, venue_id, venue)| {
            let own_text = as_text(&own_words(&event.title, Some(event.category)));
            let venue_text = venue_text(&venue.name, venue.city.name);
            vec![
                Cell::Int(id),
                Cell::text(event.status),
                Cell::Time(event.starts_at),
                Cell::Time(event.ends_at),
                Cell::Bool(lasts_long(event.starts_at, event.ends_at)),
                Cell::Time(event.created_at),
                Cell::Int(venue_id),
                Cell::Text(fold(venue.city.name)),
                Cell::Text(fold(event.category)),
                Cell::Text(format!("{own_text}{venue_text}")),
                Cell::Text(own_text),
            ]
        })
    }

    fn words(&self) -> impl Iterator<Item = Vec<Cell>> {
        self.at_venues().flat_map(|(id, event, _, venue)| {
            let mut words = own_words(&event.title, Some(event.category));
            let venue = venue_text(&venue.name, venue.city.name);
            words.extend(venue.split_whitespace().map(str::to_owned));
            words
                .into_iter()
                .map(move |word| vec![Cell::Text(word), Cell::Int(id)])
        })
    }

    /// Each event with its id, and its venue with its own.
    fn at_venues(&self) -> impl Iterator<Item = (i64, &Event, i64, &Venue)> {
        let venues = (self.first_venue..).zip(self.venues).cycle();
        let events = (self.first_event..).zip(self.events);
        let both = events.zip(venues);
        both.map(|((id, event), (venue_id, venue))| (id, event, venue_id, venue))
    }
}

const EVENT_SEARCH: Table = Table {
    name: "event_search",
    columns: &[
        "event_id",
        "status",
        "starts_at",
        "over_at",
        "lasts_long",
        "created_at",
        "venue_id",
        "city",
        "category",
        "text",
        "own_text",
    ],
};

const EVENT_WORDS: Table = Table {
    name: "event_words",
    columns: &["word", "event_id"],
};
