//! Mails that have ended are forgotten after some days, and found by when that was.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_index(
                Index::create()
                    .name("mails_by_end")
                    .table("mails")
                    .col("ended_at")
                    .and_where(Expr::cust("ended_at IS NOT NULL"))
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_index(Index::drop().name("mails_by_end").table("mails").to_owned())
            .await
    }
}
