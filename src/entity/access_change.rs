//! Something that tokens which were issued do not know of.

use sea_orm::entity::prelude::*;

use super::user::Role;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "access_changes")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub at: DateTimeUtc,
    pub user_id: Uuid,
    /// The session that ended; none where it is about the account.
    pub session_id: Option<Uuid>,
    /// The account's role from now on.
    pub role: Option<Role>,
    /// Whether the account may act.
    pub is_active: bool,
    /// Whether every session of the account was ended.
    pub all_ended: bool,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
