//! A code that opens a sale early, takes something off the price, or both.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "codes")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub event_id: i64,
    /// The zone that it is for; the whole event where there is none.
    pub zone_id: Option<i64>,
    /// In upper case.
    pub code: String,
    /// Reservations that may use it at the most.
    pub max_uses: Option<i32>,
    pub valid_from: Option<DateTimeUtc>,
    pub valid_until: Option<DateTimeUtc>,
    /// Whether it lets reserve before the sale opens.
    pub opens_early: bool,
    pub percent_off: Option<i32>,
    /// Minor units of the event's currency, off each ticket.
    pub amount_off: Option<i64>,
    pub note: Option<String>,
    pub active: bool,
    pub version: i64,
    pub created_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
