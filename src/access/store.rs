//! Every query about changes of access.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, DatabaseTransaction, DbErr,
    EntityTrait, QueryFilter, QueryOrder,
};

use super::{Account, Change, What};
use crate::db::Db;
use crate::entity::access_change::{ActiveModel, Column, Entity, Model};
use crate::ids::{SessionId, UserId};

pub async fn insert(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    user: UserId,
    what: What,
) -> Result<Change, DbErr> {
    let row = ActiveModel {
        at: Set(now),
        user_id: Set(user.0),
        ..Default::default()
    };
    let row = match what {
        What::SessionEnded(session) => ActiveModel {
            session_id: Set(Some(session.0)),
            ..row
        },
        What::Account(account) => ActiveModel {
            role: Set(Some(account.role)),
            is_active: Set(account.is_active),
            all_ended: Set(account.all_ended),
            ..row
        },
    };
    Ok(change(&row.insert(tx).await?))
}

/// The changes since a time, by id.
pub async fn changes_since(db: &Db, since: DateTime<Utc>) -> Result<Vec<Change>, DbErr> {
    let rows = Entity::find()
        .filter(Column::At.gte(since))
        .order_by_asc(Column::Id)
        .all(db.reader())
        .await?;
    Ok(rows.iter().map(change).collect())
}

/// The changes after an id and those with the ids that are missing, by id.
pub async fn changes_after(db: &Db, high: i64, missing: &[i64]) -> Result<Vec<Change>, DbErr> {
    let mut wanted = Condition::any().add(Column::Id.gt(high));
    if !missing.is_empty() {
        wanted = wanted.add(Column::Id.is_in(missing.iter().copied()));
    }
    let rows = Entity::find()
        .filter(wanted)
        .order_by_asc(Column::Id)
        .all(db.reader())
        .await?;
    Ok(rows.iter().map(change).collect())
}

pub async fn delete_before(tx: &DatabaseTransaction, limit: DateTime<Utc>) -> Result<u64, DbErr> {
    let done = Entity::delete_many()
        .filter(Column::At.lt(limit))
        .exec(tx)
        .await?;
    Ok(done.rows_affected)
}

fn change(row: &Model) -> Change {
    let what = match (row.session_id, row.role) {
        (None, Some(role)) => What::Account(Account {
            role,
            is_active: row.is_active,
            all_ended: row.all_ended,
        }),
        (session, _) => What::SessionEnded(SessionId(session.unwrap_or_default())),
    };
    Change {
        id: row.id,
        at: row.at,
        user: UserId(row.user_id),
        what,
    }
}
