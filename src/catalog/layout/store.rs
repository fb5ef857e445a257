//! Every query about layouts.

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait,
    QuerySelect,
};

use crate::entity::venue_layout::{ActiveModel, Entity, Model};
use crate::ids::VenueId;

/// The layout of a venue, which may have none.
pub async fn layout(
    connection: &impl ConnectionTrait,
    id: VenueId,
) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id.0).one(connection).await
}

/// The same, kept from changing until the transaction ends.
pub async fn layout_for_update(
    tx: &DatabaseTransaction,
    id: VenueId,
) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id.0).lock_exclusive().one(tx).await
}

/// Gives a venue another layout, or none, and its next version.
pub async fn change_layout(
    tx: &DatabaseTransaction,
    venue: Model,
    layout: Option<String>,
    capacity: Option<i32>,
) -> Result<Model, DbErr> {
    let version = venue.version + 1;
    let mut change = ActiveModel::from(venue);
    change.layout = Set(layout);
    change.capacity = Set(capacity);
    change.version = Set(version);
    change.update(tx).await
}
