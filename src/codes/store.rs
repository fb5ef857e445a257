//! Every query about codes, but for those of the transaction in which one is used.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Func};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait,
    DatabaseTransaction, DbErr, EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect,
};
use std::collections::HashMap;

use super::{CodeText, Terms};
use crate::db::{self, Db, contains};
use crate::entity::reservation::ReservationStatus;
use crate::entity::{code, reservation};
use crate::ids::{CodeId, EventId};
use crate::page::Cursor;

/// Makes codes that differ in their texts only.
///
/// # Errors
/// A duplicate (see [`crate::db::is_duplicate`]) where the event has such a code.
pub async fn insert(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    event: EventId,
    texts: Vec<CodeText>,
    terms: &Terms,
) -> Result<Vec<code::Model>, DbErr> {
    let rows = texts.iter().map(|text| code::ActiveModel {
        event_id: Set(event.0),
        code: Set(text.as_str().to_owned()),
        version: Set(1),
        created_at: Set(now),
        ..with_terms(terms)
    });
    code::Entity::insert_many(rows)
        .exec_without_returning(tx)
        .await?;
    code::Entity::find()
        .filter(code::Column::EventId.eq(event.0))
        .filter(code::Column::Code.is_in(texts.iter().map(CodeText::as_str)))
        .order_by_asc(code::Column::Id)
        .all(tx)
        .await
}

/// A code of the event, which nobody uses or changes meanwhile.
pub async fn code_for_update(
    tx: &DatabaseTransaction,
    event: EventId,
    id: CodeId,
) -> Result<Option<code::Model>, DbErr> {
    code::Entity::find_by_id(id.0)
        .filter(code::Column::EventId.eq(event.0))
        .lock_exclusive()
        .one(tx)
        .await
}

pub async fn update(
    tx: &DatabaseTransaction,
    code: code::Model,
    text: CodeText,
    terms: &Terms,
) -> Result<code::Model, DbErr> {
    let change = code::ActiveModel {
        id: Set(code.id),
        code: Set(text.0),
        version: Set(code.version + 1),
        ..with_terms(terms)
    };
    change.update(tx).await
}

pub async fn delete(tx: &DatabaseTransaction, id: CodeId) -> Result<(), DbErr> {
    code::Entity::delete_by_id(id.0).exec(tx).await?;
    Ok(())
}

/// A code of the event.
pub async fn code(db: &Db, event: EventId, id: CodeId) -> Result<Option<code::Model>, DbErr> {
    code::Entity::find_by_id(id.0)
        .filter(code::Column::EventId.eq(event.0))
        .one(db.reader())
        .await
}

/// The code of the event that reads like this, and the database's time.
pub async fn code_by_text(
    db: &Db,
    event: EventId,
    text: &CodeText,
) -> Result<Option<(code::Model, DateTime<Utc>)>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        #[sea_orm(nested)]
        code: code::Model,
        now: DateTime<Utc>,
    }
    let row: Option<Row> = code::Entity::find()
        .filter(code::Column::EventId.eq(event.0))
        .filter(code::Column::Code.eq(text.as_str()))
        .expr_as(db.now(), "now")
        .into_model()
        .one(db.reader())
        .await?;
    Ok(row.map(|row| (row.code, row.now)))
}

/// The texts of codes, by code.
pub async fn texts(
    connection: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = CodeId>,
) -> Result<HashMap<CodeId, String>, DbErr> {
    let ids: Vec<_> = ids.into_iter().map(|id| id.0).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let texts: Vec<(i64, String)> = code::Entity::find()
        .select_only()
        .columns([code::Column::Id, code::Column::Code])
        .filter(code::Column::Id.is_in(ids))
        .into_tuple()
        .all(connection)
        .await?;
    Ok(texts
        .into_iter()
        .map(|(id, text)| (CodeId(id), text))
        .collect())
}

/// The codes of an event, newest first, with `search` in their text or note; one more than `limit`.
pub async fn codes(
    db: &Db,
    event: EventId,
    search: Option<&str>,
    after: Option<Cursor<i64>>,
    limit: u64,
) -> Result<Vec<code::Model>, DbErr> {
    let mut query = code::Entity::find().filter(code::Column::EventId.eq(event.0));
    if let Some(search) = search {
        let backend = db.reader().get_database_backend();
        let part = search.to_lowercase();
        let contains = |column: code::Column| {
            let text = Func::lower(Expr::col((code::Entity, column)));
            contains(backend, text.into(), &part)
        };
        query = query.filter(
            Condition::any()
                .add(contains(code::Column::Code))
                .add(contains(code::Column::Note)),
        );
    }
    let columns = (code::Column::CreatedAt, code::Column::Id);
    db::newest_first(query, columns, after.map(Into::into), limit)
        .all(db.reader())
        .await
}

/// How many reservations use each of the codes, by code; a code without any is left out.
pub async fn count_uses(
    connection: &impl ConnectionTrait,
    ids: &[CodeId],
) -> Result<HashMap<CodeId, u64>, DbErr> {
    let counts: Vec<(i64, i64)> = reservation::Entity::find()
        .select_only()
        .column(reservation::Column::CodeId)
        .expr_as(
            Func::count(Expr::col(reservation::Column::Id)).cast_as(Alias::new("bigint")),
            "uses",
        )
        .filter(reservation::Column::CodeId.is_in(ids.iter().map(|id| id.0)))
        .filter(reservation::Column::Status.is_in(USING))
        .group_by(reservation::Column::CodeId)
        .into_tuple()
        .all(connection)
        .await?;
    let by_code = |(id, uses)| (CodeId(id), u64::try_from(uses).unwrap_or(0));
    Ok(counts.into_iter().map(by_code).collect())
}

/// What a reservation is while it uses its code; released and expired ones give it back.
const USING: [ReservationStatus; 3] = [
    ReservationStatus::Held,
    ReservationStatus::Confirmed,
    ReservationStatus::Refunded,
];

/// How many reservations were ever made with the code.
pub async fn count_reservations(
    connection: &impl ConnectionTrait,
    id: CodeId,
) -> Result<u64, DbErr> {
    reservation::Entity::find()
        .filter(reservation::Column::CodeId.eq(id.0))
        .count(connection)
        .await
}

fn with_terms(terms: &Terms) -> code::ActiveModel {
    code::ActiveModel {
        zone_id: Set(terms.zone.map(|zone| zone.0)),
        max_uses: Set(terms.max_uses),
        valid_from: Set(terms.valid_from),
        valid_until: Set(terms.valid_until),
        opens_early: Set(terms.opens_early),
        percent_off: Set(terms.percent_off),
        amount_off: Set(terms.amount_off.as_ref().map(|money| money.amount)),
        note: Set(terms.note.clone()),
        active: Set(terms.active),
        ..Default::default()
    }
}
