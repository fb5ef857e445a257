//! Who applies for what, and who sees it.

use kit::{Answer, App, Zone};
use serde_json::json;

use super::guest_event;

kit::stories! {
    a_person_has_one_active_application_to_an_event,
    places_given_away_by_application_cannot_be_reserved,
    places_given_away_by_application_are_offered_to_nobody,
    applications_are_shown_to_their_owner_and_to_organisers,
    organisers_find_applications_by_what_they_are_about,
}

async fn a_person_has_one_active_application_to_an_event(app: &App) {
    let (event, guests) = guest_event(app, 5).await;
    let (other, other_guests) = guest_event(app, 5).await;
    let [ada, bob] = [app.buyer().await, app.buyer().await];
    let made = app.apply(&ada, &event, guests, 1).await.expect(201);
    let refused = app.apply(&ada, &event, guests, 2).await;
    refused.expect_problem(409, "already-applied");
    app.apply(&bob, &event, guests, 1).await.expect(201);
    app.apply(&ada, &other, other_guests, 1).await.expect(201);

    let path = format!("/api/applications/{}", made.id());
    app.delete(&path)
        .by(&bob)
        .await
        .expect_problem(404, "not-found");
    let stale = app.delete(&path).by(&ada).if_match(7).await;
    stale.expect_problem(412, "version-mismatch");
    for _ in 0..2 {
        let withdrawn = app.delete(&path).by(&ada).await.expect(200);
        assert_eq!(
            (&withdrawn["status"], &withdrawn["version"]),
            (&json!("withdrawn"), &json!(2))
        );
    }
    let again = app.apply(&ada, &event, guests, 2).await.expect(201);
    assert_ne!(again["id"], made["id"]);
    let admin = app.admin().await;
    let granted = app
        .grant(&admin, &[made.id(), again.id()])
        .await
        .expect(200);
    assert_eq!(granted.outcomes(), ["not_pending", "granted"]);
    let refused = app.apply(&ada, &event, guests, 1).await;
    refused.expect_problem(409, "already-applied");
}

async fn places_given_away_by_application_cannot_be_reserved(app: &App) {
    let zones = [
        Zone::seated("Guests", 1, 4, 0).by_application(),
        Zone::seated("Stalls", 1, 4, 1500),
    ];
    let event = app.by_application(&zones).await;
    let buyer = app.buyer().await;
    let (guests, stalls) = (event.zone("Guests"), event.zone("Stalls"));
    // From the database at first, and then from memory.
    for _ in 0..2 {
        let refused = app.reserve(&buyer, guests.tickets[0]).await;
        let refused = refused.expect_problem(409, "by-application");
        assert_eq!(refused["zone_id"], guests.id);
        let mixed = [stalls.tickets[0], guests.tickets[1]];
        let refused = app.reserve_tickets(&buyer, &event, &mixed).await;
        refused.expect_problem(409, "by-application");
        let refused = app.reserve_places(&buyer, &event, guests.id, 1).await;
        refused.expect_problem(409, "by-application");
        let refused = app.reserve_together(&buyer, &event, guests.id, 2).await;
        refused.expect_problem(409, "by-application");
        app.availability(&event).await.expect(200);
    }
    assert_eq!(app.seats(&event, "held").await, 0);

    // The mirror knows only what is for sale; the database decides.
    let sql = format!(
        "UPDATE zones SET by_application = TRUE, price_amount = 0 WHERE id = {}",
        stalls.id
    );
    app.execute(&sql).await;
    let refused = app.reserve(&buyer, stalls.tickets[0]).await;
    refused.expect_problem(409, "by-application");
    let shown = app.availability(&event).await.expect(200);
    assert_eq!(shown["zones"][0]["by_application"], true);
}

async fn places_given_away_by_application_are_offered_to_nobody(app: &App) {
    let zones = [
        Zone::seated("Stalls", 1, 2, 1500),
        Zone::seated("Guests", 2, 9, 0).by_application(),
        Zone::seated("Circle", 1, 4, 1500),
    ];
    let event = app.by_application(&zones).await;
    let [ada, bob] = [app.buyer().await, app.buyer().await];
    let (stalls, circle) = (event.zone("Stalls"), event.zone("Circle"));
    app.reserve(&ada, circle.tickets[1]).await.expect(201);
    app.reserve(&ada, circle.tickets[2]).await.expect(201);
    let refused = app.reserve_together(&bob, &event, circle.id, 2).await;
    let refused = refused.expect_problem(409, "no-adjacent-seats");
    let offered = refused["alternatives"].as_array().unwrap();
    let zones: Vec<_> = offered.iter().map(|block| &block["zone_id"]).collect();
    assert_eq!(zones, [&json!(stalls.id)]);
}

async fn applications_are_shown_to_their_owner_and_to_organisers(app: &App) {
    let (event, guests) = guest_event(app, 4).await;
    let [ada, bob] = [app.buyer().await, app.buyer().await];
    let made = app.apply(&ada, &event, guests, 1).await.expect(201);
    let own = format!("/api/applications/{}", made.id());
    assert_eq!(made.header("location"), Some(own.as_str()));
    app.get(&own)
        .by(&bob)
        .await
        .expect_problem(404, "not-found");
    app.get(&own).await.expect_problem(401, "unauthenticated");
    for path in ["", &format!("/{}", made.id())] {
        let path = format!("/api/admin/applications{path}");
        app.get(&path)
            .by(&ada)
            .await
            .expect_problem(403, "forbidden");
    }
    let granted = app.grant(&ada, &[made.id()]).await;
    granted.expect_problem(403, "forbidden");
    let mine = app.get("/api/me/applications").by(&ada).await.expect(200);
    assert_eq!(mine["items"][0]["id"], made["id"]);
    let others = app.get("/api/me/applications").by(&bob).await.expect(200);
    assert_eq!(others["items"], json!([]));
}

async fn organisers_find_applications_by_what_they_are_about(app: &App) {
    let (event, guests) = guest_event(app, 9).await;
    let (other, other_guests) = guest_event(app, 9).await;
    let admin = app.admin().await;
    let ids = app.applicants(3, &event, guests).await;
    let ada = app.buyer().await;
    app.apply(&ada, &other, other_guests, 1).await.expect(201);
    app.grant(&admin, &ids[..1]).await.expect(200);
    let list = async |query: String| {
        let path = format!("/api/admin/applications?{query}");
        app.get(&path).by(&admin).await.expect(200)
    };
    let count = |answer: &Answer| answer["items"].as_array().unwrap().len();
    assert_eq!(count(&list(String::new()).await), 4);
    assert_eq!(count(&list(format!("event_id={}", event.id)).await), 3);
    assert_eq!(count(&list(format!("zone_id={other_guests}")).await), 1);
    assert_eq!(
        count(&list(format!("event_id={}&status=pending", event.id)).await),
        2
    );
    let by_mail = list(format!("q={}", ada.email)).await;
    assert_eq!(
        (count(&by_mail), &by_mail["items"][0]["applicant"]["id"]),
        (1, &ada.id)
    );
    assert_eq!(count(&list("q=nobody%25".to_owned()).await), 0);

    // Newest first, in pages, stable while others come in.
    let first = list(format!("event_id={}&limit=2", event.id)).await;
    app.applicants(1, &event, guests).await;
    let next = first["next"].as_str().unwrap();
    let second = list(format!("event_id={}&limit=2&cursor={next}", event.id)).await;
    let pages = [&first, &second].map(|page| page["items"].as_array().unwrap().iter());
    let found: Vec<_> = pages
        .into_iter()
        .flatten()
        .map(|item| &item["id"])
        .collect();
    let newest_first: Vec<_> = ids.iter().rev().map(|id| json!(id)).collect();
    assert_eq!(found, newest_first.iter().collect::<Vec<_>>());
}
