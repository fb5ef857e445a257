//! The ceiling of a single row's transaction in SQLite: one writer, in a loop, with nothing around it.
//!
//! As Holdfast opens it: write-ahead log, `synchronous = FULL`, so that what is committed has reached
//! the disk; and through the same driver.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use hdrhistogram::Histogram;
use sea_orm::sqlx::{
    self, AssertSqlSafe, ConnectOptions, Connection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

/// What the loop has done.
#[derive(Debug)]
pub struct Looped {
    pub per_second: f64,
    /// In microseconds.
    pub latencies: Histogram<u64>,
}

/// Sells seat after seat, each in a transaction of its own, for as long as `lasting`.
pub async fn run(directory: &Path, lasting: Duration) -> Result<Looped> {
    let mut connection = open(&directory.join("loop.sqlite")).await?;
    // More than any disk takes in that time.
    let seats = 50_000 * i64::try_from(lasting.as_secs() + 1)?;
    create_tables(&mut connection, seats).await?;

    let mut latencies = Histogram::new(3)?;
    let since = Instant::now();
    let mut sold = 0;
    for seat in 1..=seats {
        let begun = Instant::now();
        sell(&mut connection, seat).await?;
        latencies.record(begun.elapsed().as_micros().try_into()?)?;
        sold += 1;
        if since.elapsed() >= lasting {
            break;
        }
    }
    let elapsed = since.elapsed();

    let orders: i64 = sqlx::query_scalar("SELECT count(*) FROM orders")
        .fetch_one(&mut connection)
        .await?;
    ensure!(
        orders == sold,
        "{sold} were sold, there are {orders} orders"
    );
    connection.close().await?;
    Ok(Looped {
        per_second: f64::from(u32::try_from(sold)?) / elapsed.as_secs_f64(),
        latencies,
    })
}

async fn open(file: &Path) -> Result<SqliteConnection> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    Ok(options.disable_statement_logging().connect().await?)
}

async fn create_tables(connection: &mut SqliteConnection, seats: i64) -> Result<()> {
    let statements = format!(
        "CREATE TABLE seats (id INTEGER PRIMARY KEY, status TEXT NOT NULL DEFAULT 'available', \
                             version INTEGER NOT NULL DEFAULT 0); \
         CREATE TABLE orders (id INTEGER PRIMARY KEY, seat_id INTEGER NOT NULL, \
                              buyer_id INTEGER NOT NULL, created_at TEXT NOT NULL); \
         WITH RECURSIVE seat(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM seat WHERE id < {seats}) \
         INSERT INTO seats (id) SELECT id FROM seat; \
         PRAGMA wal_checkpoint(TRUNCATE);"
    );
    sqlx::raw_sql(AssertSqlSafe(statements))
        .execute(connection)
        .await?;
    Ok(())
}

async fn sell(connection: &mut SqliteConnection, seat: i64) -> Result<()> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let moved = sqlx::query(
        "UPDATE seats SET status = 'held', version = version + 1 WHERE id = ? AND version = 0",
    )
    .bind(seat)
    .execute(&mut *transaction)
    .await?;
    ensure!(moved.rows_affected() == 1, "seat {seat} is not available");
    sqlx::query(
        "INSERT INTO orders (seat_id, buyer_id, created_at) \
         VALUES (?, 1, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))",
    )
    .bind(seat)
    .execute(&mut *transaction)
    .await?;
    Ok(transaction.commit().await?)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::run;

    #[tokio::test]
    async fn it_sells_seat_after_seat() {
        let directory = kit::Directory::create("loop").unwrap();
        let looped = run(directory.path(), Duration::from_millis(50)).await;
        let looped = looped.unwrap();
        assert!(looped.per_second > 0.0);
        assert!(!looped.latencies.is_empty());
    }
}
