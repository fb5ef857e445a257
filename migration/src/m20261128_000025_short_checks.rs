//! On PostgreSQL, the checks of what a sale writes say the same in fewer words. A check is read anew for
//! each statement, and a list of values takes it as long as the rest of a short statement, where one
//! array of them is read at once.

use sea_orm_migration::prelude::*;

use crate::postgres::run;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, &rules(|values| format!("ANY ('{{{values}}}')"))).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let list = |values: &str| {
            let values: Vec<_> = values.split(',').map(|it| format!("'{it}'")).collect();
            format!("ANY (ARRAY[{}])", values.join(", "))
        };
        run(manager, &rules(list)).await
    }
}

/// The rules, with lists of values as they are to be written.
fn rules(any: impl Fn(&str) -> String) -> String {
    let ours = any("held,sold");
    let of_organisers = any("block,unblock,remove,restore");
    let rules = [
        (
            "tickets",
            "tickets_status_check",
            format!("status = {}", any("available,held,sold,blocked")),
        ),
        (
            "tickets",
            "tickets_check",
            format!("(status = {ours}) = (reservation_id IS NOT NULL)"),
        ),
        (
            "reservations",
            "reservations_status_check",
            format!(
                "status = {}",
                any("held,confirmed,released,expired,refunded")
            ),
        ),
        (
            "ledger",
            "ledger_cause_check",
            format!(
                "cause = {}",
                any("hold,confirm,release,expire,cancel,grant,refund,block,unblock,remove,restore")
            ),
        ),
        (
            "ledger",
            "ledger_belongs_check",
            format!("(cause = {of_organisers}) = (reservation_id IS NULL)"),
        ),
    ];
    let rules = rules.map(|(table, name, rule)| {
        format!("ALTER TABLE {table} DROP CONSTRAINT {name}, ADD CONSTRAINT {name} CHECK ({rule});")
    });
    rules.concat()
}
