//! One unit of a zone: a seat, or one place in a standing zone. It exists once.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tickets")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub event_id: i64,
    pub zone_id: i64,
    /// Counted from 1; null in a standing zone.
    pub row_number: Option<i32>,
    /// Counted from 1; null in a standing zone.
    pub seat_number: Option<i32>,
    pub status: TicketStatus,
    /// Raised by exactly 1 with every transition.
    pub version: i64,
    /// Set exactly while the ticket is held or sold.
    pub reservation_id: Option<Uuid>,
    /// What the row is called, where that is not the letters of its number.
    pub row_label: Option<String>,
    /// What the seat is called, where that is not its number.
    pub seat_label: Option<String>,
    /// Bits: 1 accessible, 2 companion, 4 restricted view.
    pub traits: i32,
    /// Taken out of its event: it exists for nobody, and is blocked.
    pub removed: bool,
}

/// `available -> held -> sold`, and back to `available`; `blocked` when withheld.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(
    rs_type = "String",
    db_type = "String(StringLen::N(16))",
    rename_all = "snake_case"
)]
pub enum TicketStatus {
    /// Nobody's.
    Available,
    /// In somebody's hold.
    Held,
    /// Paid for.
    Sold,
    /// Withheld by the organiser.
    Blocked,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::zone::Entity",
        from = "Column::ZoneId",
        to = "super::zone::Column::Id"
    )]
    Zone,
    #[sea_orm(
        belongs_to = "super::event::Entity",
        from = "Column::EventId",
        to = "super::event::Column::Id"
    )]
    Event,
}

impl Related<super::zone::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Zone.def()
    }
}

impl Related<super::event::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Event.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
