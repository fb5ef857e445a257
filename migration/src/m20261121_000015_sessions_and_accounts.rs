//! Sessions, one-time tokens, what admins do to accounts, and the words that people are found by.

use sea_orm_migration::{
    prelude::*,
    schema::{
        big_integer, big_pk_auto, boolean, string_len, string_len_null, text,
        timestamp_with_time_zone, timestamp_with_time_zone_null, uuid, uuid_null, var_binary,
    },
    sea_orm::DatabaseBackend,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        extend_users(manager).await?;
        let is_postgres = manager.get_database_backend() == DatabaseBackend::Postgres;
        for table in [
            user_words(is_postgres),
            sessions(),
            refresh_tokens(),
            one_time_tokens(),
            access_changes(),
            account_events(),
        ] {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [
            "account_events",
            "access_changes",
            "one_time_tokens",
            "refresh_tokens",
            "sessions",
            "user_words",
        ] {
            let drop = Table::drop().table(table).to_owned();
            manager.drop_table(drop).await?;
        }
        for name in [
            "users_by_time",
            "users_by_role",
            "users_by_status",
            "users_without_words",
            "mails_by_recipient",
        ] {
            manager
                .drop_index(Index::drop().name(name).to_owned())
                .await?;
        }
        for column in ["version", "status", "has_words"] {
            let drop = Table::alter().table("users").drop_column(column).to_owned();
            manager.alter_table(drop).await?;
        }
        Ok(())
    }
}

/// `SQLite` adds one column in a statement.
async fn extend_users(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    for mut column in [
        big_integer("version").default(1).take(),
        string_len("status", 16)
            .default("active")
            .check(Expr::cust("status IN ('active', 'disabled', 'erased')"))
            .take(),
        // False where a row was not written by the application: its words are added later.
        boolean("has_words").default(false).take(),
    ] {
        let add = Table::alter()
            .table("users")
            .add_column(&mut column)
            .to_owned();
        manager.alter_table(add).await?;
    }
    Ok(())
}

fn user_words(is_postgres: bool) -> TableCreateStatement {
    let mut word = text("word");
    if is_postgres {
        // Words begin alike where their bytes do, whatever the language of the database.
        word.extra("COLLATE \"C\"");
    }
    Table::create()
        .table("user_words")
        .col(uuid("user_id"))
        .col(word)
        .primary_key(Index::create().col("user_id").col("word"))
        .foreign_key(
            ForeignKey::create()
                .from("user_words", "user_id")
                .to("users", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

fn sessions() -> TableCreateStatement {
    Table::create()
        .table("sessions")
        .col(uuid("id").primary_key())
        .col(uuid("user_id"))
        .col(string_len_null("user_agent", 300))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("last_used_at"))
        .col(timestamp_with_time_zone("expires_at"))
        .col(timestamp_with_time_zone_null("ended_at"))
        .foreign_key(
            ForeignKey::create()
                .from("sessions", "user_id")
                .to("users", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

fn refresh_tokens() -> TableCreateStatement {
    Table::create()
        .table("refresh_tokens")
        // SHA-256 of the token, which itself is nowhere.
        .col(var_binary("hash", 32).primary_key())
        .col(uuid("session_id"))
        .col(timestamp_with_time_zone("created_at"))
        // When it was exchanged for the next.
        .col(timestamp_with_time_zone_null("used_at"))
        .foreign_key(
            ForeignKey::create()
                .from("refresh_tokens", "session_id")
                .to("sessions", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

fn one_time_tokens() -> TableCreateStatement {
    Table::create()
        .table("one_time_tokens")
        .col(var_binary("hash", 32).primary_key())
        .col(uuid("user_id"))
        .col(string_len("purpose", 16))
        // The address that is to become the account's.
        .col(string_len_null("email", 254))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("expires_at"))
        .col(timestamp_with_time_zone_null("used_at"))
        .check(Expr::cust("purpose IN ('password', 'email')"))
        .check(Expr::cust("(purpose = 'email') = (email IS NOT NULL)"))
        .foreign_key(
            ForeignKey::create()
                .from("one_time_tokens", "user_id")
                .to("users", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

/// What every instance has to know of tokens that were issued: an ended session, or what an account
/// has become.
fn access_changes() -> TableCreateStatement {
    Table::create()
        .table("access_changes")
        .col(big_pk_auto("id"))
        .col(timestamp_with_time_zone("at"))
        .col(uuid("user_id"))
        .col(uuid_null("session_id"))
        .col(string_len_null("role", 16))
        .col(boolean("is_active").default(true))
        .col(boolean("all_ended").default(false))
        .check(Expr::cust("role IN ('customer', 'staff', 'admin')"))
        .check(Expr::cust("(session_id IS NULL) = (role IS NOT NULL)"))
        .to_owned()
}

fn account_events() -> TableCreateStatement {
    Table::create()
        .table("account_events")
        .col(big_pk_auto("id"))
        .col(uuid("user_id"))
        // None: the command line.
        .col(uuid_null("actor_id"))
        .col(string_len("action", 16))
        // The new role.
        .col(string_len_null("role", 16))
        .col(string_len_null("reason", 500))
        .col(timestamp_with_time_zone("at"))
        .check(Expr::cust(
            "action IN ('change_role', 'disable', 'enable', 'erase')",
        ))
        .check(Expr::cust("(action = 'change_role') = (role IS NOT NULL)"))
        .foreign_key(
            ForeignKey::create()
                .from("account_events", "user_id")
                .to("users", "id"),
        )
        .to_owned()
}

fn indexes() -> Vec<IndexCreateStatement> {
    let index = |name: &str, table: &str, columns: &[&str]| {
        let mut index = Index::create();
        index.name(name).table(table.to_owned());
        for column in columns {
            index.col((*column).to_owned());
        }
        index
    };
    let only = |mut index: IndexCreateStatement, condition: &'static str| {
        index.and_where(Expr::cust(condition)).take()
    };
    vec![
        index("users_by_time", "users", &["created_at", "id"]),
        index("users_by_role", "users", &["role", "created_at", "id"]),
        index("users_by_status", "users", &["status", "created_at", "id"]),
        only(
            index("users_without_words", "users", &["id"]),
            "NOT has_words",
        ),
        index("user_words_by_word", "user_words", &["word", "user_id"]),
        only(
            index(
                "live_sessions_by_user",
                "sessions",
                &["user_id", "created_at", "id"],
            ),
            "ended_at IS NULL",
        ),
        index("sessions_by_user", "sessions", &["user_id"]),
        index("sessions_by_end", "sessions", &["expires_at"]),
        only(
            index("ended_sessions", "sessions", &["ended_at"]),
            "ended_at IS NOT NULL",
        ),
        only(
            index(
                "one_refresh_token_per_session",
                "refresh_tokens",
                &["session_id"],
            )
            .unique()
            .take(),
            "used_at IS NULL",
        ),
        index(
            "refresh_tokens_by_session",
            "refresh_tokens",
            &["session_id"],
        ),
        only(
            index("used_refresh_tokens", "refresh_tokens", &["used_at"]),
            "used_at IS NOT NULL",
        ),
        only(
            index(
                "one_open_token_per_purpose",
                "one_time_tokens",
                &["user_id", "purpose"],
            )
            .unique()
            .take(),
            "used_at IS NULL",
        ),
        index("one_time_tokens_by_end", "one_time_tokens", &["expires_at"]),
        index("access_changes_by_time", "access_changes", &["at"]),
        index(
            "account_events_by_user",
            "account_events",
            &["user_id", "id"],
        ),
        index("mails_by_recipient", "mails", &["recipient"]),
    ]
}
