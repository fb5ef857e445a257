//! What every instance looks for several times a second costs little however fast a sale fills the tables.

use futures_util::future::join_all;
use kit::{App, Zone, eventually, secs};

kit::stories! { on [PostgresEmbedded, PostgresRedis];
    a_rush_that_the_database_has_not_analysed_yet_is_looked_through_by_index:
        |app| app.env("HOLDFAST_DB_MAX_CONNECTIONS", "2"),
}

async fn a_rush_that_the_database_has_not_analysed_yet_is_looked_through_by_index(app: &App) {
    let unanalysed = "ALTER TABLE reservations SET (autovacuum_enabled = off); \
                      ALTER TABLE ledger SET (autovacuum_enabled = off)";
    app.execute(unanalysed).await;
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 20, 4500)]).await;
    let buyer = app.buyer().await;
    for seat in event.tickets() {
        app.reserve(&buyer, *seat).await.expect(201);
    }
    // PostgreSQL plans a statement anew for the first five times that a connection has it, then keeps a plan.
    let looks_into = ["reservations", "ledger"].map(|table| {
        format!(
            "SELECT COALESCE(seq_scan + idx_scan, seq_scan) FROM pg_stat_user_tables \
             WHERE relname = '{table}'"
        )
    });
    rise(app, &looks_into).await;
    let looks_by = ["holds_by_expiry", "ledger_pkey"].map(|index| {
        format!("SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = '{index}'")
    });
    rise(app, &looks_by).await;
}

/// Waits until each of these numbers has risen by a dozen, of which the counting of holds adds two or three.
async fn rise(app: &App, queries: &[String]) {
    join_all(queries.iter().map(async |query| {
        let before = app.count(query).await;
        eventually(secs(30), async || app.count(query).await >= before + 12).await;
    }))
    .await;
}
