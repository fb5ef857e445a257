//! Every query that reads lists of events, and that edits, cancels or deletes one.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseTransaction, DbErr, EntityTrait,
    QueryFilter,
};
use std::collections::HashMap;

use super::EventEdit;
use crate::catalog::store::gallery_json;
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
    event: event::Model,
    edit: EventEdit,
) -> Result<event::Model, DbErr> {
    let version = event.version + 1;
    let mut change: event::ActiveModel = event.into();
    change.venue_id = Set(edit.venue_id.0);
    change.title = Set(edit.title);
    change.description = Set(edit.description);
    change.category = Set(edit.category);
    change.picture = Set(edit.picture);
    change.gallery = Set(gallery_json(&edit.gallery)?);
    change.starts_at = Set(edit.starts_at);
    change.ends_at = Set(edit.ends_at);
    change.doors_at = Set(edit.doors_at);
    change.sales_open_at = Set(edit.sales_open_at);
    change.sales_close_at = Set(edit.sales_close_at);
    change.limit_per_customer = Set(edit.limit_per_customer);
    change.hold_secs = Set(edit.hold_secs);
    if let Some(currency) = edit.currency {
        change.currency = Set(currency);
    }
    change.version = Set(version);
    change.update(tx).await
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
