//! Every query about reservations.

use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, ExprTrait, FromQueryResult,
    JoinType, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, RelationTrait,
};
use uuid::Uuid;

use super::HeldTicket;
use crate::db::{self, Db};
use crate::entity::reservation::ReservationStatus;
use crate::entity::ticket::TicketStatus;
use crate::entity::{reservation, reservation_ticket, ticket, zone};
use crate::ids::{ReservationId, TicketId, UserId};
use crate::page::Cursor;

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

/// The hold of somebody that has this ticket.
pub async fn own_hold_of_ticket(
    db: &Db,
    owner: UserId,
    ticket: TicketId,
) -> Result<Option<ReservationId>, DbErr> {
    let id: Option<Uuid> = ticket::Entity::find_by_id(ticket.0)
        .select_only()
        .column(ticket::Column::ReservationId)
        .filter(ticket::Column::Status.eq(TicketStatus::Held))
        .into_tuple()
        .one(db.reader())
        .await?;
    let Some(id) = id.map(ReservationId) else {
        return Ok(None);
    };
    let own = own_reservation(db.reader(), owner, id).await?;
    Ok(own.map(|_| id))
}

/// Somebody's reservations, newest first; one more than `limit`.
pub async fn own_reservations(
    db: &Db,
    owner: UserId,
    status: Option<ReservationStatus>,
    after: Option<Cursor<Uuid>>,
    limit: u64,
) -> Result<Vec<reservation::Model>, DbErr> {
    let of_owner = reservation::of(owner.0, db.reader().get_database_backend());
    let mut query = reservation::Entity::find().filter(of_owner);
    if let Some(status) = status {
        query = query.filter(reservation::Column::Status.eq(status));
    }
    let columns = (reservation::Column::CreatedAt, reservation::Column::Id);
    db::newest_first(query, columns, after.map(Into::into), limit)
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
        .column(reservation_ticket::Column::DiscountAmount)
        .column_as(ticket::Column::Id, "id")
        .column(ticket::Column::ZoneId)
        .column(ticket::Column::RowNumber)
        .column(ticket::Column::SeatNumber)
        .column(ticket::Column::RowLabel)
        .column(ticket::Column::SeatLabel)
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

/// Holds whose time is up, those that wait longest first.
pub async fn due_holds(db: &Db, limit: u64) -> Result<Vec<ReservationId>, DbErr> {
    let ids: Vec<Uuid> = reservation::Entity::find()
        .select_only()
        .column(reservation::Column::Id)
        .filter(reservation::is_held())
        .filter(Expr::col(reservation::Column::ExpiresAt).lte(db.now()))
        .order_by_asc(reservation::Column::ExpiresAt)
        .limit(limit)
        .into_tuple()
        .all(db.reader())
        .await?;
    Ok(ids.into_iter().map(ReservationId).collect())
}

/// How many holds are running.
pub async fn count_holds(db: &Db) -> Result<u64, DbErr> {
    reservation::Entity::find()
        .filter(reservation::is_held())
        .count(db.reader())
        .await
}
