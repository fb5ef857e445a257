//! Inquiries: organisers who want to sell here ask, and admins decide.
//!
//! ```text
//!   (none) ──send──> pending ──> reviewed ──> approved
//!                                   └───────> rejected
//! ```
//!
//! Anybody may send one; whoever is signed in finds it again. Each arrow is one transaction that
//! raises the inquiry's version, writes down who decided, when and with which note, and puts a mail to
//! the applicant into the outbox. Sending itself mails nobody: the address is only what a stranger has
//! typed.

pub mod api;
mod drafts;
mod problems;
mod store;
mod views;

use chrono::{DateTime, Days, NaiveDate, Utc};
use sea_orm::{DatabaseTransaction, DbErr};

use crate::db;
use crate::entity::inquiry::{self, InquiryStatus};
use crate::entity::inquiry_change;
use crate::ids::{InquiryId, UserId};
use crate::mail::{self, Mail};
use crate::precondition::{Expected, VersionMismatch};

/// Why an inquiry was not taken or decided.
#[derive(Debug, thiserror::Error)]
pub enum InquiryError {
    /// The day is over everywhere.
    #[error("{0} is over")]
    DayIsOver(NaiveDate),
    /// Somebody who is not signed in has sent something with this key before.
    #[error("the key was used before")]
    KeyIsKnown,
    /// There is none that the caller may know of.
    #[error("there is no inquiry {0}")]
    NoSuchInquiry(InquiryId),
    /// No arrow leads there from what it is.
    #[error("the inquiry is {}", status_name(*.0))]
    NoSuchArrow(InquiryStatus),
    /// It was changed meanwhile.
    #[error(transparent)]
    Moved(#[from] VersionMismatch),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbErr),
}

/// What an organiser asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewInquiry {
    pub organiser: String,
    pub email: String,
    pub category: String,
    pub expected_attendance: i32,
    pub contact_name: String,
    pub phone: Option<String>,
    pub city: String,
    pub date: NaiveDate,
    pub proposal: String,
}

/// Who sends an inquiry.
#[derive(Debug, Clone)]
pub enum Applicant {
    /// Somebody who is signed in.
    Account(UserId),
    /// Anybody, with a key where they want to be able to ask twice.
    Nobody { request_key: Option<String> },
}

/// What an admin decides.
#[derive(Debug, Clone)]
pub struct Decision {
    pub status: InquiryStatus,
    /// What the applicant is told.
    pub note: Option<String>,
}

/// Takes an inquiry.
pub async fn send_inquiry(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    applicant: Applicant,
    new: NewInquiry,
) -> Result<inquiry::Model, InquiryError> {
    // What is yesterday here is still today somewhere.
    let yesterday = now.date_naive() - Days::new(1);
    if new.date < yesterday {
        return Err(InquiryError::DayIsOver(new.date));
    }
    let inserted = store::insert_inquiry(tx, now, applicant, new).await;
    inserted.map_err(|err| {
        if db::is_duplicate(&err) {
            InquiryError::KeyIsKnown
        } else {
            err.into()
        }
    })
}

/// Moves an inquiry along an arrow, and tells the applicant.
pub async fn decide_inquiry(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    admin: UserId,
    id: InquiryId,
    expected: Expected,
    decision: Decision,
) -> Result<(inquiry::Model, Vec<inquiry_change::Model>), InquiryError> {
    let inquiry = store::inquiry_for_update(tx, id)
        .await?
        .ok_or(InquiryError::NoSuchInquiry(id))?;
    expected.check(inquiry.version)?;
    if !leads_to(inquiry.status, decision.status) {
        return Err(InquiryError::NoSuchArrow(inquiry.status));
    }
    let inquiry = store::change_status(tx, now, admin, inquiry, &decision).await?;
    // Of whoever was erased there is nobody to write to.
    if !inquiry.email.is_empty() {
        mail::post(tx, now, letter(&inquiry, decision.note.as_deref())).await?;
    }
    let changes = store::changes(tx, id).await?;
    Ok((inquiry, changes))
}

/// The name of a status in answers.
pub fn status_name(status: InquiryStatus) -> &'static str {
    match status {
        InquiryStatus::Pending => "pending",
        InquiryStatus::Reviewed => "reviewed",
        InquiryStatus::Approved => "approved",
        InquiryStatus::Rejected => "rejected",
    }
}

fn leads_to(from: InquiryStatus, to: InquiryStatus) -> bool {
    use InquiryStatus::{Approved, Pending, Rejected, Reviewed};
    matches!(
        (from, to),
        (Pending, Reviewed) | (Reviewed, Approved | Rejected)
    )
}

fn letter(inquiry: &inquiry::Model, note: Option<&str>) -> Mail {
    let outcome = match inquiry.status {
        InquiryStatus::Pending => "has arrived",
        InquiryStatus::Reviewed => "is being looked at",
        InquiryStatus::Approved => "was approved",
        InquiryStatus::Rejected => "was rejected",
    };
    let note = note.map(|note| format!("\n{note}\n")).unwrap_or_default();
    Mail {
        to: inquiry.email.clone(),
        subject: format!("Your inquiry {outcome}"),
        text: format!(
            "Hello {},\n\nyour inquiry about {} in {} on {} {outcome}.\n{note}",
            inquiry.contact_name, inquiry.category, inquiry.city, inquiry.date
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inquiry_goes_along_the_arrows_only() {
        use InquiryStatus::{Approved, Pending, Rejected, Reviewed};
        let all = [Pending, Reviewed, Approved, Rejected];
        let steps = all.into_iter().flat_map(|from| all.map(|to| (from, to)));
        let arrows: Vec<_> = steps.filter(|(from, to)| leads_to(*from, *to)).collect();
        assert_eq!(
            arrows,
            [
                (Pending, Reviewed),
                (Reviewed, Approved),
                (Reviewed, Rejected)
            ]
        );
    }
}
