//! Inquiries of organisers who want to sell here, and what was decided about each.

use sea_orm_migration::{
    prelude::*,
    schema::{
        big_integer, big_pk_auto, date, integer, string_len, string_len_null, text, text_null,
        timestamp_with_time_zone, uuid, uuid_null,
    },
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(inquiries()).await?;
        manager.create_table(inquiry_changes()).await?;
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["inquiry_changes", "inquiries"] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        Ok(())
    }
}

fn inquiries() -> TableCreateStatement {
    Table::create()
        .table("inquiries")
        .col(uuid("id").primary_key())
        // Null where nobody was signed in.
        .col(uuid_null("user_id"))
        .col(string_len("organiser", 200))
        .col(string_len("email", 254))
        .col(string_len("category", 50))
        .col(integer("expected_attendance"))
        .col(string_len("contact_name", 100))
        .col(string_len_null("phone", 40))
        .col(string_len("city", 100))
        .col(date("date"))
        .col(text("proposal"))
        .col(string_len("status", 16).default("pending"))
        .col(timestamp_with_time_zone("created_at"))
        .col(big_integer("version").default(1))
        // Folded, to be compared with and searched in.
        .col(text("folded_category"))
        .col(text("folded_city"))
        .col(text("folded_text"))
        // Of whoever was not signed in and gave a key that makes it safe to ask twice.
        .col(string_len_null("request_key", 64))
        .check(Expr::cust("expected_attendance > 0"))
        .check(Expr::cust(
            "status IN ('pending', 'reviewed', 'approved', 'rejected')",
        ))
        .check(Expr::cust("user_id IS NULL OR request_key IS NULL"))
        .foreign_key(
            ForeignKey::create()
                .from("inquiries", "user_id")
                .to("users", "id"),
        )
        .to_owned()
}

fn inquiry_changes() -> TableCreateStatement {
    Table::create()
        .table("inquiry_changes")
        .col(big_pk_auto("id"))
        .col(uuid("inquiry_id"))
        // The inquiry's version after the change.
        .col(big_integer("version"))
        .col(string_len("from_status", 16))
        .col(string_len("to_status", 16))
        .col(text_null("note"))
        .col(uuid("changed_by"))
        .col(timestamp_with_time_zone("at"))
        .check(Expr::cust(
            "(from_status = 'pending' AND to_status = 'reviewed') \
             OR (from_status = 'reviewed' AND to_status IN ('approved', 'rejected'))",
        ))
        .foreign_key(
            ForeignKey::create()
                .from("inquiry_changes", "inquiry_id")
                .to("inquiries", "id"),
        )
        .foreign_key(
            ForeignKey::create()
                .from("inquiry_changes", "changed_by")
                .to("users", "id"),
        )
        .to_owned()
}

fn indexes() -> Vec<IndexCreateStatement> {
    let newest_of = |name: &str, column: &'static str| {
        Index::create()
            .name(name)
            .table("inquiries")
            .col(column)
            .col("created_at")
            .col("id")
            .to_owned()
    };
    vec![
        Index::create()
            .name("inquiries_by_time")
            .table("inquiries")
            .col("created_at")
            .col("id")
            .to_owned(),
        newest_of("inquiries_of_user", "user_id"),
        newest_of("inquiries_by_status", "status"),
        newest_of("inquiries_by_category", "folded_category"),
        newest_of("inquiries_by_city", "folded_city"),
        Index::create()
            .name("one_inquiry_per_request_key")
            .table("inquiries")
            .col("request_key")
            .unique()
            .to_owned(),
        Index::create()
            .name("one_change_per_inquiry_and_version")
            .table("inquiry_changes")
            .col("inquiry_id")
            .col("version")
            .unique()
            .to_owned(),
    ]
}
