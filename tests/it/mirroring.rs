//! The mirror: what an instance knows of seats saves work, and whatever it believes decides nothing.

use kit::{App, Event, Zone, eventually_eq, race, secs, tally};
use serde_json::{Value, json};

kit::stories! {
    a_mirror_with_little_room_forgets_and_sells_all_the_same: |app| app.env("HOLDFAST_MIRROR_TICKETS", "10"),
    an_event_that_is_larger_than_the_mirror_is_sold_all_the_same: |app| app.env("HOLDFAST_MIRROR_TICKETS", "1"),
    a_zone_has_a_tag_of_its_own,
}

mod told_by_others {
    use super::{
        a_lie_about_a_place_sells_nobody_one_too_many, a_lie_about_a_sold_seat_sells_nothing,
        messages_that_come_twice_or_late_change_nothing, what_is_no_message_is_passed_over,
    };

    kit::stories! { on [SqliteRedis, PostgresRedis];
        messages_that_come_twice_or_late_change_nothing,
        what_is_no_message_is_passed_over,
        a_lie_about_a_sold_seat_sells_nothing: |app| app.env("HOLDFAST_LOCK_WAIT_MS", "10000").lock_ttl_ms(60_000),
        a_lie_about_a_place_sells_nobody_one_too_many: |app| app.lock_ttl_ms(60_000),
    }
}

async fn a_mirror_with_little_room_forgets_and_sells_all_the_same(app: &App) {
    let zone = [Zone::seated("Stalls", 1, 6, 4500)];
    let mut events = Vec::new();
    for _ in 0..4 {
        events.push(app.on_sale(&zone).await);
    }
    let [one, two] = [app.buyer().await, app.buyer().await];
    let loaded = async || {
        app.instance()
            .metric("holdfast_mirror_loads_total", &[])
            .await
    };
    let before = loaded().await;
    for round in 0..3 {
        for event in &events {
            let seats = &event.tickets()[2 * round..2 * round + 2];
            let hold = app.reserve(&one, seats[0]).await.expect(201).id();
            let lost = app.reserve(&two, seats[0]).await;
            lost.expect_problem(409, "ticket-taken");
            let zone = event.zones[0].id;
            app.reserve_together(&two, event, zone, 1).await.expect(201);
            app.confirm(&one, &hold, "tok_success").await.expect(200);
            assert_eq!(
                app.seats(event, "available").await,
                4 - 2 * i64::try_from(round).unwrap()
            );
        }
    }
    assert!(loaded().await > before + 4.0, "nothing was forgotten");
    let kept = app.instance().metric("holdfast_mirror_tickets", &[]).await;
    assert!(kept <= 10.0, "{kept} tickets are kept");
    for event in &events {
        assert_eq!(app.seats(event, "sold").await, 3);
        assert_eq!(app.seats(event, "held").await, 3);
    }
}

async fn an_event_that_is_larger_than_the_mirror_is_sold_all_the_same(app: &App) {
    let events = [
        app.on_sale(&[Zone::standing("Floor", 20, 900)]).await,
        app.on_sale(&[Zone::standing("Floor", 20, 900)]).await,
    ];
    let buyer = app.buyer().await;
    for round in 1..=4 {
        for event in &events {
            let floor = event.zones[0].id;
            let hold = app.reserve_places(&buyer, event, floor, 5).await;
            assert_eq!(hold.expect(201).tickets().len(), 5);
            assert_eq!(app.seats(event, "held").await, 5 * round);
        }
    }
    for event in &events {
        let floor = event.zones[0].id;
        let refused = app.reserve_places(&buyer, event, floor, 1).await;
        refused.expect_problem(409, "zone-sold-out");
    }
}

async fn a_zone_has_a_tag_of_its_own(app: &App) {
    let zones = [
        Zone::seated("Stalls", 1, 3, 4500),
        Zone::seated("Balcony", 1, 3, 2500),
    ];
    let event = app.on_sale(&zones).await;
    let buyer = app.buyer().await;
    let path = |name: &str| {
        let zone = event.zone(name).id;
        format!("/api/events/{}/seats?zone_id={zone}", event.id)
    };
    let (stalls, balcony) = (path("Stalls"), path("Balcony"));
    let whole = format!("/api/events/{}/seats", event.id);
    let mut tags = Vec::new();
    for path in [&stalls, &balcony, &whole] {
        let map = app.get(path).await.expect(200);
        tags.push(map.header("etag").unwrap().to_owned());
    }
    assert!(tags[0] != tags[1] && tags[1] != tags[2] && tags[2] != tags[0]);

    let seat = event.zone("Stalls").tickets[1];
    let hold = app.reserve(&buyer, seat).await.expect(201).id();
    let asked_again = async || {
        let mut statuses = Vec::new();
        for (path, tag) in [&stalls, &balcony, &whole].iter().zip(&tags) {
            let map = app.get(path).header("if-none-match", tag).await;
            statuses.push(map.status);
        }
        statuses
    };
    assert_eq!(asked_again().await, [200, 304, 200]);
    // Free again is not as it was before: its ticket has moved on.
    app.release(&buyer, &hold).await.expect(204);
    assert_eq!(asked_again().await, [200, 304, 200]);
}

async fn messages_that_come_twice_or_late_change_nothing(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 6, 4500)]).await;
    let buyer = app.buyer().await;
    let seats = event.tickets();
    let hold = app.reserve_tickets(&buyer, &event, &seats[..2]).await;
    let order = app.reserve(&buyer, seats[2]).await.expect(201).id();
    app.release(&buyer, &hold.expect(201).id())
        .await
        .expect(204);
    app.confirm(&buyer, &order, "tok_success").await.expect(200);
    app.reserve(&buyer, seats[0]).await.expect(201);
    assert_eq!(states(app, &event).await, "hasaaa");
    let tag = tag(app, &event).await;

    // All that was ever said of the event, the last first, then from the beginning, each twice.
    let said = app
        .rows("SELECT ticket_id, version, to_status AS status FROM ledger ORDER BY id DESC")
        .await;
    let mut said: Vec<Value> = said
        .into_iter()
        .map(|mut change| {
            change["event_id"] = event.id.into();
            change
        })
        .collect();
    for _ in 0..2 {
        for change in &said {
            app.say(&json!([change, change])).await;
        }
        said.reverse();
    }
    app.say(&json!(said)).await;
    until_heard(app).await;
    assert_eq!(states(app, &event).await, "hasaaa");
    assert_eq!(self::tag(app, &event).await, tag);
    let everybody = race(6, |number| app.reserve(&buyer, seats[number]));
    assert_eq!(tally(&everybody.await)["201"], 4);
}

async fn what_is_no_message_is_passed_over(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 3, 4500)]).await;
    let buyer = app.buyer().await;
    let seat = event.tickets()[0];
    let known = json!({ "ticket_id": seat, "event_id": event.id, "version": 1, "status": "sold" });
    let changed = |member: &str, value: Value| {
        let mut change = known.clone();
        change[member] = value;
        change
    };
    for nonsense in [
        json!("nothing"),
        json!({}),
        json!([]),
        json!([{}]),
        json!([null]),
        known.clone(),
        json!([changed("status", json!("lost"))]),
        json!([changed("version", json!("1"))]),
        json!([changed("version", json!(0))]),
        json!([changed("version", json!(i64::MIN))]),
        json!([changed("ticket_id", json!(i64::MAX))]),
        json!([changed("event_id", json!(-1))]),
    ] {
        app.say(&nonsense).await;
    }
    until_heard(app).await;
    assert_eq!(states(app, &event).await, "aaa");
    app.reserve(&buyer, seat).await.expect(201);
    assert_eq!(states(app, &event).await, "haa");
}

async fn a_lie_about_a_sold_seat_sells_nothing(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 4, 4500)]).await;
    let [first, second] = [app.buyer().await, app.buyer().await];
    let seats = event.tickets();
    let order = app.reserve(&first, seats[1]).await.expect(201).id();
    app.confirm(&first, &order, "tok_success").await.expect(200);

    // At a version that the ticket has not reached, and at the one it has reached later.
    for version in [3, 900, i64::MAX] {
        lie(app, &event, &seats[1..2], version).await;
        eventually_eq(secs(10), "aaaa".to_owned(), async || {
            states(app, &event).await
        })
        .await;
        let refused = app.reserve_tickets(&second, &event, &seats[..2]).await;
        let refused = refused.expect_problem(409, "ticket-taken");
        let conflicts = refused["conflicts"].as_array().unwrap();
        assert_eq!(conflicts.len(), 1, "{refused:?}");
        let about = ["ticket_id", "status", "version"].map(|name| &conflicts[0][name]);
        assert_eq!(about, [&json!(seats[1]), &json!("sold"), &json!(2)]);
        assert_eq!(states(app, &event).await, "asaa", "it is put right");
    }
    lie(app, &event, &seats[1..2], 5).await;
    eventually_eq(secs(10), "aaaa".to_owned(), async || {
        states(app, &event).await
    })
    .await;
    let zone = event.zones[0].id;
    let refused = app.reserve_together(&second, &event, zone, 4).await;
    refused.expect_problem(409, "zone-sold-out");
    assert_eq!(states(app, &event).await, "asaa");
    assert_eq!(app.count("SELECT count(*) FROM reservations").await, 1);
}

async fn a_lie_about_a_place_sells_nobody_one_too_many(app: &App) {
    let event = app.on_sale(&[Zone::standing("Floor", 12, 900)]).await;
    let buyers = app.buyers(4).await;
    let floor = event.zones[0].id;
    let hold = app.reserve_places(&buyers[0], &event, floor, 10).await;
    let sold = hold.expect(201).tickets();
    for version in 2..5 {
        lie(app, &event, &sold, version).await;
    }
    eventually_eq(secs(10), 12, async || app.seats(&event, "available").await).await;
    let answers = race(20, |number| {
        app.reserve_places(&buyers[number % 4], &event, floor, 1)
    });
    let expected = [("201".to_owned(), 2), ("zone-sold-out".to_owned(), 18)];
    assert_eq!(tally(&answers.await), expected.into());
    assert_eq!(app.seats(&event, "held").await, 12);
}

/// Says that tickets are free.
async fn lie(app: &App, event: &Event, tickets: &[i64], version: i64) {
    let free = |ticket: &i64| json!({ "ticket_id": ticket, "event_id": event.id, "version": version, "status": "available" });
    app.say(&tickets.iter().map(free).collect()).await;
}

/// Waits until everything that was said has been heard: messages come in the order in which they
/// were sent.
async fn until_heard(app: &App) {
    let event = app.on_sale(&[Zone::seated("Mark", 1, 1, 100)]).await;
    let ticket = event.tickets()[0];
    let mark = json!({ "ticket_id": ticket, "event_id": event.id, "version": 1, "status": "held" });
    app.say(&json!([mark])).await;
    eventually_eq(secs(10), "h".to_owned(), async || states(app, &event).await).await;
}

/// The letters of the seats of the first row.
async fn states(app: &App, event: &Event) -> String {
    let map = app.get(&format!("/api/events/{}/seats", event.id)).await;
    let map = map.expect(200);
    let states = map["zones"][0]["rows"][0]["states"].as_str();
    states.unwrap().to_owned()
}

async fn tag(app: &App, event: &Event) -> String {
    let map = app.get(&format!("/api/events/{}/seats", event.id)).await;
    map.header("etag").unwrap().to_owned()
}
