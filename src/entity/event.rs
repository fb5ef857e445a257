//! Something on sale at a venue.

use sea_orm::Condition;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "events")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub venue_id: i64,
    pub title: String,
    pub description: String,
    pub category: Option<String>,
    /// ISO 4217; every zone of the event is sold in it.
    pub currency: String,
    pub status: EventStatus,
    pub starts_at: DateTimeUtc,
    pub ends_at: Option<DateTimeUtc>,
    pub sales_open_at: Option<DateTimeUtc>,
    pub sales_close_at: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
    pub version: i64,
    /// Most tickets that a customer may have, held and sold.
    pub limit_per_customer: Option<i32>,
    /// A URL.
    pub picture: Option<String>,
    /// URLs, as a JSON list.
    pub gallery: Option<String>,
    pub doors_at: Option<DateTimeUtc>,
    /// How long a hold of its tickets lasts; as long as the settings say without one.
    pub hold_secs: Option<i32>,
    /// None while only organisers have seen it.
    pub published_at: Option<DateTimeUtc>,
    pub cancelled_at: Option<DateTimeUtc>,
    pub cancel_reason: Option<String>,
    /// When nothing was left to do about its cancellation.
    pub settled_at: Option<DateTimeUtc>,
}

impl Model {
    /// Whether its tickets are sold at that time.
    pub fn is_on_sale(&self, now: DateTimeUtc) -> bool {
        self.is_for_sale(now) && self.opens_after(now).is_none()
    }

    /// Whether its tickets are sold at that time to those for whom the sale opens early.
    pub fn is_for_sale(&self, now: DateTimeUtc) -> bool {
        self.status == EventStatus::Published && now < self.closes_at()
    }

    /// When the sale closes.
    pub fn closes_at(&self) -> DateTimeUtc {
        self.sales_close_at.unwrap_or(self.starts_at)
    }

    /// When the sale opens, where that is still to come.
    pub fn opens_after(&self, now: DateTimeUtc) -> Option<DateTimeUtc> {
        self.sales_open_at.filter(|opens_at| now < *opens_at)
    }
}

/// What the public may know of: what was published once, even where it was cancelled since.
pub fn is_public() -> Condition {
    let was_published = Condition::all()
        .add(Column::Status.eq(EventStatus::Cancelled))
        .add(Column::PublishedAt.is_not_null());
    Condition::any()
        .add(Column::Status.eq(EventStatus::Published))
        .add(was_published)
}

/// `draft -> published -> cancelled`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(
    rs_type = "String",
    db_type = "String(StringLen::N(16))",
    rename_all = "snake_case"
)]
pub enum EventStatus {
    /// Seen by organisers only.
    Draft,
    /// Seen by everybody, on sale within its sale window.
    Published,
    /// No longer takes place.
    Cancelled,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::venue::Entity",
        from = "Column::VenueId",
        to = "super::venue::Column::Id"
    )]
    Venue,
}

impl Related<super::venue::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Venue.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
