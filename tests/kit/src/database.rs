//! The database of one app or cluster, and how a test looks into it and damages it.

use anyhow::{Context, Result};
use sea_orm::{ConnectionTrait, QueryResult, Statement};
use serde_json::Value;

use crate::{
    janitor::Directory,
    postgres::{Postgres, PostgresDatabase, connect},
};

#[derive(Debug)]
pub(crate) enum Database {
    Sqlite(String),
    Postgres(PostgresDatabase),
}

impl Database {
    pub(crate) fn sqlite(directory: &Directory) -> Self {
        Self::Sqlite(format!(
            "sqlite://{}",
            directory.join("holdfast.db").display()
        ))
    }

    /// A database on the server that tests share.
    pub(crate) async fn postgres() -> Result<Self> {
        let server = Postgres::shared().await?;
        server.create_database().await.map(Self::Postgres)
    }

    /// A database on a server of its own.
    pub(crate) async fn own_postgres() -> Result<Self> {
        let server = std::sync::Arc::new(Postgres::start().await?);
        server.create_database().await.map(Self::Postgres)
    }

    /// The value of `DATABASE_URL`.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite(url) => url.clone(),
            Self::Postgres(database) => database.url(),
        }
    }

    pub(crate) fn server(&self) -> Option<&Postgres> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(database) => Some(database.server()),
        }
    }

    /// The rows that a query selects, each as a JSON object.
    pub(crate) async fn rows(&self, query: &str) -> Result<Vec<Value>> {
        let connection = connect(&self.url()).await?;
        let backend = connection.get_database_backend();
        let query = match self {
            Self::Sqlite(_) => query.to_owned(),
            Self::Postgres(_) => format!("SELECT row_to_json(q) AS object FROM ({query}) AS q"),
        };
        let statement = Statement::from_string(backend, query.as_str());
        let rows = connection.query_all_raw(statement).await;
        connection.close().await?;
        let rows = rows.with_context(|| format!("failed to run {query}"))?;
        let object = match self {
            Self::Sqlite(_) => |row| Ok(object_of_columns(&row)),
            Self::Postgres(_) => |row: QueryResult| Ok(row.try_get("", "object")?),
        };
        rows.into_iter().map(object).collect()
    }

    /// Runs statements, separated by semicolons.
    pub(crate) async fn execute(&self, statements: &str) -> Result<u64> {
        let connection = connect(&self.url()).await?;
        let done = connection.execute_unprepared(statements).await;
        connection.close().await?;
        let done = done.with_context(|| format!("failed to run {statements}"))?;
        Ok(done.rows_affected())
    }
}

/// SQLite cannot make an object of a row, and its values have types, not its columns.
fn object_of_columns(row: &QueryResult) -> Value {
    let value = |name: &str| {
        let integer = row.try_get("", name).map(|it: Option<i64>| it.into());
        let float = || row.try_get("", name).map(|it: Option<f64>| it.into());
        let text = || row.try_get("", name).map(|it: Option<String>| it.into());
        let value = integer.or_else(|_| float()).or_else(|_| text());
        value.unwrap_or_else(|_| Value::from("bytes"))
    };
    let names = row.column_names();
    let members = names.into_iter().map(|name| (name.clone(), value(&name)));
    Value::Object(members.collect())
}

#[cfg(test)]
mod tests {
    use super::Database;
    use crate::janitor::Directory;

    async fn rows_come_as_objects(database: Database) {
        let statements = "CREATE TABLE seats (id bigint, name text); \
                          INSERT INTO seats VALUES (1, 'A'), (2, NULL)";
        database.execute(statements).await.expect("statements run");
        let rows = database
            .rows("SELECT id, name FROM seats ORDER BY id")
            .await;
        let rows = serde_json::Value::from(rows.expect("rows are selected"));
        assert_eq!(
            rows.to_string(),
            r#"[{"id":1,"name":"A"},{"id":2,"name":null}]"#
        );
        let counted = database.rows("SELECT count(*) FROM seats").await;
        let counted = counted.expect("a count is selected");
        let count = counted[0].as_object().and_then(|row| row.values().next());
        assert_eq!(count, Some(&2.into()));
    }

    #[tokio::test]
    async fn rows_of_postgres_come_as_objects() {
        rows_come_as_objects(Database::postgres().await.expect("a database")).await;
    }

    #[tokio::test]
    async fn rows_of_sqlite_come_as_objects() {
        let directory = Directory::create("sqlite").expect("a directory");
        std::fs::write(directory.join("holdfast.db"), "").expect("a file");
        rows_come_as_objects(Database::sqlite(&directory)).await;
    }
}
