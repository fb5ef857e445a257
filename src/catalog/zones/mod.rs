//! The zones of an event: which there are, what they cost, and how many places they have.
//!
//! Every change of an event's structure locks the event's row first and raises its version, so that
//! of two organisers who edit at once the second is told. Buyers go on meanwhile: what is taken from
//! them are only tickets that are nobody's, each moved from the version at which it was read. The
//! instances notice the event's new version and read its places anew.

pub mod api;
pub mod drafts;
mod grow;
mod places;
mod problems;
mod store;

pub use grow::{add_seats, set_capacity};

use sea_orm::{DatabaseTransaction, DbErr};

use super::layout::{Layout, LayoutError, layout_to_copy};
use super::seats::SeatError;
use super::store::{event_for_update, zones};
use super::{MAX_TICKETS, NewSeating, NewZone};
use crate::entity::event::{self, EventStatus};
use crate::entity::zone;
use crate::ids::{EventId, VenueId, ZoneId};
use crate::precondition::{Expected, VersionMismatch};
use drafts::{GIVEN_AWAY, ZoneEdit};
use places::Places;

/// Most zones of an event.
pub const MAX_ZONES: usize = 200;

/// Why a zone was not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum ZoneError {
    /// There is no such event.
    #[error("there is no such event")]
    NoSuchEvent,
    /// There is no such zone in the event.
    #[error("there is no such zone in the event")]
    NoSuchZone,
    /// The event does not take place.
    #[error("the event is cancelled")]
    Cancelled,
    /// The event has moved on.
    #[error(transparent)]
    Outdated(#[from] VersionMismatch),
    /// A field does not fit the event as it is.
    #[error("{field} {message}")]
    Invalid { field: String, message: String },
    /// Places are somebody's, or have been.
    #[error("only {available} places can be taken out")]
    InUse { available: u64 },
    /// The layout of the venue.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// Single seats.
    #[error(transparent)]
    Seats(#[from] SeatError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbErr),
}

impl ZoneError {
    fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid {
            field: field.into(),
            message: message.into(),
        }
    }
}

/// Makes the zones of a new event, with all their tickets.
pub async fn fill_event(
    tx: &DatabaseTransaction,
    event: &event::Model,
    new: &[NewZone],
) -> Result<(), ZoneError> {
    let layout = layout_for(tx, event, new).await?;
    let mut all = Vec::with_capacity(new.len());
    for (i, zone) in new.iter().enumerate() {
        all.push(places_for(
            zone,
            layout.as_ref(),
            &format!("zones[{i}].seating"),
        )?);
    }
    check_total(
        all.iter().map(|places| i64::from(places.capacity)).sum(),
        "zones",
    )?;
    for (position, (zone, places)) in (0..).zip(new.iter().zip(all)) {
        store::insert_zone(tx, event, position, zone, places).await?;
    }
    Ok(())
}

/// Adds a zone behind the others.
pub async fn add_zone(
    tx: &DatabaseTransaction,
    (id, expected): (EventId, Expected),
    new: &NewZone,
    currency: &str,
) -> Result<event::Model, ZoneError> {
    let event = event_to_edit(tx, id, expected).await?;
    check_currency(&event, currency)?;
    let others = zones(tx, id).await?;
    if others.len() >= MAX_ZONES {
        return Err(ZoneError::invalid("name", "would be a zone too many"));
    }
    let layout = layout_for(tx, &event, std::slice::from_ref(new)).await?;
    let places = places_for(new, layout.as_ref(), "seating")?;
    check_total(capacity_of(&others) + i64::from(places.capacity), "seating")?;
    let position = others.last().map_or(0, |zone| zone.position + 1);
    store::insert_zone(tx, &event, position, new, places).await?;
    Ok(raise_version(tx, event).await?)
}

/// Gives a zone another name, price, description, place in the list or best seat.
pub async fn edit_zone(
    tx: &DatabaseTransaction,
    (id, expected): (EventId, Expected),
    zone: ZoneId,
    edit: ZoneEdit,
) -> Result<event::Model, ZoneError> {
    let event = event_to_edit(tx, id, expected).await?;
    check_currency(&event, &edit.price.currency)?;
    let mut all = zones(tx, id).await?;
    let index = position_of(&all, zone)?;
    if edit.focus.is_some() && all[index].seat_rows.is_none() {
        return Err(ZoneError::invalid("focus", "is not of a standing zone"));
    }
    if all[index].by_application && edit.price.amount != 0 {
        return Err(ZoneError::invalid("price.amount", GIVEN_AWAY));
    }
    let position = edit.position;
    all[index] = store::edit_zone(tx, all[index].clone(), edit).await?;
    if let Some(position) = position {
        let edited = all.remove(index);
        let position = usize::try_from(position).unwrap_or(0).min(all.len());
        all.insert(position, edited);
        store::put_in_order(tx, all).await?;
    }
    Ok(raise_version(tx, event).await?)
}

/// Removes a zone of which no ticket was ever anybody's.
pub async fn remove_zone(
    tx: &DatabaseTransaction,
    (id, expected): (EventId, Expected),
    zone: ZoneId,
) -> Result<event::Model, ZoneError> {
    let event = event_to_edit(tx, id, expected).await?;
    let mut all = zones(tx, id).await?;
    let zone = all.remove(position_of(&all, zone)?);
    if all.is_empty() {
        return Err(ZoneError::InUse { available: 0 });
    }
    let tickets = store::count_tickets(tx, &zone).await?;
    let untouched = store::delete_untouched_tickets(tx, &zone).await?;
    // Nothing of it stays: the transaction ends with the error.
    if untouched < tickets || !store::delete_zone(tx, &zone).await? {
        return Err(ZoneError::InUse {
            available: untouched,
        });
    }
    Ok(raise_version(tx, event).await?)
}

/// An event whose structure may be edited, kept from other edits until the transaction ends.
pub async fn event_to_edit(
    tx: &DatabaseTransaction,
    id: EventId,
    expected: Expected,
) -> Result<event::Model, ZoneError> {
    let event = event_for_update(tx, id).await?;
    let event = event.ok_or(ZoneError::NoSuchEvent)?;
    expected.check(event.version)?;
    match event.status {
        EventStatus::Cancelled => Err(ZoneError::Cancelled),
        EventStatus::Draft | EventStatus::Published => Ok(event),
    }
}

/// The event at its next version, by which every instance notices that it was edited.
pub async fn raise_version(
    tx: &DatabaseTransaction,
    event: event::Model,
) -> Result<event::Model, DbErr> {
    store::raise_version(tx, event).await
}

/// Counts the places of a zone that came or went.
pub async fn recount(
    tx: &DatabaseTransaction,
    zone: zone::Model,
) -> Result<zone::Model, ZoneError> {
    let counted = store::count_places(tx, &zone).await?;
    if counted.capacity == 0 {
        let available = u64::try_from(zone.capacity - 1).unwrap_or(0);
        return Err(ZoneError::InUse { available });
    }
    Ok(store::recount_zone(tx, zone, counted).await?)
}

fn position_of(zones: &[zone::Model], id: ZoneId) -> Result<usize, ZoneError> {
    let found = zones.iter().position(|zone| zone.id == id.0);
    found.ok_or(ZoneError::NoSuchZone)
}

fn check_currency(event: &event::Model, currency: &str) -> Result<(), ZoneError> {
    if event.currency == currency {
        return Ok(());
    }
    let message = format!("must be that of the event, {}", event.currency);
    Err(ZoneError::invalid("price.currency", message))
}

fn capacity_of(zones: &[zone::Model]) -> i64 {
    zones.iter().map(|zone| i64::from(zone.capacity)).sum()
}

fn check_total(tickets: i64, field: &str) -> Result<(), ZoneError> {
    if u64::try_from(tickets).unwrap_or(0) <= MAX_TICKETS {
        return Ok(());
    }
    Err(ZoneError::invalid(
        field,
        "may have a million tickets together",
    ))
}

/// The layout of the event's venue, where one of the zones is made from it.
async fn layout_for(
    tx: &DatabaseTransaction,
    event: &event::Model,
    new: &[NewZone],
) -> Result<Option<Layout>, ZoneError> {
    let needs_it = |zone: &NewZone| matches!(zone.seating, NewSeating::Section { .. });
    if !new.iter().any(needs_it) {
        return Ok(None);
    }
    match layout_to_copy(tx, VenueId(event.venue_id)).await {
        Ok(layout) => Ok(Some(layout)),
        Err(LayoutError::NoLayout) => Ok(None),
        Err(err) => Err(err.into()),
    }
}

fn places_for(zone: &NewZone, layout: Option<&Layout>, field: &str) -> Result<Places, ZoneError> {
    Places::new(&zone.seating, layout).ok_or_else(|| {
        let message = "is not a section of the venue's layout";
        ZoneError::invalid(format!("{field}.section"), message)
    })
}
