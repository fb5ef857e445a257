//! What an event asks of those who apply for free places, and when they may.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "application_forms")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub event_id: i64,
    /// JSON: a list of questions.
    pub questions: String,
    /// At once, where absent.
    pub opens_at: Option<DateTimeUtc>,
    /// When the event starts, where absent.
    pub closes_at: Option<DateTimeUtc>,
    pub version: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
