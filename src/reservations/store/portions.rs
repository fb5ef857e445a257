//! Portions, in which SQLite has the reservations of buyers; see [`reservation::in_any_portion`].
//!
//! A new reservation goes to the latest portion, and when that is past, a little later to the first one,
//! which has all that are old. So a search has few portions to look into.
//!
//! [`reservation::in_any_portion`]: crate::entity::reservation::in_any_portion

use sea_orm::{ConnectionTrait, DatabaseBackend, DbErr, Statement};

use crate::db::Db;

/// Moves some reservations of portions that are past to the first portion. Returns how many.
pub async fn merge_portions(db: &Db) -> Result<u64, DbErr> {
    if db.is_postgres() {
        return Ok(0);
    }
    let past = Statement::from_string(DatabaseBackend::Sqlite, PAST);
    if db.reader().query_one_raw(past).await?.is_none() {
        return Ok(0);
    }
    let tx = db.begin().await?;
    let merge = format!("UPDATE reservations SET portion = 0 WHERE rowid IN ({PAST})");
    let merged = tx.execute_unprepared(&merge).await?;
    tx.commit().await?;
    Ok(merged.rows_affected())
}

/// Some ten milliseconds of the only writer.
const PAST: &str = "SELECT rowid FROM reservations \
                    WHERE portion > 0 AND portion < (SELECT MAX(portion) FROM reservations) \
                    ORDER BY portion LIMIT 500";
