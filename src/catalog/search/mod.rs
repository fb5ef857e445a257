//! Looking for events: what they are found by, and how a search is answered.
//!
//! An event is found by the words of its title, category, venue and city, folded: without accents,
//! in lower case. Each word of a search must be the beginning of one of them. All of that is kept in
//! two small tables, written in the transaction of whatever changes it, and read in one of two ways:
//!
//! ```text
//!   a word of the search is in few events ──> those events, of which the other words are asked
//!   each is in many                       ──> all events in the order of the list, until a page is full
//! ```
//!
//! So neither a rare word nor a common one has to read all events, and words that are common but
//! seldom together read them once, from rows that are small.

pub mod store;

use chrono::{DateTime, TimeDelta, Utc};
use poem_openapi::Enum;
use sea_orm::{DatabaseTransaction, DbErr};
use std::collections::BTreeSet;

use crate::db::Db;
use crate::entity::event::EventStatus;
use crate::entity::{event, venue};
use crate::ids::VenueId;
use crate::page::Cursor;
use crate::texts::fold;

/// Which events are looked for.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// Folded; each is the beginning of a word of the event.
    pub words: Vec<String>,
    /// Folded.
    pub city: Option<String>,
    /// Folded.
    pub category: Option<String>,
    pub venue: Option<VenueId>,
    pub status: Option<EventStatus>,
    pub when: Option<When>,
    /// Those that start then or later.
    pub from: Option<DateTime<Utc>>,
    /// Those that start before.
    pub to: Option<DateTime<Utc>>,
    pub order: Order,
}

/// Events that are not over yet, or those that are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum When {
    /// Not over: it ends, or where nobody knows when it ends, starts, after this moment.
    Upcoming,
    /// Over.
    Past,
}

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// By start.
    #[default]
    Soonest,
    /// By start, the last one first.
    Latest,
    /// As they were made, the last one first.
    Newest,
}

/// The words of a search.
pub fn wanted(text: Option<&str>) -> Vec<String> {
    words(text).into_iter().collect()
}

/// The words that something is found by, each once.
pub fn words<'a>(texts: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    let folded: Vec<_> = texts.into_iter().map(fold).collect();
    let words = folded.iter().flat_map(|text| text.split_whitespace());
    words
        .map(|word| word.chars().take(MAX_WORD).collect())
        .collect()
}

/// Longer words are cut, when they are kept and when they are looked for.
const MAX_WORD: usize = 50;

/// Words with a space before each, so that one can be looked for by its beginning.
pub fn as_text(words: &BTreeSet<String>) -> String {
    words.iter().flat_map(|word| [" ", word]).collect()
}

/// What a venue, and whatever takes place there, is found by.
pub fn venue_text(name: &str, city: &str) -> String {
    as_text(&words([name, city]))
}

/// What an event is found by, wherever it takes place.
pub fn own_words(title: &str, category: Option<&str>) -> BTreeSet<String> {
    words([title].into_iter().chain(category))
}

/// Finds events in the order of the search; one more than `limit`.
pub async fn find(
    db: &Db,
    search: &Search,
    after: Option<Cursor<i64>>,
    limit: u64,
) -> Result<Vec<Cursor<i64>>, DbErr> {
    let rare = match store::rarest(db, &search.words).await? {
        // Nothing begins with it.
        Some((_, 0)) => return Ok(Vec::new()),
        Some((word, events)) if events < FEW => Some(word),
        _ => None,
    };
    let now = db.read_time().await?;
    let mut found = Vec::new();
    for part in parts(search, now) {
        let wanted = limit + 1 - found.len() as u64;
        if wanted > 0 {
            let rare = rare.as_deref();
            found.extend(store::find(db, search, &part, rare, after.as_ref(), wanted).await?);
        }
    }
    Ok(found)
}

/// Up to so many events are looked at one by one. Where more have a word, a page is soon full in the
/// order of the list.
pub const FEW: u64 = 4000;

/// Events whose times lie so; one part of a list ends where the next begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Part {
    pub starts_from: Option<DateTime<Utc>>,
    pub starts_before: Option<DateTime<Utc>>,
    pub over_from: Option<DateTime<Utc>>,
    pub over_before: Option<DateTime<Utc>>,
    /// Only those of [`LONG`].
    pub lasts_long: bool,
}

/// What is not over has not begun, or has begun lately, or lasts long. So all that has been over for
/// long need not be read, but for what lasted long.
fn parts(search: &Search, now: DateTime<Utc>) -> Vec<Part> {
    match search.when {
        None => vec![Part::default()],
        Some(When::Past) => vec![Part {
            starts_before: Some(now),
            over_before: Some(now),
            ..Part::default()
        }],
        Some(When::Upcoming) => {
            let lately = Some(now - LONG);
            let running = Part {
                starts_before: lately,
                over_from: Some(now),
                lasts_long: true,
                ..Part::default()
            };
            let others = Part {
                starts_from: lately,
                over_from: Some(now),
                ..Part::default()
            };
            match search.order {
                Order::Soonest => vec![running, others],
                Order::Latest | Order::Newest => vec![others, running],
            }
        }
    }
}

const LONG: TimeDelta = TimeDelta::hours(72);

/// Whether an event may run though it began long ago.
pub fn lasts_long(starts_at: DateTime<Utc>, over_at: DateTime<Utc>) -> bool {
    over_at - starts_at > LONG
}

/// Writes down what an event is found by, as it is now.
pub async fn note_event(
    tx: &DatabaseTransaction,
    event: &event::Model,
    venue: &venue::Model,
) -> Result<(), DbErr> {
    let own = own_words(&event.title, event.category.as_deref());
    store::put_event(tx, event, venue, as_text(&own)).await?;
    let mut words = own;
    words.extend(venue.search_text.split_whitespace().map(str::to_owned));
    store::put_words(tx, event.id, words).await
}

/// Writes down what the events of a venue are found by, now that it is called something else.
pub async fn note_venue(
    tx: &DatabaseTransaction,
    before: &venue::Model,
    after: &venue::Model,
) -> Result<(), DbErr> {
    if (&before.search_text, &before.search_city) == (&after.search_text, &after.search_city) {
        return Ok(());
    }
    let words =
        |text: &str| -> BTreeSet<String> { text.split_whitespace().map(str::to_owned).collect() };
    let (old, new) = (words(&before.search_text), words(&after.search_text));
    for gone in old.difference(&new) {
        store::take_word_of_venue(tx, after.id, gone).await?;
    }
    for added in new.difference(&old) {
        store::add_word_of_venue(tx, after.id, added).await?;
    }
    store::rename_venue(tx, after).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_folded_and_each_is_there_once() {
        let words = words(["Žižkov: Jazz & jazz", "Šárka"]);
        assert_eq!(as_text(&words), " jazz sarka zizkov");
        assert_eq!(own_words("A Night", Some("Opéra")).len(), 3);
        assert!(wanted(Some("?!")).is_empty());
    }

    #[test]
    fn a_word_without_an_end_is_cut_alike_wherever_it_is() {
        let long = "x".repeat(200);
        assert_eq!(wanted(Some(&long)), ["x".repeat(50)]);
    }
}
