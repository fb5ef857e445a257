//! Reviews as callers send and see them.

use chrono::{DateTime, Utc};
use poem_openapi::types::Example;
use poem_openapi::{Enum, Object};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::store::SignedReview;
use super::{Opinion, status_name};
use crate::entity::review::ReviewStatus;
use crate::problem::Problem;
use crate::texts::{check_said, check_urls};

/// What somebody says about an event that they had a ticket for.
#[derive(Debug, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, example)]
pub struct ReviewDraft {
    /// 1 to 5.
    #[oai(validator(minimum(value = "1"), maximum(value = "5")))]
    stars: i16,
    /// Plain text.
    #[oai(validator(min_length = "1", max_length = "5000"))]
    text: String,
    /// Addresses of pictures, http or https; none where absent.
    #[oai(nullable, validator(max_items = "5"))]
    pictures: Option<Vec<String>>,
}

/// What somebody says about an event that they had a ticket for.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
#[oai(example)]
pub struct Review {
    /// The review.
    pub id: i64,
    /// The event.
    pub event_id: i64,
    /// The name of who wrote it; null where the account was erased or is disabled.
    #[oai(nullable)]
    pub author: Option<String>,
    /// 1 to 5.
    pub stars: i16,
    /// Plain text, as it was typed: escape it where you show it.
    pub text: String,
    /// Addresses of pictures.
    pub pictures: Vec<String>,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// When its author last changed it.
    #[oai(nullable)]
    pub edited_at: Option<DateTime<Utc>>,
    /// `visible`, or `removed` by an admin, which only its author and admins see.
    pub status: String,
    /// When and why it was removed.
    #[oai(skip_serializing_if_is_none)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removal: Option<Removal>,
    /// Raised with every change.
    pub version: i64,
}

/// When and why a review was taken out of sight.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
pub struct Removal {
    /// When.
    pub at: DateTime<Utc>,
    /// Why.
    pub reason: String,
}

/// A review as admins see it.
#[derive(Debug, Object)]
#[oai(example)]
pub struct ModeratedReview {
    #[oai(flatten)]
    review: Review,
    /// The account of who wrote it.
    user_id: Uuid,
    /// The account of the admin who removed it.
    #[oai(nullable)]
    removed_by: Option<Uuid>,
}

/// A review's state, to filter by.
#[derive(Debug, Clone, Copy, Enum)]
#[oai(rename_all = "snake_case", rename = "ReviewStatus")]
pub enum Status {
    /// Everybody sees it.
    Visible,
    /// Taken out of sight.
    Removed,
}

impl TryFrom<ReviewDraft> for Opinion {
    type Error = Problem;

    fn try_from(draft: ReviewDraft) -> Result<Self, Problem> {
        let pictures = draft.pictures.unwrap_or_default();
        check_said("text", &draft.text)?;
        check_urls("pictures", &pictures)?;
        Ok(Self {
            stars: draft.stars,
            text: draft.text,
            pictures,
        })
    }
}

impl From<SignedReview> for Review {
    fn from(SignedReview { review, author }: SignedReview) -> Self {
        let removal = review.removed_at.zip(review.removal_reason);
        Self {
            id: review.id,
            event_id: review.event_id,
            author,
            stars: review.stars,
            text: review.text,
            pictures: review.pictures.0,
            created_at: review.created_at,
            edited_at: review.edited_at,
            status: status_name(review.status).to_owned(),
            removal: removal.map(|(at, reason)| Removal { at, reason }),
            version: review.version,
        }
    }
}

impl From<SignedReview> for ModeratedReview {
    fn from(signed: SignedReview) -> Self {
        Self {
            user_id: signed.review.user_id,
            removed_by: signed.review.removed_by,
            review: signed.into(),
        }
    }
}

impl From<Status> for ReviewStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Visible => Self::Visible,
            Status::Removed => Self::Removed,
        }
    }
}

impl Example for ReviewDraft {
    fn example() -> Self {
        let review = Review::example();
        Self {
            stars: review.stars,
            text: review.text,
            pictures: Some(review.pictures),
        }
    }
}

impl Example for Review {
    fn example() -> Self {
        Self {
            id: 4,
            event_id: 1,
            author: Some("Ada Lovelace".into()),
            stars: 5,
            text: "The choir alone was worth it.".into(),
            pictures: vec!["https://example.com/choir.jpg".into()],
            created_at: DateTime::from_timestamp(1_798_912_800, 0).unwrap_or_default(),
            edited_at: None,
            status: "visible".into(),
            removal: None,
            version: 1,
        }
    }
}

impl Example for ModeratedReview {
    fn example() -> Self {
        let removal = Removal {
            at: DateTime::from_timestamp(1_798_999_200, 0).unwrap_or_default(),
            reason: "Insults the singers.".into(),
        };
        Self {
            review: Review {
                status: "removed".into(),
                removal: Some(removal),
                version: 2,
                ..Review::example()
            },
            user_id: Uuid::from_u128(0x6d3c_9f0e_2b1a_4c5d_8e7f_0a1b_2c3d_4e5f),
            removed_by: Some(Uuid::from_u128(0x1f2e_3d4c_5b6a_4798_8a9b_acbd_cedf_e0f1)),
        }
    }
}
