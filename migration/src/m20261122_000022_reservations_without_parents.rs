//! On PostgreSQL, a reservation is not checked against its event and its person any more: each check
//! asked for a row and locked it, for all sales of an event the same one.
//!
//! That the event is there follows from the reservation's tickets, which are of it and cannot be
//! deleted. A person who has reservations cannot be deleted either; `holdfast verify` looks for
//! reservations of nobody. SQLite keeps its foreign keys.

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
    ALTER TABLE reservations DROP CONSTRAINT reservations_event_id_fkey;
    ALTER TABLE reservations DROP CONSTRAINT reservations_user_id_fkey;

    CREATE FUNCTION refuse_to_delete_a_buyer() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT FROM reservations WHERE user_id = OLD.id) THEN
            RAISE foreign_key_violation
                USING MESSAGE = 'a person who has reservations cannot be deleted';
        END IF;
        RETURN OLD;
    END $$;
    CREATE TRIGGER buyers_stay BEFORE DELETE ON users
        FOR EACH ROW EXECUTE FUNCTION refuse_to_delete_a_buyer();
    CREATE TRIGGER people_stay BEFORE TRUNCATE ON users
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_delete();
";

const DOWN: &str = "
    DROP TRIGGER people_stay ON users;
    DROP TRIGGER buyers_stay ON users;
    DROP FUNCTION refuse_to_delete_a_buyer;
    ALTER TABLE reservations ADD FOREIGN KEY (user_id) REFERENCES users (id);
    ALTER TABLE reservations ADD FOREIGN KEY (event_id) REFERENCES events (id);
";
