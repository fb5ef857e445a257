//! Zones of an event that is on sale already: edited, grown and shrunk while people buy.

mod racing;

use kit::{Answer, App, Event, Zone};
use serde_json::{Value, json};

kit::stories! {
    zones_are_added_edited_moved_and_removed,
    a_zone_of_which_a_ticket_ever_moved_stays,
    a_new_price_leaves_what_is_held_and_paid_for_alone,
    a_standing_zone_grows_and_shrinks_by_what_is_nobodys,
    rows_and_seats_are_added_to_a_seated_zone,
    a_seated_zone_has_no_capacity_to_set_and_a_standing_one_no_seats,
    what_does_not_fit_the_event_is_refused,
}

fn price(amount: i64) -> Value {
    json!({ "amount": amount, "currency": "EUR" })
}

fn draft(name: &str, seating: &Value) -> Value {
    json!({ "name": name, "price": price(2500), "seating": seating })
}

fn standing(capacity: i64) -> Value {
    json!({ "kind": "standing", "capacity": capacity })
}

async fn version(app: &App, event: &Event) -> i64 {
    let version = format!("SELECT version FROM events WHERE id = {}", event.id);
    app.count(&version).await
}

async fn add(app: &App, event: &Event, zone: &Value) -> Answer {
    let (admin, version) = (app.admin().await, version(app, event).await);
    let path = format!("/api/events/{}/zones", event.id);
    app.post(&path)
        .by(&admin)
        .if_match(version)
        .json(zone)
        .await
}

async fn edit(app: &App, event: &Event, zone: i64, edit: &Value) -> Answer {
    let (admin, version) = (app.admin().await, version(app, event).await);
    let path = format!("/api/events/{}/zones/{zone}", event.id);
    app.put(&path).by(&admin).if_match(version).json(edit).await
}

async fn remove(app: &App, event: &Event, zone: i64) -> Answer {
    let (admin, version) = (app.admin().await, version(app, event).await);
    let path = format!("/api/events/{}/zones/{zone}", event.id);
    app.delete(&path).by(&admin).if_match(version).await
}

async fn resize(app: &App, event: &Event, zone: i64, capacity: i64) -> Answer {
    let (admin, version) = (app.admin().await, version(app, event).await);
    let path = format!("/api/events/{}/zones/{zone}/capacity", event.id);
    let body = json!({ "capacity": capacity });
    app.put(&path)
        .by(&admin)
        .if_match(version)
        .json(&body)
        .await
}

/// The names of the zones, in order.
fn names(event: &Answer) -> Vec<&str> {
    let zones = event["zones"].as_array().unwrap().iter();
    zones.map(|zone| zone["name"].as_str().unwrap()).collect()
}

/// `[capacity, available, held]` of a zone.
async fn counts(app: &App, event: &Event, zone: usize) -> [i64; 3] {
    let answer = app.availability(event).await.expect(200);
    let zone = &answer["zones"][zone];
    ["capacity", "available", "held"].map(|state| zone[state].as_i64().unwrap())
}

async fn zones_are_added_edited_moved_and_removed(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 2, 4500)]).await;
    let buyer = app.buyer().await;
    let added = add(app, &event, &draft("Floor", &standing(3)))
        .await
        .expect(201);
    assert_eq!(names(&added), ["Stalls", "Floor"]);
    assert_eq!(
        (&added["version"], added.header("etag")),
        (&json!(3), Some("\"3\""))
    );
    let floor = added["zones"][1]["zone_id"].as_i64().unwrap();
    // At once on the instance that was asked.
    app.reserve_places(&buyer, &event, floor, 2)
        .await
        .expect(201);

    let change = json!({
        "name": "Pit", "price": price(3000), "benefits": "Right in front", "position": 0,
    });
    let edited = edit(app, &event, floor, &change).await.expect(200);
    assert_eq!(names(&edited), ["Pit", "Stalls"]);
    let pit = &edited["zones"][0];
    assert_eq!(
        (&pit["price"], &pit["benefits"]),
        (&price(3000), &json!("Right in front"))
    );
    assert_eq!((&pit["held"], &pit["available"]), (&json!(2), &json!(1)));
    assert_eq!(
        app.availability(&event).await.expect(200)["zones"],
        edited["zones"]
    );
    let back = json!({ "name": "Pit", "price": price(3000), "position": 199 });
    let edited = edit(app, &event, floor, &back).await.expect(200);
    assert_eq!(
        (names(&edited), &edited["zones"][1]["benefits"]),
        (vec!["Stalls", "Pit"], &Value::Null)
    );

    let stalls = event.zones[0].id;
    let focus = json!({ "name": "Stalls", "price": price(4500), "focus": { "row": 1, "seat": 2 } });
    edit(app, &event, stalls, &focus).await.expect(200);
    let best = app
        .reserve_together(&buyer, &event, stalls, 1)
        .await
        .expect(201);
    assert_eq!(best["tickets"][0]["seat"], "2");

    let spare = add(app, &event, &draft("Spare", &standing(1)))
        .await
        .expect(201);
    let spare = spare["zones"][2]["zone_id"].as_i64().unwrap();
    let left = remove(app, &event, spare).await.expect(200);
    assert_eq!(names(&left), ["Stalls", "Pit"]);
    let refused = app.reserve_places(&buyer, &event, spare, 1).await;
    refused.expect_problem(404, "not-found");
    remove(app, &event, spare)
        .await
        .expect_problem(404, "not-found");
    assert_eq!(version(app, &event).await, 8);
}

async fn a_zone_of_which_a_ticket_ever_moved_stays(app: &App) {
    let zones = [
        Zone::standing("Floor", 2, 2500),
        Zone::standing("Spare", 1, 2500),
    ];
    let event = app.on_sale(&zones).await;
    let (floor, spare) = (event.zone("Floor").id, event.zone("Spare").id);
    let buyer = app.buyer().await;
    let hold = app
        .reserve_places(&buyer, &event, floor, 1)
        .await
        .expect(201)
        .id();
    let refused = remove(app, &event, floor)
        .await
        .expect_problem(409, "seats-in-use");
    assert_eq!(refused["available"], 1);
    app.release(&buyer, &hold).await.expect(204);
    remove(app, &event, floor)
        .await
        .expect_problem(409, "seats-in-use");
    assert_eq!(counts(app, &event, 0).await, [2, 2, 0]);
    remove(app, &event, spare).await.expect(200);
    // The last one stays, whatever became of it.
    remove(app, &event, floor)
        .await
        .expect_problem(409, "seats-in-use");
}

async fn a_new_price_leaves_what_is_held_and_paid_for_alone(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 3, 4500)]).await;
    let buyer = app.buyer().await;
    let &[paid, kept, free] = event.tickets() else {
        panic!("three seats are on sale");
    };
    let order = app.reserve(&buyer, paid).await.expect(201).id();
    app.confirm(&buyer, &order, "tok_success").await.expect(200);
    let hold = app.reserve(&buyer, kept).await.expect(201).id();
    let change = json!({ "name": "Stalls", "price": price(6000) });
    edit(app, &event, event.zones[0].id, &change)
        .await
        .expect(200);
    for (reservation, amount) in [(&order, 4500), (&hold, 4500)] {
        let read = app.get_reservation(&buyer, reservation).await.expect(200);
        assert_eq!(
            (&read["total"], &read["tickets"][0]["price"]),
            (&price(amount), &price(amount))
        );
    }
    let confirmed = app.confirm(&buyer, &hold, "tok_success").await.expect(200);
    assert_eq!(confirmed["total"], price(4500));
    let new = app.reserve(&buyer, free).await.expect(201);
    assert_eq!(new["total"], price(6000));
    assert_eq!(app.ticket(free).await.expect(200)["price"], price(6000));
}

async fn a_standing_zone_grows_and_shrinks_by_what_is_nobodys(app: &App) {
    let event = app.on_sale(&[Zone::standing("Floor", 10, 2500)]).await;
    let buyer = app.buyer().await;
    let floor = event.zones[0].id;
    app.reserve_places(&buyer, &event, floor, 4)
        .await
        .expect(201);
    let refused = resize(app, &event, floor, 3)
        .await
        .expect_problem(409, "seats-in-use");
    assert_eq!(refused["available"], 6);
    assert_eq!(counts(app, &event, 0).await, [10, 6, 4]);
    resize(app, &event, floor, 5).await.expect(200);
    assert_eq!(counts(app, &event, 0).await, [5, 1, 4]);
    let refused = app.reserve_places(&buyer, &event, floor, 2).await;
    assert_eq!(refused.expect_problem(409, "zone-sold-out")["available"], 1);

    // What was taken out comes back first.
    let grown = resize(app, &event, floor, 12).await.expect(200);
    assert_eq!(
        (&grown["zones"][0]["capacity"], &grown["version"]),
        (&json!(12), &json!(4))
    );
    assert_eq!(counts(app, &event, 0).await, [12, 8, 4]);
    assert_eq!(app.count("SELECT count(*) FROM tickets").await, 12);
    let causes = "SELECT cause, count(*) AS n FROM ledger GROUP BY cause ORDER BY cause";
    let expected = [("hold", 4), ("remove", 5), ("restore", 5)];
    let expected = expected.map(|(cause, n)| json!({ "cause": cause, "n": n }));
    assert_eq!(app.rows(causes).await, expected);
    app.reserve_places(&buyer, &event, floor, 8)
        .await
        .expect(201);
    resize(app, &event, floor, 12).await.expect(200);
    let refused = resize(app, &event, floor, 11)
        .await
        .expect_problem(409, "seats-in-use");
    assert_eq!(refused["available"], 0);
}

async fn rows_and_seats_are_added_to_a_seated_zone(app: &App) {
    let event = app.on_sale(&[Zone::seated("Stalls", 1, 2, 4500)]).await;
    let admin = app.admin().await;
    let stalls = event.zones[0].id;
    let path = format!("/api/events/{}/zones/{stalls}/seats", event.id);
    let rows = json!({ "rows": [
        { "label": "A", "seats": 2, "restricted_view": [2] },
        { "label": "Box", "seats": 3, "first_label": "11", "aisles_after": [1] },
    ] });
    let ask = || {
        app.post(&path)
            .by(&admin)
            .if_match(2)
            .key("once")
            .json(&rows)
    };
    let added = ask().await.expect(201);
    let zone = &added["zones"][0];
    assert_eq!(
        (&zone["capacity"], &zone["seating"]["rows"]),
        (&json!(7), &json!(2))
    );
    assert_eq!(zone["seating"]["seats_per_row"], 4);
    let again = ask().await.expect(201);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let map = app
        .get(&format!("/api/events/{}/seats", event.id))
        .await
        .expect(200);
    let [front, boxes] = [0, 1].map(|row| map["zones"][0]["rows"][row].clone());
    assert_eq!(
        (&front["states"], &front["traits"]),
        (&json!("aaaa"), &json!("0004"))
    );
    assert_eq!(
        (&front["labels"], &front["gaps_after"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(
        (&boxes["row"], &boxes["labels"]),
        (&json!("Box"), &json!(["11", "12", "13"]))
    );
    assert_eq!(boxes["gaps_after"], json!([1]));
    // The old ones and the new ones are side by side.
    let buyer = app.buyer().await;
    app.reserve_together(&buyer, &event, stalls, 4)
        .await
        .expect(201);
    let taken = json!({ "rows": [{ "label": "Box", "seats": 1, "first_label": "12" }] });
    let refused = app.post(&path).by(&admin).if_match(3).json(&taken).await;
    let refused = refused.expect_problem(400, "validation-failed");
    assert_eq!(refused["errors"][0]["field"], "rows[0].label");
}

async fn a_seated_zone_has_no_capacity_to_set_and_a_standing_one_no_seats(app: &App) {
    let zones = [
        Zone::seated("Stalls", 1, 2, 4500),
        Zone::standing("Floor", 2, 2500),
    ];
    let event = app.on_sale(&zones).await;
    let admin = app.admin().await;
    let (stalls, floor) = (event.zone("Stalls").id, event.zone("Floor").id);
    let refused = resize(app, &event, stalls, 3)
        .await
        .expect_problem(400, "validation-failed");
    assert_eq!(refused["errors"][0]["field"], "capacity");
    let path = format!("/api/events/{}/zones/{floor}/seats", event.id);
    let rows = json!({ "rows": [{ "label": "A", "seats": 1 }] });
    let refused = app.post(&path).by(&admin).if_match(2).json(&rows).await;
    let refused = refused.expect_problem(400, "validation-failed");
    assert_eq!(refused["errors"][0]["field"], "rows");
    for capacity in [0, -1, 1_000_000_000] {
        resize(app, &event, floor, capacity)
            .await
            .expect_problem(400, "validation-failed");
    }
}

async fn what_does_not_fit_the_event_is_refused(app: &App) {
    let event = app.on_sale(&[Zone::standing("Floor", 2, 2500)]).await;
    let (admin, buyer) = (app.admin().await, app.buyer().await);
    let floor = event.zones[0].id;
    let dollars = json!({
        "name": "Stalls", "price": { "amount": 1, "currency": "USD" }, "seating": standing(1),
    });
    let refused = add(app, &event, &dollars)
        .await
        .expect_problem(400, "validation-failed");
    assert_eq!(refused["errors"][0]["field"], "price.currency");
    let section = draft("Moon", &json!({ "kind": "section", "section": "Moon" }));
    let refused = add(app, &event, &section)
        .await
        .expect_problem(400, "validation-failed");
    assert_eq!(refused["errors"][0]["field"], "seating.section");
    let all = add(app, &event, &draft("World", &standing(999_999))).await;
    all.expect_problem(400, "validation-failed");
    let focus = json!({ "name": "Floor", "price": price(1), "focus": { "row": 1, "seat": 1 } });
    edit(app, &event, floor, &focus)
        .await
        .expect_problem(400, "validation-failed");

    let zones = format!("/api/events/{}/zones", event.id);
    let ask = || {
        app.post(&zones)
            .if_match(2)
            .json(&draft("Pit", &standing(1)))
    };
    ask().await.expect_problem(401, "unauthenticated");
    ask().by(&buyer).await.expect_problem(403, "forbidden");
    let nowhere = app.post("/api/events/999999/zones").by(&admin).if_match(2);
    nowhere
        .json(&draft("Pit", &standing(1)))
        .await
        .expect_problem(404, "not-found");
    app.execute("UPDATE events SET status = 'cancelled'").await;
    let refused = add(app, &event, &draft("Pit", &standing(1))).await;
    let refused = refused.expect_problem(409, "invalid-transition");
    assert_eq!(refused["current_status"], "cancelled");
    app.execute("UPDATE events SET status = 'published'").await;
}
