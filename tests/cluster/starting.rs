//! Instances that start together, and again.

use futures_util::future::join_all;
use kit::{Cluster, Instance, Zone};
use serde_json::Value;

stories! {
    three_that_start_on_an_empty_database_set_it_up_once: |cluster| cluster.env("HOLDFAST_DEMO", "on"),
    starting_again_changes_nothing: |cluster| cluster.env("HOLDFAST_DEMO", "on"),
}

async fn three_that_start_on_an_empty_database_set_it_up_once(cluster: &Cluster) {
    let count = async |table: &str| {
        cluster
            .count(&format!("SELECT count(*) FROM {table}"))
            .await
    };
    let changes = cluster
        .rows("SELECT count(*) AS all, count(DISTINCT version) AS different FROM seaql_migrations")
        .await;
    assert_eq!(changes[0]["all"], changes[0]["different"]);
    assert_eq!(count("venues").await, 1);
    assert_eq!(count("events").await, 1);
    assert_eq!(count("zones").await, 3);
    assert_eq!(count("users WHERE role = 'admin'").await, 1);
    assert_eq!(count("users WHERE role = 'customer'").await, 1);

    // Each of them serves what one of them has made.
    cluster.admin().await;
    for instance in &cluster.instances {
        let events = format!("{}/api/events", instance.base_url());
        let events = cluster.get(&events).await.expect(200);
        assert_eq!(events["items"].as_array().map(Vec::len), Some(1));
    }
}

async fn starting_again_changes_nothing(cluster: &Cluster) {
    let event = cluster.on_sale(&[Zone::seated("Stalls", 1, 3, 4500)]).await;
    let buyer = cluster.buyer().await;
    let seats = event.tickets();
    cluster.reserve(&buyer, seats[0]).await.expect(201);
    let paid = cluster.reserve(&buyer, seats[1]).await.expect(201).id();
    cluster
        .confirm(&buyer, &paid, "tok_success")
        .await
        .expect(200);

    let before = everything(cluster).await;
    for instance in &cluster.instances {
        instance.kill();
    }
    join_all(cluster.instances.iter().map(Instance::start_again)).await;
    assert_eq!(everything(cluster).await, before);
}

async fn everything(cluster: &Cluster) -> Vec<Value> {
    let mut rows = Vec::new();
    for table in [
        "seaql_migrations",
        "users",
        "venues",
        "events",
        "zones",
        "codes",
        "tickets",
        "reservations",
        "reservation_tickets",
        "payments",
        "ledger",
        "idempotency_keys",
    ] {
        rows.extend(
            cluster
                .rows(&format!("SELECT * FROM {table} ORDER BY 1, 2"))
                .await,
        );
    }
    rows
}
