//! What somebody who had a ticket says about an event.

use sea_orm::FromJsonQueryResult;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "reviews")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub event_id: i64,
    /// The author.
    pub user_id: Uuid,
    /// 1 to 5.
    pub stars: i16,
    pub text: String,
    pub pictures: Pictures,
    pub status: ReviewStatus,
    pub created_at: DateTimeUtc,
    /// When its author last changed it.
    pub edited_at: Option<DateTimeUtc>,
    pub removed_at: Option<DateTimeUtc>,
    /// The admin who removed it.
    pub removed_by: Option<Uuid>,
    pub removal_reason: Option<String>,
    pub version: i64,
}

/// Addresses of pictures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Pictures(pub Vec<String>);

/// `visible -> removed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(
    rs_type = "String",
    db_type = "String(StringLen::N(16))",
    rename_all = "snake_case"
)]
pub enum ReviewStatus {
    /// Everybody sees it, and it counts.
    Visible,
    /// Taken out of sight by an admin, with a reason.
    Removed,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::user::Entity",
        from = "Column::UserId",
        to = "super::user::Column::Id"
    )]
    Author,
}

impl ActiveModelBehavior for ActiveModel {}
