//! Every query about venues, events, zones and tickets, but for those that move tickets.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Func, LockType};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr,
    EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
};

use std::collections::HashMap;

use super::rating::Rating;
use super::search::store::put_status;
use super::search::venue_text;
use super::{EventDetails, NewEvent, NewVenue};
use crate::db::Db;
use crate::entity::event::EventStatus;
use crate::entity::review::{self, ReviewStatus};
use crate::entity::ticket::TicketStatus;
use crate::entity::{event, ticket, venue, zone};
use crate::ids::{EventId, TicketId, VenueId};
use crate::mirror::Counts;
use crate::texts::fold;

pub async fn venue(
    connection: &impl ConnectionTrait,
    id: VenueId,
) -> Result<Option<venue::Model>, DbErr> {
    venue::Entity::find_by_id(id.0).one(connection).await
}

/// A venue that stays as it is until the transaction ends.
pub async fn venue_for_update(
    tx: &DatabaseTransaction,
    id: VenueId,
) -> Result<Option<venue::Model>, DbErr> {
    venue::Entity::find_by_id(id.0)
        .lock_exclusive()
        .one(tx)
        .await
}

/// A venue that is called the same until the transaction ends.
pub async fn venue_to_name(
    tx: &DatabaseTransaction,
    id: VenueId,
) -> Result<Option<venue::Model>, DbErr> {
    venue::Entity::find_by_id(id.0).lock_shared().one(tx).await
}

pub async fn insert_venue(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    new: NewVenue,
) -> Result<venue::Model, DbErr> {
    venue::ActiveModel {
        created_at: Set(now),
        version: Set(1),
        ..venue_details(new)
    }
    .insert(tx)
    .await
}

/// A venue as it is to be, to be written, with what it is found by.
pub fn venue_details(new: NewVenue) -> venue::ActiveModel {
    venue::ActiveModel {
        search_text: Set(venue_text(&new.name, &new.city)),
        search_city: Set(fold(&new.city)),
        name: Set(new.name),
        address: Set(new.address),
        city: Set(new.city),
        country: Set(new.country),
        time_zone: Set(new.time_zone),
        picture: Set(new.picture),
        ..Default::default()
    }
}

/// An event, published or not.
pub async fn event(
    connection: &impl ConnectionTrait,
    id: EventId,
) -> Result<Option<event::Model>, DbErr> {
    event::Entity::find_by_id(id.0).one(connection).await
}

/// An event the public may see, with its venue.
pub async fn published_event(
    db: &Db,
    id: EventId,
) -> Result<Option<(event::Model, Option<venue::Model>)>, DbErr> {
    event::Entity::find_by_id(id.0)
        .find_also_related(venue::Entity)
        .filter(event::is_public())
        .one(db.reader())
        .await
}

/// An event, kept from being edited by others until the transaction ends. Its key stays free: who
/// makes a reservation refers to it, and may have locked tickets that this transaction is to wait for.
pub async fn event_for_update(
    tx: &DatabaseTransaction,
    id: EventId,
) -> Result<Option<event::Model>, DbErr> {
    event::Entity::find_by_id(id.0)
        .lock(LockType::NoKeyUpdate)
        .one(tx)
        .await
}

pub async fn mark_published(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    event: event::Model,
) -> Result<event::Model, DbErr> {
    put_status(tx, event.id, EventStatus::Published).await?;
    let version = event.version + 1;
    let mut change: event::ActiveModel = event.into();
    change.status = Set(EventStatus::Published);
    change.published_at = Set(Some(now));
    change.version = Set(version);
    change.update(tx).await
}

pub async fn insert_event(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    new: NewEvent,
) -> Result<event::Model, DbErr> {
    event::ActiveModel {
        currency: Set(new.currency),
        status: Set(EventStatus::Draft),
        created_at: Set(now),
        version: Set(1),
        ..event_details(new.details)?
    }
    .insert(tx)
    .await
}

/// What an organiser says of an event, to be written.
pub fn event_details(details: EventDetails) -> Result<event::ActiveModel, DbErr> {
    Ok(event::ActiveModel {
        venue_id: Set(details.venue_id.0),
        title: Set(details.title),
        description: Set(details.description),
        category: Set(details.category),
        picture: Set(details.picture),
        gallery: Set(gallery_json(&details.gallery)?),
        starts_at: Set(details.starts_at),
        ends_at: Set(details.ends_at),
        doors_at: Set(details.doors_at),
        sales_open_at: Set(details.sales_open_at),
        sales_close_at: Set(details.sales_close_at),
        limit_per_customer: Set(details.limit_per_customer),
        hold_secs: Set(details.hold_secs),
        ..Default::default()
    })
}

/// URLs as they are kept; nothing where there are none.
fn gallery_json(urls: &[String]) -> Result<Option<String>, DbErr> {
    if urls.is_empty() {
        return Ok(None);
    }
    let json = serde_json::to_string(urls).map_err(|err| DbErr::Json(err.to_string()))?;
    Ok(Some(json))
}

/// The zones of an event, in order of display.
pub async fn zones(
    connection: &impl ConnectionTrait,
    event: EventId,
) -> Result<Vec<zone::Model>, DbErr> {
    zone::Entity::find()
        .filter(zone::Column::EventId.eq(event.0))
        .order_by_asc(zone::Column::Position)
        .all(connection)
        .await
}

/// How many tickets of each zone of an event are in each state, by zone.
pub async fn count_tickets(
    connection: &impl ConnectionTrait,
    event: EventId,
) -> Result<HashMap<i64, Counts>, DbErr> {
    #[derive(FromQueryResult)]
    struct StatusCount {
        zone_id: i64,
        status: TicketStatus,
        tickets: i64,
    }
    let counts: Vec<StatusCount> = ticket::Entity::find()
        .select_only()
        .column(ticket::Column::ZoneId)
        .column(ticket::Column::Status)
        .expr_as(
            Func::count(Expr::col(ticket::Column::Id)).cast_as(Alias::new("bigint")),
            "tickets",
        )
        .filter(ticket::Column::EventId.eq(event.0))
        .filter(ticket::Column::Removed.eq(false))
        .group_by(ticket::Column::ZoneId)
        .group_by(ticket::Column::Status)
        .into_model()
        .all(connection)
        .await?;
    let mut by_zone: HashMap<i64, Counts> = HashMap::new();
    for count in counts {
        let zone = by_zone.entry(count.zone_id).or_default();
        let tickets = usize::try_from(count.tickets).unwrap_or(0);
        zone.capacity += tickets;
        match count.status {
            TicketStatus::Available => zone.available = tickets,
            TicketStatus::Held => zone.held = tickets,
            TicketStatus::Sold => zone.sold = tickets,
            TicketStatus::Blocked => zone.blocked = tickets,
        }
    }
    Ok(by_zone)
}

/// What the reviews of an event come to.
pub async fn rating(connection: &impl ConnectionTrait, event: EventId) -> Result<Rating, DbErr> {
    let mut ratings = ratings(connection, [event.0]).await?;
    Ok(ratings.remove(&event.0).unwrap_or(Rating::NONE))
}

/// What the reviews of events come to, by event; without those that have none.
pub async fn ratings(
    connection: &impl ConnectionTrait,
    events: impl IntoIterator<Item = i64>,
) -> Result<HashMap<i64, Rating>, DbErr> {
    let sums: Vec<(i64, i64, i64)> = review::Entity::find()
        .select_only()
        .column(review::Column::EventId)
        .column_as(review::Column::Stars.count(), "reviews")
        .column_as(review::Column::Stars.sum(), "stars")
        .filter(review::Column::EventId.is_in(events))
        .filter(review::Column::Status.eq(ReviewStatus::Visible))
        .group_by(review::Column::EventId)
        .into_tuple()
        .all(connection)
        .await?;
    let ratings = sums.into_iter();
    Ok(ratings
        .map(|(event, reviews, stars)| (event, Rating::new(reviews, stars)))
        .collect())
}

/// A ticket of an event the public may see, with its zone and event.
pub async fn published_ticket(
    db: &Db,
    id: TicketId,
) -> Result<Option<(ticket::Model, Option<zone::Model>, Option<event::Model>)>, DbErr> {
    ticket::Entity::find_by_id(id.0)
        .filter(ticket::Column::Removed.eq(false))
        .find_also_related(zone::Entity)
        .find_also_related(event::Entity)
        .filter(event::is_public())
        .one(db.reader())
        .await
}
