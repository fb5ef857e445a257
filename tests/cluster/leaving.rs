//! Instances that are asked to leave while they are busy.

use kit::{Cluster, Zone, eventually, secs};

use crate::load::{count_paid, sell_during};

stories! {
    an_instance_that_leaves_under_load_loses_no_answer,
    a_rolling_restart_under_load_goes_on_selling,
}

async fn an_instance_that_leaves_under_load_loses_no_answer(cluster: &Cluster) {
    let event = cluster.on_sale(&[Zone::standing("Pit", 2000, 1500)]).await;
    let buyers = cluster.buyers(8).await;
    let leaving = async {
        sell_more(cluster, 20).await;
        let status = cluster.instances[1].terminate().await;
        assert_eq!(
            status.code(),
            Some(0),
            "{}",
            cluster.instances[1].log_tail()
        );
        sell_more(cluster, 20).await;
    };
    let promises = sell_during(leaving, cluster, &event, &buyers).await;
    promises.expect_kept(cluster).await;
}

async fn a_rolling_restart_under_load_goes_on_selling(cluster: &Cluster) {
    let event = cluster.on_sale(&[Zone::standing("Pit", 3000, 1500)]).await;
    let buyers = cluster.buyers(6).await;
    let restarting = async {
        for instance in &cluster.instances {
            sell_more(cluster, 10).await;
            let status = instance.terminate().await;
            assert_eq!(status.code(), Some(0), "{}", instance.log_tail());
            sell_more(cluster, 10).await;
            instance.start_again().await;
        }
        sell_more(cluster, 10).await;
    };
    let promises = sell_during(restarting, cluster, &event, &buyers).await;
    promises.expect_kept(cluster).await;
}

/// Waits until so many more are sold.
async fn sell_more(cluster: &Cluster, tickets: i64) {
    let before = count_paid(cluster).await;
    eventually(secs(30), async || {
        let sold = count_paid(cluster).await - before;
        (sold >= tickets)
            .then_some(())
            .ok_or_else(|| format!("{sold} sold"))
    })
    .await;
}
