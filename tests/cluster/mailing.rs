//! Mails of several instances: each is sent, by one of them.

use std::{collections::BTreeSet, time::Duration};

use kit::{Cluster, eventually_eq, secs};

stories! {
    each_of_many_mails_is_sent_once: kit::Builder::mail_server,
    what_instances_that_died_could_not_send_is_sent_by_the_one_that_is_left: kit::Builder::mail_server,
}

const MAILS: usize = 120;

async fn each_of_many_mails_is_sent_once(cluster: &Cluster) {
    cluster.mail_server().pause(Duration::from_millis(20));
    post(cluster, MAILS).await;
    eventually_eq(secs(60), MAILS, async || count(cluster, "sent").await).await;
    expect_each_once(cluster);
    let sent = [("outcome", "sent")];
    let mut by_instance = Vec::new();
    for instance in &cluster.instances {
        by_instance.push(instance.metric("holdfast_mails_total", &sent).await);
    }
    assert_eq!(
        by_instance.iter().sum::<f64>().to_string(),
        MAILS.to_string()
    );
    let busy = by_instance.iter().filter(|count| **count > 0.0).count();
    assert!(busy > 1, "one did all the work: {by_instance:?}");
}

async fn what_instances_that_died_could_not_send_is_sent_by_the_one_that_is_left(
    cluster: &Cluster,
) {
    cluster.mail_server().stop().await;
    post(cluster, 3).await;
    let tried = "SELECT count(*) FROM mails WHERE attempts > 0";
    eventually_eq(secs(20), 3, async || cluster.count(tried).await).await;
    cluster.instances[0].kill();
    cluster.instances[1].kill();
    cluster.mail_server().start_again().await;
    // What one of them was at when it died is due again when its lease of a minute is over.
    eventually_eq(secs(100), 3, async || count(cluster, "sent").await).await;
    let mails = cluster.mail_server().mails();
    let ids: BTreeSet<_> = mails.iter().map(|mail| mail.header("Message-ID")).collect();
    assert_eq!((mails.len(), ids.len()), (3, 3));
}

fn expect_each_once(cluster: &Cluster) {
    let mails = cluster.mail_server().mails();
    let to: BTreeSet<_> = mails.iter().flat_map(|mail| mail.to.clone()).collect();
    let ids: BTreeSet<_> = mails.iter().map(|mail| mail.header("Message-ID")).collect();
    assert_eq!((mails.len(), to.len(), ids.len()), (MAILS, MAILS, MAILS));
}

/// Puts mails into the outbox past the application.
async fn post(cluster: &Cluster, count: usize) {
    let insert = format!(
        "INSERT INTO mails (recipient, subject, body, created_at, due_at) \
         SELECT 'buyer-' || number || '@example.com', 'Your seats', 'Row B.', now(), now() \
         FROM generate_series(1, {count}) AS number"
    );
    cluster.execute(&insert).await;
}

async fn count(cluster: &Cluster, status: &str) -> usize {
    let query = format!("SELECT count(*) FROM mails WHERE status = '{status}'");
    let count = cluster.count(&query).await;
    usize::try_from(count).expect("a count is not negative")
}
