//! The ledger: every transition of every ticket, appended and never changed.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, big_pk_auto, string_len, timestamp_with_time_zone, uuid},
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("ledger")
                    .col(big_pk_auto("id"))
                    .col(big_integer("ticket_id"))
                    // The ticket's version after the transition.
                    .col(big_integer("version"))
                    .col(string_len("from_status", 16))
                    .col(string_len("to_status", 16))
                    .col(string_len("cause", 16))
                    .col(uuid("reservation_id"))
                    .col(timestamp_with_time_zone("at"))
                    .check(Expr::cust(
                        "cause IN ('hold', 'confirm', 'release', 'expire')",
                    ))
                    .foreign_key(
                        ForeignKey::create()
                            .from("ledger", "ticket_id")
                            .to("tickets", "id"),
                    )
                    .foreign_key(
                        ForeignKey::create()
                            .from("ledger", "reservation_id")
                            .to("reservations", "id"),
                    )
                    .to_owned(),
            )
            .await?;
        // A version is reached once: two writers cannot both have made it.
        manager
            .create_index(
                Index::create()
                    .name("one_transition_per_version")
                    .table("ledger")
                    .col("ticket_id")
                    .col("version")
                    .unique()
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("ledger").to_owned())
            .await
    }
}
