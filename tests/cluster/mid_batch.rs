//! Instances that are killed in the middle of a batch: each change of it is there whole, or not at all.

use std::{cell::Cell, collections::BTreeMap};

use futures_util::future::join_all;
use kit::{Answer, Cluster, Zone, eventually, race, secs, tally};

use crate::{
    answers::expect_only,
    gate::{Gate, working_instance},
};

const LOCK_TTL_MS: u32 = 2000;

stories! {
    a_batch_of_a_killed_instance_is_gone_as_a_whole: |cluster| cluster.lock_ttl_ms(super::LOCK_TTL_MS),
    what_was_answered_in_a_burst_is_there_and_everything_is_whole:
        |cluster| cluster.lock_ttl_ms(super::LOCK_TTL_MS),
}

async fn a_batch_of_a_killed_instance_is_gone_as_a_whole(cluster: &Cluster) {
    let event = cluster
        .on_sale(&[Zone::seated("Stalls", 10, 3, 4500)])
        .await;
    let buyer = cluster.buyer().await;
    let rows: Vec<&[i64]> = event.tickets().chunks(3).collect();
    let [victim, ..] = cluster.instances.as_slice() else {
        panic!("a cluster has instances");
    };
    let at_the_victim = |row: &[i64]| {
        let path = format!("{}/api/reservations", victim.base_url());
        let wanted = serde_json::json!({ "event_id": event.id, "ticket_ids": row });
        cluster.post(&path).by(&buyer).json(&wanted)
    };

    let gate = Gate::close(cluster, "ledger").await;
    let first = at_the_victim(rows[0]).attempt();
    let burst = async {
        gate.queue(cluster, 1).await;
        join_all(rows[1..].iter().map(|row| at_the_victim(row).attempt())).await
    };
    let killing = async {
        // It commits two batches at once, and the rest gathers behind them.
        gate.queue(cluster, 2).await;
        assert_eq!(working_instance(cluster).await.name(), victim.name());
        victim.kill();
    };
    let (first, others, ()) = tokio::join!(first, burst, killing);
    assert!(first.is_err() && others.iter().all(Result::is_err));
    gate.open().await;

    // Its transactions end once the database notices that nobody goes on with them.
    for row in &rows {
        eventually(secs(20), async || {
            let answer = cluster.reserve_tickets(&buyer, &event, row).await;
            expect_only(
                &["ticket-contended", "unavailable"],
                std::slice::from_ref(&answer),
            );
            answer.is_success()
        })
        .await;
    }
    assert_eq!(cluster.count("SELECT count(*) FROM reservations").await, 10);
    cluster.expect_seats(&event, "held", 30).await;
}

async fn what_was_answered_in_a_burst_is_there_and_everything_is_whole(cluster: &Cluster) {
    let event = cluster
        .on_sale(&[Zone::seated("Stalls", 100, 3, 4500)])
        .await;
    let buyers = cluster.buyers(5).await;
    let rows: Vec<&[i64]> = event.tickets().chunks(3).collect();
    let answered = Cell::new(0);
    let burst = race(100, |number| {
        let call = cluster.reserve_tickets(&buyers[number % 5], &event, rows[number]);
        let answered = &answered;
        Box::pin(async move {
            let answer = call.key(&format!("row {number}")).await;
            answered.set(answered.get() + usize::from(answer.is_success()));
            answer
        })
    });
    let killing = async {
        eventually(secs(30), async || answered.get() >= 5).await;
        cluster.instances[0].kill();
    };
    let (answers, ()) = tokio::join!(burst, killing);
    expect_only(&["unavailable", "ticket-contended"], &answers);

    // What has been committed, answered or not, has all its seats.
    let found = cluster
        .rows(
            "SELECT r.id, count(a.ticket_id) AS tickets FROM reservations r \
             LEFT JOIN reservation_tickets a ON a.reservation_id = r.id AND a.active GROUP BY r.id",
        )
        .await;
    let found: BTreeMap<&str, i64> = found
        .iter()
        .filter_map(|row| Some((row["id"].as_str()?, row["tickets"].as_i64()?)))
        .collect();
    assert!(found.values().all(|tickets| *tickets == 3), "{found:?}");
    for won in answers.iter().filter(|answer| answer.is_success()) {
        assert!(found.contains_key(won.id().as_str()), "{won:?} is lost");
    }
    cluster.verify();

    // Asked again with the same keys, everybody has a row of their own.
    for (number, row) in rows.iter().enumerate() {
        let ask = || {
            let call = cluster.reserve_tickets(&buyers[number % 5], &event, row);
            call.key(&format!("row {number}"))
        };
        let again: Answer = crate::load::certain(ask).await.expect(201);
        assert_eq!(again.tickets(), *row);
        if answers[number].is_success() {
            assert_eq!(again.id(), answers[number].id(), "{:?}", tally(&answers));
        }
    }
    assert_eq!(
        cluster.count("SELECT count(*) FROM reservations").await,
        100
    );
}
