//! The layout of a venue: the same table as the venue, whose other readers do without the text.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "venues")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// JSON.
    pub layout: Option<String>,
    /// How many people it has room for.
    pub capacity: Option<i32>,
    /// The venue's.
    pub version: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
