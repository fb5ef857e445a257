//! The database: connecting, beginning transactions, and everything in which PostgreSQL and
//! SQLite differ.
//!
//! SQLite has one writer at a time, so its writes go through a pool of one connection, where they
//! queue fairly, and begin IMMEDIATE, so that none fails half-way for want of the write lock. On
//! PostgreSQL they have a pool of their own too, in which statements are planned once.

mod errors;
mod kept;
mod newest;
mod rows;
mod text;

pub use errors::{
    is_against_a_rule, is_duplicate, is_retryable, is_still_needed, is_unavailable,
    is_waiting_in_vain,
};
pub use newest::newest_first;
pub use rows::{Column, Rows};
pub use text::contains;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, SimpleExpr};
use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::sqlx::{self, ConnectOptions as _, Connection as _};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseBackend, DatabaseConnection,
    DatabaseTransaction, DbErr, RuntimeErr, SqliteTransactionMode, Statement, TransactionOptions,
    TransactionTrait, Value,
};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::time::timeout;

use self::kept::Kept;
use crate::config::Config;

/// Connections to the database, for reading and for writing.
#[derive(Debug, Clone)]
pub struct Db {
    read: DatabaseConnection,
    write: DatabaseConnection,
    kept: Kept,
}

impl Db {
    /// Connects, waiting for the database to be there for as long as the settings allow. A connection
    /// belongs to the runtime it is opened in, so the first to write is opened in that of the committer.
    pub async fn connect(config: &Config, committing: &Handle) -> Result<Self, DbErr> {
        let deadline = Instant::now() + Duration::from_secs(config.start_timeout_secs.into());
        let mut pause = Duration::from_millis(100);
        loop {
            match Self::try_connect(config, committing).await {
                Ok(db) => return Ok(db),
                Err(err) if Instant::now() + pause < deadline && is_unavailable(&err) => {
                    tracing::warn!(error = %err, retry_in_ms = pause.as_millis(), "the database is not there yet");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(3));
                }
                Err(err) => return Err(err),
            }
        }
    }

    /// No database at all, for what needs none: the OpenAPI document.
    pub fn disconnected() -> Self {
        Self {
            read: DatabaseConnection::default(),
            write: DatabaseConnection::default(),
            kept: Kept::default(),
        }
    }

    async fn try_connect(config: &Config, committing: &Handle) -> Result<Self, DbErr> {
        match &config.database_url {
            Some(url) if !config.is_sqlite() => {
                knock(url).await?;
                let write = Database::connect(writing_options(config, url));
                let write = committing.spawn(write).await;
                let write = write.map_err(|err| DbErr::Custom(err.to_string()))?;
                Ok(Self {
                    read: Database::connect(reading_options(config, url)).await?,
                    write: write?,
                    kept: Kept::default(),
                })
            }
            url => {
                let default = config.data_dir.join("holdfast.sqlite");
                let path = url
                    .as_deref()
                    .map_or(default.as_path(), |url| sqlite_path(url));
                Ok(Self {
                    write: Database::connect(sqlite_options(config, path, 1)).await?,
                    read: Database::connect(sqlite_options(
                        config,
                        path,
                        config.db_max_connections,
                    ))
                    .await?,
                    kept: Kept::default(),
                })
            }
        }
    }

    /// Where single reads go.
    pub fn reader(&self) -> &DatabaseConnection {
        &self.read
    }

    /// Begins a transaction that may write.
    ///
    /// Call it from a detached task only (see [`crate::state::App::detached`]): a future dropped
    /// inside `begin` can return its connection to the pool with the transaction open, and the
    /// next user's writes are lost with it (sqlx issues 4385 and 4393).
    pub async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        let options = TransactionOptions {
            // Those of the database: to name one costs a round trip.
            isolation_level: None,
            access_mode: None,
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        };
        self.kept.give_back().await;
        self.write.begin_with_options(options).await
    }

    /// Begins a transaction that reads a long list in parts, in the order of an index.
    ///
    /// Left to itself, PostgreSQL would sort a list of which it has no statistics yet, the whole of
    /// it for each part. From a detached task only, as [`Self::begin`].
    pub async fn begin_reading_in_order(&self) -> Result<DatabaseTransaction, DbErr> {
        let tx = self.read.begin().await?;
        if self.is_postgres() {
            tx.execute_unprepared("SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off")
                .await?;
        }
        Ok(tx)
    }

    /// Whether this is PostgreSQL (otherwise it is SQLite).
    pub fn is_postgres(&self) -> bool {
        self.read.get_database_backend() == DatabaseBackend::Postgres
    }

    /// The name of the database product, as a metric label.
    pub fn product(&self) -> &'static str {
        if self.is_postgres() {
            "postgresql"
        } else {
            "sqlite"
        }
    }

    /// The database's present time, as an expression to compare stored times with.
    ///
    /// It is the time at the start of the statement: stable within it, so that an index on a time
    /// serves, and never that of an instance, so that a wrong clock there can sell nothing.
    pub fn now(&self) -> SimpleExpr {
        now(self.read.get_database_backend())
    }

    /// Runs a text of several statements on SQLite, which begins and commits a transaction: each text
    /// is a way to the connection's thread and back. Where it fails, nothing of it stays.
    ///
    /// From a detached task only, as [`Self::begin`]. The values are texts and integers.
    pub async fn run_as_one(&self, text: String, values: Vec<Value>) -> Result<(), DbErr> {
        let pool = self.write.get_sqlite_connection_pool();
        self.kept.run(pool, text, values).await
    }

    /// Runs one statement that writes, a transaction of its own; on PostgreSQL.
    pub async fn run_statement(&self, text: String, values: Vec<Value>) -> Result<(), DbErr> {
        let pool = self.write.get_postgres_connection_pool();
        self.kept.run_statement(pool, text, values).await
    }

    /// A time as a value to compare stored times with, or to store.
    pub fn time_value(&self, at: DateTime<Utc>) -> Value {
        if self.is_postgres() {
            at.into()
        } else {
            at.to_rfc3339().into()
        }
    }

    /// With how many digits after the point the database keeps the seconds of a time.
    pub fn digits_of_seconds(&self) -> u16 {
        // SQLite has times as texts, with as many digits as its own clock gives.
        if self.is_postgres() { 6 } else { 3 }
    }

    /// Asks the database for its present time; also the probe that it is there.
    pub async fn read_time(&self) -> Result<DateTime<Utc>, DbErr> {
        read_time(&self.read).await
    }

    /// Runs `work` with the schema lock held, so that of several instances starting at once
    /// one migrates and the others find it done.
    pub async fn begin_schema_change(&self) -> Result<DatabaseTransaction, DbErr> {
        let tx = self.begin().await?;
        if self.is_postgres() {
            // Released with the transaction. The number is "holdfast" as eight ASCII bytes.
            tx.execute_unprepared("SELECT pg_advisory_xact_lock(7525352680829580148)")
                .await?;
        }
        Ok(tx)
    }

    /// Connections as (pool, idle, in use, most), for the metrics.
    pub fn pool_use(&self) -> Vec<(&'static str, u32, u32, u32)> {
        fn counts(size: u32, idle: usize, most: u32) -> (u32, u32, u32) {
            let idle = u32::try_from(idle).unwrap_or(u32::MAX);
            (idle, size.saturating_sub(idle), most)
        }
        fn of<D: sqlx::Database>(pool: &sqlx::Pool<D>) -> (u32, u32, u32) {
            let most = pool.options().get_max_connections();
            counts(pool.size(), pool.num_idle(), most)
        }
        [("read", &self.read), ("write", &self.write)]
            .map(|(name, connection)| {
                let (idle, used, most) = if self.is_postgres() {
                    of(connection.get_postgres_connection_pool())
                } else {
                    of(connection.get_sqlite_connection_pool())
                };
                let kept = u32::from(name == "write" && self.kept.is_idle()).min(used);
                (name, idle + kept, used - kept, most)
            })
            .to_vec()
    }

    /// Closes every connection.
    pub async fn close(self) {
        self.kept.give_back().await;
        for pool in [self.read, self.write] {
            if let Err(err) = pool.close().await {
                tracing::warn!(error = %err, "failed to close the database connections");
            }
        }
    }
}

/// The present time of the database that a connection or transaction speaks to.
pub async fn read_time(connection: &impl ConnectionTrait) -> Result<DateTime<Utc>, DbErr> {
    let backend = connection.get_database_backend();
    let sql = format!("SELECT {} AS now", now_sql(backend));
    let row = connection
        .query_one_raw(Statement::from_string(backend, sql))
        .await?
        .ok_or_else(|| DbErr::RecordNotFound("the database gave no time".into()))?;
    row.try_get("", "now")
}

/// The database's present time as an expression; see [`Db::now`].
pub fn now(backend: DatabaseBackend) -> SimpleExpr {
    Expr::cust(now_sql(backend))
}

/// The database's present time in SQL; see [`Db::now`].
pub fn now_sql(backend: DatabaseBackend) -> &'static str {
    match backend {
        DatabaseBackend::Postgres => POSTGRES_NOW,
        _ => SQLITE_NOW,
    }
}

// Stable within a statement, unlike clock_timestamp(), so that an index serves; and later than
// now() where a transaction began long ago.
pub const POSTGRES_NOW: &str = "statement_timestamp()";

// The text form in which SQLite holds times, which sorts as time does.
pub const SQLITE_NOW: &str = "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')";

/// Opens one connection, because a pool hides why it cannot, behind a timeout of its own.
async fn knock(url: &str) -> Result<(), DbErr> {
    let refused = |err| DbErr::Conn(RuntimeErr::SqlxError(Arc::new(err)));
    let options: PgConnectOptions = url.parse().map_err(refused)?;
    let connection = timeout(CONNECT_PATIENCE, options.connect())
        .await
        .map_err(|_| refused(io::Error::from(io::ErrorKind::TimedOut).into()))?;
    connection.map_err(refused)?.close().await.map_err(refused)
}

const CONNECT_PATIENCE: Duration = Duration::from_secs(3);

/// Three quarters of the connections: what writes needs few, since a batch takes one.
fn reading_options(config: &Config, url: &str) -> ConnectOptions {
    let writing = writing_connections(config);
    postgres_options(config, url, config.db_max_connections - writing, &[])
}

fn writing_options(config: &Config, url: &str) -> ConnectOptions {
    postgres_options(config, url, writing_connections(config), PLANNED_ONCE)
}

fn writing_connections(config: &Config) -> u32 {
    config.db_max_connections.div_ceil(4)
}

/// What writes finds its rows by index, however few or many the tables have. Left to itself,
/// PostgreSQL plans a batch anew each time, and reads whole tables that it has no statistics of yet.
const PLANNED_ONCE: &[(&str, &str)] = &[
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
];

fn postgres_options(
    config: &Config,
    url: &str,
    connections: u32,
    planner: &'static [(&str, &str)],
) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    common_options(&mut options, config, connections);
    options.map_sqlx_postgres_opts(|options| {
        let limits = [
            ("statement_timeout", "15s"),
            ("lock_timeout", "5s"),
            // Ends what a lost connection left open, so that it cannot block others for long.
            ("idle_in_transaction_session_timeout", "10s"),
        ];
        let options = options.application_name("holdfast").options(limits);
        options.options(planner.iter().copied())
    });
    options
}

fn sqlite_options(config: &Config, path: &Path, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new("sqlite:");
    common_options(&mut options, config, connections);
    let path = path.to_owned();
    options.map_sqlx_sqlite_opts(move |options| {
        options
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // What was answered survives a power cut, not only a crash of the process.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5))
            // 32 MiB each: few checkpoints during a sale, and its indexes in memory.
            .pragma("wal_autocheckpoint", "8192")
            .pragma("cache_size", "-32768")
            // What undoes half a statement is kept in memory, not in a file made for each. What
            // undoes a transaction, and what survives a crash, is the write-ahead log, as ever.
            .pragma("temp_store", "MEMORY")
            // The rows of a batch, so that reading on need not wait until the first are taken.
            .row_buffer_size(1024)
            .foreign_keys(true)
    });
    options
}

fn common_options(options: &mut ConnectOptions, config: &Config, connections: u32) {
    options
        .max_connections(connections)
        .min_connections(connections.div_ceil(2))
        .acquire_timeout(Duration::from_millis(config.db_acquire_ms.into()))
        .connect_timeout(CONNECT_PATIENCE)
        // Otherwise every acquire costs a round trip.
        .test_before_acquire(false)
        .sqlx_logging(false);
}

fn sqlite_path(url: &str) -> &Path {
    let path = url.trim_start_matches("sqlite:");
    Path::new(path.strip_prefix("//").unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sqlite_url_names_a_file() {
        for (url, path) in [
            ("sqlite://data/x.sqlite", "data/x.sqlite"),
            ("sqlite:///var/x.sqlite", "/var/x.sqlite"),
            ("sqlite:x.sqlite", "x.sqlite"),
        ] {
            assert_eq!(sqlite_path(url), Path::new(path));
        }
    }
}
