//! Calls about reviews.

use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::problems::{
    AdminListProblems, EditProblems, ListProblems, OwnListProblems, ReadProblems, RemoveProblems,
    WriteProblems,
};
use super::store::{self, SignedReview, Which};
use super::views::{ModeratedReview, Review, ReviewDraft, Status};
use super::{Opinion, ReviewError, edit_review, remove_review, write_review};
use crate::auth::{AdminOnly, Caller, MaybeSignedIn, SignedIn};
use crate::body::Body;
use crate::entity::review::ReviewStatus;
use crate::entity::user::Role;
use crate::idempotency::{Key, commit_once};
use crate::ids::{EventId, ReviewId, UserId};
use crate::page::{self, Cursor};
use crate::precondition::{Cacheable, Edited, Expected, entity_tag};
use crate::problem::{Problem, Refused};
use crate::state::App;
use crate::tags::Tags;
use crate::texts::check_said;

/// The calls about reviews.
pub struct ReviewsApi {
    /// The application.
    pub app: App,
}

/// A page of reviews.
#[derive(Debug, Object)]
pub struct ReviewList {
    /// The reviews, newest first.
    items: Vec<Review>,
    /// The cursor of the next page; null on the last.
    #[oai(nullable)]
    next: Option<String>,
}

/// A page of reviews as admins see them.
#[derive(Debug, Object)]
pub struct ModeratedReviewList {
    /// The reviews, newest first.
    items: Vec<ModeratedReview>,
    /// The cursor of the next page; null on the last.
    #[oai(nullable)]
    next: Option<String>,
}

/// The review was written.
#[derive(ApiResponse)]
pub enum ReviewWritten {
    /// The review as everybody sees it.
    #[oai(status = 201)]
    Created(
        Json<Review>,
        /// Where it is.
        #[oai(header = "Location")]
        String,
        /// For `If-Match` of an edit.
        #[oai(header = "ETag")]
        String,
        /// Present and `true` when this is the kept answer of an earlier request with the same key.
        #[oai(header = "Idempotency-Replayed")]
        Option<String>,
    ),
}

/// The review was taken away.
#[derive(ApiResponse)]
pub enum ReviewRemoved {
    /// Nobody sees it any more, and it does not count.
    #[oai(status = 204)]
    Removed,
}

/// For how long a list may be shown without asking again.
const LIST_MAX_AGE_SECS: u32 = 5;

#[OpenApi(prefix_path = "/api", tag = "Tags::Reviews")]
impl ReviewsApi {
    /// List the reviews of an event
    ///
    /// Newest first.
    #[oai(
        path = "/events/:event_id/reviews",
        method = "get",
        operation_id = "list_reviews"
    )]
    async fn list_reviews(
        &self,
        /// The event.
        event_id: Path<i64>,
        /// How many at the most.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u64>>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
        /// The `ETag` of the page that the caller has.
        #[oai(name = "If-None-Match")]
        known: Header<Option<String>>,
    ) -> Result<Cacheable<ReviewList>, Refused<ListProblems>> {
        let event = EventId(event_id.0);
        if !store::is_public(self.app.db.reader(), event).await? {
            return Err(Problem::not_found("event").into());
        }
        let (items, next) = self.page(Which::VisibleOf(event), limit, cursor).await?;
        let known = known.0.as_deref();
        let page = ReviewList { items, next };
        Ok(Cacheable::of_content(page, known, LIST_MAX_AGE_SECS))
    }

    /// Write a review
    ///
    /// Of an event that the caller has or had a confirmed reservation of; one of each.
    #[oai(
        path = "/events/:event_id/reviews",
        method = "post",
        operation_id = "create_review"
    )]
    async fn create_review(
        &self,
        author: SignedIn,
        /// The event.
        event_id: Path<i64>,
        /// Makes it safe to ask twice: the same key and body gives the same answer.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        body: Body<ReviewDraft>,
    ) -> Result<ReviewWritten, Refused<WriteProblems>> {
        let (author, event) = (author.0.id, EventId(event_id.0));
        let key = Key::read(key.0, author, "create_review", &(event, &body.0))?;
        let opinion = Opinion::try_from(body.0)?;
        let written = commit_once(&self.app, key, move |tx, now| {
            Box::pin(async move {
                let review = write_review(tx, now, author, event, opinion).await?;
                Ok::<Review, ReviewError>(review.into())
            })
        })
        .await?;
        let location = format!("/api/reviews/{}", written.value.id);
        let tag = entity_tag(written.value.version);
        let replayed = written.replayed_header();
        Ok(ReviewWritten::Created(
            Json(written.value),
            location,
            tag,
            replayed,
        ))
    }

    /// Read a review
    ///
    /// What was removed only its author and admins see, and why it was.
    #[oai(
        path = "/reviews/:review_id",
        method = "get",
        operation_id = "get_review"
    )]
    async fn get_review(
        &self,
        reader: MaybeSignedIn,
        /// The review.
        review_id: Path<i64>,
    ) -> Result<Edited<Review>, Refused<ReadProblems>> {
        let found = store::review(self.app.db.reader(), ReviewId(review_id.0)).await?;
        let found = found.filter(|found| may_read(reader.0, found));
        let review = Review::from(found.ok_or_else(|| Problem::not_found("review"))?);
        let tag = entity_tag(review.version);
        Ok(Edited::Now(Json(review), tag))
    }

    /// Change a review
    ///
    /// The caller's own; what it says now takes the place of what it said.
    #[oai(
        path = "/reviews/:review_id",
        method = "put",
        operation_id = "edit_review"
    )]
    async fn edit_review(
        &self,
        author: SignedIn,
        /// The review.
        review_id: Path<i64>,
        /// The `ETag` of the review that the caller has read.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<ReviewDraft>,
    ) -> Result<Edited<Review>, Refused<EditProblems>> {
        let (author, id) = (author.0.id, ReviewId(review_id.0));
        let expected = Expected::read(if_match.0)?;
        let opinion = Opinion::try_from(body.0)?;
        let edited = commit_once(&self.app, None, move |tx, now| {
            Box::pin(async move {
                let review = edit_review(tx, now, author, id, expected, opinion).await?;
                Ok::<Review, ReviewError>(review.into())
            })
        })
        .await?;
        let tag = entity_tag(edited.value.version);
        Ok(Edited::Now(Json(edited.value), tag))
    }

    /// Take a review away
    ///
    /// Its author deletes it. An admin takes it out of sight and says why, which its author is told;
    /// they cannot review the event again.
    #[oai(
        path = "/reviews/:review_id",
        method = "delete",
        operation_id = "delete_review"
    )]
    async fn delete_review(
        &self,
        caller: SignedIn,
        /// The review.
        review_id: Path<i64>,
        /// Why an admin removes it; its author needs none.
        #[oai(validator(max_length = "500"))]
        reason: Query<Option<String>>,
        /// The `ETag` of the review that the caller has read, so that no other is taken away.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<ReviewRemoved, Refused<RemoveProblems>> {
        let (caller, id) = (caller.0, ReviewId(review_id.0));
        let expected = Expected::read_optional(if_match.0)?;
        let reason = reason.0;
        if let Some(reason) = &reason {
            check_said("reason", reason)?;
        }
        commit_once(&self.app, None, move |tx, now| {
            Box::pin(async move { remove_review(tx, now, caller, id, expected, reason).await })
        })
        .await?;
        Ok(ReviewRemoved::Removed)
    }

    /// List my reviews
    ///
    /// The caller's own, newest first, also those that were removed, and why.
    #[oai(path = "/me/reviews", method = "get", operation_id = "list_my_reviews")]
    async fn list_my_reviews(
        &self,
        author: SignedIn,
        /// How many at the most.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u64>>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ReviewList>, Refused<OwnListProblems>> {
        let (items, next) = self.page(Which::By(author.0.id), limit, cursor).await?;
        Ok(Json(ReviewList { items, next }))
    }

    /// Look through all reviews
    ///
    /// Of all events, newest first.
    #[oai(
        path = "/admin/reviews",
        method = "get",
        operation_id = "list_all_reviews"
    )]
    async fn list_all_reviews(
        &self,
        _admin: AdminOnly,
        /// Only those in this state.
        status: Query<Option<Status>>,
        /// How many at the most.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u64>>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ModeratedReviewList>, Refused<AdminListProblems>> {
        let which = Which::All(status.0.map(Into::into));
        let (items, next) = self.page(which, limit, cursor).await?;
        Ok(Json(ModeratedReviewList { items, next }))
    }

    async fn page<T: From<SignedReview>>(
        &self,
        which: Which,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<(Vec<T>, Option<String>), Problem> {
        let limit = limit.0.unwrap_or(page::DEFAULT_LIMIT);
        let after = Cursor::read(cursor.0)?;
        let found = store::reviews(&self.app.db, which, after, limit).await?;
        let (found, next) = page::cut(found, limit, |found| Cursor {
            at: found.review.created_at,
            id: found.review.id,
        });
        Ok((found.into_iter().map(Into::into).collect(), next))
    }
}

fn may_read(reader: Option<Caller>, found: &SignedReview) -> bool {
    let review = &found.review;
    let concerns =
        |reader: Caller| reader.role == Role::Admin || reader.id == UserId(review.user_id);
    review.status == ReviewStatus::Visible || reader.is_some_and(concerns)
}
