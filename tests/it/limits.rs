//! A limit per customer: nobody has more tickets of an event than its organiser allows.

use kit::{Answer, App, Zone, eventually_eq, race, secs, tally};
use serde_json::json;

// What was refused or given up a moment ago may still be locked, however slow the machine is.
kit::stories! {
    nobody_gets_more_than_the_limit_and_is_told_so,
    of_forty_requests_of_one_buyer_as_many_win_as_are_allowed: |app| app.env("HOLDFAST_DB_ACQUIRE_MS", "60000"),
    what_is_given_up_makes_room_again: |app| app.env("HOLDFAST_LOCK_WAIT_MS", "10000").lock_ttl_ms(60_000),
    what_expires_makes_room_again: |app| app.hold_ttl_secs(1),
    paid_tickets_count_for_good,
    a_kept_answer_is_given_at_the_limit_too,
    a_limit_that_is_set_later_holds_from_then_on,
}

async fn nobody_gets_more_than_the_limit_and_is_told_so(app: &App) {
    let zones = [
        Zone::seated("Stalls", 2, 6, 4500),
        Zone::standing("Floor", 20, 900),
    ];
    let event = app.on_limited_sale(&zones, 3).await;
    let other = app.on_limited_sale(&zones, 3).await;
    let shown = app.get(&format!("/api/events/{}", event.id)).await;
    assert_eq!(shown["limit_per_customer"], 3);
    let [one, two] = [app.buyer().await, app.buyer().await];
    let (stalls, floor) = (event.zone("Stalls"), event.zone("Floor").id);

    let refused = app.reserve_tickets(&one, &event, &stalls.tickets[..4]);
    expect_limit(refused.await, 3, 0);
    app.reserve_places(&one, &event, floor, 2).await.expect(201);
    // Whatever the zone and the way to ask.
    expect_limit(app.reserve_places(&one, &event, floor, 2).await, 3, 2);
    let refused = app.reserve_together(&one, &event, stalls.id, 2);
    expect_limit(refused.await, 3, 2);
    app.reserve(&one, stalls.tickets[5]).await.expect(201);
    expect_limit(app.reserve(&one, stalls.tickets[6]).await, 3, 3);

    // Somebody else, and another event, are not concerned.
    app.reserve_places(&two, &event, floor, 3).await.expect(201);
    let floor = other.zone("Floor").id;
    app.reserve_places(&one, &other, floor, 3).await.expect(201);
    assert_eq!(app.seats(&event, "held").await, 6);
}

async fn of_forty_requests_of_one_buyer_as_many_win_as_are_allowed(app: &App) {
    let event = app
        .on_limited_sale(&[Zone::seated("Stalls", 4, 10, 4500)], 7)
        .await;
    let [buyer, other] = [app.buyer().await, app.buyer().await];
    // Each wants a seat of its own, so that nothing but the limit stands between them.
    let answers = race(40, |number| app.reserve(&buyer, event.tickets()[number])).await;
    let expected = [("201".to_owned(), 7), ("limit-exceeded".to_owned(), 33)];
    assert_eq!(tally(&answers), expected.into());
    for refused in answers
        .into_iter()
        .filter(|answer| answer.slug() == "limit-exceeded")
    {
        expect_limit(refused, 7, 7);
    }
    assert_eq!(app.count("SELECT count(*) FROM reservations").await, 7);
    assert_eq!(app.seats(&event, "held").await, 7);

    // In pairs one place is left over.
    let pairs = race(20, |number| {
        let seats = [event.tickets()[number], event.tickets()[39 - number]];
        app.reserve_tickets(&other, &event, &seats)
    });
    let outcomes = tally(&pairs.await);
    let refusals = ["limit-exceeded", "ticket-taken"];
    let refused: usize = refusals.iter().filter_map(|slug| outcomes.get(*slug)).sum();
    assert_eq!((outcomes["201"], refused), (3, 17), "{outcomes:?}");
}

async fn what_is_given_up_makes_room_again(app: &App) {
    let event = app
        .on_limited_sale(&[Zone::seated("Stalls", 1, 6, 4500)], 3)
        .await;
    let buyer = app.buyer().await;
    let seats = event.tickets();
    let hold = app.reserve_tickets(&buyer, &event, &seats[..3]).await;
    let hold = hold.expect(201).id();
    expect_limit(app.reserve(&buyer, seats[3]).await, 3, 3);

    app.release_ticket(&buyer, seats[0]).await.expect(200);
    app.reserve(&buyer, seats[3]).await.expect(201);
    expect_limit(app.reserve(&buyer, seats[4]).await, 3, 3);
    app.release(&buyer, &hold).await.expect(204);
    let refused = app.reserve_tickets(&buyer, &event, &[seats[0], seats[4], seats[5]]);
    expect_limit(refused.await, 3, 1);
    app.reserve_tickets(&buyer, &event, &seats[..2])
        .await
        .expect(201);
}

async fn what_expires_makes_room_again(app: &App) {
    let event = app
        .on_limited_sale(&[Zone::standing("Floor", 9, 900)], 2)
        .await;
    let buyer = app.buyer().await;
    let floor = event.zones[0].id;
    let reserve = || app.reserve_places(&buyer, &event, floor, 2);
    reserve().await.expect(201);
    eventually_eq(secs(20), 201, async || reserve().await.status).await;
    eventually_eq(secs(20), 0, async || app.seats(&event, "held").await).await;
}

async fn paid_tickets_count_for_good(app: &App) {
    let event = app
        .on_limited_sale(&[Zone::seated("Stalls", 1, 6, 4500)], 3)
        .await;
    let buyer = app.buyer().await;
    let seats = event.tickets();
    let order = app.reserve_tickets(&buyer, &event, &seats[..2]).await;
    app.confirm(&buyer, &order.expect(201).id(), "tok_success")
        .await
        .expect(200);
    let refused = app.reserve_tickets(&buyer, &event, &seats[2..4]);
    expect_limit(refused.await, 3, 2);
    app.reserve(&buyer, seats[4]).await.expect(201);
    expect_limit(app.reserve(&buyer, seats[5]).await, 3, 3);
}

async fn a_kept_answer_is_given_at_the_limit_too(app: &App) {
    let event = app
        .on_limited_sale(&[Zone::standing("Floor", 9, 900)], 2)
        .await;
    let buyer = app.buyer().await;
    let floor = event.zones[0].id;
    let reserve = |key| app.reserve_places(&buyer, &event, floor, 2).key(key);
    let first = reserve("first").await.expect(201);
    expect_limit(reserve("second").await, 2, 2);
    let again = reserve("first").await.expect(201);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.body, first.body);
    // A refusal is not kept: with room there is an answer.
    app.release(&buyer, &first.id()).await.expect(204);
    let second = reserve("second").await.expect(201);
    assert_eq!(second.header("idempotency-replayed"), None);
}

async fn a_limit_that_is_set_later_holds_from_then_on(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 9, 4500)]).await;
    let buyer = app.buyer().await;
    let seats = event.tickets();
    app.reserve_tickets(&buyer, &event, &seats[..4])
        .await
        .expect(201);
    let limit = |limit| format!("UPDATE events SET limit_per_customer = {limit}");
    app.execute(&limit("3")).await;
    expect_limit(app.reserve(&buyer, seats[5]).await, 3, 4);
    app.execute(&limit("5")).await;
    app.reserve(&buyer, seats[6]).await.expect(201);
    expect_limit(app.reserve(&buyer, seats[7]).await, 5, 5);
    app.execute(&limit("NULL")).await;
    app.reserve(&buyer, seats[8]).await.expect(201);
}

#[track_caller]
fn expect_limit(refused: Answer, limit: u32, already: u32) {
    let refused = refused.expect_problem(409, "limit-exceeded");
    let members = [&refused["limit"], &refused["already"]];
    assert_eq!(members, [&json!(limit), &json!(already)], "{refused:?}");
}
