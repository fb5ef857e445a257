//! Every query about what cancelled events leave behind.

use chrono::TimeDelta;
use sea_orm::sea_query::{Expr, ExprTrait, LockBehavior, LockType};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QueryResult,
    QuerySelect, Statement, Value,
};
use std::time::Duration;
use uuid::Uuid;

use crate::db::{self, Db};
use crate::entity::reservation;
use crate::entity::reservation::ReservationStatus;
use crate::ids::{EventId, ReservationId};

/// Cancelled events that may still have something to end or to mark.
///
/// The conditions here and below are those of the indexes, word by word, so that next to nothing is
/// read.
pub async fn unsettled_events(db: &Db) -> Result<Vec<EventId>, DbErr> {
    let backend = db.reader().get_database_backend();
    let sql = "SELECT id FROM events WHERE status = 'cancelled' AND settled_at IS NULL \
               ORDER BY id LIMIT 5000";
    let rows = db
        .reader()
        .query_all_raw(Statement::from_string(backend, sql))
        .await?;
    rows.iter()
        .map(|row| Ok(EventId(row.try_get("", "id")?)))
        .collect()
}

/// Reservations of these events that still have to be ended or marked.
pub async fn open_reservations(
    db: &Db,
    events: &[EventId],
    limit: u64,
) -> Result<Vec<(ReservationId, ReservationStatus)>, DbErr> {
    let backend = db.reader().get_database_backend();
    let sql = format!(
        "SELECT r.id, r.status FROM reservations r WHERE r.event_id IN ({}) \
         AND r.status IN ('held', 'confirmed') AND r.refund_due_at IS NULL LIMIT {limit}",
        list(events)
    );
    let rows = db
        .reader()
        .query_all_raw(Statement::from_string(backend, sql))
        .await?;
    let read = |row: &QueryResult| {
        let id: Uuid = row.try_get("", "id")?;
        Ok((ReservationId(id), row.try_get("", "status")?))
    };
    rows.iter().map(read).collect()
}

/// Marks confirmed reservations for refund, but for those that another instance is at. Returns how
/// many.
pub async fn mark_refunds_due(db: &Db, ids: &[ReservationId]) -> Result<usize, DbErr> {
    use reservation::Column;
    let tx = db.begin().await?;
    let now = db::read_time(&tx).await?;
    let due: Vec<Uuid> = reservation::Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::Id.is_in(ids.iter().map(|id| id.0)))
        .filter(Column::Status.eq(ReservationStatus::Confirmed))
        .filter(Column::RefundDueAt.is_null())
        .order_by_asc(Column::Id)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .into_tuple()
        .all(&tx)
        .await?;
    reservation::Entity::update_many()
        .col_expr(Column::RefundDueAt, Expr::value(now))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::Id.is_in(due.iter().copied()))
        .exec(&tx)
        .await?;
    tx.commit().await?;
    Ok(due.len())
}

/// Counts those of the events as settled that were cancelled so long ago that nothing can come any
/// more, and of which nothing is left to do.
pub async fn mark_settled(db: &Db, events: &[EventId], after: Duration) -> Result<(), DbErr> {
    let backend = db.reader().get_database_backend();
    let after = TimeDelta::from_std(after).map_err(|err| DbErr::Custom(err.to_string()))?;
    let statement =
        |sql: String, values: [Value; 1]| Statement::from_sql_and_values(backend, sql, values);
    let now = db.read_time().await?;
    let due = format!(
        "id IN ({}) AND status = 'cancelled' AND settled_at IS NULL \
         AND (cancelled_at IS NULL OR cancelled_at < $1)",
        list(events)
    );
    let look = format!("SELECT id FROM events WHERE {due} LIMIT 1");
    let found = db
        .reader()
        .query_one_raw(statement(look, [(now - after).into()]));
    if found.await?.is_none() {
        // They are young, and nothing is written every time that they are looked at.
        return Ok(());
    }
    let tx = db.begin().await?;
    let settle = format!(
        "UPDATE events SET settled_at = {} WHERE {due} AND NOT EXISTS \
         (SELECT 1 FROM reservations r WHERE r.event_id = events.id \
          AND r.status IN ('held', 'confirmed') AND r.refund_due_at IS NULL)",
        db::now_sql(backend)
    );
    tx.execute_raw(statement(settle, [(now - after).into()]))
        .await?;
    tx.commit().await
}

fn list(events: &[EventId]) -> String {
    let ids: Vec<_> = events.iter().map(EventId::to_string).collect();
    ids.join(", ")
}
