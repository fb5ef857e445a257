//! On SQLite, the foreign keys of what a sale writes are checked when it is committed, and not when each
//! statement ends: otherwise a statement of many rows keeps, for its own undoing, every page that it
//! changes. A sale is committed whole or not at all, so nobody sees the difference.

use sea_orm_migration::prelude::*;

use crate::sqlite::run;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        replace(manager, AT_ONCE, AT_COMMIT).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        replace(manager, AT_COMMIT, AT_ONCE).await
    }
}

/// How each key is declared, before and after.
const AT_ONCE: &str = "";
const AT_COMMIT: &str = " DEFERRABLE INITIALLY DEFERRED";

/// Tables, and the parents that they name.
const KEYS: [(&str, &str); 9] = [
    ("reservations", r#""users" ("id")"#),
    ("reservations", r#""events" ("id")"#),
    ("reservations", "codes (id)"),
    ("tickets", r#""reservations" ("id")"#),
    ("reservation_tickets", r#""reservations" ("id")"#),
    ("reservation_tickets", r#""tickets" ("id")"#),
    ("ledger", r#""reservations" ("id")"#),
    ("ledger", r#""tickets" ("id")"#),
    ("idempotency_keys", r#""users" ("id")"#),
];

/// `SQLite` cannot alter a constraint, but documents this way to change the text of a table that its
/// rows already satisfy: <https://www.sqlite.org/lang_altertable.html>, section 7.
async fn replace(manager: &SchemaManager<'_>, from: &str, to: &str) -> Result<(), DbErr> {
    let changes = KEYS.map(|(table, parent)| {
        format!(
            "UPDATE sqlite_master
             SET sql = replace(sql, 'REFERENCES {parent}{from}', 'REFERENCES {parent}{to}')
             WHERE type = 'table' AND name = '{table}';"
        )
    });
    let changes = changes.concat();
    // The table that comes and goes has every connection read the schema anew.
    let text = format!(
        "PRAGMA writable_schema = ON; {changes} PRAGMA writable_schema = RESET;
         CREATE TABLE read_anew (id INTEGER); DROP TABLE read_anew;"
    );
    run(manager, &text).await
}
