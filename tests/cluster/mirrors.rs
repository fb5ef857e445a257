//! What each instance knows of the others' sales: soon the same, and never the reason for a sale.

use futures_util::future::join_all;
use kit::{
    Answer, Builder, Call, Cluster, Event, Instance, Instances, Person, Zone, eventually, race,
    secs, tally,
};
use serde_json::{Value, json};

use crate::answers::{expect_only, served_by};
use crate::load::sell_during;

stories! {
    a_seat_that_is_held_on_one_instance_is_refused_by_the_others,
    every_instance_learns_what_the_others_sold_even_without_messages: super::patient,
    a_message_server_that_hangs_in_a_sale_costs_nothing_but_time,
    whatever_comes_twice_or_late_every_instance_knows_the_same: super::patient,
    a_lie_that_all_believe_sells_no_seat_twice: super::patient,
    the_tag_of_a_map_is_the_same_everywhere_and_changes_with_a_seat,
    mirrors_with_little_room_sell_all_the_same:
        |cluster| cluster.env("HOLDFAST_MIRROR_TICKETS", "20").lock_ttl_ms(30_000),
}

/// Whoever wants a certain seat waits for its lock as long as a slow machine takes.
fn patient(cluster: Builder<Instances>) -> Builder<Instances> {
    cluster
        .env("HOLDFAST_LOCK_WAIT_MS", "10000")
        .lock_ttl_ms(60_000)
}

async fn a_seat_that_is_held_on_one_instance_is_refused_by_the_others(cluster: &Cluster) {
    let event = cluster
        .on_sale(&[Zone::seated("Stalls", 1, 12, 4500)])
        .await;
    let [first, second] = [cluster.buyer().await, cluster.buyer().await];
    until_all_know_the_database(cluster, &event).await;
    let count = cluster.instances.len();
    for (number, seat) in event.tickets().iter().enumerate() {
        let [here, there] = [0, 1].map(|next| &cluster.instances[(number + next) % count]);
        reserve_at(cluster, here, &first, *seat).await.expect(201);
        // At once, whether or not it has heard of it.
        let refused = reserve_at(cluster, there, &second, *seat).await;
        let is_lost = ["ticket-taken", "ticket-contended"].contains(&refused.slug());
        assert!(is_lost, "{refused:?}");
    }
    until_all_know_the_database(cluster, &event).await;
}

async fn every_instance_learns_what_the_others_sold_even_without_messages(cluster: &Cluster) {
    let event = cluster
        .on_sale(&[Zone::seated("Stalls", 3, 20, 4500)])
        .await;
    let buyers = cluster.buyers(6).await;
    until_all_know_the_database(cluster, &event).await;
    let (early, late) = event.tickets().split_at(30);

    cluster.messages().stop().await;
    sell(cluster, &buyers, early).await;
    until_all_know_the_database(cluster, &event).await;

    cluster.messages().start_again().await;
    sell(cluster, &buyers, late).await;
    until_all_know_the_database(cluster, &event).await;
    cluster.expect_seats(&event, "held", 60).await;
}

/// Two want each of the seats, and one of them gets it.
async fn sell(cluster: &Cluster, buyers: &[Person], seats: &[i64]) {
    let answers = race(2 * seats.len(), |number| {
        cluster.reserve(&buyers[number % 6], seats[number % seats.len()])
    })
    .await;
    expect_only(&["ticket-taken", "ticket-contended"], &answers);
    assert_eq!(served_by(&answers).len(), 3);
    assert_eq!(tally(&answers)["201"], seats.len(), "{:?}", tally(&answers));
}

async fn a_message_server_that_hangs_in_a_sale_costs_nothing_but_time(cluster: &Cluster) {
    let event = cluster.on_sale(&[Zone::standing("Pit", 3000, 1500)]).await;
    let buyers = cluster.buyers(6).await;
    let hanging = async {
        let sold = async |more: i64| {
            let count = "SELECT count(*) FROM reservations";
            let before = cluster.count(count).await;
            eventually(secs(60), async || {
                cluster.count(count).await >= before + more
            })
            .await;
        };
        sold(10).await;
        cluster.messages().pause().await;
        sold(30).await;
        cluster.messages().resume().await;
        sold(10).await;
        cluster.messages().stop().await;
        sold(30).await;
        cluster.messages().start_again().await;
        sold(10).await;
    };
    let promises = sell_during(hanging, cluster, &event, &buyers).await;
    promises.expect_kept(cluster).await;
    until_all_know_the_database(cluster, &event).await;
}

async fn whatever_comes_twice_or_late_every_instance_knows_the_same(cluster: &Cluster) {
    let event = cluster
        .on_sale(&[Zone::seated("Stalls", 2, 10, 4500)])
        .await;
    let buyers = cluster.buyers(4).await;
    let repeat = async || {
        let ledger = "SELECT ticket_id, version, to_status AS status FROM ledger ORDER BY id DESC";
        let mut said = cluster.rows(ledger).await;
        for change in &mut said {
            change["event_id"] = event.id.into();
            cluster.say(&json!([change, change])).await;
        }
        said.reverse();
        cluster.say(&json!(said)).await;
    };
    for round in 0..3 {
        let selling = race(20, |number| {
            cluster.reserve(&buyers[(number + round) % 4], event.tickets()[number])
        });
        // While the true messages are on their way.
        let (answers, ()) = tokio::join!(selling, repeat());
        assert_eq!(tally(&answers)["201"], 20, "{:?}", tally(&answers));
        repeat().await;
        let held: Vec<_> = answers.iter().map(Answer::id).collect();
        let given_up = race(20, |number| {
            cluster.release(&buyers[(number + round) % 4], &held[number])
        });
        let (answers, ()) = tokio::join!(given_up, repeat());
        assert_eq!(tally(&answers)["204"], 20);
        until_all_know_the_database(cluster, &event).await;
    }
}

async fn a_lie_that_all_believe_sells_no_seat_twice(cluster: &Cluster) {
    let event = cluster.on_sale(&[Zone::seated("Stalls", 1, 8, 4500)]).await;
    let [first, second] = [cluster.buyer().await, cluster.buyer().await];
    let seats = event.tickets();
    let order = cluster.reserve_tickets(&first, &event, &seats[..4]).await;
    cluster
        .confirm(&first, &order.expect(201).id(), "tok_success")
        .await
        .expect(200);
    // Each has the event in mind, so that each believes what it hears.
    until_all_know_the_database(cluster, &event).await;
    let lie = |ticket: &i64| json!({ "ticket_id": ticket, "event_id": event.id, "version": 70, "status": "available" });
    cluster.say(&seats[..4].iter().map(lie).collect()).await;
    for instance in &cluster.instances {
        eventually(secs(10), async || {
            let states = states(&map_at(cluster, instance, &event).await);
            (states == "aaaaaaaa").then_some(()).ok_or(states)
        })
        .await;
    }

    let attempts = race(36, |number| {
        let instance = &cluster.instances[number % 3];
        reserve_at(cluster, instance, &second, seats[number % 4])
    })
    .await;
    expect_only(&["ticket-taken", "ticket-contended"], &attempts);
    assert_eq!(tally(&attempts).get("201"), None, "a sold seat was sold");
    let zone = event.zones[0].id;
    for instance in &cluster.instances {
        // Nothing but the four that are free is to be had, and asking puts the rest right.
        let wanted = json!({ "event_id": event.id, "zone_id": zone, "quantity": 5 });
        let path = format!("{}/api/reservations", instance.base_url());
        let refused = cluster.post(&path).by(&second).json(&wanted).await;
        refused.expect_problem(409, "zone-sold-out");
    }
    until_all_know_the_database(cluster, &event).await;
    assert_eq!(cluster.count("SELECT count(*) FROM reservations").await, 1);
}

async fn the_tag_of_a_map_is_the_same_everywhere_and_changes_with_a_seat(cluster: &Cluster) {
    let event = cluster.on_sale(&[Zone::seated("Stalls", 1, 4, 4500)]).await;
    let buyer = cluster.buyer().await;
    let mut tags = vec![until_all_have_one_tag(cluster, &event, "").await];
    let hold = cluster.reserve(&buyer, event.tickets()[0]).await;
    tags.push(until_all_have_one_tag(cluster, &event, &tags[0]).await);
    let hold = hold.expect(201).id();
    cluster.release(&buyer, &hold).await.expect(204);
    tags.push(until_all_have_one_tag(cluster, &event, &tags[1]).await);
    assert_ne!(tags[0], tags[2], "its ticket has moved on");

    for instance in &cluster.instances {
        let path = format!("{}/api/events/{}/seats", instance.base_url(), event.id);
        for (tag, status) in tags.iter().zip([200, 200, 304]) {
            let map = cluster.get(&path).header("if-none-match", tag).await;
            assert_eq!(map.expect(status).header("etag"), Some(tags[2].as_str()));
        }
    }
}

async fn mirrors_with_little_room_sell_all_the_same(cluster: &Cluster) {
    let mut events = Vec::new();
    for _ in 0..3 {
        let zones = [Zone::standing("Pit", 15, 1500)];
        events.push(cluster.on_sale(&zones).await);
    }
    let buyers = cluster.buyers(6).await;
    let answers = race(90, |number| {
        let event = &events[number % 3];
        cluster.reserve_places(&buyers[number % 6], event, event.zones[0].id, 1)
    })
    .await;
    let expected = [("201".to_owned(), 45), ("zone-sold-out".to_owned(), 45)];
    assert_eq!(tally(&answers), expected.into());
    for event in &events {
        until_all_know_the_database(cluster, event).await;
    }
}

fn reserve_at(cluster: &Cluster, instance: &Instance, buyer: &Person, ticket: i64) -> Call {
    let path = format!("{}/api/tickets/{ticket}/reserve", instance.base_url());
    cluster.post(&path).by(buyer)
}

async fn map_at(cluster: &Cluster, instance: &Instance, event: &Event) -> Answer {
    let path = format!("{}/api/events/{}/seats", instance.base_url(), event.id);
    cluster.get(&path).await.expect(200)
}

/// The letters of the seats of the first row.
fn states(map: &Answer) -> String {
    let states = map["zones"][0]["rows"][0]["states"].as_str();
    states.unwrap_or_default().to_owned()
}

/// Waits until every instance counts what is in the database, and all draw the same map.
async fn until_all_know_the_database(cluster: &Cluster, event: &Event) {
    eventually(secs(20), async || {
        let counts = cluster
            .rows(&format!(
                "SELECT status, count(*) AS tickets FROM tickets WHERE event_id = {} GROUP BY status",
                event.id
            ))
            .await;
        let of_status = |status: &str| {
            let row = counts.iter().find(|row| row["status"] == status);
            row.map_or(json!(0), |row| row["tickets"].clone())
        };
        let in_database = ["available", "held", "sold"].map(of_status);
        let known = cluster.instances.iter().map(async |instance| {
            let path = format!("{}/api/events/{}/availability", instance.base_url(), event.id);
            let answer = cluster.get(&path).await.expect(200);
            ["available", "held", "sold"].map(|state| answer["zones"][0][state].clone())
        });
        let known: Vec<[Value; 3]> = join_all(known).await;
        if known.iter().all(|known| *known == in_database) {
            Ok(())
        } else {
            Err(format!("{known:?}, and the database {in_database:?}"))
        }
    })
    .await;
    until_all_have_one_tag(cluster, event, "").await;
}

/// Waits until every instance gives the same tag, and another one than before.
async fn until_all_have_one_tag(cluster: &Cluster, event: &Event, before: &str) -> String {
    eventually(secs(20), async || {
        let maps = cluster
            .instances
            .iter()
            .map(|it| map_at(cluster, it, event));
        let tags: Vec<String> = join_all(maps)
            .await
            .iter()
            .filter_map(|map| map.header("etag"))
            .map(str::to_owned)
            .collect();
        let is_one =
            tags.len() == cluster.instances.len() && tags.iter().all(|tag| *tag == tags[0]);
        (is_one && tags[0] != before)
            .then(|| tags[0].clone())
            .ok_or(format!("{tags:?}"))
    })
    .await
}
