//! Every query about sessions and their refresh tokens.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, LockBehavior, LockType, Query};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr,
    EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use crate::db::{self, Db};
use crate::entity::refresh_token;
use crate::entity::session::{ActiveModel, Column, Entity, Model};
use crate::ids::{SessionId, UserId};
use crate::page::Cursor;

pub async fn insert(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    user: UserId,
    id: SessionId,
    user_agent: Option<String>,
) -> Result<(), DbErr> {
    let session = ActiveModel {
        id: Set(id.0),
        user_id: Set(user.0),
        user_agent: Set(user_agent),
        created_at: Set(now),
        last_used_at: Set(now),
        expires_at: Set(expires_at),
        ended_at: Set(None),
    };
    session.insert(tx).await?;
    Ok(())
}

pub async fn insert_refresh_token(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    session: SessionId,
    hash: Vec<u8>,
) -> Result<(), DbErr> {
    let token = refresh_token::ActiveModel {
        hash: Set(hash),
        session_id: Set(session.0),
        created_at: Set(now),
        used_at: Set(None),
    };
    token.insert(tx).await?;
    Ok(())
}

/// The session that a refresh token is or was good for, and whose it is.
pub async fn of_refresh_token(
    connection: &impl ConnectionTrait,
    hash: &[u8],
) -> Result<Option<(UserId, SessionId)>, DbErr> {
    let Some(token) = refresh_token::Entity::find_by_id(hash.to_vec())
        .one(connection)
        .await?
    else {
        return Ok(None);
    };
    let session = Entity::find_by_id(token.session_id).one(connection).await?;
    Ok(session.map(|session| (UserId(session.user_id), SessionId(session.id))))
}

/// Whether a session of somebody whose row is locked has neither ended nor expired.
pub async fn is_live(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    id: SessionId,
) -> Result<bool, DbErr> {
    let session = Entity::find_by_id(id.0).one(tx).await?;
    Ok(session.is_some_and(|session| session.ended_at.is_none() && session.expires_at > now))
}

/// Takes a refresh token that was not used before; whether it was one.
pub async fn use_refresh_token(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    hash: Vec<u8>,
) -> Result<bool, DbErr> {
    let done = refresh_token::Entity::update_many()
        .col_expr(refresh_token::Column::UsedAt, Expr::value(now))
        .filter(refresh_token::Column::Hash.eq(hash))
        .filter(refresh_token::Column::UsedAt.is_null())
        .exec(tx)
        .await?;
    Ok(done.rows_affected == 1)
}

pub async fn prolong(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    id: SessionId,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::LastUsedAt, Expr::value(now))
        .col_expr(Column::ExpiresAt, Expr::value(expires_at))
        .filter(Column::Id.eq(id.0))
        .exec(tx)
        .await?;
    Ok(())
}

/// Ends a session of somebody whose row is locked, and with it its refresh tokens; whether it was
/// live.
pub async fn end(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    user: UserId,
    id: SessionId,
) -> Result<bool, DbErr> {
    let done = Entity::update_many()
        .col_expr(Column::EndedAt, Expr::value(now))
        .filter(Column::Id.eq(id.0))
        .filter(Column::UserId.eq(user.0))
        .filter(Column::EndedAt.is_null())
        .exec(tx)
        .await?;
    if done.rows_affected == 0 {
        return Ok(false);
    }
    refresh_token::Entity::delete_many()
        .filter(refresh_token::Column::SessionId.eq(id.0))
        .exec(tx)
        .await?;
    Ok(true)
}

/// The sessions of somebody that have not ended, the one first that was used longest ago.
pub async fn live_by_use(tx: &DatabaseTransaction, user: UserId) -> Result<Vec<SessionId>, DbErr> {
    let ids: Vec<Uuid> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::UserId.eq(user.0))
        .filter(Column::EndedAt.is_null())
        .order_by_asc(Column::LastUsedAt)
        .order_by_asc(Column::Id)
        .into_tuple()
        .all(tx)
        .await?;
    Ok(ids.into_iter().map(SessionId).collect())
}

/// The sessions of somebody that have neither ended nor expired, the newest first; one more than
/// `limit`.
pub async fn live(
    db: &Db,
    user: UserId,
    after: Option<Cursor<Uuid>>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let query = Entity::find()
        .filter(Column::UserId.eq(user.0))
        .filter(Column::EndedAt.is_null())
        .filter(Expr::col(Column::ExpiresAt).gt(db.now()));
    let columns = (Column::CreatedAt, Column::Id);
    db::newest_first(query, columns, after.map(Into::into), limit)
        .all(db.reader())
        .await
}

/// Deletes sessions that ended or expired before `limit` with their tokens, and tokens that were
/// exchanged before `used_before`; some of them, and none that somebody is at. Returns how many.
pub async fn delete_old(
    tx: &DatabaseTransaction,
    limit: DateTime<Utc>,
    used_before: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let mut swept = 0;
    for old in [Column::EndedAt.lt(limit), Column::ExpiresAt.lt(limit)] {
        let some = Query::select()
            .column(Column::Id)
            .from(Entity)
            .and_where(old)
            .limit(SWEPT_AT_ONCE)
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
            .to_owned();
        let done = Entity::delete_many()
            .filter(Column::Id.in_subquery(some))
            .exec(tx)
            .await?;
        swept += done.rows_affected;
    }
    let some = Query::select()
        .column(refresh_token::Column::Hash)
        .from(refresh_token::Entity)
        .and_where(refresh_token::Column::UsedAt.lt(used_before))
        .limit(SWEPT_AT_ONCE)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .to_owned();
    let done = refresh_token::Entity::delete_many()
        .filter(refresh_token::Column::Hash.in_subquery(some))
        .exec(tx)
        .await?;
    Ok(swept + done.rows_affected)
}

const SWEPT_AT_ONCE: u64 = 5000;
