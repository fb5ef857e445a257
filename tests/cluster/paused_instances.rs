//! Instances that stop in the middle of their work and go on later, unaware of the time that has passed.

use kit::{Cluster, Instance, Zone, eventually, eventually_eq, race, secs, tally};

use crate::{
    answers::{LOST, count_winners, expect_only, tickets},
    gate::{Gate, working_instance},
};

const LOCK_TTL_MS: u32 = 1000;

stories! {
    the_late_write_of_a_paused_lock_holder_loses: |cluster| cluster.lock_ttl_ms(super::LOCK_TTL_MS),
    an_instance_paused_in_a_race_sells_no_seat_twice: |cluster| cluster.lock_ttl_ms(super::LOCK_TTL_MS),
    a_transaction_of_a_paused_instance_is_ended_and_its_late_commit_fails:
        |cluster| cluster.lock_ttl_ms(super::LOCK_TTL_MS),
    what_a_paused_instance_has_sent_is_sold_and_answered_later:
        |cluster| cluster.lock_ttl_ms(super::LOCK_TTL_MS),
}

async fn the_late_write_of_a_paused_lock_holder_loses(cluster: &Cluster) {
    let zones = [Zone::seated("Stalls", 1, 1, 4500)];
    let event = cluster.on_limited_sale(&zones, 4).await;
    let [late, quick] = [cluster.buyer().await, cluster.buyer().await];
    let seat = event.tickets()[0];

    // With a limit the buyer is looked at first: the ticket's lock is held, its row not touched yet.
    let gate = Gate::close(cluster, "users").await;
    let meanwhile = async {
        let holder = pause_at(cluster, gate).await;
        cluster.reserve(&quick, seat).await.expect(201);
        holder.resume();
    };
    let attempt = async { cluster.reserve(&late, seat).await };
    let (lost, ()) = tokio::join!(attempt, meanwhile);

    assert_eq!(lost.status, 409, "{lost:?}");
    expect_only(&LOST, &[lost]);
    let owners = cluster.rows("SELECT user_id FROM reservations").await;
    assert_eq!(owners.len(), 1);
    assert_eq!(owners[0]["user_id"], quick.id);
    let conflicts = cluster
        .metric("holdfast_version_conflicts_total", &[("operation", "hold")])
        .await;
    assert_eq!(conflicts.to_string(), "1");
}

async fn an_instance_paused_in_a_race_sells_no_seat_twice(cluster: &Cluster) {
    let event = cluster
        .on_sale(&[Zone::seated("Stalls", 3, 20, 4500)])
        .await;
    let buyers = cluster.buyers(10).await;
    let crowd = race(300, |number| {
        cluster.reserve(&buyers[number % 10], event.tickets()[number % 60])
    });
    let pausing = async {
        eventually(secs(20), async || {
            cluster.count("SELECT count(*) FROM reservations").await > 4
        })
        .await;
        cluster.instances[0].pause();
        // The delay is the story: longer than its locks live.
        tokio::time::sleep(secs(2)).await;
        cluster.instances[0].resume();
    };
    let (answers, ()) = tokio::join!(crowd, pausing);

    expect_only(&LOST, &answers);
    let mut sold = tickets(&answers);
    sold.sort_unstable();
    sold.dedup();
    assert_eq!(sold.len(), count_winners(&answers), "{:?}", tally(&answers));
    cluster.expect_seats(&event, "held", sold.len()).await;
    let rows = cluster.count("SELECT count(*) FROM reservations").await;
    assert_eq!(usize::try_from(rows), Ok(sold.len()));
}

/// It has moved the ticket, but not committed, so the others find the row itself locked. With a limit
/// there is more than one statement to a hold, and so a transaction.
async fn a_transaction_of_a_paused_instance_is_ended_and_its_late_commit_fails(cluster: &Cluster) {
    let zones = [Zone::seated("Stalls", 1, 1, 4500)];
    let event = cluster.on_limited_sale(&zones, 4).await;
    let [late, quick] = [cluster.buyer().await, cluster.buyer().await];
    let seat = event.tickets()[0];

    let gate = Gate::close(cluster, "ledger").await;
    let meanwhile = async {
        let holder = pause_at(cluster, gate).await;
        eventually(secs(40), async || {
            let answer = cluster.reserve(&quick, seat).await;
            expect_only(
                &["ticket-contended", "unavailable"],
                std::slice::from_ref(&answer),
            );
            answer.is_success()
        })
        .await;
        holder.resume();
    };
    let attempt = async { cluster.reserve(&late, seat).await };
    let (lost, ()) = tokio::join!(attempt, meanwhile);

    lost.expect_problem(503, "unavailable");
    let owners = cluster.rows("SELECT user_id FROM reservations").await;
    assert_eq!(owners.len(), 1);
    assert_eq!(owners[0]["user_id"], quick.id);
}

/// What it has sent is all that it takes, so the others find the ticket sold.
async fn what_a_paused_instance_has_sent_is_sold_and_answered_later(cluster: &Cluster) {
    let event = cluster.on_sale(&[Zone::seated("Stalls", 1, 1, 4500)]).await;
    let [first, second] = [cluster.buyer().await, cluster.buyer().await];
    let seat = event.tickets()[0];

    let gate = Gate::close_ticket(cluster, seat).await;
    let meanwhile = async {
        let holder = pause_at(cluster, gate).await;
        let answer = cluster.reserve(&second, seat).await;
        answer.expect_problem(409, "ticket-taken");
        holder.resume();
    };
    let attempt = async { cluster.reserve(&first, seat).await };
    let (won, ()) = tokio::join!(attempt, meanwhile);

    won.expect(201);
    let owners = cluster.rows("SELECT user_id FROM reservations").await;
    assert_eq!(owners.len(), 1);
    assert_eq!(owners[0]["user_id"], first.id);
}

/// Pauses the instance that stands before a gate, until its locks have ended.
async fn pause_at(cluster: &Cluster, gate: Gate) -> &Instance {
    gate.queue(cluster, 1).await;
    let holder = working_instance(cluster).await;
    holder.pause();
    gate.open().await;
    no_lock_is_held(cluster).await;
    holder
}

async fn no_lock_is_held(cluster: &Cluster) {
    for node in &cluster.lock_nodes {
        eventually_eq(secs(20), 0, async || node.key_count().await).await;
    }
}
