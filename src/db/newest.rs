//! Lists in pages, the newest first.

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select, Value,
};

/// Cuts a page out of a list that is sorted by a time and then by an id, the newest first: what comes
/// after an item that was seen; one more than `limit`, which tells whether there is more.
pub fn newest_first<E: EntityTrait>(
    query: Select<E>,
    (at, id): (E::Column, E::Column),
    after: Option<(DateTime<Utc>, impl Into<Value>)>,
    limit: u64,
) -> Select<E> {
    let query = match after {
        Some((seen_at, seen_id)) => query.filter(
            Condition::any()
                .add(at.lt(seen_at))
                .add(Condition::all().add(at.eq(seen_at)).add(id.lt(seen_id))),
        ),
        None => query,
    };
    query.order_by_desc(at).order_by_desc(id).limit(limit + 1)
}
