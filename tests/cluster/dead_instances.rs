//! Instances that are killed in the middle of their work.

use kit::{Cluster, RedisNode, Zone, eventually, eventually_eq, race, secs};

use crate::{
    answers::{LOST_OR_UNKNOWN, expect_only, reservations},
    gate::{Gate, working_instance},
    load::{count_paid, sell_during},
};

const LOCK_TTL_MS: u32 = 2000;

stories! {
    the_lock_of_a_killed_instance_ends_with_its_ttl: |cluster| cluster.lock_ttl_ms(super::LOCK_TTL_MS),
    what_was_answered_outlives_the_instance_that_answered: |cluster| cluster.lock_ttl_ms(super::LOCK_TTL_MS),
    the_money_of_killed_instances_is_given_back_by_the_last_one,
    who_repeats_with_the_same_key_buys_once_whoever_is_killed:
        |cluster| cluster.env("HOLDFAST_PAYMENT_TIMEOUT_MS", "500"),
}

async fn the_lock_of_a_killed_instance_ends_with_its_ttl(cluster: &Cluster) {
    let event = cluster.on_sale(&[Zone::seated("Stalls", 1, 2, 4500)]).await;
    let [first, second] = [cluster.buyer().await, cluster.buyer().await];
    let seat = event.tickets()[0];

    let gate = Gate::close(cluster, "reservations").await;
    let killing = async {
        gate.queue(cluster, 1).await;
        working_instance(cluster).await.kill();
        for node in &cluster.lock_nodes {
            let left = lock_left_ms(node, seat).await;
            assert!((1..=LOCK_TTL_MS.into()).contains(&left), "{left} ms left");
        }
        gate.open().await;
    };
    let attempt = async { cluster.reserve(&first, seat).await };
    let (unknown, ()) = tokio::join!(attempt, killing);
    // It was sent, so Nginx does not send it to another.
    unknown.expect_problem(503, "unavailable");

    cluster
        .reserve(&second, event.tickets()[1])
        .await
        .expect(201);
    eventually(secs(20), async || {
        let answer = cluster.reserve(&second, seat).await;
        expect_only(&["ticket-contended"], std::slice::from_ref(&answer));
        answer.is_success()
    })
    .await;
}

async fn what_was_answered_outlives_the_instance_that_answered(cluster: &Cluster) {
    let event = cluster
        .on_sale(&[Zone::seated("Stalls", 3, 20, 4500)])
        .await;
    let buyers = cluster.buyers(10).await;
    let crowd = race(300, |number| {
        cluster.reserve(&buyers[number % 10], event.tickets()[number % 60])
    });
    let killing = async {
        eventually(secs(20), async || {
            cluster.count("SELECT count(*) FROM reservations").await > 4
        })
        .await;
        cluster.instances[0].kill();
    };
    let (answers, ()) = tokio::join!(crowd, killing);
    expect_only(&LOST_OR_UNKNOWN, &answers);

    let rows = cluster
        .rows("SELECT id FROM reservations WHERE status = 'held'")
        .await;
    for id in reservations(&answers) {
        assert!(rows.iter().any(|row| row["id"] == *id), "{id} is lost");
    }
    for &seat in event.tickets() {
        eventually(secs(20), async || {
            let answer = cluster.reserve(&buyers[0], seat).await;
            let is_taken = answer.is_success() || answer.slug() == "ticket-taken";
            is_taken.then_some(()).ok_or_else(|| format!("{answer:?}"))
        })
        .await;
    }
    cluster.expect_seats(&event, "held", 60).await;
}

async fn the_money_of_killed_instances_is_given_back_by_the_last_one(cluster: &Cluster) {
    let event = cluster.on_sale(&[Zone::seated("Stalls", 1, 2, 4500)]).await;
    let [first, second] = [cluster.buyer().await, cluster.buyer().await];
    let holds = [
        cluster
            .reserve(&first, event.tickets()[0])
            .await
            .expect(201),
        cluster
            .reserve(&second, event.tickets()[1])
            .await
            .expect(201),
    ];
    let [usable, ending] = holds.map(|hold| hold.id());
    let pay = async |buyer, hold| cluster.confirm(buyer, hold, "tok_slow").await;

    // Each dies with a payment under way, which the provider takes a second to answer.
    for (payments, (buyer, hold)) in [(1, (&first, &usable)), (2, (&second, &ending))] {
        let killing = async {
            eventually_eq(secs(20), payments, async || pending_payments(cluster).await).await;
            working_instance(cluster).await.kill();
        };
        let (unknown, ()) = tokio::join!(pay(buyer, hold), killing);
        unknown.expect_problem(503, "unavailable");
    }
    assert_eq!(pending_payments(cluster).await, 2);
    let early = cluster.confirm(&first, &usable, "tok_success").await;
    early.expect_problem(409, "payment-in-progress");

    // Time passes: the payments are older than anyone works on them, and one hold has ended.
    cluster
        .execute(&format!(
            "UPDATE payments SET updated_at = updated_at - interval '1 minute'; \
             UPDATE reservations SET expires_at = statement_timestamp() WHERE id = '{ending}'"
        ))
        .await;
    eventually_eq(secs(30), 2, async || {
        cluster
            .count("SELECT count(*) FROM payments WHERE status = 'voided'")
            .await
    })
    .await;

    let paid = cluster.confirm(&first, &usable, "tok_success").await;
    assert_eq!(paid.expect(200)["status"], "confirmed");
    let late = cluster.confirm(&second, &ending, "tok_success").await;
    late.expect_problem(410, "hold-expired");
    eventually_eq(secs(20), 1, async || {
        cluster.seats(&event, "available").await
    })
    .await;
}

async fn who_repeats_with_the_same_key_buys_once_whoever_is_killed(cluster: &Cluster) {
    let event = cluster.on_sale(&[Zone::standing("Pit", 3000, 1500)]).await;
    let buyers = cluster.buyers(6).await;
    let killing = async {
        for instance in &cluster.instances[..2] {
            let before = count_paid(cluster).await;
            eventually(secs(40), async || count_paid(cluster).await > before + 10).await;
            instance.restart().await;
        }
    };
    let promises = sell_during(killing, cluster, &event, &buyers).await;
    promises.expect_kept(cluster).await;
}

async fn pending_payments(cluster: &Cluster) -> i64 {
    cluster
        .count("SELECT count(*) FROM payments WHERE status = 'pending'")
        .await
}

/// How long the node keeps the lock of a ticket if nobody comes back for it.
async fn lock_left_ms(node: &RedisNode, ticket: i64) -> i64 {
    let ask = format!("PTTL holdfast:lock:ticket:{ticket}");
    let reply = node.command(&ask).await.expect("a node can be asked");
    let left = reply.trim().trim_start_matches(':');
    left.parse().expect("PTTL answers with a number")
}
