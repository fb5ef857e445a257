//! Every query about the tokens in mails.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr,
    EntityTrait, QueryFilter,
};

use crate::entity::one_time_token::{ActiveModel, Column, Entity, Model, Purpose};
use crate::ids::UserId;

/// A token to be written down.
pub struct New {
    pub hash: Vec<u8>,
    pub purpose: Purpose,
    /// The address that is to become the account's.
    pub email: Option<String>,
    pub expires_at: DateTime<Utc>,
}

/// Writes down a token of somebody whose row is locked, in the place of an older one.
pub async fn replace(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    user: UserId,
    new: New,
) -> Result<(), DbErr> {
    Entity::delete_many()
        .filter(Column::UserId.eq(user.0))
        .filter(Column::Purpose.eq(new.purpose))
        .filter(Column::UsedAt.is_null())
        .exec(tx)
        .await?;
    let token = ActiveModel {
        hash: Set(new.hash),
        user_id: Set(user.0),
        purpose: Set(new.purpose),
        email: Set(new.email),
        created_at: Set(now),
        expires_at: Set(new.expires_at),
        used_at: Set(None),
    };
    token.insert(tx).await?;
    Ok(())
}

/// Whose token it is, if it was not used yet.
pub async fn owner(
    connection: &impl ConnectionTrait,
    hash: &[u8],
    purpose: Purpose,
) -> Result<Option<UserId>, DbErr> {
    let token = Entity::find_by_id(hash.to_vec())
        .filter(Column::Purpose.eq(purpose))
        .filter(Column::UsedAt.is_null())
        .one(connection)
        .await?;
    Ok(token.map(|token| UserId(token.user_id)))
}

/// Uses a token of somebody whose row is locked, if it is still good.
pub async fn take(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    hash: Vec<u8>,
    purpose: Purpose,
) -> Result<Option<Model>, DbErr> {
    let done = Entity::update_many()
        .col_expr(Column::UsedAt, Expr::value(now))
        .filter(Column::Hash.eq(hash.clone()))
        .filter(Column::Purpose.eq(purpose))
        .filter(Column::UsedAt.is_null())
        .filter(Column::ExpiresAt.gt(now))
        .exec(tx)
        .await?;
    if done.rows_affected == 0 {
        return Ok(None);
    }
    Entity::find_by_id(hash).one(tx).await
}

/// From now on none of somebody's tokens that were mailed is good for anything.
pub async fn void(tx: &DatabaseTransaction, user: UserId) -> Result<(), DbErr> {
    Entity::delete_many()
        .filter(Column::UserId.eq(user.0))
        .filter(Column::UsedAt.is_null())
        .exec(tx)
        .await?;
    Ok(())
}

/// Deletes tokens that were good for nothing since before `limit`. Returns how many.
pub async fn delete_old(tx: &DatabaseTransaction, limit: DateTime<Utc>) -> Result<u64, DbErr> {
    let done = Entity::delete_many()
        .filter(Column::ExpiresAt.lt(limit))
        .exec(tx)
        .await?;
    Ok(done.rows_affected)
}
