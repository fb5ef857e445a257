//! Venues: editing, deleting and finding them.

pub mod api;
mod problems;
mod store;

use sea_orm::{DatabaseTransaction, DbErr};

use super::{NewVenue, search};
use crate::db;
use crate::entity::venue;
use crate::ids::VenueId;
use crate::precondition::{Expected, VersionMismatch};

/// Why a venue was not changed.
#[derive(Debug, thiserror::Error)]
pub enum VenueError {
    /// There is no such venue.
    #[error("there is no such venue")]
    NoSuchVenue,
    /// Somebody changed it first.
    #[error(transparent)]
    Mismatch(#[from] VersionMismatch),
    /// It has events.
    #[error("events take place there")]
    InUse,
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbErr),
}

/// Makes a venue what it is to be. Its events are found by its new name from then on.
pub async fn edit_venue(
    tx: &DatabaseTransaction,
    id: VenueId,
    expected: Expected,
    new: NewVenue,
) -> Result<venue::Model, VenueError> {
    let before = venue_at(tx, id, expected).await?;
    let after = store::update(tx, &before, new).await?;
    search::note_venue(tx, &before, &after).await?;
    Ok(after)
}

/// Deletes a venue where nothing takes place, took place or was going to.
pub async fn delete_venue(
    tx: &DatabaseTransaction,
    id: VenueId,
    expected: Expected,
) -> Result<(), VenueError> {
    let venue = venue_at(tx, id, expected).await?;
    match store::delete(tx, venue).await {
        Err(err) if db::is_still_needed(&err) => Err(VenueError::InUse),
        outcome => Ok(outcome?),
    }
}

/// A venue at the version that the caller has seen, for as long as the transaction lasts.
async fn venue_at(
    tx: &DatabaseTransaction,
    id: VenueId,
    expected: Expected,
) -> Result<venue::Model, VenueError> {
    let venue = super::store::venue_for_update(tx, id).await?;
    let venue = venue.ok_or(VenueError::NoSuchVenue)?;
    expected.check(venue.version)?;
    Ok(venue)
}
