//! Logs and metrics.
//!
//! Every metric is named here, with its unit in the name and labels of few values: routes are
//! patterns, outcomes are problem slugs. Operators find the list in docs/operations.md.

use foldhash::fast::RandomState;
use metrics::{Counter, Histogram, Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{LazyLock, PoisonError, RwLock};
use std::time::Duration;
use tracing_subscriber::EnvFilter;

use crate::config::{Config, Limit, LogFormat};

/// HTTP requests answered, by route, method and status.
pub const HTTP_REQUESTS: &str = "holdfast_http_requests_total";
/// Time from reading a request to its answer, by route and method.
pub const HTTP_DURATION: &str = "holdfast_http_request_duration_seconds";
/// Requests being worked on.
pub const HTTP_IN_FLIGHT: &str = "holdfast_http_requests_in_flight";
/// Requests refused because too many were in flight.
pub const HTTP_SHED: &str = "holdfast_http_requests_shed_total";
/// Operations on reservations, by operation and outcome (`ok` or a problem slug).
pub const OUTCOMES: &str = "holdfast_reservation_outcomes_total";
/// Time from asking for a change to having its locks.
pub const LOCK_WAIT: &str = "holdfast_lock_wait_duration_seconds";
/// Holds committed on the version alone, because no quorum of lock nodes answered.
pub const LOCK_BYPASSED: &str = "holdfast_lock_bypassed_total";
/// Time from asking for a change to its being durable, by operation.
pub const COMMIT_DURATION: &str = "holdfast_commit_duration_seconds";
/// Changes committed in one transaction.
pub const COMMIT_BATCH: &str = "holdfast_commit_batch_changes";
/// Events whose seats are kept in memory.
pub const MIRROR_EVENTS: &str = "holdfast_mirror_events";
/// Tickets kept in memory.
pub const MIRROR_TICKETS: &str = "holdfast_mirror_tickets";
/// Times that an event was loaded into memory.
pub const MIRROR_LOADS: &str = "holdfast_mirror_loads_total";
/// Changes that no message told and the ledger did.
pub const MIRROR_HEALED: &str = "holdfast_mirror_healed_total";
/// Commits that met a version other than the one they had seen, by operation.
pub const VERSION_CONFLICTS: &str = "holdfast_version_conflicts_total";
/// Holds that are running, over the whole cluster.
pub const HOLDS_ACTIVE: &str = "holdfast_holds_active";
/// Holds that this instance ended because their time was up.
pub const HOLDS_EXPIRED: &str = "holdfast_holds_expired_total";
/// How long after its deadline a hold was ended.
pub const EXPIRY_LAG: &str = "holdfast_hold_expiry_lag_seconds";
/// Database connections, by pool and state (`idle` or `in_use`).
pub const POOL_CONNECTIONS: &str = "holdfast_db_pool_connections";
/// The most connections a pool may have.
pub const POOL_MAX: &str = "holdfast_db_pool_max_connections";
/// Whether a dependency answers: 1 or 0.
pub const DEPENDENCY_UP: &str = "holdfast_dependency_up";
/// Passwords waiting for their turn to be hashed.
pub const HASHES_WAITING: &str = "holdfast_password_hashes_waiting";
/// Time of hashing one password, without the wait.
pub const HASH_DURATION: &str = "holdfast_password_hash_duration_seconds";
/// Attempts to take or return money, by outcome.
pub const PAYMENTS: &str = "holdfast_payments_total";
/// Attempts refused because there were too many, by limit.
pub const LIMITED: &str = "holdfast_rate_limited_total";
/// Attempts counted by this instance alone, because a Redis node did not answer.
pub const LIMIT_FALLBACKS: &str = "holdfast_rate_limit_fallbacks_total";
/// Mails that are to be sent, over the whole cluster.
pub const MAILS_WAITING: &str = "holdfast_mails_waiting";
/// How long the oldest of them has been waiting.
pub const MAILS_OLDEST: &str = "holdfast_mails_oldest_waiting_seconds";
/// Attempts of this instance to send a mail, by outcome.
pub const MAILS: &str = "holdfast_mails_total";
/// 1 while the instance shuts down.
pub const DRAINING: &str = "holdfast_draining";
/// 1, with what is running as labels.
pub const BUILD_INFO: &str = "holdfast_build_info";

/// Installs the metrics recorder; the handle renders what it has recorded.
///
/// # Panics
/// When called twice in a process.
pub fn install_metrics() -> PrometheusHandle {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), BUCKETS_SECONDS)
        .expect("the buckets are not empty")
        .set_buckets_for_metric(Matcher::Full(COMMIT_BATCH.into()), BUCKETS_CHANGES)
        .expect("the buckets are not empty")
        .install_recorder()
        .expect("the recorder is installed once");
    describe();
    start_counters();
    handle
}

/// Starts logging as the settings say.
///
/// # Errors
/// When the filter cannot be read.
pub fn install_logs(config: &Config) -> Result<(), tracing_subscriber::filter::ParseError> {
    // What libraries say at `info` is of no use to operators, unless they ask for it.
    let filter = EnvFilter::try_new(format!(
        "sqlx=warn,sea_orm_migration=warn,poem=warn,{}",
        config.log
    ))?;
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match config.log_format() {
        LogFormat::Json => logs.json().flatten_event(true).with_span_list(false).init(),
        LogFormat::Text => logs.init(),
    }
    Ok(())
}

/// Records what is running.
pub fn record_build(database: &'static str, uses_redis: bool) {
    let coordination = if uses_redis { "redis" } else { "embedded" };
    metrics::gauge!(
        BUILD_INFO,
        "version" => env!("CARGO_PKG_VERSION"),
        "database" => database,
        "coordination" => coordination
    )
    .set(1.0);
}

/// Counts one operation on a reservation.
pub fn count_outcome(operation: &'static str, outcome: &'static str) {
    static COUNTERS: LazyLock<Kept<(&str, &str), Counter>> = LazyLock::new(Kept::default);
    let find = |_: &(&str, &str)| -> Counter {
        metrics::counter!(OUTCOMES, "operation" => operation, "outcome" => outcome)
    };
    COUNTERS.tell((operation, outcome), find, |counter| counter.increment(1));
}

/// Records what it took a change to be durable, the wait in the queue included.
pub fn record_commit(operation: &'static str, took: Duration) {
    static DURATIONS: LazyLock<Kept<&str, Histogram>> = LazyLock::new(Kept::default);
    let find =
        |operation: &&'static str| metrics::histogram!(COMMIT_DURATION, "operation" => *operation);
    DURATIONS.tell(operation, find, |durations| durations.record(took));
}

/// Records what it took a change to have its locks, the wait in the queue included.
pub fn record_lock_wait(took: Duration) {
    static WAITS: LazyLock<Histogram> = LazyLock::new(|| metrics::histogram!(LOCK_WAIT));
    WAITS.record(took);
}

/// Counts one attempt to take or return money.
pub fn count_payment(outcome: &'static str) {
    metrics::counter!(PAYMENTS, "outcome" => outcome).increment(1);
}

/// Metrics that were found before. To find one, the recorder is given its name and all its labels,
/// which costs more than to count. So would a slower hash, and nobody outside chooses the keys.
#[derive(Debug)]
pub struct Kept<K, M>(RwLock<HashMap<K, M, RandomState>>);

impl<K: Eq + Hash, M> Kept<K, M> {
    /// Tells something to the metric of a key; the first time, `find` has it from the recorder.
    pub fn tell(&self, key: K, find: impl FnOnce(&K) -> M, tell: impl FnOnce(&M)) {
        // A metric is put in whole or not at all, so a panic elsewhere does not spoil it.
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(metric) = known.get(&key) {
            return tell(metric);
        }
        drop(known);
        let metric = find(&key);
        tell(&metric);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(key, metric);
    }
}

impl<K, M> Default for Kept<K, M> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

/// For errors that are told to nobody but the log, so that none is swallowed without a name.
pub trait OkOrLog<T> {
    /// The value, or `None` after a line in the log that says what failed.
    fn ok_or_log(self, doing: &'static str) -> Option<T>;
}

impl<T, E: fmt::Display> OkOrLog<T> for Result<T, E> {
    fn ok_or_log(self, doing: &'static str) -> Option<T> {
        self.inspect_err(|err| tracing::warn!(error = %err, doing, "a background step failed"))
            .ok()
    }
}

/// How often the recorder tidies up after itself.
pub const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Shows counters from the start, so that a rate sees their first step.
fn start_counters() {
    for name in [HTTP_SHED, LOCK_BYPASSED, HOLDS_EXPIRED, LIMIT_FALLBACKS] {
        metrics::counter!(name).absolute(0);
    }
    for outcome in ["succeeded", "declined", "timed_out", "refunded"] {
        metrics::counter!(PAYMENTS, "outcome" => outcome).absolute(0);
    }
    for limit in Limit::ALL {
        metrics::counter!(LIMITED, "limit" => limit.as_str()).absolute(0);
    }
    for outcome in ["sent", "put_off", "given_up"] {
        metrics::counter!(MAILS, "outcome" => outcome).absolute(0);
    }
    metrics::counter!(VERSION_CONFLICTS, "operation" => "hold").absolute(0);
    metrics::counter!(MIRROR_LOADS).absolute(0);
    metrics::counter!(MIRROR_HEALED).absolute(0);
    metrics::gauge!(DRAINING).set(0.0);
}

// From half a millisecond, a lone reservation, to ten seconds, a client's patience.
const BUCKETS_SECONDS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

const BUCKETS_CHANGES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

fn describe() {
    describe_counter!(
        HTTP_REQUESTS,
        "HTTP requests answered, by route, method and status."
    );
    describe_histogram!(
        HTTP_DURATION,
        Unit::Seconds,
        "Time from reading a request to its answer."
    );
    describe_gauge!(HTTP_IN_FLIGHT, "Requests being worked on.");
    describe_counter!(
        HTTP_SHED,
        "Requests refused because too many were in flight."
    );
    describe_counter!(
        OUTCOMES,
        "Operations on reservations, by operation and outcome."
    );
    describe_histogram!(
        LOCK_WAIT,
        Unit::Seconds,
        "Time from asking for a change to having its locks."
    );
    describe_counter!(LOCK_BYPASSED, "Holds committed on the version alone.");
    describe_histogram!(
        COMMIT_DURATION,
        Unit::Seconds,
        "Time from asking for a change to its being durable."
    );
    describe_histogram!(COMMIT_BATCH, "Changes committed in one transaction.");
    describe_gauge!(MIRROR_EVENTS, "Events whose seats are kept in memory.");
    describe_gauge!(MIRROR_TICKETS, "Tickets kept in memory.");
    describe_counter!(MIRROR_LOADS, "Times that an event was loaded into memory.");
    describe_counter!(
        MIRROR_HEALED,
        "Changes that no message told and the ledger did."
    );
    describe_counter!(
        VERSION_CONFLICTS,
        "Commits that met another version than they had seen."
    );
    describe_gauge!(
        HOLDS_ACTIVE,
        "Holds that are running, over the whole cluster."
    );
    describe_counter!(HOLDS_EXPIRED, "Holds ended because their time was up.");
    describe_histogram!(
        EXPIRY_LAG,
        Unit::Seconds,
        "How long after its deadline a hold was ended."
    );
    describe_gauge!(POOL_CONNECTIONS, "Database connections, by pool and state.");
    describe_gauge!(POOL_MAX, "The most connections a pool may have.");
    describe_gauge!(DEPENDENCY_UP, "Whether a dependency answers.");
    describe_gauge!(
        HASHES_WAITING,
        "Passwords waiting for their turn to be hashed."
    );
    describe_histogram!(
        HASH_DURATION,
        Unit::Seconds,
        "Time of hashing one password."
    );
    describe_counter!(PAYMENTS, "Attempts to take or return money, by outcome.");
    describe_counter!(
        LIMITED,
        "Attempts refused because there were too many, by limit."
    );
    describe_counter!(
        LIMIT_FALLBACKS,
        "Attempts counted by this instance alone, because a Redis node did not answer."
    );
    describe_gauge!(
        MAILS_WAITING,
        "Mails that are to be sent, over the whole cluster."
    );
    describe_gauge!(
        MAILS_OLDEST,
        Unit::Seconds,
        "How long the oldest of them has been waiting."
    );
    describe_counter!(MAILS, "Attempts to send a mail, by outcome.");
    describe_gauge!(DRAINING, "1 while the instance shuts down.");
    describe_gauge!(BUILD_INFO, "What is running, as labels.");
}
