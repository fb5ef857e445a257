//! Lock nodes that forget, hang and are gone. The version decides without them.

use kit::{Answer, Cluster, Event, Person, Zone, eventually, eventually_eq, race, secs, tally};

use crate::answers::{LOST, count_winners, expect_only, tickets};

stories! {
    locks_that_are_wiped_in_a_race_let_no_seat_be_sold_twice,
    without_a_quorum_selling_goes_on_and_with_it_locks_are_used_again,
    a_lock_node_that_hangs_is_done_without_until_it_answers,
    without_any_redis_selling_goes_on_and_readiness_tells,
}

const SEATS: usize = 40;

async fn locks_that_are_wiped_in_a_race_let_no_seat_be_sold_twice(cluster: &Cluster) {
    let (event, buyers) = on_sale(cluster).await;
    let wiping = async {
        loop {
            for node in &cluster.lock_nodes {
                node.flush().await;
            }
        }
    };
    let answers = tokio::select! {
        answers = race_for_all_seats(cluster, &event, &buyers) => answers,
        () = wiping => unreachable!("it goes on for as long as the race"),
    };
    expect_each_seat_sold_once(cluster, &event, &answers).await;
}

async fn without_a_quorum_selling_goes_on_and_with_it_locks_are_used_again(cluster: &Cluster) {
    let (event, buyers) = on_sale(cluster).await;
    let lose_quorum = async {
        eventually(secs(20), async || {
            cluster.count("SELECT count(*) FROM reservations").await > 0
        })
        .await;
        cluster.lock_nodes[0].stop().await;
        cluster.lock_nodes[2].stop().await;
    };
    let (answers, ()) = tokio::join!(race_for_all_seats(cluster, &event, &buyers), lose_quorum);
    expect_each_seat_sold_once(cluster, &event, &answers).await;

    instances_with_quorum(cluster, 0.0).await;
    let again = cluster
        .on_sale(&[Zone::seated("Circle", 1, 10, 3000)])
        .await;
    for &seat in &again.tickets()[..5] {
        cluster.reserve(&buyers[0], seat).await.expect(201);
    }
    assert!(bypassed(cluster).await >= 5.0);

    cluster.lock_nodes[0].start_again().await;
    cluster.lock_nodes[2].start_again().await;
    instances_with_quorum(cluster, 3.0).await;
    let (bypassed_before, acquired_before) = (bypassed(cluster).await, acquired(cluster).await);
    for &seat in &again.tickets()[5..] {
        cluster.reserve(&buyers[0], seat).await.expect(201);
    }
    assert_same(bypassed(cluster).await, bypassed_before);
    assert!(acquired(cluster).await >= acquired_before + 5.0);
}

async fn a_lock_node_that_hangs_is_done_without_until_it_answers(cluster: &Cluster) {
    let (event, buyers) = on_sale(cluster).await;
    let node = &cluster.lock_nodes[1];
    let nodes_up = async || {
        let up = [("node", &*node.address())];
        cluster
            .metric("holdfast_lock_node_up", &up)
            .await
            .to_string()
    };

    node.pause().await;
    let answers = race_for_all_seats(cluster, &event, &buyers).await;
    expect_each_seat_sold_once(cluster, &event, &answers).await;
    eventually_eq(secs(20), "0".to_owned(), nodes_up).await;
    let ready = cluster.get("/health/ready").await.expect(200);
    assert_eq!(ready["dependencies"]["locks"]["status"], "degraded");
    let waited = "holdfast_lock_wait_duration_seconds";
    let waited_secs = cluster.metric(&format!("{waited}_sum"), &[]).await;
    let requests = cluster.metric(&format!("{waited}_count"), &[]).await;
    println!("{requests} requests waited {waited_secs} s for locks, with a node that hangs");

    node.resume().await;
    eventually_eq(secs(20), "3".to_owned(), nodes_up).await;
}

async fn without_any_redis_selling_goes_on_and_readiness_tells(cluster: &Cluster) {
    let (event, buyers) = on_sale(cluster).await;
    let all = || cluster.lock_nodes.iter().chain([cluster.messages()]);
    for node in all() {
        node.stop().await;
    }
    for instance in &cluster.instances {
        dependencies_are("down", cluster, instance.base_url()).await;
    }
    let answers = race_for_all_seats(cluster, &event, &buyers).await;
    expect_each_seat_sold_once(cluster, &event, &answers).await;
    let seat = event.tickets()[0];
    let given_up = race(buyers.len(), |number| {
        cluster.release_ticket(&buyers[number], seat)
    })
    .await;
    expect_only(&["not-found"], &given_up);
    assert_eq!(cluster.ticket_status(seat).await, "available");

    for node in all() {
        node.start_again().await;
    }
    for instance in &cluster.instances {
        dependencies_are("up", cluster, instance.base_url()).await;
    }
}

/// Ready all the time, and saying how Redis is.
async fn dependencies_are(state: &str, cluster: &Cluster, base_url: &str) {
    eventually(secs(20), async || {
        let ready = cluster.get(&format!("{base_url}/health/ready")).await;
        let ready = ready.expect(200);
        let dependencies = &ready["dependencies"];
        let locks = &dependencies["locks"];
        let nodes = locks["nodes"].as_array().into_iter().flatten();
        let told = nodes
            .map(|node| &node["status"])
            .chain([&locks["status"], &dependencies["messages"]["status"]]);
        let is_so = told.clone().count() == 5 && told.clone().all(|status| status == state);
        let is_so = is_so && dependencies["database"]["status"] == "up";
        is_so.then_some(()).ok_or_else(|| dependencies.to_string())
    })
    .await;
}

async fn on_sale(cluster: &Cluster) -> (Event, Vec<Person>) {
    let seats = u32::try_from(SEATS).expect("it is a small number");
    let stalls = Zone::seated("Stalls", 1, seats, 4500);
    (cluster.on_sale(&[stalls]).await, cluster.buyers(10).await)
}

/// Eight for each seat.
async fn race_for_all_seats(cluster: &Cluster, event: &Event, buyers: &[Person]) -> Vec<Answer> {
    race(8 * SEATS, |number| {
        let buyer = &buyers[number % buyers.len()];
        cluster.reserve(buyer, event.tickets()[number % SEATS])
    })
    .await
}

async fn expect_each_seat_sold_once(cluster: &Cluster, event: &Event, answers: &[Answer]) {
    expect_only(&LOST, answers);
    assert_eq!(count_winners(answers), SEATS, "{:?}", tally(answers));
    let mut sold = tickets(answers);
    sold.sort_unstable();
    assert_eq!(sold, event.tickets());
    cluster.expect_seats(event, "held", SEATS).await;
}

async fn instances_with_quorum(cluster: &Cluster, count: f64) {
    eventually_eq(secs(20), count.to_string(), async || {
        let quorum = cluster.metric("holdfast_lock_quorum", &[]).await;
        quorum.to_string()
    })
    .await;
}

async fn bypassed(cluster: &Cluster) -> f64 {
    cluster.metric("holdfast_lock_bypassed_total", &[]).await
}

async fn acquired(cluster: &Cluster) -> f64 {
    let acquired = [("outcome", "acquired")];
    let name = "holdfast_lock_attempts_total";
    cluster.metric(name, &acquired).await
}

/// Counters are whole numbers, whatever they are carried in.
#[track_caller]
fn assert_same(one: f64, other: f64) {
    assert_eq!(one.to_string(), other.to_string());
}
