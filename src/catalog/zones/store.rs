//! Every query about the zones of an event, and about the places that come and go.

use sea_orm::sea_query::{Expr, ExprTrait, Func};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseTransaction, DbErr, EntityTrait,
    FromQueryResult, PaginatorTrait, QueryFilter, QuerySelect, SqlErr,
};

use super::drafts::ZoneEdit;
use super::places::Places;
use crate::catalog::NewZone;
use crate::catalog::layout::NewSeat;
use crate::entity::{event, ticket, zone};

/// Seven values a ticket, below the 32,766 that SQLite takes in a statement.
const TICKETS_PER_INSERT: usize = 4000;

/// Adds a zone and one ticket for each of its places, thousands to a statement.
pub async fn insert_zone(
    tx: &DatabaseTransaction,
    event: &event::Model,
    position: i32,
    new: &NewZone,
    places: Places,
) -> Result<(), DbErr> {
    let plan = places.plan.as_ref().map(serde_json::to_string).transpose();
    let zone = zone::ActiveModel {
        event_id: Set(event.id),
        position: Set(position),
        name: Set(new.name.clone()),
        benefits: Set(new.benefits.clone()),
        price_amount: Set(new.price_amount),
        seat_rows: Set(places.rows.map(|(rows, _)| rows)),
        seats_per_row: Set(places.rows.map(|(_, seats)| seats)),
        capacity: Set(places.capacity),
        focus_row: Set(places.focus.map(|(row, _)| row)),
        focus_seat: Set(places.focus.map(|(_, seat)| seat)),
        by_application: Set(new.by_application),
        plan: Set(plan.map_err(|err| DbErr::Json(err.to_string()))?),
        ..Default::default()
    }
    .insert(tx)
    .await?;
    insert_tickets(tx, &zone, places.into_tickets()).await
}

/// Adds tickets to a zone: seats, or standing places.
pub async fn insert_tickets(
    tx: &DatabaseTransaction,
    zone: &zone::Model,
    places: impl Iterator<Item = Option<NewSeat>> + Send,
) -> Result<(), DbErr> {
    let mut places = places.peekable();
    while places.peek().is_some() {
        let chunk: Vec<_> = places.by_ref().take(TICKETS_PER_INSERT).collect();
        let is_plain = |seat: &NewSeat| {
            seat.row_label.is_none() && seat.seat_label.is_none() && seat.traits == 0
        };
        // Nearly always: four values a ticket rather than seven.
        let are_plain = chunk.iter().flatten().all(is_plain);
        let tickets = chunk.into_iter().map(|place| {
            let mut ticket = ticket::ActiveModel {
                event_id: Set(zone.event_id),
                zone_id: Set(zone.id),
                row_number: Set(place.as_ref().map(|seat| seat.row_number)),
                seat_number: Set(place.as_ref().map(|seat| seat.seat_number)),
                ..Default::default()
            };
            if !are_plain && let Some(seat) = place {
                ticket.row_label = Set(seat.row_label);
                ticket.seat_label = Set(seat.seat_label);
                ticket.traits = Set(seat.traits);
            }
            ticket
        });
        ticket::Entity::insert_many(tickets)
            .exec_without_returning(tx)
            .await?;
    }
    Ok(())
}

/// The event at its next version.
pub async fn raise_version(
    tx: &DatabaseTransaction,
    event: event::Model,
) -> Result<event::Model, DbErr> {
    let version = event.version + 1;
    let mut change = event::ActiveModel::from(event);
    change.version = Set(version);
    change.update(tx).await
}

/// Edits a zone, but for its place in the list.
pub async fn edit_zone(
    tx: &DatabaseTransaction,
    zone: zone::Model,
    edit: ZoneEdit,
) -> Result<zone::Model, DbErr> {
    let mut change = zone::ActiveModel::from(zone);
    change.name = Set(edit.name);
    change.benefits = Set(edit.benefits);
    change.price_amount = Set(edit.price.amount);
    change.focus_row = Set(edit.focus.as_ref().map(|focus| focus.row));
    change.focus_seat = Set(edit.focus.as_ref().map(|focus| focus.seat));
    change.update(tx).await
}

/// Numbers zones in this order. No two of an event may have the same position at any time, so they
/// pass through numbers that none has.
pub async fn put_in_order(tx: &DatabaseTransaction, zones: Vec<zone::Model>) -> Result<(), DbErr> {
    let zones: Vec<_> = (0..)
        .zip(zones)
        .filter(|(at, zone)| zone.position != *at)
        .collect();
    for position in [|at: i32| -1 - at, |at: i32| at] {
        for (at, zone) in &zones {
            zone::Entity::update_many()
                .col_expr(zone::Column::Position, Expr::value(position(*at)))
                .filter(zone::Column::Id.eq(zone.id))
                .exec(tx)
                .await?;
        }
    }
    Ok(())
}

/// How many tickets a zone has, with those that were taken out.
pub async fn count_tickets(tx: &DatabaseTransaction, zone: &zone::Model) -> Result<u64, DbErr> {
    ticket::Entity::find()
        .filter(ticket::Column::ZoneId.eq(zone.id))
        .count(tx)
        .await
}

/// Deletes those tickets of a zone that were never moved; says how many. One that somebody is just
/// taking is waited for, and left where it is taken.
pub async fn delete_untouched_tickets(
    tx: &DatabaseTransaction,
    zone: &zone::Model,
) -> Result<u64, DbErr> {
    let deleted = ticket::Entity::delete_many()
        .filter(ticket::Column::ZoneId.eq(zone.id))
        .filter(ticket::Column::Version.eq(0))
        .exec(tx)
        .await?;
    Ok(deleted.rows_affected)
}

/// Deletes a zone without tickets; false where something else belongs to it.
pub async fn delete_zone(tx: &DatabaseTransaction, zone: &zone::Model) -> Result<bool, DbErr> {
    match zone::Entity::delete_by_id(zone.id).exec(tx).await {
        Ok(_) => Ok(true),
        Err(err)
            if matches!(
                err.sql_err(),
                Some(SqlErr::ForeignKeyConstraintViolation(_))
            ) =>
        {
            Ok(false)
        }
        Err(err) => Err(err),
    }
}

/// A seat that a zone has, or had.
#[derive(Debug, FromQueryResult)]
pub struct ExistingSeat {
    pub row_number: i32,
    pub seat_number: i32,
    pub row_label: Option<String>,
    pub seat_label: Option<String>,
}

/// The seats of a zone, with those that were taken out.
pub async fn existing_seats(
    tx: &DatabaseTransaction,
    zone: &zone::Model,
) -> Result<Vec<ExistingSeat>, DbErr> {
    ticket::Entity::find()
        .select_only()
        .columns([
            ticket::Column::RowNumber,
            ticket::Column::SeatNumber,
            ticket::Column::RowLabel,
            ticket::Column::SeatLabel,
        ])
        .filter(ticket::Column::ZoneId.eq(zone.id))
        .filter(ticket::Column::RowNumber.is_not_null())
        .into_model()
        .all(tx)
        .await
}

/// Draws a zone anew.
pub async fn change_plan(
    tx: &DatabaseTransaction,
    zone: zone::Model,
    plan: String,
) -> Result<zone::Model, DbErr> {
    let mut change = zone::ActiveModel::from(zone);
    change.plan = Set(Some(plan));
    change.update(tx).await
}

/// How many places a zone has, without those that were taken out.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counted {
    pub capacity: i32,
    pub rows: i32,
    /// In the longest row.
    pub seats: i32,
}

pub async fn count_places(tx: &DatabaseTransaction, zone: &zone::Model) -> Result<Counted, DbErr> {
    let rows: Vec<i64> = ticket::Entity::find()
        .select_only()
        .expr_as(
            Func::count(Expr::col(ticket::Column::Id)).cast_as("bigint"),
            "seats",
        )
        .filter(ticket::Column::ZoneId.eq(zone.id))
        .filter(ticket::Column::Removed.eq(false))
        .group_by(ticket::Column::RowNumber)
        .into_tuple()
        .all(tx)
        .await?;
    let number = |count: i64| i32::try_from(count).unwrap_or(i32::MAX);
    Ok(Counted {
        capacity: number(rows.iter().sum()),
        rows: i32::try_from(rows.len()).unwrap_or(i32::MAX),
        seats: number(rows.iter().copied().max().unwrap_or(0)),
    })
}

/// Writes down how many places a zone has, and that they are not those it had.
pub async fn recount_zone(
    tx: &DatabaseTransaction,
    zone: zone::Model,
    counted: Counted,
) -> Result<zone::Model, DbErr> {
    let places_version = zone.places_version + 1;
    let is_seated = zone.seat_rows.is_some();
    let mut change = zone::ActiveModel::from(zone);
    change.capacity = Set(counted.capacity);
    if is_seated {
        change.seat_rows = Set(Some(counted.rows));
        change.seats_per_row = Set(Some(counted.seats));
    }
    change.places_version = Set(places_version);
    change.update(tx).await
}
