//! Every query of admins about people.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait,
    DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::super::words::end_of;
use crate::db::{self, Db};
use crate::entity::account_event::{self, AccountAction};
use crate::entity::application::{self, ApplicationStatus};
use crate::entity::user::{Column, Entity, Model, Role, UserStatus};
use crate::entity::{idempotency_key, inquiry, mail, one_time_token, session, user_word};
use crate::ids::UserId;
use crate::page::Cursor;

/// An account and every active admin, by id, to change some of them.
pub async fn lock_with_admins(tx: &DatabaseTransaction, id: UserId) -> Result<Vec<Model>, DbErr> {
    let active_admins = Condition::all()
        .add(Column::Role.eq(Role::Admin))
        .add(Column::Status.eq(UserStatus::Active));
    Entity::find()
        .filter(Condition::any().add(Column::Id.eq(id.0)).add(active_admins))
        .order_by_asc(Column::Id)
        .lock_exclusive()
        .all(tx)
        .await
}

/// Writes down what was done to an account: what, the role it has now, and why.
pub async fn insert_event(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    user: Uuid,
    actor: Option<UserId>,
    (action, role, reason): (AccountAction, Option<Role>, Option<String>),
) -> Result<(), DbErr> {
    let event = account_event::ActiveModel {
        user_id: Set(user),
        actor_id: Set(actor.map(|actor| actor.0)),
        action: Set(action),
        role: Set(role),
        reason: Set(reason),
        at: Set(now),
        ..Default::default()
    };
    event.insert(tx).await?;
    Ok(())
}

/// What was done to an account, the latest first.
pub async fn latest_events(
    db: &Db,
    user: UserId,
    limit: u64,
) -> Result<Vec<account_event::Model>, DbErr> {
    account_event::Entity::find()
        .filter(account_event::Column::UserId.eq(user.0))
        .order_by_desc(account_event::Column::Id)
        .limit(limit)
        .all(db.reader())
        .await
}

/// Deletes what somebody who is erased leaves: their devices, tokens, kept answers, mails to their
/// address, who is to be asked about their inquiries, and what they told with applications, of which
/// those that nobody has decided on are withdrawn.
pub async fn delete_traces(
    tx: &DatabaseTransaction,
    user: UserId,
    email: String,
) -> Result<(), DbErr> {
    session::Entity::delete_many()
        .filter(session::Column::UserId.eq(user.0))
        .exec(tx)
        .await?;
    one_time_token::Entity::delete_many()
        .filter(one_time_token::Column::UserId.eq(user.0))
        .exec(tx)
        .await?;
    mail::Entity::delete_many()
        .filter(mail::Column::Recipient.eq(email))
        .exec(tx)
        .await?;
    inquiry::Entity::update_many()
        .col_expr(inquiry::Column::ContactName, Expr::value(""))
        .col_expr(inquiry::Column::Email, Expr::value(""))
        .col_expr(inquiry::Column::Phone, Expr::value(None::<String>))
        .col_expr(inquiry::Column::FoldedText, Expr::value(""))
        .filter(inquiry::Column::UserId.eq(user.0))
        .exec(tx)
        .await?;
    idempotency_key::Entity::delete_many()
        .filter(idempotency_key::Column::UserId.eq(user.0))
        .exec(tx)
        .await?;
    application::Entity::update_many()
        .col_expr(
            application::Column::Status,
            Expr::value(ApplicationStatus::Withdrawn),
        )
        .col_expr(
            application::Column::EndedAt,
            db::now(tx.get_database_backend()),
        )
        .col_expr(
            application::Column::Version,
            Expr::col(application::Column::Version).add(1),
        )
        .filter(application::Column::UserId.eq(user.0))
        .filter(application::Column::Status.eq(ApplicationStatus::Pending))
        .exec(tx)
        .await?;
    application::Entity::update_many()
        .col_expr(application::Column::Answers, Expr::value("[]"))
        .col_expr(application::Column::Search, Expr::value(""))
        .filter(application::Column::UserId.eq(user.0))
        .exec(tx)
        .await?;
    Ok(())
}

/// Whether a word that begins like this is had by more than `few`.
pub async fn have_more_than(db: &Db, beginning: &str, few: u64) -> Result<bool, DbErr> {
    let past_the_few = user_word::Entity::find()
        .select_only()
        .column(user_word::Column::UserId)
        .filter(begins_with(beginning))
        .offset(few)
        .limit(1)
        .into_tuple::<Uuid>()
        .one(db.reader())
        .await?;
    Ok(past_the_few.is_some())
}

/// Which people are wanted.
#[derive(Default)]
pub struct Wanted {
    pub role: Option<Role>,
    /// Everybody but who was erased, where absent.
    pub status: Option<UserStatus>,
    /// Beginnings of words, each of which they must have, and few do.
    pub rare_words: Vec<String>,
    /// Likewise, and many do.
    pub common_words: Vec<String>,
}

/// People, the newest first; one more than `limit`.
pub async fn newest(
    db: &Db,
    wanted: Wanted,
    after: Option<Cursor<Uuid>>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find();
    if let Some(role) = wanted.role {
        query = query.filter(Column::Role.eq(role));
    }
    query = query.filter(match wanted.status {
        Some(status) => Column::Status.eq(status),
        None => Column::Status.ne(UserStatus::Erased),
    });
    for word in wanted.rare_words {
        let people = Query::select()
            .column(user_word::Column::UserId)
            .from(user_word::Entity)
            .cond_where(begins_with(&word))
            .to_owned();
        query = query.filter(Column::Id.in_subquery(people));
    }
    for word in wanted.common_words {
        query = query.filter(has_word(&word));
    }
    let columns = (Column::CreatedAt, Column::Id);
    db::newest_first(query, columns, after.map(Into::into), limit)
        .all(db.reader())
        .await
}

fn has_word(beginning: &str) -> Expr {
    let same_person =
        Expr::col((user_word::Entity, user_word::Column::UserId)).equals((Entity, Column::Id));
    Expr::exists(
        Query::select()
            .expr(Expr::value(1))
            .from(user_word::Entity)
            .and_where(same_person)
            .cond_where(begins_with(beginning))
            .to_owned(),
    )
}

fn begins_with(beginning: &str) -> Condition {
    Condition::all()
        .add(user_word::Column::Word.gte(beginning))
        .add(user_word::Column::Word.lt(end_of(beginning)))
}
