//! Events that are edited, cancelled and looked for.
//!
//! What one looks for is kept apart from the events, folded and small: `event_search` has a row for
//! each event, in the order of time, and `event_words` a row for each of its words.

use sea_orm_migration::{
    prelude::*,
    schema::{
        big_integer, boolean, integer_null, string_len, string_len_null, text, text_null,
        timestamp_with_time_zone, timestamp_with_time_zone_null,
    },
    sea_orm::{ConnectionTrait, DatabaseBackend, QueryResult, Statement},
};
use std::collections::BTreeSet;
use std::fmt::Write;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in columns() {
            manager
                .alter_table(Table::alter().table(table).add_column(column).to_owned())
                .await?;
        }
        manager.create_table(event_search()).await?;
        let by_backend = match manager.get_database_backend() {
            DatabaseBackend::Postgres => POSTGRES,
            _ => SQLITE,
        };
        run(manager, by_backend).await?;
        run(manager, INDEXES).await?;
        // Everybody has seen those that were published.
        run(
            manager,
            "UPDATE events SET published_at = created_at WHERE status <> 'draft'",
        )
        .await?;
        fold_venues(manager).await?;
        fold_events(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(
            manager,
            "DROP INDEX events_to_settle; DROP INDEX reservations_to_settle; \
             DROP TABLE event_words; DROP TABLE event_search;",
        )
        .await?;
        if manager.get_database_backend() != DatabaseBackend::Postgres {
            run(manager, "DROP INDEX reservations_of_ticket").await?;
        }
        for (table, column) in columns() {
            let name = column.get_column_name();
            manager
                .alter_table(
                    Table::alter()
                        .table(table)
                        .drop_column(Alias::new(name))
                        .to_owned(),
                )
                .await?;
        }
        Ok(())
    }
}

fn columns() -> Vec<(&'static str, ColumnDef)> {
    vec![
        ("venues", string_len_null("picture", 500)),
        // The words of its name and city, folded, each with a space before it.
        ("venues", text("search_text").default("").to_owned()),
        ("venues", text("search_city").default("").to_owned()),
        ("events", string_len_null("picture", 500)),
        // URLs, as a JSON list.
        ("events", text_null("gallery")),
        ("events", timestamp_with_time_zone_null("doors_at")),
        // How long a hold lasts; null for the setting.
        ("events", integer_null("hold_secs")),
        // Null while only organisers have seen it.
        ("events", timestamp_with_time_zone_null("published_at")),
        ("events", timestamp_with_time_zone_null("cancelled_at")),
        ("events", string_len_null("cancel_reason", 500)),
        // When nothing was left to do about its cancellation.
        ("events", timestamp_with_time_zone_null("settled_at")),
        (
            "reservations",
            timestamp_with_time_zone_null("refund_due_at"),
        ),
    ]
}

fn event_search() -> TableCreateStatement {
    Table::create()
        .table("event_search")
        .col(big_integer("event_id").primary_key())
        .col(string_len("status", 16))
        .col(timestamp_with_time_zone("starts_at"))
        // When it ends, or starts where nobody knows when it ends.
        .col(timestamp_with_time_zone("over_at"))
        // Those that last for long are looked for apart: they may run though they began long ago.
        .col(boolean("lasts_long"))
        .col(timestamp_with_time_zone("created_at"))
        .col(big_integer("venue_id"))
        .col(text("city"))
        // Empty without one.
        .col(text("category"))
        // The words of its title and category, each with a space before it.
        .col(text("own_text"))
        // Those, and then those of its venue.
        .col(text("text"))
        .foreign_key(
            ForeignKey::create()
                .from("event_search", "event_id")
                .to("events", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

/// Words are compared byte by byte, so that those with the same beginning stand side by side.
const POSTGRES: &str = r#"
    CREATE TABLE event_words (
        word text COLLATE "C" NOT NULL,
        event_id bigint NOT NULL REFERENCES events (id) ON DELETE CASCADE,
        PRIMARY KEY (word, event_id)
    );
    CREATE INDEX event_search_by_start ON event_search (status, starts_at, event_id, over_at);
"#;

/// The index has all that a list is read from; and tickets of drafts can be deleted without a look
/// at every reservation.
const SQLITE: &str = "
    CREATE TABLE event_words (
        word text NOT NULL,
        event_id bigint NOT NULL REFERENCES events (id) ON DELETE CASCADE,
        PRIMARY KEY (word, event_id)
    ) WITHOUT ROWID;
    CREATE INDEX event_search_by_start
        ON event_search (status, starts_at, event_id, over_at, text);
    CREATE INDEX reservations_of_ticket ON reservation_tickets (ticket_id);
";

const INDEXES: &str = "
    CREATE INDEX words_of_event ON event_words (event_id);
    CREATE INDEX event_search_by_city ON event_search (city, status, starts_at, event_id);
    CREATE INDEX event_search_by_category ON event_search (category, status, starts_at, event_id);
    CREATE INDEX event_search_by_venue ON event_search (venue_id, status, starts_at, event_id);
    CREATE INDEX event_search_lasting ON event_search (status, starts_at, event_id) WHERE lasts_long;
    CREATE INDEX event_search_by_making ON event_search (created_at, event_id);
    CREATE INDEX events_to_settle ON events (id) WHERE status = 'cancelled' AND settled_at IS NULL;
    CREATE INDEX reservations_to_settle ON reservations (event_id)
        WHERE status IN ('held', 'confirmed') AND refund_due_at IS NULL;
";

async fn fold_venues(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let mut after = 0;
    loop {
        let sql = format!(
            "SELECT id, name, city FROM venues WHERE id > {after} ORDER BY id LIMIT {ROWS}"
        );
        let venues = select(manager, &sql).await?;
        let mut updates = String::new();
        for venue in &venues {
            after = venue.try_get("", "id")?;
            let (name, city): (String, String) =
                (venue.try_get("", "name")?, venue.try_get("", "city")?);
            let (words, city) = (as_text(&words(&[&name, &city])), fold(&city));
            // Folded texts are letters, digits and spaces.
            let _ = write!(
                updates,
                "UPDATE venues SET search_text = '{words}', search_city = '{city}' \
                 WHERE id = {after};"
            );
        }
        if venues.is_empty() {
            return Ok(());
        }
        run(manager, &updates).await?;
    }
}

async fn fold_events(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let lasts_long = match manager.get_database_backend() {
        DatabaseBackend::Postgres => "e.ends_at - e.starts_at > interval '72 hours'",
        _ => "julianday(e.ends_at) - julianday(e.starts_at) > 3",
    };
    let mut after = 0;
    loop {
        let sql = format!(
            "SELECT e.id, e.title, e.category, v.search_text \
             FROM events e JOIN venues v ON v.id = e.venue_id \
             WHERE e.id > {after} ORDER BY e.id LIMIT {ROWS}"
        );
        let events = select(manager, &sql).await?;
        let (mut rows, mut pairs) = (Vec::new(), Vec::new());
        for event in &events {
            after = event.try_get("", "id")?;
            let title: String = event.try_get("", "title")?;
            let category: Option<String> = event.try_get("", "category")?;
            let venue: String = event.try_get("", "search_text")?;
            let category = category.unwrap_or_default();
            let own = words(&[&title, &category]);
            rows.push(format!(
                "({after}, '{}', '{}')",
                fold(&category),
                as_text(&own)
            ));
            let all: BTreeSet<_> = own.iter().map(String::as_str).collect();
            let all = all.into_iter().chain(venue.split_whitespace());
            pairs.extend(all.map(|word| format!("('{word}', {after})")));
        }
        if events.is_empty() {
            return Ok(());
        }
        let insert = format!(
            "WITH x (id, category, own) AS (VALUES {}) \
             INSERT INTO event_search (event_id, status, starts_at, over_at, lasts_long, \
                                       created_at, venue_id, city, category, own_text, text) \
             SELECT e.id, e.status, e.starts_at, COALESCE(e.ends_at, e.starts_at), \
                    COALESCE({lasts_long}, FALSE), e.created_at, e.venue_id, v.search_city, x.category, x.own, x.own || v.search_text \
             FROM x JOIN events e ON e.id = x.id JOIN venues v ON v.id = e.venue_id",
            rows.join(", ")
        );
        run(manager, &insert).await?;
        if !pairs.is_empty() {
            let insert = format!(
                "INSERT INTO event_words (word, event_id) VALUES {} ON CONFLICT DO NOTHING",
                pairs.join(", ")
            );
            run(manager, &insert).await?;
        }
    }
}

const ROWS: usize = 500;

/// The words of some texts, each once, as they are at the time of this change.
fn words(texts: &[&str]) -> BTreeSet<String> {
    let folded: Vec<_> = texts.iter().map(|text| fold(text)).collect();
    let words = folded.iter().flat_map(|text| text.split_whitespace());
    words.map(|word| word.chars().take(50).collect()).collect()
}

fn as_text(words: &BTreeSet<String>) -> String {
    words.iter().flat_map(|word| [" ", word]).collect()
}

fn fold(text: &str) -> String {
    let latin = deunicode::deunicode_with_tofu(text, " ").to_lowercase();
    let words = latin.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

async fn select(manager: &SchemaManager<'_>, sql: &str) -> Result<Vec<QueryResult>, DbErr> {
    let connection = manager.get_connection();
    let backend = connection.get_database_backend();
    connection
        .query_all_raw(Statement::from_string(backend, sql))
        .await
}

async fn run(manager: &SchemaManager<'_>, sql: &str) -> Result<(), DbErr> {
    manager.get_connection().execute_unprepared(sql).await?;
    Ok(())
}
