//! An inquiry of an organiser who wants to sell here.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "inquiries")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// None where nobody was signed in.
    pub user_id: Option<Uuid>,
    pub organiser: String,
    pub email: String,
    pub category: String,
    pub expected_attendance: i32,
    pub contact_name: String,
    pub phone: Option<String>,
    pub city: String,
    pub date: Date,
    pub proposal: String,
    pub status: InquiryStatus,
    pub created_at: DateTimeUtc,
    pub version: i64,
    /// As categories are compared.
    pub folded_category: String,
    /// As cities are compared.
    pub folded_city: String,
    /// What a search looks through.
    pub folded_text: String,
    /// Of whoever was not signed in and gave an idempotency key: a hash of it and their address.
    pub request_key: Option<String>,
}

/// `pending -> reviewed -> approved | rejected`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(
    rs_type = "String",
    db_type = "String(StringLen::N(16))",
    rename_all = "snake_case"
)]
pub enum InquiryStatus {
    /// Nobody has looked at it.
    Pending,
    /// Somebody is at it.
    Reviewed,
    /// The organiser may sell here.
    Approved,
    /// Not this time.
    Rejected,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
