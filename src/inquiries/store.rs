//! Every query about inquiries.

use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait,
    DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::{Applicant, Decision, NewInquiry};
use crate::db::{self, Db};
use crate::entity::inquiry::{self, InquiryStatus};
use crate::entity::inquiry_change;
use crate::ids::{InquiryId, UserId};
use crate::page::Cursor;
use crate::texts::fold;

/// Which inquiries a list is of: those that are all of this.
#[derive(Debug, Default)]
pub struct Wanted {
    pub applicant: Option<UserId>,
    pub status: Option<InquiryStatus>,
    /// Compared without case and accents.
    pub category: Option<String>,
    /// Compared without case and accents.
    pub city: Option<String>,
    /// Words, or beginnings of words, all of which occur.
    pub q: Option<String>,
    /// Planned for this day or a later one.
    pub from: Option<NaiveDate>,
    /// Planned for this day or an earlier one.
    pub to: Option<NaiveDate>,
}

/// Adds an inquiry; a duplicate error where its request key is known.
pub async fn insert_inquiry(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    applicant: Applicant,
    new: NewInquiry,
) -> Result<inquiry::Model, DbErr> {
    let (user_id, request_key) = match applicant {
        Applicant::Account(user) => (Some(user.0), None),
        Applicant::Nobody { request_key } => (None, request_key),
    };
    // A space before each word, so that a search finds words by how they begin.
    let folded_text = [
        "",
        &fold(&new.organiser),
        &fold(&new.contact_name),
        &fold(&new.email),
        &fold(&new.category),
        &fold(&new.city),
        &fold(&new.proposal),
    ]
    .join(" ");
    inquiry::ActiveModel {
        id: Set(InquiryId::random().0),
        user_id: Set(user_id),
        folded_category: Set(fold(&new.category)),
        folded_city: Set(fold(&new.city)),
        folded_text: Set(folded_text),
        organiser: Set(new.organiser),
        email: Set(new.email),
        category: Set(new.category),
        expected_attendance: Set(new.expected_attendance),
        contact_name: Set(new.contact_name),
        phone: Set(new.phone),
        city: Set(new.city),
        date: Set(new.date),
        proposal: Set(new.proposal),
        status: Set(InquiryStatus::Pending),
        created_at: Set(now),
        version: Set(1),
        request_key: Set(request_key),
    }
    .insert(tx)
    .await
}

pub async fn inquiry_for_update(
    tx: &DatabaseTransaction,
    id: InquiryId,
) -> Result<Option<inquiry::Model>, DbErr> {
    inquiry::Entity::find_by_id(id.0)
        .lock_exclusive()
        .one(tx)
        .await
}

/// Changes the status, and writes down that it was changed.
pub async fn change_status(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    admin: UserId,
    inquiry: inquiry::Model,
    decision: &Decision,
) -> Result<inquiry::Model, DbErr> {
    let version = inquiry.version + 1;
    inquiry_change::ActiveModel {
        inquiry_id: Set(inquiry.id),
        version: Set(version),
        from_status: Set(inquiry.status),
        to_status: Set(decision.status),
        note: Set(decision.note.clone()),
        changed_by: Set(admin.0),
        at: Set(now),
        ..Default::default()
    }
    .insert(tx)
    .await?;
    let mut change: inquiry::ActiveModel = inquiry.into();
    change.status = Set(decision.status);
    change.version = Set(version);
    change.update(tx).await
}

pub async fn inquiry(db: &Db, id: InquiryId) -> Result<Option<inquiry::Model>, DbErr> {
    inquiry::Entity::find_by_id(id.0).one(db.reader()).await
}

pub async fn own_inquiry(
    db: &Db,
    applicant: UserId,
    id: InquiryId,
) -> Result<Option<inquiry::Model>, DbErr> {
    inquiry::Entity::find_by_id(id.0)
        .filter(inquiry::Column::UserId.eq(applicant.0))
        .one(db.reader())
        .await
}

/// What somebody who was not signed in has sent with this key.
pub async fn inquiry_by_key(db: &Db, key: &str) -> Result<Option<inquiry::Model>, DbErr> {
    inquiry::Entity::find()
        .filter(inquiry::Column::RequestKey.eq(key))
        .one(db.reader())
        .await
}

/// The changes of an inquiry's status, in their order.
pub async fn changes(
    connection: &impl ConnectionTrait,
    id: InquiryId,
) -> Result<Vec<inquiry_change::Model>, DbErr> {
    inquiry_change::Entity::find()
        .filter(inquiry_change::Column::InquiryId.eq(id.0))
        .order_by_asc(inquiry_change::Column::Version)
        .all(connection)
        .await
}

/// Inquiries, newest first; one more than `limit`.
pub async fn inquiries(
    db: &Db,
    wanted: Wanted,
    after: Option<Cursor<Uuid>>,
    limit: u64,
) -> Result<Vec<inquiry::Model>, DbErr> {
    let query = inquiry::Entity::find().filter(condition(wanted));
    let columns = (inquiry::Column::CreatedAt, inquiry::Column::Id);
    db::newest_first(query, columns, after.map(Into::into), limit)
        .all(db.reader())
        .await
}

fn condition(wanted: Wanted) -> Condition {
    use inquiry::Column;
    let equal = |column: Column, text: String| column.eq(fold(&text));
    let mut all = Condition::all()
        .add_option(wanted.applicant.map(|user| Column::UserId.eq(user.0)))
        .add_option(wanted.status.map(|status| Column::Status.eq(status)))
        .add_option(wanted.category.map(|it| equal(Column::FoldedCategory, it)))
        .add_option(wanted.city.map(|it| equal(Column::FoldedCity, it)))
        .add_option(wanted.from.map(|day| Column::Date.gte(day)))
        .add_option(wanted.to.map(|day| Column::Date.lte(day)));
    if let Some(q) = wanted.q {
        // Folded, a word has no sign that means something in a pattern.
        let words = fold(&q);
        for word in words.split(' ') {
            all = all.add(Column::FoldedText.contains(format!(" {word}")));
        }
        // Where nothing is left of it, nothing can be meant by it.
        if words.is_empty() {
            all = all.add(Column::FoldedText.eq(""));
        }
    }
    all
}
