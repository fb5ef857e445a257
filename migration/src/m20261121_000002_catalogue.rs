//! Venues, events and their zones.

use sea_orm_migration::{
    prelude::*,
    schema::{
        big_integer, big_pk_auto, char_len, integer, integer_null, string_len, string_len_null,
        text, timestamp_with_time_zone, timestamp_with_time_zone_null,
    },
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(venues()).await?;
        manager.create_table(events()).await?;
        manager.create_table(zones()).await?;
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["zones", "events", "venues"] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        Ok(())
    }
}

fn venues() -> TableCreateStatement {
    Table::create()
        .table("venues")
        .col(big_pk_auto("id"))
        .col(string_len("name", 200))
        .col(string_len_null("address", 300))
        .col(string_len("city", 100))
        // ISO 3166-1 alpha-2.
        .col(char_len("country", 2))
        // IANA name.
        .col(string_len("time_zone", 64))
        .col(timestamp_with_time_zone("created_at"))
        .col(big_integer("version").default(1))
        .to_owned()
}

fn events() -> TableCreateStatement {
    Table::create()
        .table("events")
        .col(big_pk_auto("id"))
        .col(big_integer("venue_id"))
        .col(string_len("title", 200))
        .col(text("description"))
        .col(string_len_null("category", 50))
        // ISO 4217; every zone of an event is sold in it.
        .col(char_len("currency", 3))
        .col(string_len("status", 16))
        .col(timestamp_with_time_zone("starts_at"))
        .col(timestamp_with_time_zone_null("ends_at"))
        .col(timestamp_with_time_zone_null("sales_open_at"))
        .col(timestamp_with_time_zone_null("sales_close_at"))
        .col(timestamp_with_time_zone("created_at"))
        .col(big_integer("version").default(1))
        .check(Expr::cust("status IN ('draft', 'published', 'cancelled')"))
        .foreign_key(
            ForeignKey::create()
                .from("events", "venue_id")
                .to("venues", "id"),
        )
        .to_owned()
}

fn zones() -> TableCreateStatement {
    Table::create()
        .table("zones")
        .col(big_pk_auto("id"))
        .col(big_integer("event_id"))
        .col(integer("position"))
        .col(string_len("name", 100))
        .col(string_len_null("benefits", 500))
        .col(big_integer("price_amount"))
        // Null in a standing zone.
        .col(integer_null("seat_rows"))
        .col(integer_null("seats_per_row"))
        .col(integer("capacity"))
        .check(Expr::cust("price_amount >= 0"))
        .check(Expr::cust("capacity > 0"))
        .check(Expr::cust("(seat_rows IS NULL) = (seats_per_row IS NULL)"))
        .check(Expr::cust(
            "seat_rows IS NULL OR seat_rows * seats_per_row = capacity",
        ))
        .foreign_key(
            ForeignKey::create()
                .from("zones", "event_id")
                .to("events", "id"),
        )
        .to_owned()
}

fn indexes() -> Vec<IndexCreateStatement> {
    vec![
        // The public list: published events by time.
        Index::create()
            .name("events_by_start")
            .table("events")
            .col("status")
            .col("starts_at")
            .col("id")
            .to_owned(),
        Index::create()
            .name("events_of_venue")
            .table("events")
            .col("venue_id")
            .to_owned(),
        Index::create()
            .name("zones_of_event")
            .table("zones")
            .col("event_id")
            .col("position")
            .unique()
            .to_owned(),
    ]
}
