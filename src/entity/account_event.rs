//! What an admin did to an account.

use sea_orm::entity::prelude::*;

use super::user::Role;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "account_events")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub user_id: Uuid,
    /// None: the command line.
    pub actor_id: Option<Uuid>,
    pub action: AccountAction,
    /// The new role.
    pub role: Option<Role>,
    pub reason: Option<String>,
    pub at: DateTimeUtc,
}

/// What can be done to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(
    rs_type = "String",
    db_type = "String(StringLen::N(16))",
    rename_all = "snake_case"
)]
pub enum AccountAction {
    /// Given another role.
    ChangeRole,
    /// Kept from signing in.
    Disable,
    /// Let in again.
    Enable,
    /// Emptied of what is personal.
    Erase,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
