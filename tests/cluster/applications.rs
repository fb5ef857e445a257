//! Places that are given away on all instances at once.

use kit::{Answer, Cluster, Zone, eventually_eq, race, secs};

use crate::answers::served_by;

stories! {
    of_many_grants_on_all_instances_as_many_are_made_as_there_are_places,
    an_application_that_is_granted_on_all_instances_gets_one_reservation,
}

async fn of_many_grants_on_all_instances_as_many_are_made_as_there_are_places(cluster: &Cluster) {
    let zone = Zone::seated("Guests", 3, 5, 0).by_application();
    let event = cluster.by_application(&[zone]).await;
    let ids = cluster.applicants(45, &event, event.zones[0].id).await;
    let admin = cluster.admin().await;
    let groups: Vec<_> = ids.chunks(3).collect();

    let answers = race(groups.len(), |number| cluster.grant(&admin, groups[number])).await;
    assert_eq!(served_by(&answers).len(), 3);
    assert_eq!(count("granted", &answers), 15);
    assert_eq!(count("zone_full", &answers), 30);
    // Every instance hears of it.
    for instance in &cluster.instances {
        let path = format!(
            "{}/api/events/{}/availability",
            instance.base_url(),
            event.id
        );
        eventually_eq(secs(10), 15, async || {
            let zones = cluster.get(&path).await.expect(200);
            zones["zones"][0]["sold"].as_i64().unwrap_or_default()
        })
        .await;
    }
}

async fn an_application_that_is_granted_on_all_instances_gets_one_reservation(cluster: &Cluster) {
    let zone = Zone::standing("Guests", 9, 0).by_application();
    let event = cluster.by_application(&[zone]).await;
    let ids = cluster.applicants(1, &event, event.zones[0].id).await;
    let admin = cluster.admin().await;

    let answers = race(30, |_| cluster.grant(&admin, &ids)).await;
    assert_eq!(served_by(&answers).len(), 3);
    assert_eq!(count("granted", &answers), 1);
    assert_eq!(count("not_pending", &answers), 29);
    let given = "SELECT count(*) FROM ledger WHERE cause = 'grant'";
    assert_eq!(cluster.count(given).await, 1);
}

/// How many applications came out like that, over all answers.
fn count(outcome: &str, answers: &[Answer]) -> usize {
    let outcomes = answers.iter().flat_map(|answer| {
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.outcomes()
    });
    outcomes.filter(|other| *other == outcome).count()
}
