//! The last places of a sale, wanted by many more on all instances at once, and a limit that holds
//! on all of them together.

use std::collections::BTreeSet;

use kit::{Answer, Builder, Cluster, Instances, Zone, race, tally};
use serde_json::json;

use crate::answers::{count_winners, expect_only, served_by, tickets};

// Whoever wants any place goes on trying for half the life of a lock. A slow machine may need that.
stories! {
    of_many_buyers_as_many_win_as_there_are_places: super::patient,
    whatever_their_number_buyers_never_get_more_than_is_there: super::patient,
    groups_get_whole_rows_to_the_last_one: super::patient,
    impatient_buyers_of_the_last_places_never_get_one_twice: |cluster| cluster.lock_ttl_ms(100),
    the_limit_of_one_buyer_holds_on_all_instances_together: super::patient,
    a_code_is_used_as_often_as_it_may_on_all_instances_together: super::patient,
}

fn patient(cluster: Builder<Instances>) -> Builder<Instances> {
    cluster
        .env("HOLDFAST_DB_ACQUIRE_MS", "30000")
        .lock_ttl_ms(30_000)
}

async fn of_many_buyers_as_many_win_as_there_are_places(cluster: &Cluster) {
    let event = cluster.on_sale(&[Zone::standing("Pit", 25, 1500)]).await;
    let buyers = cluster.buyers(20).await;
    let pit = event.zone("Pit").id;
    let answers = race(400, |number| {
        cluster.reserve_places(&buyers[number % buyers.len()], &event, pit, 1)
    })
    .await;
    let expected = [("201".to_owned(), 25), ("zone-sold-out".to_owned(), 375)];
    assert_eq!(tally(&answers), expected.into());
    assert_eq!(served_by(&answers).len(), 3);
    assert_eq!(distinct(&answers), 25);
    assert_eq!(cluster.count("SELECT count(*) FROM ledger").await, 25);
}

async fn whatever_their_number_buyers_never_get_more_than_is_there(cluster: &Cluster) {
    let event = cluster.on_sale(&[Zone::standing("Pit", 40, 1500)]).await;
    let buyers = cluster.buyers(20).await;
    let pit = event.zone("Pit").id;
    let answers = race(120, |number| {
        let quantity = [1, 2, 3][number % 3];
        cluster.reserve_places(&buyers[number % buyers.len()], &event, pit, quantity)
    })
    .await;
    expect_only(&["zone-sold-out"], &answers);
    // So many want a single place that none is left over.
    assert_eq!(distinct(&answers), 40, "{:?}", tally(&answers));
    cluster.expect_seats(&event, "held", 40).await;
}

async fn groups_get_whole_rows_to_the_last_one(cluster: &Cluster) {
    let event = cluster
        .on_sale(&[Zone::seated("Stalls", 12, 4, 4500)])
        .await;
    let buyers = cluster.buyers(10).await;
    let zone = event.zones[0].id;
    let answers = race(60, |number| {
        cluster.reserve_together(&buyers[number % buyers.len()], &event, zone, 4)
    })
    .await;
    let expected = [("201".to_owned(), 12), ("zone-sold-out".to_owned(), 48)];
    assert_eq!(tally(&answers), expected.into());
    for won in answers.iter().filter(|answer| answer.is_success()) {
        let row = won["tickets"].as_array().into_iter().flatten();
        let rows: BTreeSet<_> = row.map(|ticket| ticket["row"].as_str()).collect();
        assert_eq!(rows.len(), 1, "{won:?}");
    }
}

async fn impatient_buyers_of_the_last_places_never_get_one_twice(cluster: &Cluster) {
    let event = cluster.on_sale(&[Zone::standing("Pit", 10, 1500)]).await;
    let buyers = cluster.buyers(10).await;
    let pit = event.zone("Pit").id;
    let answers = race(150, |number| {
        cluster.reserve_places(&buyers[number % buyers.len()], &event, pit, 1)
    })
    .await;
    // Whoever gives up waiting for others is told so; it is no refusal for good.
    expect_only(&["zone-sold-out", "ticket-contended"], &answers);
    let won = distinct(&answers);
    assert_eq!(won, count_winners(&answers), "{:?}", tally(&answers));
    for _ in won..10 {
        let last = || cluster.reserve_places(&buyers[0], &event, pit, 1);
        crate::load::certain(last).await.expect(201);
    }
    let refused = cluster.reserve_places(&buyers[0], &event, pit, 1).await;
    refused.expect_problem(409, "zone-sold-out");
}

async fn the_limit_of_one_buyer_holds_on_all_instances_together(cluster: &Cluster) {
    let zones = [
        Zone::seated("Stalls", 1, 30, 4500),
        Zone::standing("Pit", 30, 1500),
    ];
    let event = cluster.on_limited_sale(&zones, 6).await;
    let [buyer, other] = [cluster.buyer().await, cluster.buyer().await];
    let (seats, pit) = (&event.tickets(), event.zone("Pit").id);
    let answers = race(40, |number| {
        if number % 2 == 0 {
            cluster.reserve(&buyer, seats[number / 2])
        } else {
            cluster.reserve_places(&buyer, &event, pit, 1)
        }
    })
    .await;
    expect_only(&["limit-exceeded", "ticket-contended"], &answers);
    assert_eq!(served_by(&answers).len(), 3);
    assert_eq!(distinct(&answers), 6, "{:?}", tally(&answers));
    let refused = cluster.reserve_places(&buyer, &event, pit, 1).await;
    let refused = refused.expect_problem(409, "limit-exceeded");
    assert_eq!(
        [&refused["limit"], &refused["already"]],
        [&json!(6), &json!(6)]
    );

    // What is given up on one instance makes room on every other.
    let won = answers.iter().filter(|answer| answer.is_success());
    for (hold, instance) in won.zip(cluster.instances.iter().cycle()) {
        cluster.release(&buyer, &hold.id()).await.expect(204);
        let path = format!("{}/api/reservations", instance.base_url());
        let wanted = json!({ "event_id": event.id, "zone_id": pit, "quantity": 1 });
        let again = cluster.post(&path).by(&buyer).json(&wanted).await;
        again.expect(201);
    }
    cluster
        .reserve_places(&other, &event, pit, 6)
        .await
        .expect(201);
}

async fn a_code_is_used_as_often_as_it_may_on_all_instances_together(cluster: &Cluster) {
    let zones = [Zone::seated("Stalls", 6, 10, 4500)];
    let later = json!({ "sales_open_at": "2098-01-01T10:00:00Z" });
    let event = cluster.on_sale_with(&zones, &later).await;
    let buyers = cluster.buyers(10).await;
    for (text, uses) in [("ONCE", 1), ("FIVE", 5)] {
        let early =
            json!({ "code": text, "opens_early": true, "percent_off": 50, "max_uses": uses });
        cluster.code(&event, &early).await;
    }
    // Each wants a seat of its own, so that nothing but the codes stands between them.
    let answers = race(60, |number| {
        let code = ["ONCE", "FIVE"][number % 2];
        cluster.reserve_with(&buyers[number % 10], event.tickets()[number], code)
    })
    .await;
    let expected = [("201".to_owned(), 6), ("code-not-valid".to_owned(), 54)];
    assert_eq!(tally(&answers), expected.into());
    assert_eq!(served_by(&answers).len(), 3);
    let won = |code: &str| answers.iter().filter(|it| it["code"] == code).count();
    assert_eq!((won("ONCE"), won("FIVE")), (1, 5));

    // What is given up on one instance may be used on every other.
    let winner = answers.iter().position(|it| it["code"] == "ONCE");
    let winner = winner.unwrap_or_default();
    let (mut hold, buyer) = (answers[winner].id(), &buyers[winner % 10]);
    let given = tickets(&answers);
    let free = event.tickets().iter().filter(|seat| !given.contains(seat));
    for (instance, seat) in cluster.instances.iter().zip(free) {
        cluster.release(buyer, &hold).await.expect(204);
        let path = format!("{}/api/reservations", instance.base_url());
        let wanted = json!({ "event_id": event.id, "ticket_ids": [seat], "code": "once" });
        let again = cluster.post(&path).by(buyer).json(&wanted).await;
        hold = again.expect(201).id();
    }
}

/// How many different tickets were given out, none of them twice.
#[track_caller]
fn distinct(answers: &[Answer]) -> usize {
    let given = tickets(answers);
    let distinct: BTreeSet<_> = given.iter().collect();
    assert_eq!(distinct.len(), given.len(), "a ticket was given out twice");
    given.len()
}
