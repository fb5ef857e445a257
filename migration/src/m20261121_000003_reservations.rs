//! Tickets, each of which exists once; reservations, and which tickets are or were in them.

use sea_orm_migration::{
    prelude::*,
    schema::{
        big_integer, big_pk_auto, boolean, char_len, integer_null, string_len,
        timestamp_with_time_zone, timestamp_with_time_zone_null, uuid, uuid_null,
    },
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(reservations()).await?;
        manager.create_table(tickets()).await?;
        manager.create_table(reservation_tickets()).await?;
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["reservation_tickets", "tickets", "reservations"] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        Ok(())
    }
}

fn reservations() -> TableCreateStatement {
    Table::create()
        .table("reservations")
        .col(uuid("id").primary_key())
        .col(uuid("user_id"))
        .col(big_integer("event_id"))
        .col(string_len("status", 16))
        .col(timestamp_with_time_zone("expires_at"))
        .col(big_integer("total_amount"))
        .col(char_len("currency", 3))
        .col(timestamp_with_time_zone("created_at"))
        // When it stopped being held.
        .col(timestamp_with_time_zone_null("ended_at"))
        .col(big_integer("version").default(1))
        .check(Expr::cust(
            "status IN ('held', 'confirmed', 'released', 'expired', 'refunded')",
        ))
        .check(Expr::cust("total_amount >= 0"))
        .check(Expr::cust("(status = 'held') = (ended_at IS NULL)"))
        .foreign_key(
            ForeignKey::create()
                .from("reservations", "user_id")
                .to("users", "id"),
        )
        .foreign_key(
            ForeignKey::create()
                .from("reservations", "event_id")
                .to("events", "id"),
        )
        .to_owned()
}

fn tickets() -> TableCreateStatement {
    Table::create()
        .table("tickets")
        .col(big_pk_auto("id"))
        .col(big_integer("event_id"))
        .col(big_integer("zone_id"))
        // Counted from 1; null in a standing zone.
        .col(integer_null("row_number"))
        .col(integer_null("seat_number"))
        .col(string_len("status", 16).default("available"))
        // Raised by exactly 1 with every transition: the value that decides.
        .col(big_integer("version").default(0))
        .col(uuid_null("reservation_id"))
        .check(Expr::cust(
            "status IN ('available', 'held', 'sold', 'blocked')",
        ))
        .check(Expr::cust(
            "(status IN ('held', 'sold')) = (reservation_id IS NOT NULL)",
        ))
        .check(Expr::cust("version >= 0"))
        .check(Expr::cust("(row_number IS NULL) = (seat_number IS NULL)"))
        .foreign_key(
            ForeignKey::create()
                .from("tickets", "event_id")
                .to("events", "id"),
        )
        .foreign_key(
            ForeignKey::create()
                .from("tickets", "zone_id")
                .to("zones", "id"),
        )
        .foreign_key(
            ForeignKey::create()
                .from("tickets", "reservation_id")
                .to("reservations", "id"),
        )
        .to_owned()
}

fn reservation_tickets() -> TableCreateStatement {
    Table::create()
        .table("reservation_tickets")
        .col(uuid("reservation_id"))
        .col(big_integer("ticket_id"))
        // What the ticket cost when it was held, in the reservation's currency.
        .col(big_integer("price_amount"))
        // False once the ticket was given up, expired or refunded.
        .col(boolean("active").default(true))
        .primary_key(Index::create().col("reservation_id").col("ticket_id"))
        .check(Expr::cust("price_amount >= 0"))
        .foreign_key(
            ForeignKey::create()
                .from("reservation_tickets", "reservation_id")
                .to("reservations", "id"),
        )
        .foreign_key(
            ForeignKey::create()
                .from("reservation_tickets", "ticket_id")
                .to("tickets", "id"),
        )
        .to_owned()
}

fn indexes() -> Vec<IndexCreateStatement> {
    vec![
        // Seat maps, availability counts, and picking the next free places of a zone.
        Index::create()
            .name("tickets_of_zone")
            .table("tickets")
            .col("zone_id")
            .col("status")
            .col("id")
            .to_owned(),
        Index::create()
            .name("tickets_of_event")
            .table("tickets")
            .col("event_id")
            .col("id")
            .to_owned(),
        Index::create()
            .name("one_ticket_per_seat")
            .table("tickets")
            .col("zone_id")
            .col("row_number")
            .col("seat_number")
            .unique()
            .to_owned(),
        // The last guard: a ticket is in at most one active reservation.
        Index::create()
            .name("one_active_reservation_per_ticket")
            .table("reservation_tickets")
            .col("ticket_id")
            .unique()
            .and_where(Expr::cust("active"))
            .to_owned(),
        // What the sweeper looks for, several times a second.
        Index::create()
            .name("holds_by_expiry")
            .table("reservations")
            .col("expires_at")
            .and_where(Expr::cust("status = 'held'"))
            .to_owned(),
        // A buyer's own reservations, newest first.
        Index::create()
            .name("reservations_of_user")
            .table("reservations")
            .col("user_id")
            .col("created_at")
            .col("id")
            .to_owned(),
    ]
}
