//! Layouts of venues, and the events that are made from them.

mod refused;

use kit::{Answer, App, Event};
use serde_json::{Value, json};

kit::stories! {
    a_layout_reads_back_as_it_was_sent_and_says_how_many_find_room,
    names_of_a_layout_are_on_every_answer,
    seats_side_by_side_never_cross_an_aisle_and_accessible_ones_are_kept,
    the_best_seat_is_the_one_nearest_to_the_focal_point,
    an_event_keeps_its_seats_when_the_layout_changes,
    a_plan_is_told_again_only_when_it_has_changed,
}

/// Two rows of names, an aisle, places of every sort, and a pit.
fn layout() -> Value {
    json!({
        "focal_point": { "x": 3.0, "y": 0.0 },
        "sections": [
            {
                "name": "Circle", "kind": "seated", "position": { "x": 0.0, "y": 2.0 },
                "rotation": 0.0,
                "rows": [
                    {
                        "label": "Box 1", "seats": 4, "labels": ["1a", "1b", "2a", "2b"],
                        "position": { "x": 0.0, "y": 0.0 }, "rotation": -10.0,
                    },
                    {
                        "label": "B", "seats": 6, "first_label": "101", "aisles_after": [2],
                        "accessible": [1], "companion": [2], "restricted_view": [1, 6],
                    },
                ],
            },
            {
                "name": "Pit", "kind": "standing", "capacity": 5,
                "position": { "x": 0.0, "y": 0.0 },
            },
        ],
    })
}

async fn put_layout(app: &App, venue: i64, version: i64, layout: &Value) -> Answer {
    let admin = app.admin().await;
    let path = format!("/api/venues/{venue}/layout");
    app.put(&path)
        .by(&admin)
        .if_match(version)
        .json(layout)
        .await
}

/// An event on sale, of zones made from these sections.
async fn on_sale(app: &App, venue: i64, sections: &[&str]) -> i64 {
    let admin = app.admin().await;
    let draft = draft(venue, sections);
    let event = app.post("/api/events").by(&admin).json(&draft).await;
    let id = event.expect(201)["id"].as_i64().unwrap();
    let publish = format!("/api/events/{id}/publish");
    app.post(&publish).by(&admin).await.expect(200);
    id
}

fn draft(venue: i64, sections: &[&str]) -> Value {
    let zone = |section: &&str| {
        json!({
            "name": section, "price": { "amount": 4500, "currency": "EUR" },
            "seating": { "kind": "section", "section": section },
        })
    };
    json!({
        "venue_id": venue, "title": "First Night", "starts_at": "2099-06-01T19:00:00Z",
        "zones": sections.iter().map(zone).collect::<Vec<_>>(),
    })
}

fn event(id: i64, venue: i64) -> Event {
    Event {
        id,
        venue_id: venue,
        zones: Vec::new(),
    }
}

async fn a_layout_reads_back_as_it_was_sent_and_says_how_many_find_room(app: &App) {
    let venue = app.venue().await;
    let path = format!("/api/venues/{venue}/layout");
    app.get(&path).await.expect_problem(404, "not-found");
    let put = put_layout(app, venue, 1, &layout()).await.expect(200);
    assert_eq!(put.body, layout());
    assert_eq!(put.header("etag"), Some("\"2\""));
    let read = app.get(&path).await.expect(200);
    assert_eq!(
        (read.body.clone(), read.header("etag")),
        (layout(), Some("\"2\""))
    );
    let seen = app.get(&format!("/api/venues/{venue}")).await.expect(200);
    assert_eq!(
        (&seen["capacity"], &seen["version"]),
        (&json!(15), &json!(2))
    );

    let admin = app.admin().await;
    app.delete(&path).by(&admin).await.expect(204);
    app.get(&path).await.expect_problem(404, "not-found");
    app.delete(&path)
        .by(&admin)
        .await
        .expect_problem(404, "not-found");
    let seen = app.get(&format!("/api/venues/{venue}")).await.expect(200);
    assert_eq!(
        (&seen["capacity"], &seen["version"]),
        (&Value::Null, &json!(3))
    );
}

async fn names_of_a_layout_are_on_every_answer(app: &App) {
    let venue = app.venue().await;
    put_layout(app, venue, 1, &layout()).await.expect(200);
    let id = on_sale(app, venue, &["Circle", "Pit"]).await;
    let map_path = format!("/api/events/{id}/seats");
    let map = app.get(&map_path).await.expect(200);
    let [boxes, back] = [0, 1].map(|row| map["zones"][0]["rows"][row].clone());
    assert_eq!(
        (&boxes["row"], &boxes["states"]),
        (&json!("Box 1"), &json!("aaaa"))
    );
    assert_eq!(boxes["labels"], json!(["1a", "1b", "2a", "2b"]));
    assert_eq!(
        (&boxes["gaps_after"], &boxes["traits"]),
        (&Value::Null, &Value::Null)
    );
    // It has the letter of its number, which is its name.
    assert_eq!(
        (&back["row"], &back["states"]),
        (&json!("B"), &json!("aaaaaa"))
    );
    assert_eq!(
        back["labels"],
        json!(["101", "102", "103", "104", "105", "106"])
    );
    assert_eq!(
        (&back["gaps_after"], &back["traits"]),
        (&json!([2]), &json!("520004"))
    );
    assert_eq!(map["zones"][1]["rows"], json!([]));

    let first = boxes["first_ticket_id"].as_i64().unwrap();
    let accessible = back["first_ticket_id"].as_i64().unwrap();
    let ticket = app.ticket(first + 2).await.expect(200);
    assert_eq!(
        (&ticket["row"], &ticket["seat"]),
        (&json!("Box 1"), &json!("2a"))
    );
    let ticket = app.ticket(accessible).await.expect(200);
    assert_eq!(
        (&ticket["row"], &ticket["seat"]),
        (&json!("B"), &json!("101"))
    );
    assert_eq!(ticket["traits"], json!(["accessible", "restricted_view"]));

    let (ada, bob) = (app.buyer().await, app.buyer().await);
    let wanted = [first + 1, accessible + 3];
    let hold = app
        .reserve_tickets(&ada, &event(id, venue), &wanted)
        .await
        .expect(201);
    let names = |tickets: &Value| -> Vec<(Value, Value)> {
        let tickets = tickets.as_array().unwrap().iter();
        tickets
            .map(|ticket| (ticket["row"].clone(), ticket["seat"].clone()))
            .collect()
    };
    let expected = [("Box 1", "1b"), ("B", "104")].map(|(row, seat)| (json!(row), json!(seat)));
    assert_eq!(names(&hold["tickets"]), expected);
    let read = app.get_reservation(&ada, &hold.id()).await.expect(200);
    assert_eq!(names(&read["tickets"]), expected);

    // Once from memory, and once from the database, while the event is not in memory yet.
    for _ in 0..2 {
        let refused = app.reserve(&bob, first + 1).await;
        let refused = refused.expect_problem(409, "ticket-taken");
        assert_eq!(names(&refused["conflicts"]), expected[..1]);
        app.instance().restart().await;
    }
    app.get(&map_path).await.expect(200);
    let refused = app.reserve(&bob, first + 1).await;
    let near = names(&refused.expect_problem(409, "ticket-taken")["alternatives"][0]["tickets"]);
    assert!([json!("1a"), json!("2a")].contains(&near[0].1), "{near:?}");
    let paid = app
        .confirm(&ada, &hold.id(), "tok_success")
        .await
        .expect(200);
    assert_eq!(names(&paid["tickets"]), expected);
}

async fn seats_side_by_side_never_cross_an_aisle_and_accessible_ones_are_kept(app: &App) {
    let venue = app.venue().await;
    put_layout(app, venue, 1, &layout()).await.expect(200);
    let id = on_sale(app, venue, &["Circle"]).await;
    let map = app
        .get(&format!("/api/events/{id}/seats"))
        .await
        .expect(200);
    let zone = map["zones"][0]["zone_id"].as_i64().unwrap();
    let (event, buyer) = (event(id, venue), app.buyer().await);
    // Rows of four, and of two and four; the two are for wheelchairs and who comes along.
    let refused = app.reserve_together(&buyer, &event, zone, 5).await;
    assert_eq!(
        refused.expect_problem(409, "no-adjacent-seats")["largest_block"],
        4
    );
    for _ in 0..2 {
        app.reserve_together(&buyer, &event, zone, 4)
            .await
            .expect(201);
    }
    // Nobody is given those who did not name them.
    for ask in [
        app.reserve_together(&buyer, &event, zone, 2),
        app.reserve_places(&buyer, &event, zone, 1),
    ] {
        let refused = ask.await.expect_problem(409, "zone-sold-out");
        assert_eq!(refused["available"], 0);
    }
    let first = map["zones"][0]["rows"][1]["first_ticket_id"].as_i64();
    let pair = [first.unwrap(), first.unwrap() + 1];
    let named = app.reserve_tickets(&buyer, &event, &pair).await.expect(201);
    assert_eq!(named["tickets"][0]["seat"], "101");
}

async fn the_best_seat_is_the_one_nearest_to_the_focal_point(app: &App) {
    let venue = app.venue().await;
    put_layout(app, venue, 1, &layout()).await.expect(200);
    let id = on_sale(app, venue, &["Circle"]).await;
    let map = app
        .get(&format!("/api/events/{id}/seats"))
        .await
        .expect(200);
    let zone = map["zones"][0]["zone_id"].as_i64().unwrap();
    let buyer = app.buyer().await;
    // The point is before the right end of the first row.
    let best = app
        .reserve_together(&buyer, &event(id, venue), zone, 1)
        .await
        .expect(201);
    assert_eq!(best["tickets"][0]["seat"], "2b");
    let seen = app.get(&format!("/api/events/{id}")).await.expect(200);
    assert_eq!(
        seen["zones"][0]["seating"]["focus"],
        json!({ "row": 1, "seat": 4 })
    );
    assert_eq!(seen["zones"][0]["seating"]["rows"], 2);
    assert_eq!(seen["zones"][0]["seating"]["seats_per_row"], 6);
    assert_eq!(seen["zones"][0]["capacity"], 10);
}

async fn an_event_keeps_its_seats_when_the_layout_changes(app: &App) {
    let venue = app.venue().await;
    put_layout(app, venue, 1, &layout()).await.expect(200);
    let id = on_sale(app, venue, &["Circle"]).await;
    let path = format!("/api/events/{id}/seats");
    let before = app.get(&path).await.expect(200);
    let admin = app.admin().await;
    let layout = format!("/api/venues/{venue}/layout");
    app.delete(&layout).by(&admin).if_match(2).await.expect(204);
    app.instance().restart().await;
    assert_eq!(app.get(&path).await.expect(200).body, before.body);
    let plan = app.get(&format!("/api/events/{id}/plan")).await.expect(200);
    assert_eq!(plan["zones"][0]["rows"][0]["row"], "Box 1");
}

async fn a_plan_is_told_again_only_when_it_has_changed(app: &App) {
    let venue = app.venue().await;
    put_layout(app, venue, 1, &layout()).await.expect(200);
    let id = on_sale(app, venue, &["Pit", "Circle"]).await;
    let path = format!("/api/events/{id}/plan");
    let plan = app.get(&path).await.expect(200);
    assert_eq!(plan["focal_point"], json!({ "x": 3.0, "y": 0.0 }));
    let circle = &plan["zones"][1];
    assert_eq!(
        (&circle["name"], &circle["position"]["y"]),
        (&json!("Circle"), &json!(2.0))
    );
    assert_eq!(circle["rows"][0]["rotation"], -10.0);
    // Two seats behind the one before it, where nothing else is said.
    assert_eq!(circle["rows"][1]["position"], json!({ "x": 0.0, "y": 2.0 }));
    let tag = plan.header("etag").unwrap();
    let same = app.get(&path).header("if-none-match", tag).await;
    same.expect(304);
    app.get("/api/events/999999/plan")
        .await
        .expect_problem(404, "not-found");
}
