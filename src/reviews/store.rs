//! Every query about reviews, but for the ratings that the catalogue shows.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{DynIden, Expr, IntoCondition};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr,
    EntityTrait, ExprTrait, FromQueryResult, JoinType, ModelTrait, PaginatorTrait, QueryFilter,
    QuerySelect, RelationTrait, Select,
};

use super::Opinion;
use crate::db::{self, Db};
use crate::entity::event::{self, EventStatus};
use crate::entity::reservation::{self, ReservationStatus};
use crate::entity::review::{self, Pictures, ReviewStatus};
use crate::entity::user::{self, UserStatus};
use crate::ids::{EventId, ReviewId, UserId};
use crate::page::Cursor;

/// A review with the name that its author has now.
#[derive(Debug, FromQueryResult)]
pub struct SignedReview {
    #[sea_orm(nested)]
    pub review: review::Model,
    pub author: Option<String>,
}

/// Which reviews a list is of.
#[derive(Debug, Clone, Copy)]
pub enum Which {
    /// What everybody sees of an event.
    VisibleOf(EventId),
    /// All of an author's.
    By(UserId),
    /// Those in one state, or all there are.
    All(Option<ReviewStatus>),
}

/// Whether the public may know of the event.
pub async fn is_public(connection: &impl ConnectionTrait, event: EventId) -> Result<bool, DbErr> {
    let found = event::Entity::find_by_id(event.0)
        .filter(event::Column::Status.ne(EventStatus::Draft))
        .count(connection)
        .await?;
    Ok(found > 0)
}

/// Whether somebody has a confirmed reservation of the event, or had one before its refund.
pub async fn has_had_ticket(
    connection: &impl ConnectionTrait,
    who: UserId,
    event: EventId,
) -> Result<bool, DbErr> {
    let paid = [ReservationStatus::Confirmed, ReservationStatus::Refunded];
    let found = reservation::Entity::find()
        .filter(reservation::of(who.0, connection.get_database_backend()))
        .filter(reservation::Column::EventId.eq(event.0))
        .filter(reservation::Column::Status.is_in(paid))
        .count(connection)
        .await?;
    Ok(found > 0)
}

/// Adds a review; a duplicate error where its author has written one of the event.
pub async fn insert_review(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    author: UserId,
    event: EventId,
    opinion: Opinion,
) -> Result<review::Model, DbErr> {
    review::ActiveModel {
        event_id: Set(event.0),
        user_id: Set(author.0),
        stars: Set(opinion.stars),
        text: Set(opinion.text),
        pictures: Set(Pictures(opinion.pictures)),
        status: Set(ReviewStatus::Visible),
        created_at: Set(now),
        version: Set(1),
        ..Default::default()
    }
    .insert(tx)
    .await
}

pub async fn review_for_update(
    tx: &DatabaseTransaction,
    id: ReviewId,
) -> Result<Option<review::Model>, DbErr> {
    review::Entity::find_by_id(id.0)
        .lock_exclusive()
        .one(tx)
        .await
}

pub async fn change_opinion(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    review: review::Model,
    opinion: Opinion,
) -> Result<(), DbErr> {
    let version = review.version + 1;
    let mut change: review::ActiveModel = review.into();
    change.stars = Set(opinion.stars);
    change.text = Set(opinion.text);
    change.pictures = Set(Pictures(opinion.pictures));
    change.edited_at = Set(Some(now));
    change.version = Set(version);
    change.update(tx).await?;
    Ok(())
}

pub async fn mark_removed(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    review: review::Model,
    admin: UserId,
    reason: String,
) -> Result<(), DbErr> {
    let version = review.version + 1;
    let mut change: review::ActiveModel = review.into();
    change.status = Set(ReviewStatus::Removed);
    change.removed_at = Set(Some(now));
    change.removed_by = Set(Some(admin.0));
    change.removal_reason = Set(Some(reason));
    change.version = Set(version);
    change.update(tx).await?;
    Ok(())
}

pub async fn delete_review(tx: &DatabaseTransaction, review: review::Model) -> Result<(), DbErr> {
    review.delete(tx).await?;
    Ok(())
}

pub async fn review(
    connection: &impl ConnectionTrait,
    id: ReviewId,
) -> Result<Option<SignedReview>, DbErr> {
    signed(review::Entity::find_by_id(id.0))
        .into_model()
        .one(connection)
        .await
}

/// Reviews, newest first; one more than `limit`.
pub async fn reviews(
    db: &Db,
    which: Which,
    after: Option<Cursor<i64>>,
    limit: u64,
) -> Result<Vec<SignedReview>, DbErr> {
    let mut query = signed(review::Entity::find());
    query = match which {
        Which::VisibleOf(event) => query
            .filter(review::Column::EventId.eq(event.0))
            .filter(review::Column::Status.eq(ReviewStatus::Visible)),
        Which::By(author) => query.filter(review::Column::UserId.eq(author.0)),
        Which::All(Some(status)) => query.filter(review::Column::Status.eq(status)),
        Which::All(None) => query,
    };
    let columns = (review::Column::CreatedAt, review::Column::Id);
    db::newest_first(query, columns, after.map(Into::into), limit)
        .into_model()
        .all(db.reader())
        .await
}

/// The name is read with the review, so that it is the one that the account has now, and none where
/// it is nobody's any more or may not be used.
fn signed(query: Select<review::Entity>) -> Select<review::Entity> {
    let is_active = |_, users: DynIden| {
        let status = Expr::col((users, user::Column::Status));
        status.eq(UserStatus::Active).into_condition()
    };
    query
        .join(
            JoinType::LeftJoin,
            review::Relation::Author.def().on_condition(is_active),
        )
        .column_as(user::Column::Name, "author")
}
