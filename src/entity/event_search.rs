//! What an event is found by: small, folded, and in the order of time.

use sea_orm::entity::prelude::*;

use super::event::EventStatus;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "event_search")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub event_id: i64,
    pub status: EventStatus,
    pub starts_at: DateTimeUtc,
    /// When it ends, or starts where nobody knows when it ends.
    pub over_at: DateTimeUtc,
    /// Whether it may run though it began long ago.
    pub lasts_long: bool,
    pub created_at: DateTimeUtc,
    pub venue_id: i64,
    /// Folded.
    pub city: String,
    /// Folded; empty without one.
    pub category: String,
    /// The words of its title and category, each with a space before it.
    pub own_text: String,
    /// Those, and then those of its venue.
    pub text: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
