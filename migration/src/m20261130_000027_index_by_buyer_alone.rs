//! On PostgreSQL, the reservations of a buyer are indexed by the buyer alone. Each sale adds to another
//! page of that index, so half the width is half the pages that sales keep in the processor's cache. Those
//! of one buyer are few enough to be put in order when they are listed.

use sea_orm_migration::prelude::*;

use crate::postgres::run;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, &index_by("user_id")).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, &index_by("user_id, created_at, id")).await
    }
}

fn index_by(columns: &str) -> String {
    format!(
        "DROP INDEX reservations_of_user; \
         CREATE INDEX reservations_of_user ON reservations ({columns});"
    )
}
