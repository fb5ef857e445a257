//! An event that is cancelled on one instance is cancelled on all.

use kit::{Cluster, Zone, eventually, eventually_eq, race, secs, tally};
use serde_json::json;

use crate::answers::expect_only;

stories! {
    an_event_cancelled_on_one_instance_stops_selling_on_the_others,
    a_cancellation_is_finished_by_whoever_is_left,
}

async fn an_event_cancelled_on_one_instance_stops_selling_on_the_others(cluster: &Cluster) {
    const SEATS: usize = 90;
    let event = cluster
        .on_sale(&[Zone::seated("Stalls", 1, 90, 4500)])
        .await;
    let buyers = cluster.buyers(6).await;
    let held = race(SEATS / 3, |number| {
        cluster.reserve(&buyers[number % 6], event.tickets()[number])
    })
    .await;
    expect_only(&[], &held);
    // Every instance has seen the event on sale, and is asked while one of them cancels it.
    let late = race(2 * SEATS / 3, |number| {
        let instance = &cluster.instances[number % 3];
        let seat = event.tickets()[SEATS / 3 + number];
        let path = format!("{}/api/tickets/{seat}/reserve", instance.base_url());
        cluster.post(&path).by(&buyers[number % 6])
    });
    let paid = race(SEATS / 6, |number| {
        cluster.confirm(&buyers[number % 6], &held[number].id(), "tok_success")
    });
    let (late, paid, ()) = tokio::join!(late, paid, cancel(cluster, 0, event.id));
    expect_only(&["not-on-sale"], &late);
    expect_only(&["not-on-sale", "invalid-transition"], &paid);

    // From now on no instance sells, whatever it has in mind.
    for instance in &cluster.instances {
        let seat = event.tickets()[SEATS - 1];
        let path = format!("{}/api/tickets/{seat}/reserve", instance.base_url());
        let refused = cluster.post(&path).by(&buyers[0]).await;
        assert_eq!(refused.status, 409, "{refused:?}");
    }
    let sold = tally(&paid).get("200").copied().unwrap_or_default();
    let free = i64::try_from(SEATS - sold).unwrap_or_default();
    for instance in &cluster.instances {
        let path = format!("{}/api/events/{}", instance.base_url(), event.id);
        eventually(secs(20), async || {
            let shown = cluster.get(&path).await.expect(200);
            let is_so = shown["status"] == "cancelled" && shown["zones"][0]["available"] == free;
            if is_so { Ok(()) } else { Err(shown.text) }
        })
        .await;
    }
    let owed = "SELECT count(*) FROM reservations WHERE refund_due_at IS NOT NULL";
    let sold = i64::try_from(sold).unwrap_or_default();
    eventually_eq(secs(20), sold, async || cluster.count(owed).await).await;
    let held = "SELECT count(*) FROM tickets WHERE status = 'held'";
    assert_eq!(cluster.count(held).await, 0);
}

async fn a_cancellation_is_finished_by_whoever_is_left(cluster: &Cluster) {
    let event = cluster
        .on_sale(&[Zone::seated("Stalls", 1, 90, 4500)])
        .await;
    let buyers = cluster.buyers(6).await;
    let held = race(90, |number| {
        cluster.reserve(&buyers[number % 6], event.tickets()[number])
    })
    .await;
    expect_only(&[], &held);
    cancel(cluster, 0, event.id).await;
    cluster.instances[0].kill();
    let held = "SELECT count(*) FROM tickets WHERE status = 'held'";
    eventually_eq(secs(20), 0, async || cluster.count(held).await).await;
    let ended = "SELECT count(*) FROM ledger WHERE cause = 'cancel'";
    assert_eq!(cluster.count(ended).await, 90, "each ended once");
    cluster.instances[0].start_again().await;
}

async fn cancel(cluster: &Cluster, instance: usize, event: i64) {
    let admin = cluster.admin().await;
    let instance = &cluster.instances[instance];
    let path = format!("{}/api/events/{event}/cancel", instance.base_url());
    let cancel = cluster.post(&path).by(&admin);
    cancel.json(&json!({ "reason": "Rain" })).await.expect(200);
}
