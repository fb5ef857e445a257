//! A person with an account.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub name: String,
    /// As typed, for display and mail.
    pub email: String,
    /// What accounts are compared by.
    #[sea_orm(unique)]
    pub email_lower: String,
    /// Argon2id, in PHC string format.
    pub password_hash: String,
    pub role: Role,
    pub created_at: DateTimeUtc,
    /// Raised with every change of name, address, role or status.
    pub version: i64,
    pub status: UserStatus,
    /// Whether the words that the account is found by are written down.
    pub has_words: bool,
}

/// What a person may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(
    rs_type = "String",
    db_type = "String(StringLen::N(16))",
    rename_all = "snake_case"
)]
pub enum Role {
    /// Buys tickets.
    Customer,
    /// Checks tickets at the door.
    Staff,
    /// Organises events.
    Admin,
}

/// `active <-> disabled`, and from both to `erased`, for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(
    rs_type = "String",
    db_type = "String(StringLen::N(16))",
    rename_all = "snake_case"
)]
pub enum UserStatus {
    /// May sign in.
    Active,
    /// May not, until an admin says otherwise.
    Disabled,
    /// Nobody's any more; holds what was bought.
    Erased,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
