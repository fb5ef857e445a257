//! Venues, events, zones and seat maps, as everybody sees them.

use kit::{Answer, App, Event, Zone};
use serde_json::{Value, json};

kit::stories! {
    a_draft_is_seen_by_nobody_until_it_is_published,
    events_are_listed_by_start_in_stable_pages,
    venues_are_made_by_admins_and_listed_in_pages,
    availability_moves_with_holds_and_sales,
    a_seat_map_is_compact_and_told_again_only_when_it_has_changed,
    a_ticket_is_told_with_its_seat_and_price,
    every_zone_has_its_tickets,
}

async fn a_draft_is_seen_by_nobody_until_it_is_published(app: &App) {
    let draft = app.draft(&[Zone::seated("Stalls", 1, 2, 4500)]).await;
    let ticket = app.count("SELECT min(id) FROM tickets").await;
    let paths = [
        format!("/api/events/{}", draft.id),
        format!("/api/events/{}/availability", draft.id),
        format!("/api/events/{}/seats", draft.id),
        format!("/api/tickets/{ticket}"),
    ];
    for path in &paths {
        app.get(path).await.expect_problem(404, "not-found");
    }
    assert_eq!(app.get("/api/events").await.expect(200)["items"], json!([]));

    let admin = app.admin().await;
    let publish = format!("/api/events/{}/publish", draft.id);
    let published = app.post(&publish).by(&admin).await.expect(200);
    assert_eq!(published["status"], "published");
    for path in &paths {
        app.get(path).await.expect(200);
    }
    let event = app.get(&paths[0]).await;
    assert_eq!(event.body, published.body);
    assert_eq!(event["venue"]["id"], draft.venue_id);
    assert_eq!(
        event["zones"][0]["seating"],
        json!({ "kind": "seated", "rows": 1, "seats_per_row": 2 })
    );
    let again = app.post(&publish).by(&admin).await.expect(200);
    assert_eq!(
        again["version"], published["version"],
        "publishing twice changes nothing"
    );
    let unknown = app.post("/api/events/999999/publish").by(&admin).await;
    unknown.expect_problem(404, "not-found");
}

async fn events_are_listed_by_start_in_stable_pages(app: &App) {
    let venue = app.venue().await;
    // Two of them start at the same time, on both sides of a page's end.
    for (title, starts_at) in [
        ("third", "2099-03-01T20:00:00Z"),
        ("first", "2099-01-01T20:00:00Z"),
        ("fourth", "2099-03-01T20:00:00Z"),
        ("second", "2099-03-01T20:00:00+01:00"),
        ("fifth", "2099-04-01T20:00:00Z"),
    ] {
        publish(app, venue, title, &json!({ "starts_at": starts_at })).await;
    }
    let first = page(app, "/api/events?limit=3").await;
    publish(
        app,
        venue,
        "early",
        &json!({ "starts_at": "2098-01-01T20:00:00Z" }),
    )
    .await;
    let cursor = first["next"].as_str().unwrap();
    let second = page(app, &format!("/api/events?limit=3&cursor={cursor}")).await;
    let listed = [members(&first, "title"), members(&second, "title")].concat();
    assert_eq!(listed, ["first", "second", "third", "fourth", "fifth"]);
    assert_eq!(second["next"], json!(null));
    let starts_at = first["items"][1]["starts_at"].as_str().unwrap();
    assert!(
        starts_at.starts_with("2099-03-01T19:00:00"),
        "times are in UTC: {starts_at}"
    );
}

async fn venues_are_made_by_admins_and_listed_in_pages(app: &App) {
    let admin = app.admin().await;
    let mut made = Vec::new();
    for name in ["Opera", "Arena", "Club"] {
        let venue = json!({
            "name": name, "address": "Main Street 1", "city": "Tartu", "country": "EE",
            "time_zone": "Europe/Tallinn",
        });
        let answer = app
            .post("/api/venues")
            .by(&admin)
            .json(&venue)
            .await
            .expect(201);
        let path = format!("/api/venues/{}", answer.id());
        assert_eq!(answer.header("location"), Some(path.as_str()));
        assert_eq!(app.get(&path).await.expect(200).body, answer.body);
        made.push(answer.body);
    }
    let first = page(app, "/api/venues?limit=2").await;
    let cursor = first["next"].as_str().unwrap();
    let second = page(app, &format!("/api/venues?limit=2&cursor={cursor}")).await;
    let items = |page: &Answer| page["items"].as_array().unwrap().clone();
    assert_eq!([items(&first), items(&second)].concat(), made);
    assert_eq!(second["next"], json!(null));
    app.get("/api/venues/999999")
        .await
        .expect_problem(404, "not-found");
}

async fn availability_moves_with_holds_and_sales(app: &App) {
    let zones = [
        Zone::seated("Stalls", 1, 4, 4500),
        Zone::standing("Floor", 5, 2500),
    ];
    let event = app.on_sale(&zones).await;
    let buyer = app.buyer().await;
    let counts = async |zone: usize| {
        let answer = app.availability(&event).await.expect(200);
        let zone = &answer["zones"][zone];
        ["capacity", "available", "held", "sold", "blocked"]
            .map(|state| zone[state].as_i64().unwrap())
    };
    let [stalls, floor] = [0, 1];
    assert_eq!(counts(stalls).await, [4, 4, 0, 0, 0]);

    let hold = app
        .reserve_tickets(&buyer, &event, &event.tickets()[..2])
        .await
        .expect(201);
    app.reserve_places(&buyer, &event, event.zone("Floor").id, 3)
        .await
        .expect(201);
    assert_eq!(counts(stalls).await, [4, 2, 2, 0, 0]);
    assert_eq!(counts(floor).await, [5, 2, 3, 0, 0]);
    app.confirm(&buyer, &hold.id(), "tok_success")
        .await
        .expect(200);
    assert_eq!(counts(stalls).await, [4, 2, 0, 2, 0]);
    app.execute(&format!(
        "UPDATE tickets SET status = 'blocked' WHERE id = {}",
        event.tickets()[3]
    ))
    .await;
    // Nobody tells an instance what is done past it, so it has to read the event anew.
    app.instance().restart().await;
    assert_eq!(counts(stalls).await, [4, 1, 0, 2, 1]);
    let refused = app.reserve(&buyer, event.tickets()[3]).await;
    let refused = refused.expect_problem(409, "ticket-taken");
    assert_eq!(refused["conflicts"][0]["status"], "blocked");

    let whole = app
        .get(&format!("/api/events/{}", event.id))
        .await
        .expect(200);
    assert_eq!(whole["zones"], app.availability(&event).await["zones"]);
    app.execute("UPDATE tickets SET status = 'available' WHERE status = 'blocked'")
        .await;
}

async fn a_seat_map_is_compact_and_told_again_only_when_it_has_changed(app: &App) {
    let zones = [
        Zone::seated("Stalls", 2, 4, 4500),
        Zone::standing("Floor", 5, 2500),
    ];
    let event = app.on_sale(&zones).await;
    let buyer = app.buyer().await;
    let path = format!("/api/events/{}/seats", event.id);
    let map = app.get(&path).await.expect(200);
    let row = |row: usize, name: &str| json!({ "row": name, "first_ticket_id": event.tickets()[row * 4], "seats": 4, "states": "aaaa" });
    assert_eq!(map["zones"][0]["rows"], json!([row(0, "A"), row(1, "B")]));
    assert_eq!(
        map["zones"][1]["rows"],
        json!([]),
        "a standing zone has no seats to draw"
    );

    let tag = map.header("etag").unwrap().to_owned();
    for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}")] {
        let same = app
            .get(&path)
            .header("if-none-match", &known)
            .await
            .expect(304);
        assert_eq!(same.header("etag"), Some(tag.as_str()));
        assert_eq!(same.text, "");
    }
    let hold = app.reserve(&buyer, event.tickets()[5]).await.expect(201);
    let changed = app
        .get(&path)
        .header("if-none-match", &tag)
        .await
        .expect(200);
    assert_ne!(changed.header("etag"), Some(tag.as_str()));
    let row = &changed["zones"][0]["rows"][1];
    assert_eq!(
        (&row["states"], &row["versions"]),
        (&json!("ahaa"), &json!([0, 1, 0, 0]))
    );
    app.confirm(&buyer, &hold.id(), "tok_success")
        .await
        .expect(200);
    let stalls = format!("{path}?zone_id={}", event.zone("Stalls").id);
    let sold = app.get(&stalls).await.expect(200);
    assert_eq!(sold["zones"].as_array().unwrap().len(), 1);
    assert_eq!(sold["zones"][0]["rows"][1]["states"], "asaa");
    app.get(&format!("{path}?zone_id=999999"))
        .await
        .expect_problem(404, "not-found");
}

async fn a_ticket_is_told_with_its_seat_and_price(app: &App) {
    let zones = [
        Zone::seated("Stalls", 30, 2, 4500),
        Zone::standing("Floor", 1, 2500),
    ];
    let event = app.on_sale(&zones).await;
    let seat = event.tickets()[27 * 2 + 1];
    let told = json!({
        "id": seat, "event_id": event.id, "zone_id": event.zones[0].id, "row": "AB", "seat": "2", "traits": [],
        "price": { "amount": 4500, "currency": "EUR" }, "status": "available", "version": 0,
    });
    assert_eq!(app.ticket(seat).await.expect(200).body, told);
    let floor = event.zone("Floor").id;
    let place = format!("SELECT id FROM tickets WHERE zone_id = {floor}");
    let place = app.ticket(app.count(&place).await).await.expect(200);
    assert_eq!(
        (&place["row"], &place["seat"]),
        (&Value::Null, &Value::Null)
    );
    app.ticket(i64::MAX).await.expect_problem(404, "not-found");
}

/// A hundred thousand in all, made in bulk.
async fn every_zone_has_its_tickets(app: &App) {
    let zones = [
        Zone::seated("Stalls", 300, 300, 4500),
        Zone::standing("Floor", 10_000, 2500),
    ];
    let draft = app.draft(&zones).await;
    let tickets = format!("SELECT count(*) FROM tickets WHERE event_id = {}", draft.id);
    assert_eq!(app.count(&tickets).await, 100_000);
    let seats = app.rows(
        "SELECT min(row_number) AS first_row, max(row_number) AS last_row, \
                min(seat_number) AS first_seat, max(seat_number) AS last_seat, \
                count(row_number) AS seats FROM tickets",
    );
    let expected = json!([{
        "first_row": 1, "last_row": 300, "first_seat": 1, "last_seat": 300, "seats": 90_000,
    }]);
    assert_eq!(json!(seats.await), expected);
}

/// An event at the venue, changed from an ordinary one by these members, and published.
pub async fn publish(app: &App, venue: i64, title: &str, members: &Value) -> Event {
    let mut event = json!({
        "venue_id": venue, "title": title, "starts_at": "2099-06-01T19:00:00Z",
        "zones": [{
            "name": "Stalls", "price": { "amount": 1500, "currency": "EUR" },
            "seating": { "kind": "seated", "rows": 1, "seats_per_row": 2 },
        }],
    });
    event
        .as_object_mut()
        .unwrap()
        .extend(members.as_object().unwrap().clone());
    let admin = app.admin().await;
    let draft = app
        .post("/api/events")
        .by(&admin)
        .json(&event)
        .await
        .expect(201);
    let path = format!("/api/events/{}/publish", draft.id());
    app.post(&path).by(&admin).await.expect(200);
    Event {
        id: draft["id"].as_i64().unwrap(),
        venue_id: venue,
        zones: Vec::new(),
    }
}

async fn page(app: &App, path: &str) -> Answer {
    app.get(path).await.expect(200)
}

fn members(page: &Answer, member: &str) -> Vec<String> {
    let items = page["items"].as_array().unwrap().iter();
    items
        .filter_map(|item| item[member].as_str().map(str::to_owned))
        .collect()
}
