//! A part of an event with one price: seated or standing.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "zones")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub event_id: i64,
    /// Order of display within the event, from 0.
    pub position: i32,
    pub name: String,
    pub benefits: Option<String>,
    /// Minor units of the event's currency.
    pub price_amount: i64,
    /// How many rows it has; null in a standing zone.
    pub seat_rows: Option<i32>,
    /// How many seats its longest row has; null in a standing zone.
    pub seats_per_row: Option<i32>,
    /// How many tickets it has, without those that were removed.
    pub capacity: i32,
    /// The row of the seat that the best ones are nearest to. Without one, that is the middle of the
    /// front row.
    pub focus_row: Option<i32>,
    /// Its seat; given with the row.
    pub focus_seat: Option<i32>,
    /// Whether its places are given to those who apply, and to nobody else.
    pub by_application: bool,
    /// Where its rows are drawn, as JSON.
    pub plan: Option<String>,
    /// Raised whenever places come or go.
    pub places_version: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::event::Entity",
        from = "Column::EventId",
        to = "super::event::Column::Id"
    )]
    Event,
}

impl Related<super::event::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Event.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
