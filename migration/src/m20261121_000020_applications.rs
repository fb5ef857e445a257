//! Free tickets that one applies for: zones that are given away by application, what an event asks
//! of those who apply, and their applications.

use sea_orm_migration::{
    prelude::*,
    schema::{
        big_integer, integer, string_len, string_len_null, text, timestamp_with_time_zone,
        timestamp_with_time_zone_null, uuid, uuid_null,
    },
    sea_orm::ConnectionTrait,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // What is given away costs nothing.
        manager
            .get_connection()
            .execute_unprepared(
                "ALTER TABLE zones ADD COLUMN by_application BOOLEAN NOT NULL DEFAULT FALSE \
                 CHECK (price_amount = 0 OR NOT by_application)",
            )
            .await?;
        manager.create_table(application_forms()).await?;
        manager.create_table(applications()).await?;
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["applications", "application_forms"] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        manager
            .alter_table(
                Table::alter()
                    .table("zones")
                    .drop_column("by_application")
                    .to_owned(),
            )
            .await
    }
}

fn application_forms() -> TableCreateStatement {
    Table::create()
        .table("application_forms")
        .col(big_integer("event_id").primary_key())
        // JSON: a list of questions.
        .col(text("questions"))
        // At once, where absent.
        .col(timestamp_with_time_zone_null("opens_at"))
        // When the event starts, where absent.
        .col(timestamp_with_time_zone_null("closes_at"))
        .col(big_integer("version").default(1))
        .foreign_key(
            ForeignKey::create()
                .from("application_forms", "event_id")
                .to("events", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

fn applications() -> TableCreateStatement {
    Table::create()
        .table("applications")
        .col(uuid("id").primary_key())
        .col(uuid("user_id"))
        .col(big_integer("event_id"))
        .col(big_integer("zone_id"))
        .col(integer("quantity"))
        // JSON: a list of questions as they were asked, with their answers.
        .col(text("answers"))
        // The applicant's name and e-mail address as they are searched for.
        .col(text("search"))
        .col(string_len("status", 16).default("pending"))
        // Of a granted one; what a sale writes is not checked against its parents.
        .col(uuid_null("reservation_id"))
        // What the applicant was told with a rejection.
        .col(string_len_null("reason", 1000))
        .col(timestamp_with_time_zone("created_at"))
        // When it stopped being pending.
        .col(timestamp_with_time_zone_null("ended_at"))
        // The admin who granted or rejected it.
        .col(uuid_null("decided_by"))
        .col(big_integer("version").default(1))
        .check(Expr::cust(
            "status IN ('pending', 'granted', 'rejected', 'withdrawn')",
        ))
        .check(Expr::cust("quantity BETWEEN 1 AND 10"))
        .check(Expr::cust("(status = 'pending') = (ended_at IS NULL)"))
        .check(Expr::cust(
            "(status = 'granted') = (reservation_id IS NOT NULL)",
        ))
        .check(Expr::cust(
            "(status IN ('granted', 'rejected')) = (decided_by IS NOT NULL)",
        ))
        .foreign_key(
            ForeignKey::create()
                .from("applications", "user_id")
                .to("users", "id"),
        )
        .foreign_key(
            ForeignKey::create()
                .from("applications", "event_id")
                .to("events", "id"),
        )
        .foreign_key(
            ForeignKey::create()
                .from("applications", "zone_id")
                .to("zones", "id"),
        )
        .foreign_key(
            ForeignKey::create()
                .from("applications", "decided_by")
                .to("users", "id"),
        )
        .to_owned()
}

fn indexes() -> Vec<IndexCreateStatement> {
    let newest_of = |name: &str, columns: &[&'static str]| {
        let mut index = Index::create();
        index.name(name).table("applications");
        for column in columns.iter().chain(&["created_at", "id"]) {
            index.col(*column);
        }
        index
    };
    vec![
        Index::create()
            .name("one_active_application_per_person")
            .table("applications")
            .col("user_id")
            .col("event_id")
            .unique()
            .and_where(Expr::cust("status IN ('pending', 'granted')"))
            .to_owned(),
        Index::create()
            .name("one_application_per_reservation")
            .table("applications")
            .col("reservation_id")
            .unique()
            .to_owned(),
        // Lists, newest first.
        newest_of("applications_of_user", &["user_id"]),
        newest_of("applications_of_event", &["event_id", "status"]),
        newest_of("applications_of_zone", &["zone_id", "status"]),
        newest_of("applications_by_status", &["status"]),
        newest_of("applications_newest", &[]),
    ]
}
