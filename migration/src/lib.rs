//! The database schema, one file per change, for PostgreSQL and SQLite alike.
//!
//! Constraints carry the rules that must hold whatever the program does: a ticket that is held
//! or sold names its reservation, amounts are not negative, and a partial unique index lets a
//! ticket be in one active reservation only.

pub use sea_orm_migration::prelude::*;

mod m20261121_000001_people;
mod m20261121_000002_catalogue;
mod m20261121_000003_reservations;
mod m20261121_000004_payments;
mod m20261121_000005_ledger;
mod m20261121_000006_idempotency_keys;
mod m20261121_000007_flash_sales;
mod m20261121_000008_no_foreign_keys_in_sales;
mod m20261121_000009_ledger_of_organisers;
mod m20261121_000010_mails;
mod m20261121_000011_events;
mod m20261121_000012_seats;
mod m20261121_000014_codes;
mod m20261121_000015_sessions_and_accounts;
mod m20261121_000017_ended_mails;
mod m20261121_000018_reviews;
mod m20261121_000019_inquiries;
mod m20261121_000020_applications;
mod m20261122_000021_all_or_nothing;
mod m20261122_000022_reservations_without_parents;
mod m20261126_000023_unmet_expectations;
mod m20261128_000024_foreign_keys_at_commit;
mod m20261128_000025_short_checks;
mod m20261130_000026_portions;
mod m20261130_000027_index_by_buyer_alone;
mod postgres;
mod sqlite;

/// Every change, in order.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_people::Migration),
            Box::new(m20261121_000002_catalogue::Migration),
            Box::new(m20261121_000003_reservations::Migration),
            Box::new(m20261121_000004_payments::Migration),
            Box::new(m20261121_000005_ledger::Migration),
            Box::new(m20261121_000006_idempotency_keys::Migration),
            Box::new(m20261121_000007_flash_sales::Migration),
            Box::new(m20261121_000008_no_foreign_keys_in_sales::Migration),
            Box::new(m20261121_000009_ledger_of_organisers::Migration),
            Box::new(m20261121_000010_mails::Migration),
            Box::new(m20261121_000011_events::Migration),
            Box::new(m20261121_000012_seats::Migration),
            Box::new(m20261121_000014_codes::Migration),
            Box::new(m20261121_000015_sessions_and_accounts::Migration),
            Box::new(m20261121_000017_ended_mails::Migration),
            Box::new(m20261121_000018_reviews::Migration),
            Box::new(m20261121_000019_inquiries::Migration),
            Box::new(m20261121_000020_applications::Migration),
            Box::new(m20261122_000021_all_or_nothing::Migration),
            Box::new(m20261122_000022_reservations_without_parents::Migration),
            Box::new(m20261126_000023_unmet_expectations::Migration),
            Box::new(m20261128_000024_foreign_keys_at_commit::Migration),
            Box::new(m20261128_000025_short_checks::Migration),
            Box::new(m20261130_000026_portions::Migration),
            Box::new(m20261130_000027_index_by_buyer_alone::Migration),
        ]
    }
}
