//! What an organiser changes on one instance is so on every other: seats that are withheld or taken out,
//! and places that come and go while people buy them.

use std::collections::BTreeSet;

use kit::{
    Answer, Builder, Cluster, Event, Instance, Instances, Zone, eventually, race, secs, tally,
};
use serde_json::{Value, json};

use crate::answers::{expect_only, tickets};

stories! {
    a_seat_that_was_taken_out_vanishes_everywhere,
    a_seat_that_is_withheld_is_so_everywhere,
    places_that_are_added_are_sold_by_every_instance,
    capacity_never_falls_below_what_is_taken_on_all_instances: super::patient,
    an_event_that_grows_is_never_sold_out_meanwhile: super::patient,
}

fn patient(cluster: Builder<Instances>) -> Builder<Instances> {
    cluster
        .env("HOLDFAST_DB_ACQUIRE_MS", "30000")
        .lock_ttl_ms(30_000)
}

async fn a_seat_that_was_taken_out_vanishes_everywhere(cluster: &Cluster) {
    let event = cluster.on_sale(&[Zone::seated("Stalls", 1, 4, 4500)]).await;
    let buyer = cluster.buyer().await;
    until_all_draw(cluster, &event, "aaaa").await;
    let seat = event.tickets()[1];
    move_seats(cluster, &event, "remove", seat, 0)
        .await
        .expect(200);
    until_all_draw(cluster, &event, "aaa").await;
    for instance in &cluster.instances {
        let path = format!("{}/api/tickets/{seat}/reserve", instance.base_url());
        let refused = cluster.post(&path).by(&buyer).await;
        refused.expect_problem(404, "not-found");
        let path = format!("{}/api/tickets/{seat}", instance.base_url());
        cluster.get(&path).await.expect_problem(404, "not-found");
    }
    move_seats(cluster, &event, "restore", seat, 1)
        .await
        .expect(200);
    until_all_draw(cluster, &event, "aaaa").await;
    cluster.reserve(&buyer, seat).await.expect(201);
    until_all_draw(cluster, &event, "ahaa").await;
}

async fn a_seat_that_is_withheld_is_so_everywhere(cluster: &Cluster) {
    let event = cluster.on_sale(&[Zone::seated("Stalls", 1, 3, 4500)]).await;
    let buyer = cluster.buyer().await;
    until_all_draw(cluster, &event, "aaa").await;
    let seat = event.tickets()[0];
    move_seats(cluster, &event, "block", seat, 0)
        .await
        .expect(200);
    until_all_draw(cluster, &event, "baa").await;
    for instance in &cluster.instances {
        let path = format!("{}/api/tickets/{seat}/reserve", instance.base_url());
        let refused = cluster.post(&path).by(&buyer).await;
        let refused = refused.expect_problem(409, "ticket-taken");
        assert_eq!(refused["conflicts"][0]["status"], "blocked");
    }
    move_seats(cluster, &event, "unblock", seat, 1)
        .await
        .expect(200);
    until_all_draw(cluster, &event, "aaa").await;
}

async fn places_that_are_added_are_sold_by_every_instance(cluster: &Cluster) {
    let event = cluster.on_sale(&[Zone::standing("Pit", 2, 1500)]).await;
    let buyer = cluster.buyer().await;
    let pit = event.zone("Pit").id;
    cluster
        .reserve_places(&buyer, &event, pit, 2)
        .await
        .expect(201);
    until_all_count(cluster, &event, 0).await;
    resize(cluster, &event, pit, 8).await.expect(200);
    until_all_count(cluster, &event, 6).await;
    for instance in &cluster.instances {
        let wanted = json!({ "event_id": event.id, "zone_id": pit, "quantity": 2 });
        let path = format!("{}/api/reservations", instance.base_url());
        eventually(secs(5), async || {
            let hold = cluster.post(&path).by(&buyer).json(&wanted).await;
            let refused = format!("{hold:?}");
            hold.is_success().then_some(()).ok_or(refused)
        })
        .await;
    }
    until_all_count(cluster, &event, 0).await;
}

async fn capacity_never_falls_below_what_is_taken_on_all_instances(cluster: &Cluster) {
    let event = cluster.on_sale(&[Zone::standing("Pit", 40, 1500)]).await;
    let (admin, buyers) = (cluster.admin().await, cluster.buyers(10).await);
    let pit = event.zone("Pit").id;
    let path = format!("/api/events/{}/zones/{pit}/capacity", event.id);
    let answers = race(80, |number| {
        if number % 10 == 5 {
            let capacity = json!({ "capacity": 36 - 4 * (number / 10) });
            cluster
                .put(&path)
                .by(&admin)
                .header("if-match", "*")
                .json(&capacity)
        } else {
            cluster.reserve_places(&buyers[number % 10], &event, pit, 1)
        }
    })
    .await;
    let (shrunk, held): (Vec<_>, Vec<_>) = answers
        .into_iter()
        .enumerate()
        .partition(|(number, _)| number % 10 == 5);
    let [shrunk, held] = [shrunk, held].map(|answers| {
        answers
            .into_iter()
            .map(|(_, answer)| answer)
            .collect::<Vec<Answer>>()
    });
    assert!(
        shrunk
            .iter()
            .all(|answer| answer.is_success() || answer.slug() == "seats-in-use"),
        "{:?}",
        tally(&shrunk)
    );
    expect_only(&["zone-sold-out", "ticket-contended"], &held);
    let held = tickets(&held);
    assert_eq!(held.iter().collect::<BTreeSet<_>>().len(), held.len());
    let count = async |of: &str| {
        let sql = format!("SELECT count(*) FROM tickets WHERE {of}");
        cluster.count(&sql).await
    };
    assert_eq!(
        count("status = 'held'").await,
        i64::try_from(held.len()).unwrap_or(-1)
    );
    let capacity = cluster.count("SELECT capacity FROM zones").await;
    assert_eq!(count("NOT removed").await, capacity);
    until_all_count(cluster, &event, capacity - count("status = 'held'").await).await;
}

async fn an_event_that_grows_is_never_sold_out_meanwhile(cluster: &Cluster) {
    let event = cluster.on_sale(&[Zone::standing("Pit", 400, 1500)]).await;
    let (admin, buyers) = (cluster.admin().await, cluster.buyers(10).await);
    let pit = event.zone("Pit").id;
    let path = format!("/api/events/{}/zones/{pit}/capacity", event.id);
    let answers = race(120, |number| {
        if number % 20 == 7 {
            let capacity = json!({ "capacity": 500 + number });
            cluster
                .put(&path)
                .by(&admin)
                .header("if-match", "*")
                .json(&capacity)
        } else {
            cluster.reserve_places(&buyers[number % 10], &event, pit, 1)
        }
    })
    .await;
    expect_only(&["ticket-contended"], &answers);
    let held = tickets(&answers);
    assert_eq!(held.iter().collect::<BTreeSet<_>>().len(), held.len());
}

async fn move_seats(
    cluster: &Cluster,
    event: &Event,
    what: &str,
    ticket: i64,
    version: i64,
) -> Answer {
    let mut body = json!({ "tickets": [{ "ticket_id": ticket, "version": version }] });
    if what == "block" {
        body["reason"] = json!("House seat");
    }
    let admin = cluster.admin().await;
    let path = format!("/api/events/{}/seats/{what}", event.id);
    let call = cluster.post(&path).by(&admin).header("if-match", "*");
    call.json(&body).await
}

async fn resize(cluster: &Cluster, event: &Event, zone: i64, capacity: i64) -> Answer {
    let admin = cluster.admin().await;
    let path = format!("/api/events/{}/zones/{zone}/capacity", event.id);
    let call = cluster.put(&path).by(&admin).header("if-match", "*");
    call.json(&json!({ "capacity": capacity })).await
}

/// Waits until every instance draws the first row like this.
async fn until_all_draw(cluster: &Cluster, event: &Event, states: &str) {
    let states = json!(states);
    until_all_answer(cluster, &format!("/api/events/{}/seats", event.id), |map| {
        map["zones"][0]["rows"][0]["states"] == states
    })
    .await;
}

/// Waits until every instance counts as many places that are nobody's.
async fn until_all_count(cluster: &Cluster, event: &Event, available: i64) {
    let path = format!("/api/events/{}/availability", event.id);
    until_all_answer(cluster, &path, |answer| {
        answer["zones"][0]["available"] == available
    })
    .await;
}

async fn until_all_answer(cluster: &Cluster, path: &str, is_right: impl Fn(&Value) -> bool) {
    let ask = async |instance: &Instance| {
        let path = format!("{}{path}", instance.base_url());
        cluster.get(&path).await.expect(200).body
    };
    for instance in &cluster.instances {
        eventually(secs(10), async || {
            let answer = ask(instance).await;
            if is_right(&answer) {
                Ok(())
            } else {
                Err(answer)
            }
        })
        .await;
    }
}
