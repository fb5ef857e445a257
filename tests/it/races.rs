//! Many at once: exactly one wins, everybody else is told so, and nothing is left half-done.

use std::collections::BTreeSet;

use kit::{App, Backend, Builder, Zone, eventually_eq, race, secs, tally};

kit::stories! {
    of_a_thousand_requests_for_one_ticket_one_wins: super::patient,
    of_a_hundred_requests_for_five_places_five_win: super::patient,
    every_place_of_a_zone_finds_a_buyer: super::patient,
    overlapping_requests_in_opposite_orders_never_deadlock_and_one_wins,
    a_ticket_that_is_held_and_released_all_the_time_has_one_owner_at_a_time,
}

/// On a busy machine a crowd waits longer for the database than clients would put up with.
fn patient(app: Builder<Backend>) -> Builder<Backend> {
    app.env("HOLDFAST_DB_ACQUIRE_MS", "60000")
        .lock_ttl_ms(60_000)
}

async fn of_a_thousand_requests_for_one_ticket_one_wins(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 1, 4500)]).await;
    let buyers = app.buyers(20).await;
    let seat = event.tickets()[0];

    let answers = race(1000, |number| app.reserve(&buyers[number % 20], seat)).await;
    let outcomes = tally(&answers);
    let refusals = ["ticket-taken", "ticket-contended"];
    let refused: usize = refusals.iter().filter_map(|slug| outcomes.get(*slug)).sum();
    assert_eq!((outcomes["201"], refused), (1, 999), "{outcomes:?}");
    assert_eq!(app.count("SELECT count(*) FROM reservations").await, 1);
    assert_eq!(app.count("SELECT count(*) FROM ledger").await, 1);
    assert_eq!(app.ticket(seat).await["version"], 1);
}

async fn of_a_hundred_requests_for_five_places_five_win(app: &App) {
    let event = app.on_sale(&[Zone::standing("Floor", 5, 2500)]).await;
    let buyers = app.buyers(10).await;
    let floor = event.zones[0].id;

    let answers = race(100, |number| {
        app.reserve_places(&buyers[number % 10], &event, floor, 1)
    })
    .await;
    let outcomes = tally(&answers);
    assert_eq!(
        (outcomes["201"], outcomes["zone-sold-out"]),
        (5, 95),
        "{outcomes:?}"
    );
    assert_eq!(app.count("SELECT count(*) FROM reservations").await, 5);
    assert_eq!(app.seats(&event, "held").await, 5);
}

async fn every_place_of_a_zone_finds_a_buyer(app: &App) {
    let event = app.on_sale(&[Zone::standing("Floor", 60, 2500)]).await;
    let buyers = app.buyers(5).await;
    let floor = event.zones[0].id;

    // As many as there are places, so that nobody may be refused for somebody else's sake.
    let answers = race(30, |number| {
        app.reserve_places(&buyers[number % 5], &event, floor, 2)
    })
    .await;
    assert_eq!(tally(&answers)["201"], 30, "{:?}", tally(&answers));
    let held: BTreeSet<_> = answers
        .iter()
        .flat_map(|hold| hold["tickets"].as_array().unwrap())
        .map(|ticket| ticket["id"].as_i64())
        .collect();
    assert_eq!(held.len(), 60, "no place is held twice");
}

async fn overlapping_requests_in_opposite_orders_never_deadlock_and_one_wins(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 30, 4, 1000)]).await;
    let buyers = app.buyers(4).await;
    for seats in event.tickets().chunks(4) {
        let [a, b, c, d] = [seats[0], seats[1], seats[2], seats[3]];
        let wishes = [[a, b, c], [c, b, a], [b, c, d], [d, c, b]];
        let answers = race(4, |number| {
            app.reserve_tickets(&buyers[number], &event, &wishes[number])
        })
        .await;
        let outcomes = tally(&answers);
        // All wishes meet in b and c, so that one at the most can come true.
        assert_eq!(outcomes.get("201"), Some(&1), "{outcomes:?}");
        let refusals = ["ticket-taken", "ticket-contended"];
        let refused: usize = refusals.iter().filter_map(|slug| outcomes.get(*slug)).sum();
        assert_eq!(refused, 3, "{outcomes:?}");
    }
    assert_eq!(app.count("SELECT count(*) FROM reservations").await, 30);
    assert_eq!(app.seats(&event, "held").await, 90);
}

async fn a_ticket_that_is_held_and_released_all_the_time_has_one_owner_at_a_time(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 1, 1000)]).await;
    let buyers = app.buyers(4).await;
    let seat = event.tickets()[0];
    let try_often = async |buyer| {
        let mut held = 0;
        for _ in 0..15 {
            let answer = app.reserve(buyer, seat).await;
            if answer.status == 201 {
                held += 1;
                app.release(buyer, &answer.id()).await.expect(204);
            } else {
                answer.expect(409);
            }
        }
        held
    };
    let held = tokio::join!(
        try_often(&buyers[0]),
        try_often(&buyers[1]),
        try_often(&buyers[2]),
        try_often(&buyers[3]),
    );
    let holds = held.0 + held.1 + held.2 + held.3;
    assert!(holds > 0);
    eventually_eq(secs(5), 0, async || app.seats(&event, "held").await).await;
    assert_eq!(app.ticket(seat).await["version"], 2 * holds);
    app.reserve(&buyers[0], seat).await.expect(201);
}
