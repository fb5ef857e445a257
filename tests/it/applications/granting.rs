//! What comes of granting and rejecting.

use kit::{App, Person, Zone, eventually_eq, secs};
use serde_json::{Value, json};

use super::{guest_event, read};
use crate::editing::cancel;

kit::stories! {
    whoever_is_granted_an_application_has_a_confirmed_reservation_for_nothing,
    fewer_places_than_applications_are_given_in_the_order_of_the_request,
    seats_are_granted_side_by_side_where_possible,
    whoever_is_rejected_is_told_why,
    the_limit_of_the_event_counts_what_was_granted,
    a_cancelled_event_grants_nothing,
    a_grant_is_replayed_with_its_key,
}

async fn whoever_is_granted_an_application_has_a_confirmed_reservation_for_nothing(app: &App) {
    let (event, guests) = guest_event(app, 5).await;
    let [ada, admin] = [app.buyer().await, app.admin().await];
    let made = app.apply(&ada, &event, guests, 2).await.expect(201);
    assert_eq!(
        (&made["status"], &made["zone"]),
        (&json!("pending"), &json!("Guests"))
    );

    let granted = app.grant(&admin, &[made.id()]).await.expect(200);
    let result = &granted["results"][0];
    assert_eq!(
        (&result["id"], &result["outcome"]),
        (&made["id"], &json!("granted"))
    );
    let id = result["reservation_id"].as_str().unwrap();
    let reservation = app.get_reservation(&ada, id).await.expect(200);
    assert_eq!(reservation["status"], "confirmed");
    assert_eq!(reservation["total"]["amount"], 0);
    let tickets = reservation.tickets();
    assert_eq!(tickets.len(), 2);
    for ticket in tickets {
        let ticket = app.ticket(ticket).await.expect(200);
        assert_eq!(
            (&ticket["status"], &ticket["version"]),
            (&json!("sold"), &json!(1))
        );
    }
    let listed = app.get("/api/reservations?status=confirmed").by(&ada).await;
    assert_eq!(listed["items"][0]["id"], reservation["id"]);
    // The map knows at once, and what is confirmed is past changing.
    assert_eq!(app.seats(&event, "sold").await, 2);
    app.release(&ada, id)
        .await
        .expect_problem(409, "invalid-transition");
    app.confirm(&ada, id, "tok_success")
        .await
        .expect_problem(409, "invalid-transition");

    let shown = read(app, &ada, &made.id()).await;
    assert_eq!(shown["status"], "granted");
    assert_eq!(shown["reservation_id"], reservation["id"]);
    let mail = app.rows("SELECT recipient, body FROM mails").await;
    assert_eq!(mail.len(), 1);
    assert_eq!(mail[0]["recipient"], json!(ada.email));
    let withdrawn = app
        .delete(&format!("/api/applications/{}", made.id()))
        .by(&ada)
        .await;
    withdrawn.expect_problem(409, "invalid-transition");
}

async fn fewer_places_than_applications_are_given_in_the_order_of_the_request(app: &App) {
    let (event, guests) = guest_event(app, 4).await;
    let mut ids = Vec::new();
    for (person, quantity) in app.buyers(5).await.iter().zip([2, 3, 1, 2, 1]) {
        let made = app
            .apply(person, &event, guests, quantity)
            .await
            .expect(201);
        ids.push(made.id());
    }
    let unknown = "0193aaaa-0000-7000-8000-000000000000".to_owned();
    ids.insert(1, unknown);
    let admin = app.admin().await;
    let granted = app.grant(&admin, &ids).await.expect(200);
    let expected = [
        "granted",
        "not_found",
        "zone_full",
        "granted",
        "zone_full",
        "granted",
    ];
    assert_eq!(granted.outcomes(), expected);
    assert_eq!(app.seats(&event, "sold").await, 4);
    // Who was too late is still pending, and can be told so.
    let again = app.grant(&admin, &ids).await.expect(200);
    let expected = [
        "not_pending",
        "not_found",
        "zone_full",
        "not_pending",
        "zone_full",
        "not_pending",
    ];
    assert_eq!(again.outcomes(), expected);
    assert_eq!(app.count("SELECT count(*) FROM mails").await, 3);
}

async fn seats_are_granted_side_by_side_where_possible(app: &App) {
    let zone = Zone::seated("Guests", 2, 6, 0).by_application();
    let event = app.by_application(&[zone]).await;
    let mut ids = Vec::new();
    let people = app.buyers(3).await;
    for person in &people {
        let made = app.apply(person, &event, event.zones[0].id, 4).await;
        ids.push(made.expect(201).id());
    }
    let granted = app.grant(&app.admin().await, &ids).await.expect(200);
    assert_eq!(granted.outcomes(), ["granted"; 3]);
    let mut rows = Vec::new();
    for (person, result) in people.iter().zip(granted["results"].as_array().unwrap()) {
        let id = result["reservation_id"].as_str().unwrap();
        let reservation = app.get_reservation(person, id).await.expect(200);
        let tickets = reservation["tickets"].as_array().unwrap();
        let mut of_it: Vec<_> = tickets.iter().map(|ticket| ticket["row"].clone()).collect();
        of_it.dedup();
        rows.push(of_it.len());
    }
    // A row for each of the first two; the third has what is left of both.
    assert_eq!(rows, [1, 1, 2]);
    eventually_eq(secs(5), 12, async || app.seats(&event, "sold").await).await;
}

async fn whoever_is_rejected_is_told_why(app: &App) {
    let (event, guests) = guest_event(app, 4).await;
    let [ada, admin] = [app.buyer().await, app.admin().await];
    let made = app.apply(&ada, &event, guests, 2).await.expect(201);
    let reject =
        |by: &Person, body: &Value| app.post("/api/admin/applications/reject").by(by).json(body);
    let body = json!({ "ids": [made.id()], "reason": "Only <students>." });
    reject(&ada, &body).await.expect_problem(403, "forbidden");
    let rejected = reject(&admin, &body).await.expect(200);
    assert_eq!(rejected.outcomes(), ["rejected"]);
    assert_eq!(
        reject(&admin, &body).await.expect(200).outcomes(),
        ["not_pending"]
    );
    let shown = read(app, &ada, &made.id()).await;
    assert_eq!(
        (&shown["status"], &shown["reason"]),
        (&json!("rejected"), &json!("Only <students>."))
    );
    let mail = app.rows("SELECT recipient, body FROM mails").await;
    assert_eq!((mail.len(), &mail[0]["recipient"]), (1, &json!(ada.email)));
    assert!(
        mail[0]["body"]
            .as_str()
            .unwrap()
            .contains("Only <students>.")
    );
    assert_eq!(app.seats(&event, "available").await, 4);
    // It was not for good.
    app.apply(&ada, &event, guests, 1).await.expect(201);

    let path = format!("/api/admin/applications/{}", made.id());
    let seen = app.get(&path).by(&admin).await.expect(200);
    let decision = &seen["history"][1];
    assert_eq!(
        (&decision["status"], &decision["by"]),
        (&json!("rejected"), &admin.id)
    );
    assert_eq!(decision["reason"], "Only <students>.");
    assert_eq!(seen["history"][0]["by"], ada.id);
}

async fn the_limit_of_the_event_counts_what_was_granted(app: &App) {
    let zones = [
        Zone::standing("Guests", 9, 0).by_application(),
        Zone::standing("Floor", 9, 1500),
    ];
    let event = app.on_limited_sale(&zones, 3).await;
    app.open_applications(&event, &json!([])).await;
    let [ada, admin] = [app.buyer().await, app.admin().await];
    let (guests, floor) = (event.zone("Guests").id, event.zone("Floor").id);
    let refused = app.apply(&ada, &event, guests, 4).await;
    refused.expect_problem(409, "limit-exceeded");
    let made = app.apply(&ada, &event, guests, 2).await.expect(201);
    // What was bought meanwhile counts when it is granted.
    let hold = app.reserve_places(&ada, &event, floor, 2).await.expect(201);
    let granted = app.grant(&admin, &[made.id()]).await.expect(200);
    assert_eq!(granted.outcomes(), ["limit_exceeded"]);
    app.release(&ada, &hold.id()).await.expect(204);
    let granted = app.grant(&admin, &[made.id()]).await.expect(200);
    assert_eq!(granted.outcomes(), ["granted"]);
    let refused = app.reserve_places(&ada, &event, floor, 2).await;
    let refused = refused.expect_problem(409, "limit-exceeded");
    assert_eq!(
        (&refused["limit"], &refused["already"]),
        (&json!(3), &json!(2))
    );
}

async fn a_cancelled_event_grants_nothing(app: &App) {
    let (event, guests) = guest_event(app, 4).await;
    let ids = app.applicants(1, &event, guests).await;
    cancel(app, &event).await.expect(200);
    let granted = app.grant(&app.admin().await, &ids).await.expect(200);
    assert_eq!(granted.outcomes(), ["event_cancelled"]);
    assert_eq!(app.count("SELECT count(*) FROM reservations").await, 0);
}

async fn a_grant_is_replayed_with_its_key(app: &App) {
    let (event, guests) = guest_event(app, 9).await;
    let ids = app.applicants(2, &event, guests).await;
    let admin = app.admin().await;
    let first = app.grant(&admin, &ids).key("k").await.expect(200);
    assert_eq!(first.outcomes(), ["granted", "granted"]);
    let again = app.grant(&admin, &ids).key("k").await.expect(200);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.body, first.body);
    let other = app.grant(&admin, &ids[..1]).key("k").await;
    other.expect_problem(422, "idempotency-key-reused");
    let ada = app.buyer().await;
    let apply = || app.apply(&ada, &event, guests, 1).key("mine");
    let made = apply().await.expect(201);
    assert_eq!(apply().await.expect(201).body, made.body);
}
