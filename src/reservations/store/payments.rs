//! Every query about payments.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, UpdateMany};
use std::time::Duration;
use uuid::Uuid;

use crate::db::Db;
use crate::entity::payment::{self, PaymentStatus};
use crate::ids::PaymentId;
use crate::state::App;

/// The provider said no.
pub async fn mark_declined(app: &App, id: PaymentId, reason: &str) -> Result<(), DbErr> {
    let tx = app.db.begin().await?;
    from_pending(id)
        .col_expr(payment::Column::Status, PaymentStatus::Declined.into())
        .col_expr(payment::Column::Reason, Expr::value(reason))
        .col_expr(payment::Column::UpdatedAt, app.db.now())
        .exec(&tx)
        .await?;
    tx.commit().await
}

/// Whatever the provider took has to be given back; false where the payment was settled.
pub async fn mark_voiding(app: &App, id: PaymentId) -> Result<bool, DbErr> {
    let tx = app.db.begin().await?;
    let done = payment::Entity::update_many()
        .col_expr(payment::Column::Status, PaymentStatus::Voiding.into())
        .col_expr(payment::Column::UpdatedAt, app.db.now())
        .filter(payment::Column::Id.eq(id.0))
        .filter(payment::is_unsettled())
        .exec(&tx)
        .await?;
    tx.commit().await?;
    Ok(done.rows_affected == 1)
}

/// The provider has confirmed that it keeps nothing.
pub async fn mark_voided(app: &App, id: PaymentId) -> Result<(), DbErr> {
    let tx = app.db.begin().await?;
    payment::Entity::update_many()
        .col_expr(payment::Column::Status, PaymentStatus::Voided.into())
        .col_expr(payment::Column::UpdatedAt, app.db.now())
        .filter(payment::Column::Id.eq(id.0))
        .filter(payment::Column::Status.eq(PaymentStatus::Voiding))
        .exec(&tx)
        .await?;
    tx.commit().await
}

/// Payments that have been neither settled nor given back for so long that nobody is at it.
pub async fn lost_payments(db: &Db, untouched_for: Duration) -> Result<Vec<PaymentId>, DbErr> {
    let limit = db.read_time().await? - untouched_for;
    let ids: Vec<Uuid> = payment::Entity::find()
        .select_only()
        .column(payment::Column::Id)
        .filter(payment::is_unsettled())
        .filter(payment::Column::UpdatedAt.lt(limit))
        .order_by_asc(payment::Column::UpdatedAt)
        .limit(100)
        .into_tuple()
        .all(db.reader())
        .await?;
    Ok(ids.into_iter().map(PaymentId).collect())
}

fn from_pending(id: PaymentId) -> UpdateMany<payment::Entity> {
    payment::Entity::update_many()
        .filter(payment::Column::Id.eq(id.0))
        .filter(payment::Column::Status.eq(PaymentStatus::Pending))
}
