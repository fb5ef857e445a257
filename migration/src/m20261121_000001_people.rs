//! People with an account.

use sea_orm_migration::{
    prelude::*,
    schema::{string_len, text, timestamp_with_time_zone, uuid},
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("users")
                    .col(uuid("id").primary_key())
                    .col(string_len("name", 100))
                    // Kept as typed for display; compared in lower case.
                    .col(string_len("email", 254))
                    .col(string_len("email_lower", 254).unique_key())
                    .col(text("password_hash"))
                    .col(string_len("role", 16))
                    .col(timestamp_with_time_zone("created_at"))
                    .check(Expr::cust("role IN ('customer', 'staff', 'admin')"))
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("users").to_owned())
            .await
    }
}
