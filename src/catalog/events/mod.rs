//! Events: editing, cancelling and deleting them.
//!
//! ```text
//!   draft ──publish──> published ──cancel──> cancelled
//!     ├──────────────cancel───────────────────^
//!     └──delete──> gone, with its zones and tickets
//! ```
//!
//! Nothing that was ever on sale disappears. A cancelled event sells nothing more from the moment
//! its cancellation is committed; what it had sold or held until then is settled right after, by
//! whichever instance comes to it ([`crate::entity::event::Model::settled_at`] says when nothing was left).

pub mod api;
mod problems;
mod requests;
mod store;

use chrono::{DateTime, Utc};
use sea_orm::{DatabaseTransaction, DbErr};

use super::{EventDetails, search, status_name, views};
use crate::db::{self, Db};
use crate::entity::event::{self, EventStatus};
use crate::entity::venue;
use crate::ids::{EventId, VenueId};
use crate::precondition::{Expected, VersionMismatch};

/// Why an event was not changed.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// There is no such event.
    #[error("there is no such event")]
    NoSuchEvent,
    /// There is no such venue.
    #[error("there is no venue {0}")]
    NoSuchVenue(VenueId),
    /// What it is now does not allow that.
    #[error("the event is {}", status_name(*.0))]
    PastThat(EventStatus),
    /// Its prices were published in another currency.
    #[error("the currency was published")]
    CurrencyPublished(EventStatus),
    /// Something that must stay belongs to it.
    #[error("something belongs to the event")]
    InUse,
    /// Somebody changed it first.
    #[error(transparent)]
    Mismatch(#[from] VersionMismatch),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbErr),
}

/// What an event is to be.
#[derive(Debug, Clone)]
pub struct EventEdit {
    pub details: EventDetails,
    /// ISO 4217; what it is where absent.
    pub currency: Option<String>,
}

/// Makes an event what it is to be; its zones stay as they are.
pub async fn edit_event(
    tx: &DatabaseTransaction,
    id: EventId,
    expected: Expected,
    edit: EventEdit,
) -> Result<event::Model, EventError> {
    let event = event_at(tx, id, expected).await?;
    if event.status == EventStatus::Cancelled {
        return Err(EventError::PastThat(event.status));
    }
    let is_new = |currency: &String| *currency != event.currency;
    if event.status != EventStatus::Draft && edit.currency.as_ref().is_some_and(is_new) {
        return Err(EventError::CurrencyPublished(event.status));
    }
    let venue = venue_of_both(tx, VenueId(event.venue_id), edit.details.venue_id).await?;
    let event = store::update(tx, &event, edit).await?;
    search::note_event(tx, &event, &venue).await?;
    Ok(event)
}

/// The venue that an event moves to, called the same until the transaction ends; and so is the one it
/// was at, because whoever renames that looks for its events.
async fn venue_of_both(
    tx: &DatabaseTransaction,
    from: VenueId,
    to: VenueId,
) -> Result<venue::Model, EventError> {
    let mut both = [from, to];
    both.sort_unstable();
    let mut found = None;
    for id in both {
        let venue = super::store::venue_to_name(tx, id).await?;
        found = venue.filter(|venue| venue.id == to.0).or(found);
    }
    found.ok_or(EventError::NoSuchVenue(to))
}

/// Deletes a draft with its zones and tickets.
pub async fn delete_event(
    tx: &DatabaseTransaction,
    id: EventId,
    expected: Expected,
) -> Result<(), EventError> {
    let event = event_at(tx, id, expected).await?;
    if event.status != EventStatus::Draft {
        return Err(EventError::PastThat(event.status));
    }
    match store::delete(tx, id).await {
        Err(err) if db::is_still_needed(&err) => Err(EventError::InUse),
        outcome => Ok(outcome?),
    }
}

/// Cancels an event. Cancelling what is cancelled changes nothing.
pub async fn cancel_event(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    id: EventId,
    reason: Option<String>,
) -> Result<event::Model, EventError> {
    let event = event_at(tx, id, Expected::Any).await?;
    match event.status {
        EventStatus::Draft | EventStatus::Published => {
            search::store::put_status(tx, id.0, EventStatus::Cancelled).await?;
            Ok(store::mark_cancelled(tx, now, event, reason).await?)
        }
        EventStatus::Cancelled => Ok(event),
    }
}

/// An event as organisers see it, whatever its status, with its zones and how they stand.
pub async fn read_event(db: &Db, id: EventId) -> Result<views::Event, EventError> {
    let (event, venue) = store::event(db, id).await?.ok_or(EventError::NoSuchEvent)?;
    let zones = super::store::zones(db.reader(), id).await?;
    let counts = super::store::count_tickets(db.reader(), id).await?;
    let rating = super::store::rating(db.reader(), id).await?;
    Ok(views::Event {
        rating: Some(rating),
        ..views::Event::with_zones(event, venue, &zones, &counts)
    })
}

/// An event at the version that the caller has seen, for as long as the transaction lasts.
async fn event_at(
    tx: &DatabaseTransaction,
    id: EventId,
    expected: Expected,
) -> Result<event::Model, EventError> {
    let event = super::store::event_for_update(tx, id).await?;
    let event = event.ok_or(EventError::NoSuchEvent)?;
    expected.check(event.version)?;
    Ok(event)
}
