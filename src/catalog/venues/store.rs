//! Every query that edits, deletes or finds venues.

use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{Set, Unchanged},
    ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, ModelTrait, QueryFilter, QueryOrder,
    QuerySelect,
};

use crate::catalog::NewVenue;
use crate::catalog::store::venue_details;
use crate::db::Db;
use crate::entity::venue;
use crate::page::Cursor;

/// Venues by time of making, whose name or city has a word that begins so for each of the words;
/// one more than `limit`.
pub async fn find(
    db: &Db,
    words: &[String],
    city: Option<&str>,
    after: Option<Cursor<i64>>,
    limit: u64,
) -> Result<Vec<venue::Model>, DbErr> {
    let mut query = venue::Entity::find();
    for word in words {
        query = query.filter(venue::Column::SearchText.like(format!("% {word}%")));
    }
    if let Some(city) = city {
        query = query.filter(venue::Column::SearchCity.eq(city));
    }
    if let Some(after) = after {
        query = query.filter(venue::Column::Id.gt(after.id));
    }
    query
        .order_by_asc(venue::Column::Id)
        .limit(limit + 1)
        .all(db.reader())
        .await
}

pub async fn update(
    tx: &DatabaseTransaction,
    venue: &venue::Model,
    new: NewVenue,
) -> Result<venue::Model, DbErr> {
    venue::ActiveModel {
        id: Unchanged(venue.id),
        version: Set(venue.version + 1),
        ..venue_details(new)
    }
    .update(tx)
    .await
}

/// Deletes a venue; the database refuses where something belongs to it.
pub async fn delete(tx: &DatabaseTransaction, venue: venue::Model) -> Result<(), DbErr> {
    venue.delete(tx).await?;
    Ok(())
}
