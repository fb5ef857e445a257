//! Requests that are made again, at the same time and later, on the same instance and on others.

use kit::{Answer, Call, Cluster, Person, Zone, race};
use serde_json::json;

use crate::answers::{expect_only, served_by};

stories! {
    fifty_at_once_with_one_key_hold_one_seat,
    fifty_at_once_with_one_key_hold_one_place,
    fifty_payments_at_once_with_one_key_are_one,
    admins_who_create_and_publish_at_once_with_one_key_do_it_once,
}

/// What a request may hear whose twin is at work on another instance or on the same.
const TWIN_AT_WORK: [&str; 2] = ["idempotency-key-in-flight", "ticket-contended"];

async fn fifty_at_once_with_one_key_hold_one_seat(cluster: &Cluster) {
    let event = cluster
        .on_sale(&[Zone::seated("Stalls", 1, 50, 4500)])
        .await;
    let buyer = cluster.buyer().await;
    let seats = &event.tickets()[..3];
    let hold = |at: &str| {
        let path = format!("{at}/api/reservations");
        let wanted = json!({ "event_id": event.id, "ticket_ids": seats });
        cluster.post(&path).by(&buyer).key("one").json(&wanted)
    };
    expect_one(cluster, "reservations", &TWIN_AT_WORK, hold).await;

    let wanted = json!({ "event_id": event.id, "ticket_ids": [event.tickets()[4]] });
    let other = cluster.post("/api/reservations").by(&buyer).key("one");
    let other = other.json(&wanted).await;
    other.expect_problem(422, "idempotency-key-reused");
    let somebody = cluster.buyer().await;
    let same_key = cluster.reserve(&somebody, event.tickets()[4]).key("one");
    same_key.await.expect(201);
}

/// The twins pick different places, so only the key stands between them.
async fn fifty_at_once_with_one_key_hold_one_place(cluster: &Cluster) {
    let event = cluster.on_sale(&[Zone::standing("Pit", 50, 1500)]).await;
    let buyer = cluster.buyer().await;
    let wanted = json!({ "event_id": event.id, "zone_id": event.zone("Pit").id, "quantity": 2 });
    let hold = |at: &str| {
        let path = format!("{at}/api/reservations");
        cluster.post(&path).by(&buyer).key("one").json(&wanted)
    };
    expect_one(cluster, "reservations", &TWIN_AT_WORK, hold).await;
    cluster.expect_seats(&event, "held", 2).await;
}

async fn fifty_payments_at_once_with_one_key_are_one(cluster: &Cluster) {
    let event = cluster.on_sale(&[Zone::seated("Stalls", 1, 1, 4500)]).await;
    let buyer = cluster.buyer().await;
    let held = cluster
        .reserve(&buyer, event.tickets()[0])
        .await
        .expect(201);
    let payment = json!({ "payment": { "method": "simulated", "token": "tok_success" } });
    let pay = |at: &str| {
        let path = format!("{at}/api/reservations/{}/confirm", held.id());
        cluster.post(&path).by(&buyer).key("one").json(&payment)
    };
    let twin_at_work = ["idempotency-key-in-flight", "payment-in-progress"];
    expect_one(cluster, "payments", &twin_at_work, pay).await;
    cluster.expect_seats(&event, "sold", 1).await;
}

async fn admins_who_create_and_publish_at_once_with_one_key_do_it_once(cluster: &Cluster) {
    let admins = [cluster.admin().await, another_admin(cluster).await];
    let venue = json!({
        "name": "Twin Hall", "city": "Tallinn", "country": "EE", "time_zone": "Europe/Tallinn",
    });
    let twin_at_work = ["idempotency-key-in-flight"];

    // A key is its owner's, so two admins with the same key make two venues, and one makes one.
    let answers = race(50, |number| {
        let call = cluster.post("/api/venues").by(&admins[number % 2]);
        call.key("venue").json(&venue)
    })
    .await;
    expect_only(&twin_at_work, &answers);
    assert_eq!(cluster.count("SELECT count(*) FROM venues").await, 2);

    let event = json!({
        "venue_id": cluster.venue().await,
        "title": "Twins",
        "starts_at": "2099-06-01T19:00:00Z",
        "zones": [{
            "name": "Pit",
            "price": { "amount": 1500, "currency": "EUR" },
            "seating": { "kind": "standing", "capacity": 30 },
        }],
    });
    let create = |at: &str| {
        let path = format!("{at}/api/events");
        cluster.post(&path).by(&admins[0]).key("event").json(&event)
    };
    let made = expect_one(cluster, "events", &twin_at_work, create).await;
    assert_eq!(cluster.count("SELECT count(*) FROM tickets").await, 30);

    let publish = format!("/api/events/{}/publish", made.id());
    let answers = race(50, |number| {
        let call = cluster.post(&publish).by(&admins[number % 2]);
        call.key("publish")
    })
    .await;
    expect_only(&twin_at_work, &answers);
    for answer in answers.iter().filter(|answer| answer.is_success()) {
        assert_eq!(answer["status"], "published", "{answer:?}");
    }
    let shown = cluster.get("/api/events").await.expect(200);
    assert_eq!(shown["items"].as_array().map(Vec::len), Some(1));
}

/// Makes the request fifty times at once through Nginx, then once more on every instance: one
/// answer, and one row in the table.
async fn expect_one(
    cluster: &Cluster,
    table: &str,
    twin_at_work: &[&str],
    request: impl Fn(&str) -> Call,
) -> Answer {
    let answers = race(50, |_| request("")).await;
    expect_only(twin_at_work, &answers);
    assert_eq!(served_by(&answers).len(), 3);
    let first = answers.into_iter().find(Answer::is_success);
    let first = first.expect("one of them is answered");
    for instance in &cluster.instances {
        let again = request(instance.base_url()).await;
        assert_eq!((again.status, &again.body), (first.status, &first.body));
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
    }
    let rows = cluster
        .count(&format!("SELECT count(*) FROM {table}"))
        .await;
    assert_eq!(rows, 1, "more than one in {table}");
    first
}

async fn another_admin(cluster: &Cluster) -> Person {
    let (email, password) = ("second-admin@example.com", "another horse battery");
    let made = cluster.run(&[
        "admin",
        "create",
        "--admin-email",
        email,
        "--admin-password",
        password,
    ]);
    assert!(made.status.success(), "{made:?}");
    cluster.login(email, password).await
}
