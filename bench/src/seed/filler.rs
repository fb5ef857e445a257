//! Many rows into a table, quickly: COPY with PostgreSQL, long INSERTs with SQLite.

use anyhow::{Context, Result};
use chrono::{DateTime, SecondsFormat, Utc};
use sea_orm::sea_query::{Alias, Query, SimpleExpr};
use sea_orm::sqlx::postgres::PgPoolOptions;
use sea_orm::sqlx::{self, Postgres, Transaction};
use sea_orm::{
    ConnectionTrait, DatabaseBackend, DatabaseTransaction, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait,
};
use std::fmt::Write;
use uuid::Uuid;

use crate::target::connect;

/// A table and the columns that are filled.
pub struct Table {
    pub name: &'static str,
    pub columns: &'static [&'static str],
}

/// A value in a row.
#[derive(Debug, Clone)]
pub enum Cell {
    Null,
    Bool(bool),
    Int(i64),
    Text(String),
    Time(DateTime<Utc>),
    Uuid(Uuid),
}

/// A transaction that fills tables.
pub enum Filler {
    Postgres(Transaction<'static, Postgres>),
    Sqlite(DatabaseTransaction),
}

impl Filler {
    /// Begins.
    pub async fn begin(database_url: &str) -> Result<Self> {
        if database_url.starts_with("sqlite:") {
            let options = TransactionOptions {
                sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
                ..TransactionOptions::default()
            };
            let database = connect(database_url).await?;
            return Ok(Self::Sqlite(database.begin_with_options(options).await?));
        }
        let pool = PgPoolOptions::new().max_connections(1);
        let pool = pool.connect(database_url).await;
        let pool = pool.context("failed to connect to the database")?;
        let mut transaction = pool.begin().await?;
        skip_foreign_keys(&mut transaction).await?;
        Ok(Self::Postgres(transaction))
    }

    /// The first of `count` ids that nothing else will get.
    pub async fn reserve_ids(&mut self, table: &str, count: u64) -> Result<i64> {
        match self {
            Self::Postgres(transaction) => {
                let sequence = format!("pg_get_serial_sequence('{table}', 'id')");
                let sql =
                    format!("SELECT setval({sequence}, nextval({sequence}) + {count}) - {count}");
                let query = sqlx::query_scalar(sqlx::AssertSqlSafe(sql));
                Ok(query.fetch_one(&mut **transaction).await?)
            }
            Self::Sqlite(transaction) => {
                let sql = format!("SELECT COALESCE(MAX(id), 0) + 1 AS first FROM {table}");
                let statement = Statement::from_string(DatabaseBackend::Sqlite, sql);
                let row = transaction.query_one_raw(statement).await?;
                Ok(row.context("no row")?.try_get("", "first")?)
            }
        }
    }

    /// Adds the rows.
    pub async fn fill(
        &mut self,
        table: &Table,
        rows: impl Iterator<Item = Vec<Cell>>,
    ) -> Result<()> {
        eprintln!("filling {}", table.name);
        let filled = match self {
            Self::Postgres(transaction) => copy(transaction, table, rows).await,
            Self::Sqlite(transaction) => insert(transaction, table, rows).await,
        };
        filled.context("failed to fill a table; `holdfast migrate` makes them")
    }

    /// Commits, and has the database count what it has now, so that it plans well.
    pub async fn commit(self) -> Result<()> {
        match self {
            Self::Postgres(mut transaction) => {
                sqlx::query("ANALYZE").execute(&mut *transaction).await?;
                transaction.commit().await?;
            }
            Self::Sqlite(transaction) => {
                transaction.execute_unprepared("ANALYZE").await?;
                transaction.commit().await?;
            }
        }
        Ok(())
    }
}

impl Cell {
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// Appends it in COPY's text format.
    fn write(&self, line: &mut String) {
        // Writing to a string cannot fail.
        let _ = match self {
            Self::Null => line.write_str("\\N"),
            Self::Bool(truth) => write!(line, "{truth}"),
            Self::Int(number) => write!(line, "{number}"),
            Self::Time(at) => line.write_str(&at.to_rfc3339_opts(SecondsFormat::Micros, true)),
            Self::Uuid(id) => write!(line, "{id}"),
            Self::Text(text) => {
                for character in text.chars() {
                    match character {
                        '\\' => line.push_str("\\\\"),
                        '\n' => line.push_str("\\n"),
                        '\r' => line.push_str("\\r"),
                        '\t' => line.push_str("\\t"),
                        other => line.push(other),
                    }
                }
                Ok(())
            }
        };
    }
}

impl From<Cell> for SimpleExpr {
    fn from(cell: Cell) -> Self {
        match cell {
            Cell::Null => Option::<i64>::None.into(),
            Cell::Bool(truth) => truth.into(),
            Cell::Int(number) => number.into(),
            Cell::Text(text) => text.into(),
            Cell::Time(at) => at.into(),
            Cell::Uuid(id) => id.into(),
        }
    }
}

/// Leaves out the check of every single reference, where the account may: the rows refer to each
/// other as they are made, and it takes two thirds of the time.
async fn skip_foreign_keys(transaction: &mut Transaction<'static, Postgres>) -> Result<()> {
    let may = "SELECT usesuper FROM pg_user WHERE usename = current_user";
    let may: bool = sqlx::query_scalar(may)
        .fetch_one(&mut **transaction)
        .await?;
    if may {
        let skip = sqlx::query("SET LOCAL session_replication_role = replica");
        skip.execute(&mut **transaction).await?;
    }
    Ok(())
}

async fn copy(
    transaction: &mut Transaction<'static, Postgres>,
    table: &Table,
    rows: impl Iterator<Item = Vec<Cell>>,
) -> Result<()> {
    let columns = table.columns.join(", ");
    let statement = format!("COPY {} ({columns}) FROM STDIN", table.name);
    let mut copy = transaction.copy_in_raw(&statement).await?;
    let mut lines = String::new();
    for row in rows {
        for (position, cell) in row.iter().enumerate() {
            if position > 0 {
                lines.push('\t');
            }
            cell.write(&mut lines);
        }
        lines.push('\n');
        if lines.len() >= BYTES_PER_MESSAGE {
            copy.send(lines.as_bytes()).await?;
            lines.clear();
        }
    }
    copy.send(lines.as_bytes()).await?;
    copy.finish().await?;
    Ok(())
}

const BYTES_PER_MESSAGE: usize = 256 * 1024;

async fn insert(
    transaction: &DatabaseTransaction,
    table: &Table,
    mut rows: impl Iterator<Item = Vec<Cell>>,
) -> Result<()> {
    loop {
        let mut statement = Query::insert();
        statement
            .into_table(Alias::new(table.name))
            .columns(table.columns.iter().copied().map(Alias::new));
        let mut is_empty = true;
        for row in rows
            .by_ref()
            .take(VALUES_PER_STATEMENT / table.columns.len())
        {
            statement.values(row.into_iter().map(SimpleExpr::from))?;
            is_empty = false;
        }
        if is_empty {
            return Ok(());
        }
        transaction.execute(&statement).await?;
    }
}

/// SQLite takes 32,766; longer statements are not faster.
const VALUES_PER_STATEMENT: usize = 8_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_copy_keeps_what_is_special_in_it() {
        let mut line = String::new();
        for cell in [Cell::Null, Cell::Int(-7), Cell::text("a\tb\\c\nd")] {
            cell.write(&mut line);
            line.push('|');
        }
        assert_eq!(line, "\\N|-7|a\\tb\\\\c\\nd|");
    }
}
