//! On SQLite, the reservations of a buyer are indexed in portions, of those that were made one after the
//! other. Of one index over all of them each sale changes another page, and in a flash sale most of what
//! is written is those pages; of the latest portion it changes one of a few.
//!
//! Whoever looks for a buyer's reservations looks into every portion. The first has all that are old.

use sea_orm_migration::prelude::*;

use crate::sqlite::run;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, DOWN).await
    }
}

const UP: &str = "
    ALTER TABLE reservations ADD COLUMN portion INTEGER NOT NULL DEFAULT 0 CHECK (portion >= 0);
    DROP INDEX reservations_of_user;
    CREATE INDEX reservations_of_user ON reservations (portion, user_id);

    -- The first, and the numbers of all others.
    CREATE VIEW portions AS
        WITH RECURSIVE others (portion) AS (
            SELECT MIN(portion) FROM reservations WHERE portion > 0
            UNION ALL
            SELECT portion + 1 FROM others
            WHERE portion < (SELECT MAX(portion) FROM reservations)
        )
        SELECT 0 AS portion
        UNION ALL
        SELECT portion FROM others WHERE portion IS NOT NULL;
";

const DOWN: &str = "
    DROP VIEW portions;
    DROP INDEX reservations_of_user;
    ALTER TABLE reservations DROP COLUMN portion;
    CREATE INDEX reservations_of_user ON reservations (user_id, created_at, id);
";
