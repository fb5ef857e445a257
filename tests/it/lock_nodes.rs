//! Redis comes and goes, hangs and forgets; tickets are sold once all the same.

use std::time::Duration;

use kit::{
    App, Backend, Builder, Event, Person, RedisNode, Zone, eventually, eventually_eq, race, secs,
    tally,
};
use serde_json::json;

use crate::coordination::telling;

kit::stories! { on [SqliteRedis, PostgresRedis];
    locks_are_taken_and_given_back_after_the_commit,
    when_every_lock_node_is_wiped_mid_race_each_seat_still_has_one_winner: super::patient,
    without_a_quorum_the_sale_goes_on,
    without_a_quorum_a_cautious_instance_refuses: |app| app.env("HOLDFAST_WITHOUT_LOCKS", "refuse"),
    a_hung_lock_node_stops_nobody,
    a_majority_that_hangs_stops_nobody,
    without_a_node_for_messages_the_sale_goes_on,
    every_change_is_told_to_the_other_instances,
    a_lock_that_is_never_given_back_ends_with_its_time: |app| app.lock_ttl_ms(1000),
    lock_nodes_that_are_down_at_the_start_are_found_later,
}

kit::stories! { on [SqliteRedis, PostgresRedis];
    one_lock_node_is_enough: |app| super::patient(app).lock_nodes(1),
    of_five_lock_nodes_two_are_not_missed: |app| super::patient(app).lock_nodes(5),
}

const BYPASSED: &str = "holdfast_lock_bypassed_total";

fn patient(app: Builder<Backend>) -> Builder<Backend> {
    app.env("HOLDFAST_DB_ACQUIRE_MS", "60000")
}

async fn locks_are_taken_and_given_back_after_the_commit(app: &App) {
    let event = stalls(app, 20).await;
    let buyer = app.buyer().await;
    for seats in event.tickets().chunks(2) {
        app.reserve_tickets(&buyer, &event, seats).await.expect(201);
    }
    app.reserve(&buyer, event.tickets()[0]).await.expect(409);
    until_nothing_is_locked(app).await;
    assert_eq!(bypassed(app).await, "0", "each was locked");
    let acquired = [("outcome", "acquired")];
    let acquired = app
        .instance()
        .metric("holdfast_lock_attempts_total", &acquired)
        .await;
    assert_eq!(acquired.to_string(), "10");
}

async fn when_every_lock_node_is_wiped_mid_race_each_seat_still_has_one_winner(app: &App) {
    let event = stalls(app, 6).await;
    let buyers = app.buyers(6).await;
    let crowd = race(300, |number| {
        app.reserve(&buyers[number % 6], event.tickets()[number % 6])
    });
    let wiping = async {
        loop {
            for node in &app.lock_nodes {
                node.flush().await;
            }
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    };
    let answers = tokio::select! {
        answers = crowd => answers,
        () = wiping => unreachable!("the wiping goes on and on"),
    };
    let outcomes = tally(&answers);
    let refusals = ["ticket-taken", "ticket-contended"];
    let refused: usize = refusals.iter().filter_map(|slug| outcomes.get(*slug)).sum();
    assert_eq!((outcomes["201"], refused), (6, 294), "{outcomes:?}");
    assert_eq!(app.count("SELECT count(*) FROM reservations").await, 6);
}

async fn without_a_quorum_the_sale_goes_on(app: &App) {
    let event = stalls(app, 6).await;
    let buyers = app.buyers(4).await;
    for node in &app.lock_nodes[..2] {
        node.stop().await;
    }
    until_locks_are(app, "down").await;
    let ready = app.get("/health/ready").await.expect(200);
    assert_eq!(
        ready["status"], "ready",
        "locks save work, they decide nothing"
    );

    for round in 0..2 {
        let seat = event.tickets()[round];
        let answers = race(40, |number| app.reserve(&buyers[number % 4], seat)).await;
        assert_eq!(tally(&answers)["201"], 1, "{:?}", tally(&answers));
    }
    let [left, right] = [event.tickets()[2], event.tickets()[3]];
    let answers = race(20, |number| {
        let wish = if number % 2 == 0 {
            [left, right]
        } else {
            [right, left]
        };
        app.reserve_tickets(&buyers[number % 4], &event, &wish)
    })
    .await;
    assert_eq!(tally(&answers)["201"], 1, "{:?}", tally(&answers));
    assert_ne!(bypassed(app).await, "0");
    let conflicts = metric(app, "holdfast_version_conflicts_total").await;
    assert_ne!(conflicts, "0", "the version has decided");
    assert_eq!(metric(app, "holdfast_lock_quorum").await, "0");

    app.lock_nodes[0].start_again().await;
    until_locks_are(app, "degraded").await;
    let before = bypassed(app).await;
    app.reserve(&buyers[0], event.tickets()[4])
        .await
        .expect(201);
    assert_eq!(bypassed(app).await, before, "two of three are a quorum");
    app.lock_nodes[1].start_again().await;
    until_locks_are(app, "up").await;
}

async fn without_a_quorum_a_cautious_instance_refuses(app: &App) {
    let event = stalls(app, 2).await;
    let buyer = app.buyer().await;
    let hold = app.reserve(&buyer, event.tickets()[0]).await.expect(201);
    for node in &app.lock_nodes[1..] {
        node.stop().await;
    }
    until_locks_are(app, "down").await;
    let ready = app.get("/health/ready").await.expect(503);
    assert_eq!(ready["status"], "unavailable");
    let refused = app.reserve(&buyer, event.tickets()[1]).await;
    let refused = refused.expect_problem(503, "unavailable");
    assert_eq!(refused.header("retry-after"), Some("1"));
    // What needs no lock still works.
    app.confirm(&buyer, &hold.id(), "tok_success")
        .await
        .expect(200);

    for node in &app.lock_nodes[1..] {
        node.start_again().await;
    }
    eventually_eq(secs(10), 200, async || {
        app.get("/health/ready").await.status
    })
    .await;
    app.reserve(&buyer, event.tickets()[1]).await.expect(201);
    assert_eq!(bypassed(app).await, "0");
}

async fn a_hung_lock_node_stops_nobody(app: &App) {
    let event = stalls(app, 30).await;
    let buyer = app.buyer().await;
    let [before, during, after] = [0, 1, 2].map(|third| &event.tickets()[third * 10..][..10]);
    reserve_each(app, &buyer, before).await;
    app.lock_nodes[1].pause().await;
    reserve_each(app, &buyer, during).await;
    until_locks_are(app, "degraded").await;
    let node = [("node", app.lock_nodes[1].address())];
    let node: Vec<_> = node
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let up = app.instance().metric("holdfast_lock_node_up", &node).await;
    assert_eq!(up.to_string(), "0");

    app.lock_nodes[1].resume().await;
    until_locks_are(app, "up").await;
    reserve_each(app, &buyer, after).await;
    until_nothing_is_locked(app).await;
}

async fn a_majority_that_hangs_stops_nobody(app: &App) {
    let event = stalls(app, 6).await;
    let buyer = app.buyer().await;
    for node in &app.lock_nodes[..2] {
        node.pause().await;
    }
    reserve_each(app, &buyer, &event.tickets()[..3]).await;
    assert_ne!(bypassed(app).await, "0");
    for node in &app.lock_nodes[..2] {
        node.resume().await;
    }
    until_locks_are(app, "up").await;
    reserve_each(app, &buyer, &event.tickets()[3..]).await;
}

async fn without_a_node_for_messages_the_sale_goes_on(app: &App) {
    let event = stalls(app, 2).await;
    let buyer = app.buyer().await;
    let messages = async || {
        let ready = app.get("/health/ready").await.expect(200);
        ready["dependencies"]["messages"]["status"].clone()
    };
    app.messages().stop().await;
    app.reserve(&buyer, event.tickets()[0]).await.expect(201);
    eventually_eq(secs(10), json!("down"), messages).await;
    let hold = app.reserve(&buyer, event.tickets()[1]).await.expect(201);
    app.release(&buyer, &hold.id()).await.expect(204);
    app.messages().start_again().await;
    eventually_eq(secs(10), json!("up"), messages).await;
    assert_eq!(bypassed(app).await, "0", "locks are on nodes of their own");
}

async fn every_change_is_told_to_the_other_instances(app: &App) {
    let event = stalls(app, 2).await;
    let buyer = app.buyer().await;
    let mut messages = telling::listen(app.messages()).await;
    let mut next = async || telling::next(&mut messages).await;
    let seats = event.tickets();
    let change = |ticket: i64, version: i64, status: &str| json!({ "ticket_id": ticket, "event_id": event.id, "version": version, "status": status });

    let hold = app.reserve_tickets(&buyer, &event, seats).await.expect(201);
    let both = json!([change(seats[0], 1, "held"), change(seats[1], 1, "held")]);
    assert_eq!(
        next().await,
        both,
        "what is committed together is told together"
    );
    // A refusal changes nothing, so it tells nothing.
    app.reserve(&buyer, seats[0]).await.expect(409);
    app.release_ticket(&buyer, seats[0]).await.expect(200);
    assert_eq!(next().await, json!([change(seats[0], 2, "available")]));
    app.confirm(&buyer, &hold.id(), "tok_success")
        .await
        .expect(200);
    assert_eq!(next().await, json!([change(seats[1], 2, "sold")]));
}

async fn a_lock_that_is_never_given_back_ends_with_its_time(app: &App) {
    let event = stalls(app, 1).await;
    let buyer = app.buyer().await;
    let seat = event.tickets()[0];
    // Somebody took it a moment ago on every node, and died.
    for node in &app.lock_nodes {
        let command = format!("SET holdfast:lock:ticket:{seat} dead PX 1000");
        node.command(&command).await.unwrap();
    }
    let refused = app.reserve(&buyer, seat).await;
    let refused = refused.expect_problem(409, "ticket-contended");
    assert!(refused["retry_after_ms"].as_i64().is_some_and(|ms| ms > 0));
    eventually_eq(secs(10), 201, async || {
        app.reserve(&buyer, seat).await.status
    })
    .await;
    assert_eq!(bypassed(app).await, "0");
}

async fn lock_nodes_that_are_down_at_the_start_are_found_later(app: &App) {
    let event = stalls(app, 2).await;
    let buyer = app.buyer().await;
    app.instance().kill();
    for node in &app.lock_nodes {
        node.stop().await;
    }
    app.instance().start_again().await;
    app.reserve(&buyer, event.tickets()[0]).await.expect(201);
    assert_eq!(bypassed(app).await, "1");
    for node in &app.lock_nodes {
        node.start_again().await;
    }
    until_locks_are(app, "up").await;
    app.reserve(&buyer, event.tickets()[1]).await.expect(201);
    assert_eq!(bypassed(app).await, "1");
}

async fn one_lock_node_is_enough(app: &App) {
    has_one_winner_each(app).await;
    app.lock_nodes[0].stop().await;
    until_locks_are(app, "down").await;
}

async fn of_five_lock_nodes_two_are_not_missed(app: &App) {
    has_one_winner_each(app).await;
    app.lock_nodes[1].pause().await;
    app.lock_nodes[4].stop().await;
    until_locks_are(app, "degraded").await;
    has_one_winner_each(app).await;
}

/// Races for a few seats and for the places of a zone, all under locks.
async fn has_one_winner_each(app: &App) {
    let zones = [
        Zone::seated("Stalls", 1, 3, 1500),
        Zone::standing("Floor", 5, 900),
    ];
    let event = app.on_sale(&zones).await;
    let buyers = app.buyers(3).await;
    let before = bypassed(app).await;
    let answers = race(90, |number| {
        app.reserve(&buyers[number % 3], event.tickets()[number % 3])
    })
    .await;
    assert_eq!(tally(&answers)["201"], 3, "{:?}", tally(&answers));
    let floor = event.zone("Floor").id;
    let answers = race(20, |number| {
        app.reserve_places(&buyers[number % 3], &event, floor, 1)
    })
    .await;
    assert_eq!(tally(&answers)["201"], 5, "{:?}", tally(&answers));
    assert_eq!(app.seats(&event, "held").await, 8);
    assert_eq!(bypassed(app).await, before, "each was locked");
}

async fn stalls(app: &App, seats: u32) -> Event {
    app.on_sale(&[Zone::seated("Stalls", 1, seats, 1500)]).await
}

async fn reserve_each(app: &App, buyer: &Person, seats: &[i64]) {
    for seat in seats {
        app.reserve(buyer, *seat).await.expect(201);
    }
}

async fn until_locks_are(app: &App, status: &str) {
    eventually(secs(10), async || {
        let ready = app.get("/health/ready").await;
        let locks = &ready["dependencies"]["locks"];
        if locks["status"] == status {
            Ok(())
        } else {
            Err(format!("they are {locks}"))
        }
    })
    .await;
}

async fn until_nothing_is_locked(app: &App) {
    for node in &app.lock_nodes {
        eventually_eq(secs(10), String::new(), async || locked(node).await).await;
    }
}

/// The tickets that are locked on a node, as Redis lists them.
async fn locked(node: &RedisNode) -> String {
    let keys = node.command("KEYS holdfast:lock:ticket:*").await.unwrap();
    keys.trim_start_matches("*0").trim().to_owned()
}

async fn bypassed(app: &App) -> String {
    metric(app, BYPASSED).await
}

async fn metric(app: &App, name: &str) -> String {
    app.instance().metric(name, &[]).await.to_string()
}
