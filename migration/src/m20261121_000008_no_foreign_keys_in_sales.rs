//! On PostgreSQL, rows that a sale writes for each ticket are not checked against their parents one
//! by one: that was two fifths of the database's work in a sale. The parents are written by the same
//! statement, `holdfast verify` looks for orphans, and what nobody may do in another way, deleting a
//! parent, is refused to everybody.
//!
//! SQLite keeps its foreign keys; they cost it little, and it cannot drop any.

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
    ALTER TABLE tickets DROP CONSTRAINT tickets_reservation_id_fkey;
    ALTER TABLE reservation_tickets DROP CONSTRAINT reservation_tickets_reservation_id_fkey;
    ALTER TABLE reservation_tickets DROP CONSTRAINT reservation_tickets_ticket_id_fkey;
    ALTER TABLE ledger DROP CONSTRAINT ledger_ticket_id_fkey;
    ALTER TABLE ledger DROP CONSTRAINT ledger_reservation_id_fkey;

    CREATE FUNCTION refuse_to_delete() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE foreign_key_violation
            USING MESSAGE = 'a row of ' || TG_TABLE_NAME || ' that belongs to a sale cannot be deleted';
    END $$;
    CREATE TRIGGER sold_tickets_stay BEFORE DELETE ON tickets
        FOR EACH ROW WHEN (OLD.version > 0) EXECUTE FUNCTION refuse_to_delete();
    CREATE TRIGGER reservations_stay BEFORE DELETE ON reservations
        FOR EACH ROW EXECUTE FUNCTION refuse_to_delete();
    CREATE TRIGGER tickets_stay BEFORE TRUNCATE ON tickets
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_delete();
";

const DOWN: &str = "
    DROP TRIGGER reservations_stay ON reservations;
    DROP TRIGGER tickets_stay ON tickets;
    DROP TRIGGER sold_tickets_stay ON tickets;
    DROP FUNCTION refuse_to_delete;
    ALTER TABLE tickets ADD FOREIGN KEY (reservation_id) REFERENCES reservations (id);
    ALTER TABLE reservation_tickets ADD FOREIGN KEY (reservation_id) REFERENCES reservations (id);
    ALTER TABLE reservation_tickets ADD FOREIGN KEY (ticket_id) REFERENCES tickets (id);
    ALTER TABLE ledger ADD FOREIGN KEY (ticket_id) REFERENCES tickets (id);
    ALTER TABLE ledger ADD FOREIGN KEY (reservation_id) REFERENCES reservations (id);
";
