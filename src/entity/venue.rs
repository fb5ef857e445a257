//! A place, with a time zone.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "venues")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub name: String,
    pub address: Option<String>,
    pub city: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// IANA name.
    pub time_zone: String,
    pub created_at: DateTimeUtc,
    pub version: i64,
    /// A URL: where its seats are.
    pub picture: Option<String>,
    /// The words of its name and city, folded, each with a space before it.
    pub search_text: String,
    /// Its city, folded.
    pub search_city: String,
    /// How many people its layout has room for.
    pub capacity: Option<i32>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
