//! Bringing the database schema up to date, once, however many instances start together.

use migration::{Migrator, MigratorTrait};
use sea_orm::DbErr;

use crate::db::Db;

/// Applies every change that is missing, in one transaction.
pub async fn migrate(db: &Db) -> Result<(), DbErr> {
    let tx = db.begin_schema_change().await?;
    Migrator::up(&tx, None).await?;
    tx.commit().await
}
