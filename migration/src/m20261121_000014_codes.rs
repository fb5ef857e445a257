//! Codes that open a sale early or take something off the price, and which reservations used one.

use sea_orm_migration::{
    prelude::*,
    schema::{
        big_integer, big_integer_null, big_pk_auto, boolean, integer_null, string_len,
        string_len_null, timestamp_with_time_zone, timestamp_with_time_zone_null,
    },
    sea_orm::ConnectionTrait,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(codes()).await?;
        for index in indexes() {
            manager.create_index(index).await?;
        }
        for (table, column) in COLUMNS {
            run(manager, &format!("ALTER TABLE {table} ADD COLUMN {column}")).await?;
        }
        // Uses are counted by code; nearly every reservation has none.
        manager
            .create_index(
                Index::create()
                    .name("reservations_by_code")
                    .table("reservations")
                    .col("code_id")
                    .and_where(Expr::cust("code_id IS NOT NULL"))
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, "DROP INDEX reservations_by_code").await?;
        for (table, column) in COLUMNS {
            let name = column.split(' ').next().unwrap_or_default();
            run(manager, &format!("ALTER TABLE {table} DROP COLUMN {name}")).await?;
        }
        manager
            .drop_table(Table::drop().table("codes").to_owned())
            .await
    }
}

const COLUMNS: [(&str, &str); 2] = [
    ("reservations", "code_id bigint REFERENCES codes (id)"),
    // What the code took off the price, of which `price_amount` is left.
    (
        "reservation_tickets",
        "discount_amount bigint NOT NULL DEFAULT 0 CHECK (discount_amount >= 0)",
    ),
];

fn codes() -> TableCreateStatement {
    Table::create()
        .table("codes")
        .col(big_pk_auto("id"))
        .col(big_integer("event_id"))
        // Null for the whole event.
        .col(big_integer_null("zone_id"))
        // In upper case.
        .col(string_len("code", 40))
        // Reservations that may use it; null without a limit. They are counted, never kept here.
        .col(integer_null("max_uses"))
        .col(timestamp_with_time_zone_null("valid_from"))
        .col(timestamp_with_time_zone_null("valid_until"))
        .col(boolean("opens_early"))
        .col(integer_null("percent_off"))
        // Minor units of the event's currency, off each ticket.
        .col(big_integer_null("amount_off"))
        .col(string_len_null("note", 500))
        .col(boolean("active").default(true))
        .col(big_integer("version").default(1))
        .col(timestamp_with_time_zone("created_at"))
        .check(Expr::cust("max_uses BETWEEN 1 AND 1000000"))
        .check(Expr::cust("percent_off BETWEEN 1 AND 100"))
        .check(Expr::cust("amount_off >= 1"))
        .check(Expr::cust("percent_off IS NULL OR amount_off IS NULL"))
        .check(Expr::cust(
            "opens_early OR percent_off IS NOT NULL OR amount_off IS NOT NULL",
        ))
        .check(Expr::cust("valid_from < valid_until"))
        .foreign_key(
            ForeignKey::create()
                .from("codes", "event_id")
                .to("events", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .foreign_key(
            ForeignKey::create()
                .from("codes", "zone_id")
                .to("zones", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

fn indexes() -> Vec<IndexCreateStatement> {
    vec![
        Index::create()
            .name("one_code_of_an_event_reads_like_this")
            .table("codes")
            .col("event_id")
            .col("code")
            .unique()
            .to_owned(),
        // The codes of an event, newest first.
        Index::create()
            .name("codes_of_event")
            .table("codes")
            .col("event_id")
            .col("created_at")
            .col("id")
            .to_owned(),
        // Where a zone goes, its codes go too.
        Index::create()
            .name("codes_of_zone")
            .table("codes")
            .col("zone_id")
            .and_where(Expr::cust("zone_id IS NOT NULL"))
            .to_owned(),
    ]
}

async fn run(manager: &SchemaManager<'_>, sql: &str) -> Result<(), DbErr> {
    manager.get_connection().execute_unprepared(sql).await?;
    Ok(())
}
