//! An application for free places of a zone.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "applications")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub user_id: Uuid,
    pub event_id: i64,
    pub zone_id: i64,
    /// How many places; all of them or none.
    pub quantity: i32,
    /// JSON: a list of questions as they were asked, with their answers.
    pub answers: String,
    /// The applicant's name and e-mail address as they are searched for.
    pub search: String,
    pub status: ApplicationStatus,
    /// Set exactly where it is granted.
    pub reservation_id: Option<Uuid>,
    /// What the applicant was told with a rejection.
    pub reason: Option<String>,
    pub created_at: DateTimeUtc,
    /// When it stopped being pending.
    pub ended_at: Option<DateTimeUtc>,
    /// The admin who granted or rejected it.
    pub decided_by: Option<Uuid>,
    pub version: i64,
}

/// `pending -> granted | rejected | withdrawn`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(
    rs_type = "String",
    db_type = "String(StringLen::N(16))",
    rename_all = "snake_case"
)]
pub enum ApplicationStatus {
    /// Nobody has decided on it.
    Pending,
    /// The applicant has the places.
    Granted,
    /// The applicant was told no.
    Rejected,
    /// The applicant does not want the places any more.
    Withdrawn,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::user::Entity",
        from = "Column::UserId",
        to = "super::user::Column::Id"
    )]
    Applicant,
    #[sea_orm(
        belongs_to = "super::user::Entity",
        from = "Column::DecidedBy",
        to = "super::user::Column::Id"
    )]
    Decider,
    #[sea_orm(
        belongs_to = "super::zone::Entity",
        from = "Column::ZoneId",
        to = "super::zone::Column::Id"
    )]
    Zone,
    #[sea_orm(
        belongs_to = "super::event::Entity",
        from = "Column::EventId",
        to = "super::event::Column::Id"
    )]
    Event,
}

impl ActiveModelBehavior for ActiveModel {}
