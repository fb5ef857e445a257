//! Layouts: where the sections, rows and seats of a venue are.
//!
//! Events are made from a layout and copy what they need of it, so that a venue may be rebuilt
//! without a change to anything that is on sale.

pub mod api;
mod check;
mod drawing;
mod places;
mod problems;
mod store;

pub use check::check_rows;
pub use drawing::{Layout, Point, Row, SectionKind};
pub use places::{NewSeat, Plan, PlannedRow, focus, plan, seats_of_row, seats_of_rows};

use sea_orm::{DatabaseTransaction, DbErr};

use crate::db::Db;
use crate::entity::venue_layout;
use crate::ids::VenueId;
use crate::precondition::{Expected, VersionMismatch};

/// Why a layout was not read or changed.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// There is no such venue.
    #[error("there is no such venue")]
    NoSuchVenue,
    /// The venue has no layout.
    #[error("the venue has no layout")]
    NoLayout,
    /// The venue has moved on.
    #[error(transparent)]
    Outdated(#[from] VersionMismatch),
    /// What is kept cannot be read.
    #[error("the layout cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbErr),
}

/// The layout of a venue and the venue's version.
pub async fn read_layout(db: &Db, id: VenueId) -> Result<(Layout, i64), LayoutError> {
    read(store::layout(db.reader(), id).await?)
}

/// The layout of a venue as a transaction sees it.
pub async fn layout_to_copy(tx: &DatabaseTransaction, id: VenueId) -> Result<Layout, LayoutError> {
    Ok(read(store::layout(tx, id).await?)?.0)
}

fn read(venue: Option<venue_layout::Model>) -> Result<(Layout, i64), LayoutError> {
    let venue = venue.ok_or(LayoutError::NoSuchVenue)?;
    let text = venue.layout.ok_or(LayoutError::NoLayout)?;
    Ok((serde_json::from_str(&text)?, venue.version))
}

/// Gives a venue a layout, which takes the place of the one it may have.
pub async fn replace_layout(
    tx: &DatabaseTransaction,
    id: VenueId,
    expected: Expected,
    layout: &Layout,
) -> Result<i64, LayoutError> {
    let venue = venue_to_edit(tx, id, expected).await?;
    let capacity = i32::try_from(layout.capacity()).unwrap_or(i32::MAX);
    let text = serde_json::to_string(layout)?;
    let venue = store::change_layout(tx, venue, Some(text), Some(capacity)).await?;
    Ok(venue.version)
}

/// Takes the layout from a venue.
pub async fn remove_layout(
    tx: &DatabaseTransaction,
    id: VenueId,
    expected: Expected,
) -> Result<(), LayoutError> {
    let venue = venue_to_edit(tx, id, expected).await?;
    if venue.layout.is_none() {
        return Err(LayoutError::NoLayout);
    }
    store::change_layout(tx, venue, None, None).await?;
    Ok(())
}

async fn venue_to_edit(
    tx: &DatabaseTransaction,
    id: VenueId,
    expected: Expected,
) -> Result<venue_layout::Model, LayoutError> {
    let venue = store::layout_for_update(tx, id).await?;
    let venue = venue.ok_or(LayoutError::NoSuchVenue)?;
    expected.check(venue.version)?;
    Ok(venue)
}
