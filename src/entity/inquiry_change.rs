//! A change of an inquiry's status; appended, never changed.

use sea_orm::entity::prelude::*;

use super::inquiry::InquiryStatus;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "inquiry_changes")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub inquiry_id: Uuid,
    /// The inquiry's version after the change.
    pub version: i64,
    pub from_status: InquiryStatus,
    pub to_status: InquiryStatus,
    /// What the applicant is told.
    pub note: Option<String>,
    /// The admin who decided.
    pub changed_by: Uuid,
    pub at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
