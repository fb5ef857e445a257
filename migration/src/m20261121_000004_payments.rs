//! Payments: one row per attempt to take money, written before the provider is called.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, char_len, string_len, string_len_null, timestamp_with_time_zone, uuid},
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("payments")
                    .col(uuid("id").primary_key())
                    .col(uuid("reservation_id"))
                    .col(big_integer("amount"))
                    .col(char_len("currency", 3))
                    .col(string_len("method", 32))
                    // The provider's handle for the payer's means; never a card number.
                    .col(string_len("token", 100))
                    .col(string_len("status", 16))
                    .col(string_len_null("reason", 64))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("updated_at"))
                    .check(Expr::cust("amount >= 0"))
                    .check(Expr::cust(
                        "status IN ('pending', 'succeeded', 'declined', 'voiding', 'voided')",
                    ))
                    .foreign_key(
                        ForeignKey::create()
                            .from("payments", "reservation_id")
                            .to("reservations", "id"),
                    )
                    .to_owned(),
            )
            .await?;
        // Money is taken at most once, and by one attempt at a time.
        manager
            .create_index(
                Index::create()
                    .name("one_payment_at_a_time")
                    .table("payments")
                    .col("reservation_id")
                    .unique()
                    .and_where(Expr::cust("status IN ('pending', 'succeeded')"))
                    .to_owned(),
            )
            .await?;
        // What was left half-done, for whichever instance settles it.
        manager
            .create_index(
                Index::create()
                    .name("unsettled_payments")
                    .table("payments")
                    .col("updated_at")
                    .and_where(Expr::cust("status IN ('pending', 'voiding')"))
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("payments").to_owned())
            .await
    }
}
