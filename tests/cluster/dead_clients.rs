//! Clients that vanish while their request is worked on.

use std::time::Duration;

use futures_util::future::join_all;
use kit::{Cluster, Zone};

use crate::load::certain;

stories! {
    a_client_that_vanishes_leaves_a_whole_hold_or_none,
    a_client_that_vanishes_while_paying_pays_for_what_it_gets,
}

const CLIENTS: usize = 60;

async fn a_client_that_vanishes_leaves_a_whole_hold_or_none(cluster: &Cluster) {
    let event = cluster
        .on_sale(&[Zone::seated("Stalls", 2, 60, 4500)])
        .await;
    let buyers = cluster.buyers(6).await;
    let pairs: Vec<&[i64]> = event.tickets().chunks(2).collect();
    let ask = |client: usize| {
        let buyer = &buyers[client % buyers.len()];
        let call = cluster.reserve_tickets(buyer, &event, pairs[client]);
        call.key(&format!("pair {client}"))
    };

    let vanishing = (0..CLIENTS).map(|client| ask(client).hang_up(after(client)));
    for sent in join_all(vanishing).await {
        sent.expect("Nginx takes the request");
    }
    // True at every moment, so nobody needs to know when the last one is done.
    let halves = "SELECT count(*) FROM reservations r WHERE \
                  (SELECT count(*) FROM tickets t WHERE t.reservation_id = r.id) <> 2";
    assert_eq!(cluster.count(halves).await, 0);

    // Whoever comes back with the same key gets what there is, or what there would have been.
    for client in 0..CLIENTS {
        certain(|| ask(client)).await.expect(201);
    }
    assert_eq!(cluster.count("SELECT count(*) FROM reservations").await, 60);
    cluster.expect_seats(&event, "held", 120).await;
}

async fn a_client_that_vanishes_while_paying_pays_for_what_it_gets(cluster: &Cluster) {
    let event = cluster
        .on_sale(&[Zone::seated("Stalls", 1, 60, 4500)])
        .await;
    let buyer = cluster.buyer().await;
    let mut holds = Vec::with_capacity(CLIENTS);
    for &seat in event.tickets() {
        holds.push(cluster.reserve(&buyer, seat).await.expect(201).id());
    }
    let pay = |client: usize| {
        let hold = &holds[client];
        cluster.confirm(&buyer, hold, "tok_success").key(hold)
    };

    let vanishing = (0..CLIENTS).map(|client| pay(client).hang_up(after(client)));
    for sent in join_all(vanishing).await {
        sent.expect("Nginx takes the request");
    }
    for client in 0..CLIENTS {
        certain(|| pay(client)).await.expect(200);
    }
    cluster.expect_seats(&event, "sold", 60).await;
    let kept = "SELECT count(*) FROM payments WHERE status = 'succeeded'";
    assert_eq!(cluster.count(kept).await, 60, "somebody paid twice");
}

/// From before an instance has seen the request to after it has answered.
fn after(client: usize) -> Duration {
    Duration::from_millis(u64::try_from(client).unwrap_or_default())
}
