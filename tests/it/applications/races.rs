//! Many who grant, and one who applies many times, at once: places are given away once.

use std::collections::BTreeSet;

use kit::{Answer, App, Zone, race, tally};

kit::stories! {
    of_fifty_grants_at_once_for_ten_places_ten_are_made,
    an_application_that_is_granted_many_times_at_once_gets_one_reservation,
    of_fifty_applications_of_one_person_at_once_one_is_made,
    overlapping_grants_in_opposite_orders_never_deadlock,
    the_last_places_go_to_those_for_whom_they_suffice,
    an_application_is_either_granted_or_withdrawn,
}

async fn of_fifty_grants_at_once_for_ten_places_ten_are_made(app: &App) {
    let zone = Zone::standing("Guests", 10, 0).by_application();
    let event = app.by_application(&[zone]).await;
    let ids = app.applicants(50, &event, event.zones[0].id).await;
    let admin = app.admin().await;

    let answers = race(50, |number| app.grant(&admin, &ids[number..=number])).await;
    let granted = count("granted", &answers);
    assert_eq!((granted, count("zone_full", &answers)), (10, 40));
    assert_eq!(app.seats(&event, "sold").await, 10);
    let given = "SELECT count(*) FROM ledger WHERE cause = 'grant'";
    assert_eq!(app.count(given).await, 10);
    assert_eq!(app.count("SELECT count(*) FROM reservations").await, 10);
    let told = "SELECT count(DISTINCT recipient) FROM mails WHERE subject LIKE '%was granted'";
    assert_eq!(app.count(told).await, 10);
}

async fn an_application_that_is_granted_many_times_at_once_gets_one_reservation(app: &App) {
    let zone = Zone::seated("Guests", 2, 10, 0).by_application();
    let event = app.by_application(&[zone]).await;
    let person = app.buyer().await;
    let made = app.apply(&person, &event, event.zones[0].id, 3).await;
    let ids = [made.expect(201).id()];
    let admin = app.admin().await;

    let answers = race(20, |_| app.grant(&admin, &ids)).await;
    assert_eq!(count("granted", &answers), 1);
    assert_eq!(count("not_pending", &answers), 19);
    assert_eq!(app.count("SELECT count(*) FROM reservations").await, 1);
    assert_eq!(app.seats(&event, "sold").await, 3);
}

async fn of_fifty_applications_of_one_person_at_once_one_is_made(app: &App) {
    let zone = Zone::standing("Guests", 10, 0).by_application();
    let event = app.by_application(&[zone]).await;
    let person = app.buyer().await;
    let answers = race(50, |_| app.apply(&person, &event, event.zones[0].id, 1)).await;
    let expected = [("201".to_owned(), 1), ("already-applied".to_owned(), 49)];
    assert_eq!(tally(&answers), expected.into());
    assert_eq!(app.count("SELECT count(*) FROM applications").await, 1);
}

async fn overlapping_grants_in_opposite_orders_never_deadlock(app: &App) {
    let zones = ["Guests", "Press"].map(|name| Zone::standing(name, 8, 0).by_application());
    let event = app.by_application(&zones).await;
    let mut ids = app.applicants(10, &event, event.zones[0].id).await;
    ids.extend(app.applicants(10, &event, event.zones[1].id).await);
    let backwards: Vec<String> = ids.iter().rev().cloned().collect();
    let admin = app.admin().await;

    let answers = race(10, |number| match number % 2 {
        0 => app.grant(&admin, &ids),
        _ => app.grant(&admin, &backwards),
    })
    .await;
    assert_eq!(count("granted", &answers), 16);
    assert_eq!(app.seats(&event, "sold").await, 16);
}

async fn the_last_places_go_to_those_for_whom_they_suffice(app: &App) {
    let zone = Zone::standing("Guests", 7, 0).by_application();
    let event = app.by_application(&[zone]).await;
    let mut ids = Vec::new();
    for person in app.buyers(6).await {
        let made = app.apply(&person, &event, event.zones[0].id, 2).await;
        ids.push(made.expect(201).id());
    }
    let admin = app.admin().await;
    let answers = race(6, |number| app.grant(&admin, &ids[number..=number])).await;
    assert_eq!(count("granted", &answers), 3);
    assert_eq!(count("zone_full", &answers), 3);
    assert_eq!(app.seats(&event, "sold").await, 6);
    assert_eq!(app.seats(&event, "available").await, 1);
}

async fn an_application_is_either_granted_or_withdrawn(app: &App) {
    let zone = Zone::standing("Guests", 9, 0).by_application();
    let event = app.by_application(&[zone]).await;
    let admin = app.admin().await;
    for person in app.buyers(5).await {
        let made = app.apply(&person, &event, event.zones[0].id, 1).await;
        let id = made.expect(201).id();
        let answers = race(2, |number| match number {
            0 => app.grant(&admin, std::slice::from_ref(&id)),
            _ => app.delete(&format!("/api/applications/{id}")).by(&person),
        })
        .await;
        let is_granted = answers[0].outcomes() == ["granted"];
        let withdrawn = if is_granted { 409 } else { 200 };
        assert_eq!(answers[1].status, withdrawn, "{answers:?}");
    }
}

/// How many applications came out like that, over all answers.
fn count(outcome: &str, answers: &[Answer]) -> usize {
    let statuses: BTreeSet<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200].into(), "{answers:?}");
    let outcomes = answers.iter().flat_map(Answer::outcomes);
    outcomes.filter(|other| *other == outcome).count()
}
