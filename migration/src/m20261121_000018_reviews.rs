//! Reviews of events, one by each person who had a ticket.

use sea_orm_migration::{
    prelude::*,
    schema::{
        big_integer, big_pk_auto, json, small_integer, string_len, string_len_null, text,
        timestamp_with_time_zone, timestamp_with_time_zone_null, uuid, uuid_null,
    },
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(reviews()).await?;
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("reviews").to_owned())
            .await
    }
}

fn reviews() -> TableCreateStatement {
    Table::create()
        .table("reviews")
        .col(big_pk_auto("id"))
        .col(big_integer("event_id"))
        .col(uuid("user_id"))
        .col(small_integer("stars"))
        .col(text("text"))
        // Addresses, as a list.
        .col(json("pictures"))
        .col(string_len("status", 16).default("visible"))
        .col(timestamp_with_time_zone("created_at"))
        // When its author last changed it.
        .col(timestamp_with_time_zone_null("edited_at"))
        // When, by whom and why it was taken out of sight.
        .col(timestamp_with_time_zone_null("removed_at"))
        .col(uuid_null("removed_by"))
        .col(string_len_null("removal_reason", 500))
        .col(big_integer("version").default(1))
        .check(Expr::cust("stars BETWEEN 1 AND 5"))
        .check(Expr::cust("status IN ('visible', 'removed')"))
        .check(Expr::cust(
            "(status = 'removed') = (removed_at IS NOT NULL)",
        ))
        .check(Expr::cust(
            "(status = 'removed') = (removed_by IS NOT NULL)",
        ))
        .check(Expr::cust(
            "(status = 'removed') = (removal_reason IS NOT NULL)",
        ))
        .foreign_key(
            ForeignKey::create()
                .from("reviews", "event_id")
                .to("events", "id"),
        )
        .foreign_key(
            ForeignKey::create()
                .from("reviews", "user_id")
                .to("users", "id"),
        )
        .foreign_key(
            ForeignKey::create()
                .from("reviews", "removed_by")
                .to("users", "id"),
        )
        .to_owned()
}

fn indexes() -> Vec<IndexCreateStatement> {
    vec![
        Index::create()
            .name("one_review_per_person_and_event")
            .table("reviews")
            .col("event_id")
            .col("user_id")
            .unique()
            .to_owned(),
        // An event's reviews, newest first.
        Index::create()
            .name("reviews_of_event")
            .table("reviews")
            .col("event_id")
            .col("status")
            .col("created_at")
            .col("id")
            .to_owned(),
        // An event's rating, from the index alone.
        Index::create()
            .name("stars_of_event")
            .table("reviews")
            .col("event_id")
            .col("status")
            .col("stars")
            .to_owned(),
        Index::create()
            .name("reviews_of_user")
            .table("reviews")
            .col("user_id")
            .col("created_at")
            .col("id")
            .to_owned(),
        // What admins look through: all of them, or those in one state.
        Index::create()
            .name("reviews_by_time")
            .table("reviews")
            .col("created_at")
            .col("id")
            .to_owned(),
        Index::create()
            .name("reviews_by_status")
            .table("reviews")
            .col("status")
            .col("created_at")
            .col("id")
            .to_owned(),
    ]
}
