//! What every instance does in the background, none of them special.

use metrics_exporter_prometheus::PrometheusHandle;
use std::future::Future;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::health;
use crate::idempotency;
use crate::identity;
use crate::limits;
use crate::mail;
use crate::mirror;
use crate::reservations::{self, BoxOffice};
use crate::state::App;
use crate::telemetry::{self, OkOrLog};

/// Starts everything; the future ends once it has stopped after `stop`.
pub fn start(
    office: &BoxOffice,
    metrics: &PrometheusHandle,
    stop: &CancellationToken,
) -> impl Future<Output = ()> + use<> {
    let tasks = TaskTracker::new();
    let metrics = metrics.clone();

    let app: &App = office;

    let sweeper = office.clone();
    every(&tasks, stop, app, EXPIRE_EVERY, move |_app| {
        let office = sweeper.clone();
        async move {
            reservations::expire_due_holds(&office)
                .await
                .ok_or_log("expiring holds");
        }
    });
    let settler = office.clone();
    every(&tasks, stop, app, CANCEL_EVERY, move |_app| {
        let office = settler.clone();
        async move {
            reservations::settle_cancelled_events(&office)
                .await
                .ok_or_log("settling cancelled events");
        }
    });
    every(&tasks, stop, app, HEAL_EVERY, |app| async move {
        app.mirror.heal().await.ok_or_log("reading the ledger");
    });
    every(&tasks, stop, app, READ_ACCESS_EVERY, |app| async move {
        app.access
            .read_changes()
            .await
            .ok_or_log("reading who may still act");
    });
    tasks.spawn(follow_messages(app.clone(), stop.clone()));
    every(&tasks, stop, app, SETTLE_EVERY, |app| async move {
        let worker = app.clone();
        app.detached(async move { reservations::settle_lost_payments(&worker).await })
            .await
            .ok_or_log("settling lost payments");
    });
    every(
        &tasks,
        stop,
        app,
        limits::EXCHANGE_EVERY,
        |app| async move {
            limits::exchange(&app).await;
        },
    );
    every(&tasks, stop, app, MERGE_EVERY, |app| async move {
        let db = app.db.clone();
        app.detached(async move { reservations::merge_portions(&db).await })
            .await
            .ok_or_log("merging portions of reservations");
    });
    tasks.spawn(mail::deliver(app.clone(), stop.clone()));
    every(&tasks, stop, app, FORGET_EVERY, |app| async move {
        mail::forget_old_mails(&app)
            .await
            .ok_or_log("forgetting old mails");
    });
    every(&tasks, stop, app, FORGET_EVERY, |app| async move {
        idempotency::forget_old_keys(&app)
            .await
            .ok_or_log("forgetting old idempotency keys");
    });
    every(&tasks, stop, app, FORGET_EVERY, |app| async move {
        identity::sweep(&app)
            .await
            .ok_or_log("sweeping old sessions and tokens");
    });
    every(&tasks, stop, app, WORDS_EVERY, |app| async move {
        identity::write_missing_words(&app)
            .await
            .ok_or_log("writing the words that people are found by");
    });
    every(&tasks, stop, app, SAMPLE_EVERY, |app| async move {
        health::probe(&app).await;
        sample_pools(&app);
        mail::sample_waiting(&app).await.ok_or_log("counting mails");
    });
    every(&tasks, stop, app, COUNT_EVERY, |app| async move {
        reservations::sample_active_holds(&app)
            .await
            .ok_or_log("counting holds");
    });
    every(&tasks, stop, app, telemetry::UPKEEP_INTERVAL, move |_app| {
        metrics.run_upkeep();
        std::future::ready(())
    });

    tasks.close();
    async move { tasks.wait().await }
}

// A hold ends within a second of its deadline.
const EXPIRE_EVERY: Duration = Duration::from_millis(250);
// The holds of a cancelled event end within a second.
const CANCEL_EVERY: Duration = Duration::from_millis(500);
// Lost messages are made up for within two seconds, a slow answer of the database included.
const HEAL_EVERY: Duration = Duration::from_millis(500);
// What ends a token counts within a second, a slow answer of the database included.
const READ_ACCESS_EVERY: Duration = Duration::from_millis(250);
const SETTLE_EVERY: Duration = Duration::from_secs(5);
const MERGE_EVERY: Duration = Duration::from_secs(1);
const FORGET_EVERY: Duration = Duration::from_mins(10);
const WORDS_EVERY: Duration = Duration::from_secs(10);
const SAMPLE_EVERY: Duration = Duration::from_secs(5);
// A hundred thousand holds take the database 25 ms to count, and each instance counts them.
const COUNT_EVERY: Duration = Duration::from_secs(15);

async fn follow_messages(app: App, stop: CancellationToken) {
    let following = mirror::follow(app.mirror.clone(), &app.coordinator);
    stop.run_until_cancelled(following).await;
}

fn every<F: Future<Output = ()> + Send>(
    tasks: &TaskTracker,
    stop: &CancellationToken,
    app: &App,
    period: Duration,
    work: impl Fn(App) -> F + Send + 'static,
) {
    let (stop, app) = (stop.clone(), app.clone());
    tasks.spawn(async move {
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = ticks.tick() => {}
            }
            if app.is_draining() {
                break;
            }
            work(app.clone()).await;
        }
    });
}

fn sample_pools(app: &App) {
    for (pool, idle, in_use, most) in app.db.pool_use() {
        let connections =
            |state| metrics::gauge!(telemetry::POOL_CONNECTIONS, "pool" => pool, "state" => state);
        connections("idle").set(idle);
        connections("in_use").set(in_use);
        metrics::gauge!(telemetry::POOL_MAX, "pool" => pool).set(most);
    }
}
