//! Crowds that want the same seats.

use kit::{Answer, Cluster, Event, Person, Zone, race, tally};

use crate::answers::{LOST, count_winners, expect_only, served_by, tickets};

// A crowd waits for the database as long as it takes, however slow the machine is.
stories! {
    of_a_thousand_requests_for_one_ticket_one_wins: |cluster| cluster.env("HOLDFAST_DB_ACQUIRE_MS", "30000"),
    of_five_hundred_requests_for_one_seat_among_many_one_wins: |cluster| cluster.env("HOLDFAST_DB_ACQUIRE_MS", "30000"),
    overlapping_requests_in_opposite_orders_neither_deadlock_nor_split,
    overlapping_requests_without_locks_neither_deadlock_nor_split,
}

async fn of_a_thousand_requests_for_one_ticket_one_wins(cluster: &Cluster) {
    let event = cluster.on_sale(&[Zone::seated("Stalls", 1, 1, 4500)]).await;
    let answers = race_for_the_first_seat(cluster, &event, 1000).await;

    assert_eq!(count_winners(&answers), 1, "{:?}", tally(&answers));
    expect_only(&LOST, &answers);
    assert_eq!(
        cluster.count("SELECT count(*) FROM reservations").await,
        1,
        "more reservations than winners"
    );
    assert_eq!(cluster.count("SELECT count(*) FROM ledger").await, 1);
    assert_eq!(
        served_by(&answers).into_iter().collect::<Vec<_>>(),
        ["app-1", "app-2", "app-3"]
    );
}

async fn of_five_hundred_requests_for_one_seat_among_many_one_wins(cluster: &Cluster) {
    let event = cluster
        .on_sale(&[Zone::seated("Stalls", 10, 20, 4500)])
        .await;
    let answers = race_for_the_first_seat(cluster, &event, 500).await;

    assert_eq!(count_winners(&answers), 1, "{:?}", tally(&answers));
    expect_only(&LOST, &answers);
    assert_eq!(served_by(&answers).len(), 3);
    cluster.expect_seats(&event, "held", 1).await;
    cluster.expect_seats(&event, "available", 199).await;
}

async fn race_for_the_first_seat(cluster: &Cluster, event: &Event, requests: usize) -> Vec<Answer> {
    let buyers = cluster.buyers(20).await;
    race(requests, |number| {
        cluster.reserve(&buyers[number % buyers.len()], event.tickets()[0])
    })
    .await
}

async fn overlapping_requests_in_opposite_orders_neither_deadlock_nor_split(cluster: &Cluster) {
    race_in_opposite_orders(cluster).await;
}

/// The database alone has to keep two transactions from waiting for each other.
async fn overlapping_requests_without_locks_neither_deadlock_nor_split(cluster: &Cluster) {
    for node in &cluster.lock_nodes {
        node.stop().await;
    }
    race_in_opposite_orders(cluster).await;
    assert!(cluster.metric("holdfast_lock_bypassed_total", &[]).await > 0.0);
}

async fn race_in_opposite_orders(cluster: &Cluster) {
    let event = cluster.on_sale(&[Zone::seated("Stalls", 1, 6, 4500)]).await;
    let buyers = cluster.buyers(6).await;
    for _ in 0..5 {
        let answers = race(60, |number| {
            let wanted = overlapping(event.tickets(), number);
            cluster.reserve_tickets(&buyers[number % buyers.len()], &event, &wanted)
        })
        .await;
        expect_only(&LOST, &answers);
        expect_all_or_nothing(cluster, &event, &answers).await;
        give_all_up(cluster, &buyers).await;
    }
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(cluster.count(deadlocks).await, 0);
}

/// Three of six seats, from every spot on, every second time from the other end.
fn overlapping(seats: &[i64], number: usize) -> Vec<i64> {
    let around = seats.iter().cycle().skip(number % seats.len());
    let mut wanted: Vec<i64> = around.take(3).copied().collect();
    if number % 2 == 1 {
        wanted.reverse();
    }
    wanted
}

async fn expect_all_or_nothing(cluster: &Cluster, event: &Event, answers: &[Answer]) {
    let mut given_out = tickets(answers);
    assert_eq!(given_out.len(), 3 * count_winners(answers));
    given_out.sort_unstable();
    given_out.dedup();
    assert_eq!(
        given_out.len(),
        3 * count_winners(answers),
        "a seat has two owners"
    );
    cluster.expect_seats(event, "held", given_out.len()).await;
}

async fn give_all_up(cluster: &Cluster, buyers: &[Person]) {
    for buyer in buyers {
        let holds = cluster.get("/api/reservations?status=held").by(buyer).await;
        for hold in holds["items"].as_array().into_iter().flatten() {
            let id = hold["id"].as_str().unwrap_or_default();
            cluster.release(buyer, id).await.expect(204);
        }
    }
}
