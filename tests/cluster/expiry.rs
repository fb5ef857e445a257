//! Holds whose time is up: every instance ends them, and none is special.

use kit::{Answer, Cluster, Event, Instance, Person, Zone, eventually_eq, race, secs, tally};

use crate::{answers::expect_only, load::certain};

stories! {
    whichever_instance_is_left_expires_holds: |cluster| cluster.hold_ttl_secs(2),
    a_hold_expires_once_however_many_instances_see_it,
    a_hold_that_expires_while_it_is_paid_for_is_either_sold_or_given_back,
}

async fn whichever_instance_is_left_expires_holds(cluster: &Cluster) {
    let event = cluster.on_sale(&[Zone::seated("Stalls", 1, 3, 4500)]).await;
    let buyer = cluster.buyer().await;
    // Nginx spares an instance for two seconds after it was gone, even if it is the last one.
    let hold = async |number: usize| {
        let reserve = || cluster.reserve(&buyer, event.tickets()[number]);
        certain(reserve).await.expect(201);
    };
    for (number, last) in cluster.instances.iter().enumerate() {
        let others = || {
            let instances = cluster.instances.iter();
            instances.filter(|instance| instance.name() != last.name())
        };
        hold(number).await;
        others().for_each(Instance::kill);
        nothing_is_held(cluster).await;
        hold(number).await;
        nothing_is_held(cluster).await;
        for instance in others() {
            instance.start_again().await;
        }
    }
    assert_eq!(count_transitions(cluster, "expire").await, 6);
}

async fn nothing_is_held(cluster: &Cluster) {
    let held = "SELECT count(*) FROM tickets WHERE status = 'held'";
    eventually_eq(secs(20), 0, async || cluster.count(held).await).await;
}

async fn a_hold_expires_once_however_many_instances_see_it(cluster: &Cluster) {
    let (event, _) = hold_all(cluster, 150).await;
    cluster
        .execute("UPDATE reservations SET expires_at = statement_timestamp()")
        .await;
    eventually_eq(secs(30), 150, async || {
        cluster.seats(&event, "available").await
    })
    .await;
    assert_eq!(count_transitions(cluster, "expire").await, 150);
    let expired = cluster.metric("holdfast_holds_expired_total", &[]).await;
    assert_eq!(expired.to_string(), "150");
}

async fn a_hold_that_expires_while_it_is_paid_for_is_either_sold_or_given_back(cluster: &Cluster) {
    const HOLDS: usize = 60;
    let (event, holds) = hold_all(cluster, HOLDS).await;
    // Paying takes a second. The first holds end before, the last ones long after, and those
    // between them at any moment of the commit.
    for (number, (_, hold)) in holds.iter().enumerate() {
        let ends_in_ms = if number < HOLDS - 5 {
            20 * number
        } else {
            60_000
        };
        cluster
            .execute(&format!(
                "UPDATE reservations SET expires_at = \
                 statement_timestamp() + interval '{} milliseconds' WHERE id = '{hold}'",
                700 + ends_in_ms
            ))
            .await;
    }
    let answers = race(HOLDS, |number| {
        let (buyer, hold) = &holds[number];
        cluster.confirm(buyer, hold, "tok_slow")
    })
    .await;

    expect_only(&["hold-expired"], &answers);
    let sold = answers.iter().filter(|answer| answer.is_success()).count();
    assert!(sold >= 5, "{:?}", tally(&answers));
    assert!(sold < HOLDS, "{:?}", tally(&answers));
    let left = i64::try_from(HOLDS - sold).unwrap_or_default();
    eventually_eq(secs(20), left, async || {
        cluster.seats(&event, "available").await
    })
    .await;
    for ((buyer, hold), answer) in holds.iter().zip(&answers) {
        let state = if answer.is_success() {
            "confirmed"
        } else {
            "expired"
        };
        let found = cluster.get_reservation(buyer, hold).await.expect(200);
        assert_eq!(found["status"], state, "{answer:?}");
    }
    let kept = "SELECT count(*) FROM payments WHERE status = 'succeeded'";
    assert_eq!(usize::try_from(cluster.count(kept).await), Ok(sold));
    let unsettled = "SELECT count(*) FROM payments WHERE status IN ('pending', 'voiding')";
    assert_eq!(cluster.count(unsettled).await, 0);
}

/// A hold on each seat, with its owner.
async fn hold_all(cluster: &Cluster, seats: usize) -> (Event, Vec<(Person, String)>) {
    let row = u32::try_from(seats).expect("it is a small number");
    let event = cluster
        .on_sale(&[Zone::seated("Stalls", 1, row, 4500)])
        .await;
    let buyers = cluster.buyers(5).await;
    let owner = |number: usize| &buyers[number % buyers.len()];
    let answers = race(seats, |number| {
        cluster.reserve(owner(number), event.tickets()[number])
    })
    .await;
    let hold = |(number, answer): (usize, Answer)| (owner(number).clone(), answer.expect(201).id());
    let holds = answers.into_iter().enumerate().map(hold).collect();
    (event, holds)
}

async fn count_transitions(cluster: &Cluster, cause: &str) -> i64 {
    cluster
        .count(&format!(
            "SELECT count(*) FROM ledger WHERE cause = '{cause}'"
        ))
        .await
}
