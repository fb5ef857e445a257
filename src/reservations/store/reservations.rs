//! Every query about reservations.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, LockBehavior, LockType};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait,
    DatabaseTransaction, DbErr, EntityTrait, ExprTrait, FromQueryResult, JoinType, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, RelationTrait, Select,
};
use uuid::Uuid;

use super::{Candidate, HeldTicket, Seen};
use crate::db::{self, Db};
use crate::entity::reservation::ReservationStatus;
use crate::entity::ticket::TicketStatus;
use crate::entity::{reservation, reservation_ticket, ticket, zone};
use crate::ids::{ReservationId, TicketId, UserId};
use crate::page::Cursor;

/// What a hold becomes.
#[derive(Debug, Clone)]
pub struct HoldChange {
    pub status: ReservationStatus,
    pub expires_at: DateTime<Utc>,
    pub total_amount: i64,
    pub ended_at: Option<DateTime<Utc>>,
}

/// Adds a reservation.
pub async fn insert_reservation(
    tx: &DatabaseTransaction,
    reservation: reservation::Model,
) -> Result<reservation::Model, DbErr> {
    let row: reservation::ActiveModel = reservation.into();
    row.reset_all().insert(tx).await
}

/// Puts tickets into a reservation at their prices.
pub async fn insert_reservation_tickets(
    tx: &DatabaseTransaction,
    reservation: ReservationId,
    tickets: &[Candidate],
) -> Result<(), DbErr> {
    let rows = tickets
        .iter()
        .map(|ticket| reservation_ticket::ActiveModel {
            reservation_id: Set(reservation.0),
            ticket_id: Set(ticket.id),
            price_amount: Set(ticket.price_amount),
            active: Set(true),
        });
    reservation_ticket::Entity::insert_many(rows)
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// Marks tickets of a reservation as given up, so that they can be in another one.
pub async fn deactivate(
    tx: &DatabaseTransaction,
    reservation: ReservationId,
    tickets: &[Seen],
) -> Result<(), DbErr> {
    reservation_ticket::Entity::update_many()
        .col_expr(reservation_ticket::Column::Active, Expr::value(false))
        .filter(reservation_ticket::Column::ReservationId.eq(reservation.0))
        .filter(
            reservation_ticket::Column::TicketId.is_in(tickets.iter().map(|seen| seen.ticket.0)),
        )
        .exec(tx)
        .await?;
    Ok(())
}

/// Somebody's reservation.
pub async fn own_reservation(
    connection: &impl ConnectionTrait,
    owner: UserId,
    id: ReservationId,
) -> Result<Option<reservation::Model>, DbErr> {
    reservation::Entity::find_by_id(id.0)
        .filter(reservation::Column::UserId.eq(owner.0))
        .one(connection)
        .await
}

/// Somebody's reservation, which nobody else can change until the transaction ends.
pub async fn own_reservation_for_update(
    tx: &DatabaseTransaction,
    owner: UserId,
    id: ReservationId,
) -> Result<Option<reservation::Model>, DbErr> {
    reservation::Entity::find_by_id(id.0)
        .filter(reservation::Column::UserId.eq(owner.0))
        .lock(LockType::NoKeyUpdate)
        .one(tx)
        .await
}

/// The hold of somebody that has this ticket.
pub async fn own_hold_of_ticket(
    tx: &DatabaseTransaction,
    owner: UserId,
    ticket: TicketId,
) -> Result<Option<ReservationId>, DbErr> {
    let id: Option<Uuid> = ticket::Entity::find_by_id(ticket.0)
        .select_only()
        .column(ticket::Column::ReservationId)
        .filter(ticket::Column::Status.eq(TicketStatus::Held))
        .into_tuple()
        .one(tx)
        .await?;
    let Some(id) = id.map(ReservationId) else {
        return Ok(None);
    };
    Ok(own_reservation(tx, owner, id).await?.map(|_| id))
}

/// Somebody's reservations, newest first; one more than `limit`.
pub async fn own_reservations(
    db: &Db,
    owner: UserId,
    status: Option<ReservationStatus>,
    after: Option<Cursor<Uuid>>,
    limit: u64,
) -> Result<Vec<reservation::Model>, DbErr> {
    let mut query = reservation::Entity::find().filter(reservation::Column::UserId.eq(owner.0));
    if let Some(status) = status {
        query = query.filter(reservation::Column::Status.eq(status));
    }
    if let Some(after) = after {
        query = query.filter(
            Condition::any()
                .add(reservation::Column::CreatedAt.lt(after.at))
                .add(
                    Condition::all()
                        .add(reservation::Column::CreatedAt.eq(after.at))
                        .add(reservation::Column::Id.lt(after.id)),
                ),
        );
    }
    query
        .order_by_desc(reservation::Column::CreatedAt)
        .order_by_desc(reservation::Column::Id)
        .limit(limit + 1)
        .all(db.reader())
        .await
}

/// The tickets of reservations, with the reservation of each: the active ones where it has any
/// (it is held or confirmed), otherwise those it once had.
pub async fn tickets_of(
    connection: &impl ConnectionTrait,
    reservations: &[reservation::Model],
) -> Result<Vec<(ReservationId, HeldTicket)>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        reservation_id: Uuid,
        #[sea_orm(nested)]
        ticket: HeldTicket,
    }
    let (standing, ended): (Vec<_>, Vec<_>) = reservations
        .iter()
        .map(|reservation| (reservation.id, reservation.status))
        .partition(|(_, status)| {
            matches!(
                status,
                ReservationStatus::Held | ReservationStatus::Confirmed
            )
        });
    let of = |ids: Vec<(Uuid, ReservationStatus)>| {
        reservation_ticket::Column::ReservationId.is_in(ids.into_iter().map(|(id, _)| id))
    };
    let rows: Vec<Row> = reservation_ticket::Entity::find()
        .select_only()
        .column(reservation_ticket::Column::ReservationId)
        .column(reservation_ticket::Column::PriceAmount)
        .column_as(ticket::Column::Id, "id")
        .column(ticket::Column::ZoneId)
        .column(ticket::Column::RowNumber)
        .column(ticket::Column::SeatNumber)
        .column(ticket::Column::Version)
        .column_as(zone::Column::Name, "zone_name")
        .join(
            JoinType::InnerJoin,
            reservation_ticket::Relation::Ticket.def(),
        )
        .join(JoinType::InnerJoin, ticket::Relation::Zone.def())
        .filter(
            Condition::any()
                .add(
                    Condition::all()
                        .add(of(standing))
                        .add(reservation_ticket::Column::Active.eq(true)),
                )
                .add(of(ended)),
        )
        .order_by_asc(ticket::Column::Id)
        .into_model()
        .all(connection)
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| (ReservationId(row.reservation_id), row.ticket))
        .collect())
}

/// Changes a hold that is as it was seen and has not expired; whether it was so.
pub async fn update_running_hold(
    tx: &DatabaseTransaction,
    seen: &reservation::Model,
    change: &HoldChange,
) -> Result<bool, DbErr> {
    let now = db::now(tx.get_database_backend());
    let done = reservation::Entity::update_many()
        .col_expr(reservation::Column::Status, change.status.into())
        .col_expr(
            reservation::Column::ExpiresAt,
            Expr::value(change.expires_at),
        )
        .col_expr(
            reservation::Column::TotalAmount,
            Expr::value(change.total_amount),
        )
        .col_expr(reservation::Column::EndedAt, Expr::value(change.ended_at))
        .col_expr(reservation::Column::Version, Expr::value(seen.version + 1))
        .filter(reservation::Column::Id.eq(seen.id))
        .filter(reservation::Column::Version.eq(seen.version))
        .filter(reservation::Column::Status.eq(ReservationStatus::Held))
        .filter(Expr::col(reservation::Column::ExpiresAt).gt(now))
        .exec(tx)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Marks holds as expired whose time is up; how many were.
pub async fn mark_expired(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    holds: &[ReservationId],
) -> Result<u64, DbErr> {
    let done = reservation::Entity::update_many()
        .col_expr(
            reservation::Column::Status,
            ReservationStatus::Expired.into(),
        )
        .col_expr(reservation::Column::EndedAt, Expr::value(now))
        .col_expr(
            reservation::Column::Version,
            Expr::col(reservation::Column::Version).add(1_i64),
        )
        .filter(reservation::Column::Id.is_in(holds.iter().map(|id| id.0)))
        .filter(reservation::Column::Status.eq(ReservationStatus::Held))
        .filter(Expr::col(reservation::Column::ExpiresAt).lte(db::now(tx.get_database_backend())))
        .exec(tx)
        .await?;
    Ok(done.rows_affected)
}

/// Whether there is a hold whose time is up.
pub async fn has_due_holds(db: &Db) -> Result<bool, DbErr> {
    let found: Option<Uuid> = holds()
        .filter(Expr::col(reservation::Column::ExpiresAt).lte(db.now()))
        .select_only()
        .column(reservation::Column::Id)
        .into_tuple()
        .one(db.reader())
        .await?;
    Ok(found.is_some())
}

/// Holds whose time is up and that no other instance is ending right now.
pub async fn due_holds(
    tx: &DatabaseTransaction,
    limit: u64,
) -> Result<Vec<reservation::Model>, DbErr> {
    holds()
        .filter(Expr::col(reservation::Column::ExpiresAt).lte(db::now(tx.get_database_backend())))
        .order_by_asc(reservation::Column::ExpiresAt)
        .limit(limit)
        .lock_with_behavior(LockType::NoKeyUpdate, LockBehavior::SkipLocked)
        .all(tx)
        .await
}

/// How many holds are running.
pub async fn count_holds(db: &Db) -> Result<u64, DbErr> {
    reservation::Entity::find()
        .filter(reservation::Column::Status.eq(ReservationStatus::Held))
        .count(db.reader())
        .await
}

fn holds() -> Select<reservation::Entity> {
    reservation::Entity::find().filter(reservation::Column::Status.eq(ReservationStatus::Held))
}
