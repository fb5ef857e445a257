//! What ends or changes on one instance does so on every other, for tokens that were issued before.

use kit::{Cluster, Person, eventually, secs};
use serde_json::json;

stories! {
    whoever_logs_out_on_one_instance_is_logged_out_on_all,
    another_role_counts_on_all_instances,
    who_is_disabled_on_one_instance_acts_on_none,
}

async fn whoever_logs_out_on_one_instance_is_logged_out_on_all(cluster: &Cluster) {
    let buyer = cluster.buyer().await;
    expect_everywhere(cluster, &buyer, "/api/me", 200).await;
    let here = cluster.instances[0].base_url();
    let logout = format!("{here}/api/auth/logout");
    cluster.post(&logout).by(&buyer).await.expect(204);
    // At once where it was done.
    let me = format!("{here}/api/me");
    cluster.get(&me).by(&buyer).await.expect(401);
    expect_everywhere(cluster, &buyer, "/api/me", 401).await;
}

async fn another_role_counts_on_all_instances(cluster: &Cluster) {
    let admin = cluster.admin().await;
    let buyer = cluster.buyer().await;
    expect_everywhere(cluster, &buyer, "/api/admin/users", 403).await;
    for (version, role, status) in [(1, "admin", 200), (2, "customer", 403)] {
        let path = format!(
            "{}/api/admin/users/{}/role",
            cluster.instances[0].base_url(),
            buyer.id.as_str().unwrap_or_default()
        );
        let change = cluster.put(&path).by(&admin).if_match(version);
        change.json(&json!({ "role": role })).await.expect(200);
        expect_everywhere(cluster, &buyer, "/api/admin/users", status).await;
    }
}

async fn who_is_disabled_on_one_instance_acts_on_none(cluster: &Cluster) {
    let admin = cluster.admin().await;
    let buyer = cluster.buyer().await;
    expect_everywhere(cluster, &buyer, "/api/me", 200).await;
    let path = format!("/api/admin/users/{}", buyer.id.as_str().unwrap_or_default());
    let disable = cluster.post(&format!("{path}/disable")).by(&admin);
    disable
        .json(&json!({ "reason": "a test" }))
        .await
        .expect(200);
    expect_everywhere(cluster, &buyer, "/api/me", 401).await;
    // An instance that starts later knows as well.
    cluster.instances[2].restart().await;
    expect_everywhere(cluster, &buyer, "/api/me", 401).await;
}

/// Expects that each instance comes to answer so, within a second were the machine idle.
async fn expect_everywhere(cluster: &Cluster, person: &Person, path: &str, status: u16) {
    for instance in &cluster.instances {
        let path = format!("{}{path}", instance.base_url());
        eventually(secs(10), async || {
            let answer = cluster.get(&path).by(person).await;
            if answer.status == status {
                Ok(())
            } else {
                Err(format!("{} answers {answer:?}", instance.name()))
            }
        })
        .await;
    }
}
