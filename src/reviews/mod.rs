//! Reviews: what people who had a ticket say about an event.
//!
//! ```text
//!   (none) ──write──> visible ──remove──> removed       by an admin, with a reason, for good
//!      ^                 │
//!      └──take back──────┘                              by its author
//! ```
//!
//! Whoever has or had a confirmed reservation of an event may write one review of it, also after a
//! refund: they know what they paid for. The database holds the one to it. Reviews are public, so
//! somebody else's is `forbidden` rather than not found; what was removed is there for its author
//! and for admins only, and stands in the way of another by the same person.

pub mod api;
mod problems;
mod store;
mod views;

use chrono::{DateTime, Utc};
use sea_orm::{DatabaseTransaction, DbErr};

use crate::auth::Caller;
use crate::db;
use crate::entity::review::{self, ReviewStatus};
use crate::entity::user::Role;
use crate::ids::{EventId, ReviewId, UserId};
use crate::precondition::{Expected, VersionMismatch};
use store::SignedReview;

/// Why a review was not written, changed or removed.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// There is no such event, or it is a draft.
    #[error("there is no event {0}")]
    NoSuchEvent(EventId),
    /// The caller never had a confirmed reservation of the event.
    #[error("the caller never had a ticket of event {0}")]
    NoTicket(EventId),
    /// The caller has reviewed the event.
    #[error("the caller has reviewed event {0}")]
    AlreadyReviewed(EventId),
    /// There is none that the caller may know of.
    #[error("there is no review {0}")]
    NoSuchReview(ReviewId),
    /// It is somebody else's.
    #[error("review {0} is somebody else's")]
    NotTheAuthor(ReviewId),
    /// An admin has removed it.
    #[error("review {0} was removed")]
    Removed(ReviewId),
    /// An admin who removes a review says why.
    #[error("a removal needs a reason")]
    NoReason,
    /// It was changed meanwhile.
    #[error(transparent)]
    Moved(#[from] VersionMismatch),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbErr),
}

/// What somebody says.
#[derive(Debug, Clone)]
pub struct Opinion {
    /// 1 to 5.
    pub stars: i16,
    /// As typed.
    pub text: String,
    /// Addresses of pictures.
    pub pictures: Vec<String>,
}

/// Writes a review.
pub async fn write_review(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    author: UserId,
    event: EventId,
    opinion: Opinion,
) -> Result<SignedReview, ReviewError> {
    if !store::is_public(tx, event).await? {
        return Err(ReviewError::NoSuchEvent(event));
    }
    if !store::has_had_ticket(tx, author, event).await? {
        return Err(ReviewError::NoTicket(event));
    }
    let written = store::insert_review(tx, now, author, event, opinion).await;
    let written = written.map_err(|err| {
        if db::is_duplicate(&err) {
            ReviewError::AlreadyReviewed(event)
        } else {
            err.into()
        }
    })?;
    signed(tx, ReviewId(written.id)).await
}

/// Puts another opinion in the place of the author's.
pub async fn edit_review(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    author: UserId,
    id: ReviewId,
    expected: Expected,
    opinion: Opinion,
) -> Result<SignedReview, ReviewError> {
    let review = lock(tx, id).await?;
    if UserId(review.user_id) != author {
        return Err(refuse_stranger(&review));
    }
    check_standing(&review, expected)?;
    store::change_opinion(tx, now, review, opinion).await?;
    signed(tx, id).await
}

/// Takes a review away: its author for good, an admin out of sight, which takes a reason.
pub async fn remove_review(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    caller: Caller,
    id: ReviewId,
    expected: Expected,
    reason: Option<String>,
) -> Result<(), ReviewError> {
    let review = lock(tx, id).await?;
    if UserId(review.user_id) == caller.id {
        check_standing(&review, expected)?;
        return Ok(store::delete_review(tx, review).await?);
    }
    if caller.role != Role::Admin {
        return Err(refuse_stranger(&review));
    }
    let reason = reason.ok_or(ReviewError::NoReason)?;
    check_standing(&review, expected)?;
    Ok(store::mark_removed(tx, now, review, caller.id, reason).await?)
}

/// The name of a status in answers.
pub fn status_name(status: ReviewStatus) -> &'static str {
    match status {
        ReviewStatus::Visible => "visible",
        ReviewStatus::Removed => "removed",
    }
}

async fn lock(tx: &DatabaseTransaction, id: ReviewId) -> Result<review::Model, ReviewError> {
    let found = store::review_for_update(tx, id).await?;
    found.ok_or(ReviewError::NoSuchReview(id))
}

async fn signed(tx: &DatabaseTransaction, id: ReviewId) -> Result<SignedReview, ReviewError> {
    let found = store::review(tx, id).await?;
    found.ok_or(ReviewError::NoSuchReview(id))
}

/// Strangers may know of what everybody sees, and of nothing else.
fn refuse_stranger(review: &review::Model) -> ReviewError {
    let id = ReviewId(review.id);
    match review.status {
        ReviewStatus::Visible => ReviewError::NotTheAuthor(id),
        ReviewStatus::Removed => ReviewError::NoSuchReview(id),
    }
}

fn check_standing(review: &review::Model, expected: Expected) -> Result<(), ReviewError> {
    if review.status == ReviewStatus::Removed {
        return Err(ReviewError::Removed(ReviewId(review.id)));
    }
    Ok(expected.check(review.version)?)
}
