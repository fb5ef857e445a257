//! A mail of the outbox.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "mails")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// An e-mail address.
    pub recipient: String,
    pub subject: String,
    /// Plain text.
    pub body: String,
    pub status: MailStatus,
    pub created_at: DateTimeUtc,
    /// When it is next tried.
    pub due_at: DateTimeUtc,
    pub attempts: i32,
    /// When it was sent or given up.
    pub ended_at: Option<DateTimeUtc>,
    /// What the last attempt failed with.
    pub error: Option<String>,
}

/// `waiting -> sent | failed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(
    rs_type = "String",
    db_type = "String(StringLen::N(16))",
    rename_all = "snake_case"
)]
pub enum MailStatus {
    /// To be sent when it is due.
    Waiting,
    /// The mail server took it.
    Sent,
    /// Given up after many attempts.
    Failed,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Those that wait, as their index has them; as with [`is_held`](super::reservation::is_held).
pub fn is_waiting() -> Expr {
    Expr::cust("status = 'waiting'")
}
