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
    /// None where an organiser moved it.
    pub reservation_id: Option<Uuid>,
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
    /// Its event was cancelled while it was held.
    Cancel,
    /// It was given away for nothing.
    Grant,
    /// The money was returned.
    Refund,
    /// The organiser withheld it.
    Block,
    /// The organiser put it on sale again.
    Unblock,
    /// The organiser took it out of the event.
    Remove,
    /// The organiser put it back into the event.
    Restore,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
