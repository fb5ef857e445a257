//! What a flash sale asks of the tables: a limit of tickets per customer, where the best seats of a
//! zone are, and updates of tickets that touch no index.

use sea_orm_migration::{
    prelude::*,
    schema::integer_null,
    sea_orm::{ConnectionTrait, DatabaseBackend},
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in COLUMNS {
            let mut alter = Table::alter();
            alter.table(table).add_column(integer_null(column));
            manager.alter_table(alter.clone()).await?;
        }
        // It had the status in it, so that every hold wrote to every index of the table. Instances
        // pick places from memory now.
        manager
            .drop_index(
                Index::drop()
                    .name("tickets_of_zone")
                    .table("tickets")
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("tickets_by_zone")
                    .table("tickets")
                    .col("zone_id")
                    .col("id")
                    .to_owned(),
            )
            .await?;
        if manager.get_database_backend() == DatabaseBackend::Postgres {
            // Room on each page for the next version of each of its rows.
            manager
                .get_connection()
                .execute_unprepared("ALTER TABLE tickets SET (fillfactor = 50)")
                .await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_index(
                Index::drop()
                    .name("tickets_by_zone")
                    .table("tickets")
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("tickets_of_zone")
                    .table("tickets")
                    .col("zone_id")
                    .col("status")
                    .col("id")
                    .to_owned(),
            )
            .await?;
        for (table, column) in COLUMNS {
            let mut alter = Table::alter();
            alter.table(table).drop_column(column);
            manager.alter_table(alter.clone()).await?;
        }
        Ok(())
    }
}

const COLUMNS: [(&str, &str); 3] = [
    // Most tickets that a customer may have, held and sold; null without a limit.
    ("events", "limit_per_customer"),
    // The seat that the best ones are nearest to; null for the middle of the front row.
    ("zones", "focus_row"),
    ("zones", "focus_seat"),
];
