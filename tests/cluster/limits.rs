//! Limits that all instances share, and what is left of them without Redis.

use kit::{BUYER_PASSWORD, Builder, Cluster, Instances, Person, Zone};
use kit::{eventually, race, secs, tally};
use serde_json::json;

// No quota comes back while a story is told.
stories! {
    instances_count_logins_together: super::limited,
    without_redis_each_instance_counts_by_itself: super::limited,
    instances_learn_what_the_others_have_counted:
        |cluster| super::limited(cluster).env("HOLDFAST_LIMIT_RESERVE", "200/24h"),
    a_client_cannot_pretend_to_be_somebody_else_through_nginx: super::limited,
}

fn limited(cluster: Builder<Instances>) -> Builder<Instances> {
    cluster
        .env("HOLDFAST_LIMITS", "on")
        .env("HOLDFAST_LIMIT_LOGIN", "10/24h")
}

async fn instances_count_logins_together(cluster: &Cluster) {
    let buyer = cluster.buyer().await;
    let guesses = race(60, |_| guess(cluster, &buyer));
    let outcomes = tally(&guesses.await);
    let tried = i32::try_from(outcomes["unauthenticated"]).expect("they are few");
    // Where a busy machine kept a node from answering, an instance decided by itself.
    let fallbacks = "holdfast_rate_limit_fallbacks_total";
    let fallbacks = cluster.metric(fallbacks, &[]).await;
    assert!(fallbacks < 10.0, "Redis hardly answers");
    let beyond = f64::from(tried - 10);
    assert!(
        (0.0..=fallbacks).contains(&beyond),
        "{outcomes:?}, {fallbacks}"
    );
    let other = cluster.buyer().await;
    cluster.login(&other.email, BUYER_PASSWORD).await;
    let refused = [("limit", "login")];
    let refused = cluster.metric("holdfast_rate_limited_total", &refused);
    assert_eq!(refused.await.to_string(), (60 - tried).to_string());
}

async fn without_redis_each_instance_counts_by_itself(cluster: &Cluster) {
    let buyer = cluster.buyer().await;
    let all = || cluster.lock_nodes.iter().chain([cluster.messages()]);
    for node in all() {
        node.stop().await;
    }
    let outcomes = tally(&race(90, |_| guess(cluster, &buyer)).await);
    // As many for each instance that was asked.
    let tried = outcomes["unauthenticated"];
    assert!((10..=30).contains(&tried), "{outcomes:?}");
    assert_eq!(outcomes["rate-limited"], 90 - tried, "{outcomes:?}");
    let other = cluster.buyer().await;
    cluster.login(&other.email, BUYER_PASSWORD).await;
    let fallbacks = "holdfast_rate_limit_fallbacks_total";
    assert!(cluster.metric(fallbacks, &[]).await >= 10.0);

    for node in all() {
        node.start_again().await;
    }
    // Redis has forgotten, the instances have not.
    eventually(secs(20), async || {
        guess(cluster, &other).await;
        let mut keys = 0;
        for node in all() {
            keys += node.key_count().await;
        }
        keys > 0
    })
    .await;
    let refused = guess(cluster, &buyer).await;
    refused.expect_problem(429, "rate-limited");
}

async fn instances_learn_what_the_others_have_counted(cluster: &Cluster) {
    let event = cluster.on_sale(&[Zone::seated("Stalls", 1, 1, 4500)]).await;
    let buyer = cluster.buyer().await;
    let attempt = async |instance: usize| {
        let base_url = cluster.instances[instance].base_url();
        let path = format!("{base_url}/api/tickets/{}/reserve", event.tickets()[0]);
        cluster.post(&path).by(&buyer).await
    };
    let mut passed = 0;
    while attempt(0).await.status != 429 {
        passed += 1;
    }
    assert_eq!(passed, 200);
    // The others let somebody pass until they have heard, which is long before they have counted as many.
    for instance in [1, 2] {
        let mut passed = 0;
        while attempt(instance).await.status != 429 {
            passed += 1;
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        assert!(
            passed < 200,
            "instance {instance} has not heard of the others"
        );
    }
    // Whoever else asks is not concerned.
    let other = cluster.buyer().await;
    let taken = cluster.reserve(&other, event.tickets()[0]).await;
    taken.expect_problem(409, "ticket-taken");
}

async fn a_client_cannot_pretend_to_be_somebody_else_through_nginx(cluster: &Cluster) {
    let buyer = cluster.buyer().await;
    let claims = race(30, |number| {
        let claim = format!("192.0.2.{number}");
        guess(cluster, &buyer).header("x-forwarded-for", claim)
    });
    let tried = tally(&claims.await)["unauthenticated"];
    // As many as if none of them had claimed anything.
    assert!((10..=20).contains(&tried), "{tried} of 30 were tried");
}

fn guess(cluster: &Cluster, person: &Person) -> kit::Call {
    let account = json!({ "email": person.email, "password": "not the right one" });
    cluster.post("/api/auth/login").json(&account)
}
