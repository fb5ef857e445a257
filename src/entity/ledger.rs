//! One transition of one ticket; appended, never changed.

use sea_orm::entity::prelude::*;

use super::ticket::TicketStatus;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "ledger")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub ticket_id: i64,
    /// The ticket's version after the transition.
    pub version: i64,
    pub from_status: TicketStatus,
    pub to_status: TicketStatus,
    pub cause: Cause,
    pub reservation_id: Uuid,
    pub at: DateTimeUtc,
}

/// The operation that moved the ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(
    rs_type = "String",
    db_type = "String(StringLen::N(16))",
    rename_all = "snake_case"
)]
pub enum Cause {
    /// A buyer held it.
    Hold,
    /// It was paid for.
    Confirm,
    /// The buyer gave it up.
    Release,
    /// The hold ended.
    Expire,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
