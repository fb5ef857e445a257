//! Every query that reads lists of events, and that edits, cancels or deletes one.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set, Unchanged},
    ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter,
};
use std::collections::HashMap;

use super::EventEdit;
use crate::catalog::store::event_details;
use crate::db::Db;
use crate::entity::event::EventStatus;
use crate::entity::{event, ticket, venue, zone};
use crate::ids::EventId;

/// An event with its venue, whatever its status.
pub async fn event(db: &Db, id: EventId) -> Result<Option<(event::Model, venue::Model)>, DbErr> {
    let found = event::Entity::find_by_id(id.0)
        .find_also_related(venue::Entity)
        .one(db.reader())
        .await?;
    Ok(found.and_then(|(event, venue)| Some((event, venue?))))
}

/// Events with their venues in the order of their ids here, without those that have no such status
/// any more.
pub async fn events_in_order(
    db: &Db,
    ids: &[i64],
    status: Option<EventStatus>,
) -> Result<Vec<(event::Model, venue::Model)>, DbErr> {
    let mut query = event::Entity::find()
        .find_also_related(venue::Entity)
        .filter(event::Column::Id.is_in(ids.iter().copied()));
    if let Some(status) = status {
        query = query.filter(event::Column::Status.eq(status));
    }
    let found = query.all(db.reader()).await?;
    let mut by_id: HashMap<i64, (event::Model, venue::Model)> = found
        .into_iter()
        .filter_map(|(event, venue)| Some((event.id, (event, venue?))))
        .collect();
    Ok(ids.iter().filter_map(|id| by_id.remove(id)).collect())
}

pub async fn update(
    tx: &DatabaseTransaction,
    event: &event::Model,
    edit: EventEdit,
) -> Result<event::Model, DbErr> {
    event::ActiveModel {
        id: Unchanged(event.id),
        currency: edit.currency.map_or(NotSet, Set),
        version: Set(event.version + 1),
        ..event_details(edit.details)?
    }
    .update(tx)
    .await
}

pub async fn mark_cancelled(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    event: event::Model,
    reason: Option<String>,
) -> Result<event::Model, DbErr> {
    let version = event.version + 1;
    let mut change: event::ActiveModel = event.into();
    change.status = Set(EventStatus::Cancelled);
    change.cancelled_at = Set(Some(now));
    change.cancel_reason = Set(reason);
    change.version = Set(version);
    change.update(tx).await
}

/// Deletes an event with its zones and tickets; the database refuses where a ticket was ever
/// somebody's. What it is found by goes with it.
pub async fn delete(tx: &DatabaseTransaction, id: EventId) -> Result<(), DbErr> {
    ticket::Entity::delete_many()
        .filter(ticket::Column::EventId.eq(id.0))
        .exec(tx)
        .await?;
    zone::Entity::delete_many()
        .filter(zone::Column::EventId.eq(id.0))
        .exec(tx)
        .await?;
    event::Entity::delete_by_id(id.0).exec(tx).await?;
    Ok(())
}
