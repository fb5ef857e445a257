//! One buyer's set of tickets of one event, all or nothing.

use sea_orm::entity::prelude::*;
use sea_orm::{Condition, DatabaseBackend};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "reservations")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub user_id: Uuid,
    pub event_id: i64,
    pub status: ReservationStatus,
    /// Compared with the database's time only.
    pub expires_at: DateTimeUtc,
    /// Minor units.
    pub total_amount: i64,
    pub currency: String,
    pub created_at: DateTimeUtc,
    /// When it stopped being held.
    pub ended_at: Option<DateTimeUtc>,
    pub version: i64,
    /// Since when its buyer is owed the money; its event was cancelled.
    pub refund_due_at: Option<DateTimeUtc>,
    /// The code that it was made with.
    pub code_id: Option<i64>,
}

/// `held -> confirmed -> refunded`, or `held -> released | expired`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(
    rs_type = "String",
    db_type = "String(StringLen::N(16))",
    rename_all = "snake_case"
)]
pub enum ReservationStatus {
    /// The buyer's until `expires_at`.
    Held,
    /// Paid.
    Confirmed,
    /// Given up by the buyer.
    Released,
    /// Not paid in time.
    Expired,
    /// Paid, and the money returned.
    Refunded,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Those that are held, as the index of holds has them. A plan that PostgreSQL keeps goes by an index of
/// those with one status only where that status is written out.
pub fn is_held() -> Expr {
    Expr::cust("status = 'held'")
}

/// Those of somebody, as their index has them.
pub fn of(user: Uuid, backend: DatabaseBackend) -> Condition {
    let of_user = Condition::all().add(Column::UserId.eq(user));
    of_user.add(Expr::cust(in_any_portion(backend)))
}

/// What else to ask of the reservations of somebody, so that their index serves. On SQLite it is in
/// portions, of those that were made one after the other: new ones go to a few pages of it, which a
/// batch writes once, and not each to its buyer's.
pub fn in_any_portion(backend: DatabaseBackend) -> &'static str {
    match backend {
        DatabaseBackend::Sqlite => "portion IN (SELECT portion FROM portions)",
        _ => "TRUE",
    }
}

/// Of a new one, the column of its portion and what that is, to be added to lists of others. So many
/// changes of tickets make a portion that it has a hundred pages or two.
pub fn latest_portion(backend: DatabaseBackend) -> (&'static str, &'static str) {
    match backend {
        DatabaseBackend::Sqlite => (
            ", portion",
            ", (SELECT COALESCE(MAX(id), 0) / 16384 FROM ledger)",
        ),
        _ => ("", ""),
    }
}
