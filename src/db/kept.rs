//! The connection that writes batches, kept from one to the next.
//!
//! To give it back to its pool is a round trip, in which the pool makes sure that it is still of use,
//! and on SQLite as much again to take it out. Whoever else wants to write has it put back first; on
//! SQLite, where it is the only one, in the same line as the batches.

use sea_orm::sea_query::Values;
use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::{self, AssertSqlSafe, PgPool, Postgres, Sqlite, SqlitePool};
use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr, Value};
use sea_query_sqlx::SqlxValues;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Mutex as Line;

/// The connection, where one is kept; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    sqlite: Arc<Line<Option<PoolConnection<Sqlite>>>>,
    postgres: Arc<Mutex<Option<KeptSince>>>,
}

type KeptSince = (PoolConnection<Postgres>, Instant);

/// After this long it goes through the pool once, which replaces connections that are old.
const KEPT_FOR: Duration = Duration::from_mins(1);

impl Kept {
    /// Gives it back to its pool, for whoever asks the pool.
    pub async fn give_back(&self) {
        drop(self.sqlite.lock().await.take());
        drop(self.postgres().take());
    }

    /// Whether one is kept that nobody uses at the moment.
    pub fn is_idle(&self) -> bool {
        let sqlite = self.sqlite.try_lock();
        sqlite.is_ok_and(|kept| kept.is_some()) || self.postgres().is_some()
    }

    /// Runs a text that begins and commits a transaction; see [`super::Db::run_as_one`].
    pub async fn run(
        &self,
        pool: &SqlitePool,
        text: String,
        values: Vec<Value>,
    ) -> Result<(), DbErr> {
        let mut query = sqlx::query(AssertSqlSafe(text));
        for value in values {
            query = match value {
                Value::String(text) => query.bind(text),
                Value::BigInt(number) => query.bind(number),
                other => {
                    let what = format!("{other:?} is neither a text nor an integer");
                    return Err(DbErr::Type(what));
                }
            };
        }
        let mut kept = self.sqlite.lock().await;
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => pool.acquire().await.map_err(not_acquired)?,
        };
        if let Err(err) = query.execute(&mut *connection).await {
            // Nearly always it is undone already, and this fails.
            let _ = sqlx::query("ROLLBACK").execute(&mut *connection).await;
            return Err(not_executed(err));
        }
        *kept = Some(connection);
        Ok(())
    }

    /// Runs one statement, a transaction of its own; see [`super::Db::run_statement`].
    pub async fn run_statement(
        &self,
        pool: &PgPool,
        text: String,
        values: Vec<Value>,
    ) -> Result<(), DbErr> {
        let kept = self.postgres().take();
        let kept = kept.filter(|(_, since)| since.elapsed() < KEPT_FOR);
        let (mut connection, since) = match kept {
            Some(kept) => kept,
            None => (pool.acquire().await.map_err(not_acquired)?, Instant::now()),
        };
        let query = sqlx::query_with(AssertSqlSafe(text), SqlxValues(Values(values)));
        query
            .execute(&mut *connection)
            .await
            .map_err(not_executed)?;
        // Not the last one: somebody may be waiting for it.
        if pool.num_idle() > 0 || pool.size() < pool.options().get_max_connections() {
            let of_another_batch = self.postgres().replace((connection, since));
            drop(of_another_batch);
        }
        Ok(())
    }

    fn postgres(&self) -> MutexGuard<'_, Option<KeptSince>> {
        // It is put in or taken out, and nothing else, so a panic elsewhere does not spoil it.
        let kept = self.postgres.lock();
        kept.unwrap_or_else(PoisonError::into_inner)
    }
}

fn not_acquired(err: sqlx::Error) -> DbErr {
    match err {
        sqlx::Error::PoolTimedOut => DbErr::ConnectionAcquire(ConnAcquireErr::Timeout),
        sqlx::Error::PoolClosed => DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed),
        err => DbErr::Conn(RuntimeErr::SqlxError(Arc::new(err))),
    }
}

fn not_executed(err: sqlx::Error) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(Arc::new(err)))
}
