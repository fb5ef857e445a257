//! Layouts of venues; seats with names and traits of their own, seats that are withheld for a reason
//! or taken out of their event, and rows that differ in length.

use sea_orm_migration::{
    prelude::*,
    schema::{
        big_integer, boolean, integer, integer_null, string_len, string_len_null, text_null,
        timestamp_with_time_zone, uuid,
    },
};

use crate::{postgres, sqlite};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // First: the changes that follow have every connection read the schema anew.
        sqlite::run(manager, SQLITE).await?;
        for (table, column) in columns() {
            let mut alter = Table::alter();
            alter.table(table).add_column(column);
            manager.alter_table(alter.clone()).await?;
        }
        manager.create_table(seat_blocks()).await?;
        manager
            .create_index(
                Index::create()
                    .name("seat_blocks_by_time")
                    .table("seat_blocks")
                    .col("event_id")
                    .col("blocked_at")
                    .col("ticket_id")
                    .to_owned(),
            )
            .await?;
        postgres::run(manager, POSTGRES).await
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration(
            "rows of different lengths cannot be kept by the zones as they were".into(),
        ))
    }
}

fn columns() -> Vec<(&'static str, ColumnDef)> {
    vec![
        // JSON.
        ("venues", text_null("layout").take()),
        // How many people its layout has room for.
        ("venues", integer_null("capacity").take()),
        // JSON: where its rows are drawn.
        ("zones", text_null("plan").take()),
        // Raised whenever places come or go.
        ("zones", big_integer("places_version").default(1).take()),
        // Null where the row is named by its number.
        ("tickets", string_len_null("row_label", 16).take()),
        ("tickets", string_len_null("seat_label", 16).take()),
        // Bits: 1 accessible, 2 companion, 4 restricted view.
        ("tickets", integer("traits").default(0).take()),
        ("tickets", boolean("removed").default(false).take()),
    ]
}

fn seat_blocks() -> TableCreateStatement {
    Table::create()
        .table("seat_blocks")
        .col(big_integer("ticket_id").primary_key())
        .col(big_integer("event_id"))
        .col(string_len("reason", 300))
        .col(uuid("blocked_by"))
        .col(timestamp_with_time_zone("blocked_at"))
        .foreign_key(
            ForeignKey::create()
                .from("seat_blocks", "ticket_id")
                .to("tickets", "id"),
        )
        .foreign_key(
            ForeignKey::create()
                .from("seat_blocks", "blocked_by")
                .to("users", "id"),
        )
        .to_owned()
}

/// The second of the rules of `zones` that name more than one column.
const POSTGRES: &str = "
    ALTER TABLE zones DROP CONSTRAINT zones_check1;
    ALTER TABLE tickets ADD CONSTRAINT tickets_removed_check
        CHECK (NOT removed OR status = 'blocked');
";

/// `SQLite` cannot drop a constraint, but documents this way to change the text of a table that its
/// rows already satisfy: <https://www.sqlite.org/lang_altertable.html>, section 7.
const SQLITE: &str = "
    PRAGMA writable_schema = ON;
    UPDATE sqlite_master SET sql = replace(sql,
        ', CHECK (seat_rows IS NULL OR seat_rows * seats_per_row = capacity)', '')
        WHERE type = 'table' AND name = 'zones';
    PRAGMA writable_schema = RESET;
";
