//! Every query about what events are found by.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, SimpleExpr};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DatabaseBackend,
    DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    Select, Statement, Value,
};
use std::collections::BTreeSet;

use super::{FEW, Order, Part, Search, lasts_long};
use crate::db::{self, Db};
use crate::entity::event::EventStatus;
use crate::entity::event_search::{Column, Entity};
use crate::entity::{event, event_search, event_word, venue};
use crate::page::Cursor;
use crate::texts::fold;

/// Where the events of a part of a search stand in its order; `limit` of them.
///
/// Where `rare` is given, only events with a word that begins so are looked at.
pub async fn find(
    db: &Db,
    search: &Search,
    part: &Part,
    rare: Option<&str>,
    after: Option<&Cursor<i64>>,
    limit: u64,
) -> Result<Vec<Cursor<i64>>, DbErr> {
    let (time, is_ascending) = match search.order {
        Order::Soonest => (Column::StartsAt, true),
        Order::Latest => (Column::StartsAt, false),
        Order::Newest => (Column::CreatedAt, false),
    };
    let backend = db.reader().get_database_backend();
    let mut query = matching(backend, search, rare).filter(within(part));
    if let Some(after) = after {
        query = query.filter(beyond(time, is_ascending, after));
    }
    let query = if is_ascending {
        query.order_by_asc(time).order_by_asc(Column::EventId)
    } else {
        query.order_by_desc(time).order_by_desc(Column::EventId)
    };
    let found: Vec<(DateTime<Utc>, i64)> = query
        .select_only()
        .column(time)
        .column(Column::EventId)
        .limit(limit)
        .into_tuple()
        .all(db.reader())
        .await?;
    Ok(found
        .into_iter()
        .map(|(at, id)| Cursor { at, id })
        .collect())
}

/// The condition of the index on those that last long, word by word.
fn within(part: &Part) -> Condition {
    Condition::all()
        .add_option(part.starts_from.map(|at| Column::StartsAt.gte(at)))
        .add_option(part.starts_before.map(|at| Column::StartsAt.lt(at)))
        .add_option(part.over_from.map(|at| Column::OverAt.gte(at)))
        .add_option(part.over_before.map(|at| Column::OverAt.lt(at)))
        .add_option(part.lasts_long.then(|| Expr::col(Column::LastsLong)))
}

fn matching(backend: DatabaseBackend, search: &Search, rare: Option<&str>) -> Select<Entity> {
    let mut query = Entity::find();
    if let Some(word) = rare {
        let events = event_word::Entity::find()
            .select_only()
            .column(event_word::Column::EventId)
            .filter(event_word::Column::Word.gte(word))
            .filter(event_word::Column::Word.lt(after_all_that_begin_with(word)));
        query = query.filter(Column::EventId.in_subquery(events.into_query()));
    }
    for word in &search.words {
        let text = Expr::col(Column::Text);
        query = query.filter(db::contains(backend, text, &format!(" {word}")));
    }
    if let Some(status) = search.status {
        query = query.filter(Column::Status.eq(status));
    }
    if let Some(city) = &search.city {
        query = query.filter(Column::City.eq(city.as_str()));
    }
    if let Some(category) = &search.category {
        query = query.filter(Column::Category.eq(category.as_str()));
    }
    if let Some(venue) = search.venue {
        query = query.filter(Column::VenueId.eq(venue.0));
    }
    if let Some(from) = search.from {
        query = query.filter(Column::StartsAt.gte(from));
    }
    if let Some(to) = search.to {
        query = query.filter(Column::StartsAt.lt(to));
    }
    query
}

/// A row behind the cursor, as one comparison, which an index serves.
fn beyond(time: Column, is_ascending: bool, after: &Cursor<i64>) -> SimpleExpr {
    let row = Expr::tuple([Expr::col(time), Expr::col(Column::EventId)]);
    let seen = Expr::tuple([Expr::value(after.at), Expr::value(after.id)]);
    if is_ascending {
        row.gt(seen)
    } else {
        row.lt(seen)
    }
}

/// Of these words the one that the fewest events have, with how many: [`FEW`] stands for any number
/// from there on.
pub async fn rarest(db: &Db, words: &[String]) -> Result<Option<(String, u64)>, DbErr> {
    if words.is_empty() {
        return Ok(None);
    }
    let mut values: Vec<Value> = Vec::new();
    let mut counts = Vec::new();
    for (number, word) in words.iter().enumerate() {
        values.push(word.as_str().into());
        values.push(after_all_that_begin_with(word).into());
        counts.push(format!(
            "(SELECT COUNT(*) FROM (SELECT 1 FROM event_words \
              WHERE word >= ${} AND word < ${} LIMIT {FEW}) AS w) AS c{number}",
            values.len() - 1,
            values.len()
        ));
    }
    let backend = db.reader().get_database_backend();
    let sql = format!("SELECT {}", counts.join(", "));
    let row = db
        .reader()
        .query_one_raw(Statement::from_sql_and_values(backend, sql, values))
        .await?
        .ok_or_else(|| DbErr::RecordNotFound("a count".into()))?;
    let mut rarest: Option<(String, u64)> = None;
    for (number, word) in words.iter().enumerate() {
        let count: i64 = row.try_get("", &format!("c{number}"))?;
        let count = u64::try_from(count).unwrap_or(0);
        if rarest.as_ref().is_none_or(|(_, least)| count < *least) {
            rarest = Some((word.clone(), count));
        }
    }
    Ok(rarest)
}

/// Words are of letters and digits, and a brace comes after those.
fn after_all_that_begin_with(word: &str) -> String {
    format!("{word}{{")
}

/// Puts in what an event is found by, or replaces it.
pub async fn put_event(
    tx: &DatabaseTransaction,
    event: &event::Model,
    venue: &venue::Model,
    own_text: String,
) -> Result<(), DbErr> {
    let category = event.category.as_deref().map(fold);
    let over_at = event.ends_at.unwrap_or(event.starts_at);
    let row = event_search::ActiveModel {
        event_id: Set(event.id),
        status: Set(event.status),
        starts_at: Set(event.starts_at),
        over_at: Set(over_at),
        lasts_long: Set(lasts_long(event.starts_at, over_at)),
        created_at: Set(event.created_at),
        venue_id: Set(event.venue_id),
        city: Set(venue.search_city.clone()),
        category: Set(category.unwrap_or_default()),
        text: Set(format!("{own_text}{}", venue.search_text)),
        own_text: Set(own_text),
    };
    let replaced = OnConflict::column(Column::EventId)
        .update_columns([
            Column::Status,
            Column::StartsAt,
            Column::OverAt,
            Column::LastsLong,
            Column::VenueId,
            Column::City,
            Column::Category,
            Column::OwnText,
            Column::Text,
        ])
        .to_owned();
    Entity::insert(row)
        .on_conflict(replaced)
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// The words of an event, in the place of those it had.
pub async fn put_words(
    tx: &DatabaseTransaction,
    event: i64,
    words: BTreeSet<String>,
) -> Result<(), DbErr> {
    event_word::Entity::delete_many()
        .filter(event_word::Column::EventId.eq(event))
        .exec(tx)
        .await?;
    if words.is_empty() {
        return Ok(());
    }
    let row = |word| event_word::ActiveModel {
        word: Set(word),
        event_id: Set(event),
    };
    event_word::Entity::insert_many(words.into_iter().map(row))
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// Writes down an event's new status.
pub async fn put_status(
    tx: &DatabaseTransaction,
    event: i64,
    status: EventStatus,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::Status, Expr::value(status))
        .filter(Column::EventId.eq(event))
        .exec(tx)
        .await?;
    Ok(())
}

/// The venue's events are not found by this word of it any more, unless it is a word of their own.
pub async fn take_word_of_venue(
    tx: &DatabaseTransaction,
    venue: i64,
    word: &str,
) -> Result<(), DbErr> {
    let backend = tx.get_database_backend();
    let sql = "DELETE FROM event_words WHERE word = $1 AND event_id IN \
               (SELECT event_id FROM event_search \
                WHERE venue_id = $2 AND own_text || ' ' NOT LIKE $3)";
    let values: [Value; 3] = [word.into(), venue.into(), format!("% {word} %").into()];
    tx.execute_raw(Statement::from_sql_and_values(backend, sql, values))
        .await?;
    Ok(())
}

/// The venue's events are found by this word of it from now on.
pub async fn add_word_of_venue(
    tx: &DatabaseTransaction,
    venue: i64,
    word: &str,
) -> Result<(), DbErr> {
    let backend = tx.get_database_backend();
    let sql = "INSERT INTO event_words (word, event_id) \
               SELECT CAST($1 AS text), event_id FROM event_search WHERE venue_id = $2 \
               ON CONFLICT DO NOTHING";
    tx.execute_raw(Statement::from_sql_and_values(
        backend,
        sql,
        [word.into(), venue.into()],
    ))
    .await?;
    Ok(())
}

/// Writes down what a venue is called now beside each of its events.
pub async fn rename_venue(tx: &DatabaseTransaction, venue: &venue::Model) -> Result<(), DbErr> {
    let backend = tx.get_database_backend();
    let sql = "UPDATE event_search SET text = own_text || $1, city = $2 WHERE venue_id = $3";
    let (text, city) = (venue.search_text.as_str(), venue.search_city.as_str());
    let values: [Value; 3] = [text.into(), city.into(), venue.id.into()];
    tx.execute_raw(Statement::from_sql_and_values(backend, sql, values))
        .await?;
    Ok(())
}
