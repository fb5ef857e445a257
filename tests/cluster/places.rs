//! Crowds that want any place of a zone.

use kit::{Cluster, Zone, race, tally};

use crate::answers::{count_winners, expect_only, served_by, tickets};

// Whoever wants any place goes on trying for half the life of a lock. A slow machine may need that.
stories! {
    of_a_hundred_requests_for_five_places_five_win: |cluster| cluster.lock_ttl_ms(30_000),
    a_zone_sells_its_last_place_and_not_one_more: |cluster| cluster.lock_ttl_ms(30_000),
    what_is_too_few_for_one_is_left_for_another: |cluster| cluster.lock_ttl_ms(30_000),
}

async fn of_a_hundred_requests_for_five_places_five_win(cluster: &Cluster) {
    let event = cluster.on_sale(&[Zone::standing("Pit", 5, 1500)]).await;
    let buyers = cluster.buyers(10).await;
    let pit = event.zone("Pit").id;
    let answers = race(100, |number| {
        cluster.reserve_places(&buyers[number % buyers.len()], &event, pit, 1)
    })
    .await;

    assert_eq!(
        tally(&answers),
        [("201".to_owned(), 5), ("zone-sold-out".to_owned(), 95)].into()
    );
    assert_eq!(served_by(&answers).len(), 3);
    assert_eq!(
        cluster.count("SELECT count(*) FROM reservations").await,
        5,
        "more reservations than winners"
    );
}

async fn a_zone_sells_its_last_place_and_not_one_more(cluster: &Cluster) {
    let event = cluster.on_sale(&[Zone::standing("Pit", 60, 1500)]).await;
    let buyers = cluster.buyers(20).await;
    let pit = event.zone("Pit").id;
    let answers = race(240, |number| {
        cluster.reserve_places(&buyers[number % buyers.len()], &event, pit, 1)
    })
    .await;

    expect_only(&["zone-sold-out"], &answers);
    assert_eq!(count_winners(&answers), 60, "{:?}", tally(&answers));
    cluster.expect_seats(&event, "held", 60).await;
    cluster.expect_seats(&event, "available", 0).await;
}

async fn what_is_too_few_for_one_is_left_for_another(cluster: &Cluster) {
    let event = cluster.on_sale(&[Zone::standing("Pit", 10, 1500)]).await;
    let buyers = cluster.buyers(5).await;
    let pit = event.zone("Pit").id;
    let answers = race(40, |number| {
        cluster.reserve_places(&buyers[number % buyers.len()], &event, pit, 3)
    })
    .await;

    expect_only(&["zone-sold-out"], &answers);
    assert_eq!(count_winners(&answers), 3, "{:?}", tally(&answers));
    assert_eq!(tickets(&answers).len(), 9);
    let last = cluster.reserve_places(&buyers[0], &event, pit, 1).await;
    last.expect(201);
    let refused = cluster.reserve_places(&buyers[0], &event, pit, 1).await;
    let refused = refused.expect_problem(409, "zone-sold-out");
    assert_eq!(refused["available"], 0);
}
