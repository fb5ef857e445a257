//! Idempotency keys, each committed together with what it guards.

use sea_orm_migration::{
    prelude::*,
    schema::{binary_len, string_len, text, timestamp_with_time_zone, uuid},
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("idempotency_keys")
                    .col(uuid("user_id"))
                    .col(string_len("key", 255))
                    // SHA-256 of the operation and its arguments.
                    .col(binary_len("fingerprint", 32))
                    .col(text("answer"))
                    .col(timestamp_with_time_zone("created_at"))
                    .primary_key(Index::create().col("user_id").col("key"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("idempotency_keys", "user_id")
                            .to("users", "id"),
                    )
                    .to_owned(),
            )
            .await?;
        // Old keys are forgotten by age.
        manager
            .create_index(
                Index::create()
                    .name("idempotency_keys_by_age")
                    .table("idempotency_keys")
                    .col("created_at")
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("idempotency_keys").to_owned())
            .await
    }
}
