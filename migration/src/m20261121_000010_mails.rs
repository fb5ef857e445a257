//! The outbox: mails that are to be sent, written in the transaction of what they tell of.

use sea_orm_migration::{
    prelude::*,
    schema::{
        big_pk_auto, integer, string_len, string_len_null, text, timestamp_with_time_zone,
        timestamp_with_time_zone_null,
    },
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("mails")
                    .col(big_pk_auto("id"))
                    .col(string_len("recipient", 254))
                    .col(string_len("subject", 300))
                    .col(text("body"))
                    .col(string_len("status", 16).default("waiting"))
                    .col(timestamp_with_time_zone("created_at"))
                    // When it is next tried.
                    .col(timestamp_with_time_zone("due_at"))
                    .col(integer("attempts").default(0))
                    .col(timestamp_with_time_zone_null("ended_at"))
                    // What the last attempt failed with.
                    .col(string_len_null("error", 500))
                    .check(Expr::cust("status IN ('waiting', 'sent', 'failed')"))
                    .check(Expr::cust("(status = 'waiting') = (ended_at IS NULL)"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("mails_by_due_time")
                    .table("mails")
                    .col("due_at")
                    .and_where(Expr::cust("status = 'waiting'"))
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("mails").to_owned())
            .await
    }
}
