//! The catalogue: venues, events with their zones, and the tickets that are on sale.
//!
//! An event is made as a draft with all its tickets, in bulk, and seen by the public once it is
//! published. Everybody may read what is published.

pub mod api;
mod drafts;
pub mod events;
pub mod layout;
mod names;
mod problems;
mod rating;
pub mod search;
mod seat_map;
pub mod seats;
pub mod store;
pub mod times;
pub mod venues;
pub mod views;
pub mod zones;

pub use names::{row_label, row_name, seat_name};

use chrono::{DateTime, Utc};
use sea_orm::{DatabaseTransaction, DbErr};

use crate::entity::event::EventStatus;
use crate::entity::{event, venue};
use crate::ids::{EventId, VenueId};

/// Most tickets an event may have.
pub const MAX_TICKETS: u64 = 1_000_000;

/// Why something in the catalogue was not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// There is no such venue.
    #[error("there is no venue {0}")]
    NoSuchVenue(VenueId),
    /// There is no such event.
    #[error("there is no event {0}")]
    NoSuchEvent(EventId),
    /// Only a draft can be published.
    #[error("the event is {}", status_name(*.0))]
    NotADraft(EventStatus),
    /// There is nothing to sell.
    #[error("the event has no zones")]
    NoZones,
    /// Nobody could buy anything.
    #[error("the sale is over")]
    SaleIsOver,
    /// A zone cannot be made so.
    #[error(transparent)]
    Zone(#[from] zones::ZoneError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbErr),
}

/// A venue to be made.
#[derive(Debug, Clone)]
pub struct NewVenue {
    pub name: String,
    pub address: Option<String>,
    pub city: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// IANA name.
    pub time_zone: String,
    /// A URL.
    pub picture: Option<String>,
}

/// An event to be made, as a draft.
#[derive(Debug, Clone)]
pub struct NewEvent {
    pub details: EventDetails,
    /// ISO 4217.
    pub currency: String,
    pub zones: Vec<NewZone>,
}

/// What an organiser says of an event, and may say anew.
#[derive(Debug, Clone)]
pub struct EventDetails {
    pub venue_id: VenueId,
    pub title: String,
    pub description: String,
    pub category: Option<String>,
    /// A URL.
    pub picture: Option<String>,
    /// URLs.
    pub gallery: Vec<String>,
    pub starts_at: DateTime<Utc>,
    pub ends_at: Option<DateTime<Utc>>,
    pub doors_at: Option<DateTime<Utc>>,
    pub sales_open_at: Option<DateTime<Utc>>,
    pub sales_close_at: Option<DateTime<Utc>>,
    /// Most tickets that a customer may have.
    pub limit_per_customer: Option<i32>,
    /// How long a hold lasts.
    pub hold_secs: Option<i32>,
}

/// A zone of an event to be made.
#[derive(Debug, Clone)]
pub struct NewZone {
    pub name: String,
    pub benefits: Option<String>,
    /// Minor units.
    pub price_amount: i64,
    /// Whether its places are given to those who apply, and to nobody else.
    pub by_application: bool,
    pub seating: NewSeating,
}

/// How a zone is filled.
#[derive(Debug, Clone)]
pub enum NewSeating {
    /// Rows of numbered seats.
    Seated {
        rows: i32,
        seats_per_row: i32,
        /// The row and seat that the best ones are nearest to.
        focus: Option<(i32, i32)>,
    },
    /// Places without a number.
    Standing { capacity: i32 },
    /// As a section of the venue's layout.
    Section { section: String },
}

impl NewSeating {
    /// How many tickets that makes, where that is known without the venue's layout.
    pub fn capacity(&self) -> i32 {
        match self {
            Self::Seated {
                rows,
                seats_per_row,
                ..
            } => rows * seats_per_row,
            Self::Standing { capacity } => *capacity,
            Self::Section { .. } => 0,
        }
    }
}

/// Makes an event with its zones and all its tickets, as a draft.
pub async fn create_event(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    new: NewEvent,
) -> Result<event::Model, CatalogError> {
    let venue_id = new.details.venue_id;
    if store::venue(tx, venue_id).await?.is_none() {
        return Err(CatalogError::NoSuchVenue(venue_id));
    }
    let zones = new.zones.clone();
    let event = store::insert_event(tx, now, new).await?;
    zones::fill_event(tx, &event, &zones).await?;
    // At the end: whoever renames the venue waits from here on only.
    let venue = store::venue_to_name(tx, venue_id)
        .await?
        .ok_or(CatalogError::NoSuchVenue(venue_id))?;
    search::note_event(tx, &event, &venue).await?;
    Ok(event)
}

/// Puts a draft on sale. Publishing what is published changes nothing.
pub async fn publish_event(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    id: EventId,
) -> Result<event::Model, CatalogError> {
    let event = store::event_for_update(tx, id)
        .await?
        .ok_or(CatalogError::NoSuchEvent(id))?;
    match event.status {
        EventStatus::Draft if now >= event.closes_at() => Err(CatalogError::SaleIsOver),
        EventStatus::Draft if store::zones(tx, id).await?.is_empty() => Err(CatalogError::NoZones),
        EventStatus::Draft => Ok(store::mark_published(tx, now, event).await?),
        EventStatus::Published => Ok(event),
        EventStatus::Cancelled => Err(CatalogError::NotADraft(event.status)),
    }
}

/// Makes a venue.
pub async fn create_venue(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    new: NewVenue,
) -> Result<venue::Model, CatalogError> {
    Ok(store::insert_venue(tx, now, new).await?)
}

/// An event as its maker sees it: with its venue, its zones and how they stand.
pub async fn whole_event(
    tx: &DatabaseTransaction,
    event: event::Model,
) -> Result<views::Event, CatalogError> {
    let id = EventId(event.id);
    let venue_id = VenueId(event.venue_id);
    let venue = store::venue(tx, venue_id)
        .await?
        .ok_or(CatalogError::NoSuchVenue(venue_id))?;
    let zones = store::zones(tx, id).await?;
    let counts = store::count_tickets(tx, id).await?;
    let rating = store::rating(tx, id).await?;
    Ok(views::Event {
        rating: Some(rating),
        ..views::Event::with_zones(event, venue, &zones, &counts)
    })
}

/// The name of a status in answers.
pub fn status_name(status: EventStatus) -> &'static str {
    match status {
        EventStatus::Draft => "draft",
        EventStatus::Published => "published",
        EventStatus::Cancelled => "cancelled",
    }
}
