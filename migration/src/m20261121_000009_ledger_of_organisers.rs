//! The ledger takes the transitions that organisers make, which belong to no reservation.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, big_pk_auto, string_len, timestamp_with_time_zone, uuid_null},
    sea_orm::{ConnectionTrait, DatabaseBackend},
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        match manager.get_database_backend() {
            DatabaseBackend::Postgres => run(manager, POSTGRES).await,
            _ => rebuild(manager).await,
        }
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration(
            "transitions without a reservation cannot be kept by the ledger as it was".into(),
        ))
    }
}

const CAUSES: &str = "cause IN ('hold', 'confirm', 'release', 'expire', 'cancel', 'grant', \
                      'refund', 'block', 'unblock', 'remove', 'restore')";

/// Organisers' transitions belong to nobody; every other one belongs to a reservation.
const BELONGS: &str =
    "(cause IN ('block', 'unblock', 'remove', 'restore')) = (reservation_id IS NULL)";

const POSTGRES: &str = "
    ALTER TABLE ledger DROP CONSTRAINT ledger_cause_check;
    ALTER TABLE ledger ALTER COLUMN reservation_id DROP NOT NULL;
    ALTER TABLE ledger ADD CONSTRAINT ledger_cause_check CHECK (cause IN (
        'hold', 'confirm', 'release', 'expire', 'cancel', 'grant', 'refund',
        'block', 'unblock', 'remove', 'restore'));
    ALTER TABLE ledger ADD CONSTRAINT ledger_belongs_check CHECK (
        (cause IN ('block', 'unblock', 'remove', 'restore')) = (reservation_id IS NULL));
";

/// `SQLite` cannot change a constraint: the table is made anew and filled from the old one.
async fn rebuild(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("new_ledger")
                .col(big_pk_auto("id"))
                .col(big_integer("ticket_id"))
                .col(big_integer("version"))
                .col(string_len("from_status", 16))
                .col(string_len("to_status", 16))
                .col(string_len("cause", 16))
                .col(uuid_null("reservation_id"))
                .col(timestamp_with_time_zone("at"))
                .check(Expr::cust(CAUSES))
                .check(Expr::cust(BELONGS))
                .foreign_key(
                    ForeignKey::create()
                        .from("new_ledger", "ticket_id")
                        .to("tickets", "id"),
                )
                .foreign_key(
                    ForeignKey::create()
                        .from("new_ledger", "reservation_id")
                        .to("reservations", "id"),
                )
                .to_owned(),
        )
        .await?;
    run(
        manager,
        "INSERT INTO new_ledger \
           (id, ticket_id, version, from_status, to_status, cause, reservation_id, at) \
         SELECT id, ticket_id, version, from_status, to_status, cause, reservation_id, at \
         FROM ledger; \
         DROP TABLE ledger; \
         ALTER TABLE new_ledger RENAME TO ledger; \
         CREATE UNIQUE INDEX one_transition_per_version ON ledger (ticket_id, version);",
    )
    .await
}

async fn run(manager: &SchemaManager<'_>, sql: &str) -> Result<(), DbErr> {
    manager.get_connection().execute_unprepared(sql).await?;
    Ok(())
}
