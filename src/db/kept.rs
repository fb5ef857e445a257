//! The connection that writes to SQLite, kept from one batch to the next.
//!
//! To give it back to its pool and take it out again is twice a way to its thread and back, in which
//! nothing is written. Whoever else wants to write waits in the same line, and has it put back first.

use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::{self, AssertSqlSafe, Sqlite, SqlitePool};
use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr, Value};
use std::sync::Arc;
use tokio::sync::Mutex;

/// The connection, where one is kept; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Kept(Arc<Mutex<Option<PoolConnection<Sqlite>>>>);

impl Kept {
    /// Gives it back to its pool, for whoever asks the pool.
    pub async fn give_back(&self) {
        drop(self.0.lock().await.take());
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
        let mut kept = self.0.lock().await;
        let mut connection = if let Some(connection) = kept.take() {
            connection
        } else {
            let acquired = pool.acquire().await;
            acquired.map_err(|_| DbErr::ConnectionAcquire(ConnAcquireErr::Timeout))?
        };
        if let Err(err) = query.execute(&mut *connection).await {
            // Nearly always it is undone already, and this fails.
            let _ = sqlx::query("ROLLBACK").execute(&mut *connection).await;
            return Err(DbErr::Exec(RuntimeErr::SqlxError(Arc::new(err))));
        }
        *kept = Some(connection);
        Ok(())
    }
}
