//! On PostgreSQL, a statement that writes a whole batch undoes itself where it did not find each row
//! as it was read, so that it needs no transaction around it to be undone with.

use sea_orm_migration::prelude::*;

use crate::postgres::run;

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
    CREATE FUNCTION expect_rows(touched bigint, expected bigint) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        IF touched IS DISTINCT FROM expected THEN
            RAISE serialization_failure
                USING MESSAGE = touched || ' rows were as they had been read, not ' || expected;
        END IF;
    END $$;
";

const DOWN: &str = "
    DROP FUNCTION expect_rows;
";
