//! On SQLite, a batch that did not find each row as it was foreseen undoes itself: it tells so to a table
//! that takes nothing, so that the rule it breaks ends the transaction.

use sea_orm_migration::prelude::*;

use crate::sqlite::run;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(
            manager,
            "CREATE TABLE unmet_expectations (expectation INTEGER NOT NULL CHECK (FALSE))",
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, "DROP TABLE unmet_expectations").await
    }
}
