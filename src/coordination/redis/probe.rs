//! Watches the lock nodes and keeps a lock manager that asks only those that answer.
//!
//! ```text
//!   a ping per node ──Heard──> judge (breaker.rs) ──Verdict──> keeper ──View──> claims
//!                                          the keeper connects a new manager before it shows it
//! ```
//!
//! The lock library waits for the answer of *every* node, so one node that hangs would cost each
//! claim half a second. A node whose breaker is open is therefore replaced by a stand-in that
//! refuses at once. It keeps its seat: the number of nodes and so the majority stay what they are,
//! because two instances that leave out different nodes must still need a common one.

use std::sync::Arc;
use std::time::Duration;

use redis::Client;
use rslock::LockManager;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::breaker::{Breakers, Heard, Verdict};
use super::node::{Link, Node, refusing_client};

const PROBE_EVERY: Duration = Duration::from_millis(25);
const CONNECT_KEY: &[u8] = b"holdfast:lock:connect";
const CONNECT_TTL: Duration = Duration::from_secs(5);
const RECONNECT_AFTER: Duration = Duration::from_millis(50);
const RECONNECT_AFTER_AT_MOST: Duration = Duration::from_millis(250);

/// What claims need to know about the lock nodes.
#[derive(Debug, Clone)]
pub(super) struct View {
    pub verdict: Verdict,
    /// Absent while fewer nodes answer than a majority.
    pub manager: Option<LockManager>,
}

/// Starts watching `nodes`; what `background` holds keeps the view up to date until it is dropped.
pub(super) fn watch_nodes(nodes: Vec<Node>, background: &mut JoinSet<()>) -> watch::Receiver<View> {
    let breakers = Breakers::new(nodes.len());
    let verdict = breakers.verdict();
    let (verdicts, verdicts_seen) = watch::channel(verdict.clone());
    let (views, views_seen) = watch::channel(View {
        verdict,
        manager: None,
    });
    let (reports, reports_seen) = mpsc::channel(nodes.len());
    let mut pings = Vec::with_capacity(nodes.len());
    for (index, node) in nodes.iter().enumerate() {
        let ping = Arc::new(Notify::new());
        background.spawn(ping_node(
            index,
            Link::new(node.client.clone()),
            Arc::clone(&ping),
            reports.clone(),
        ));
        pings.push(ping);
    }
    background.spawn(judge(breakers, pings, reports_seen, verdicts));
    background.spawn(
        Keeper {
            nodes,
            refusing: refusing_client(),
            verdicts: verdicts_seen,
            views,
        }
        .run(),
    );
    views_seen
}

/// Pings one node whenever it is told to, and reports what that brought.
async fn ping_node(
    index: usize,
    mut link: Link,
    ping: Arc<Notify>,
    reports: mpsc::Sender<(usize, Heard)>,
) {
    let command = redis::cmd("PING");
    let mut pause = RECONNECT_AFTER;
    loop {
        ping.notified().await;
        let heard = link.send(&command).await;
        if reports.send((index, heard)).await.is_err() {
            return;
        }
        if heard == Heard::Answer {
            pause = RECONNECT_AFTER;
        } else {
            sleep(pause).await;
            pause = (pause * 2).min(RECONNECT_AFTER_AT_MOST);
        }
    }
}

async fn judge(
    mut breakers: Breakers,
    pings: Vec<Arc<Notify>>,
    mut reports: mpsc::Receiver<(usize, Heard)>,
    verdicts: watch::Sender<Verdict>,
) {
    let mut rounds = interval(PROBE_EVERY);
    // After a stall the answers that waited are heard before the next round is judged, and no
    // rounds are made up for.
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            Some((node, heard)) = reports.recv() => breakers.hear(node, heard),
            _ = rounds.tick() => {
                for node in breakers.next_round() {
                    pings[node].notify_one();
                }
            }
        }
        verdicts.send_if_modified(|published| {
            let verdict = breakers.verdict();
            let changed = *published != verdict;
            *published = verdict;
            changed
        });
    }
}

/// Turns verdicts into views.
struct Keeper {
    nodes: Vec<Node>,
    refusing: Client,
    verdicts: watch::Receiver<Verdict>,
    views: watch::Sender<View>,
}

impl Keeper {
    async fn run(mut self) {
        self.show_metrics();
        loop {
            let verdict = self.verdicts.borrow_and_update().clone();
            let manager = self.manager_for(&verdict);
            // A claim must find open connections, because the lock library makes them one claim
            // after the other. Its own limits bound this (1 s to connect, 500 ms an answer).
            tokio::select! {
                () = connect(manager.as_ref()) => self.publish(View { verdict, manager }),
                // What is being connected is for the nodes of a moment ago. The lock that is left
                // behind is one that nobody waits for.
                Ok(()) = self.verdicts.changed() => continue,
            }
            if self.verdicts.changed().await.is_err() {
                return;
            }
        }
    }

    fn manager_for(&self, verdict: &Verdict) -> Option<LockManager> {
        if !verdict.has_quorum() {
            return None;
        }
        let published = self.views.borrow();
        if published.verdict.closed == verdict.closed && published.manager.is_some() {
            return published.manager.clone();
        }
        let clients = self
            .nodes
            .iter()
            .zip(&verdict.closed)
            .map(|(node, closed)| {
                if *closed {
                    &node.client
                } else {
                    &self.refusing
                }
            });
        let mut manager = LockManager::from_clients(clients.cloned().collect());
        // One attempt: waiting is for the caller to decide. The delay is never slept, but must be
        // at least a millisecond.
        manager.set_retry(1, Duration::from_millis(10));
        Some(manager)
    }

    fn publish(&self, view: View) {
        let verdict = view.verdict.clone();
        let before = self.views.send_replace(view).verdict;
        for (index, node) in self.nodes.iter().enumerate() {
            let node = &node.label;
            match (before.closed[index], verdict.closed[index]) {
                (true, false) => tracing::warn!(
                    node,
                    "lock node lost; it counts as a no until it answers again"
                ),
                (false, true) => tracing::info!(node, "lock node answers"),
                _ => {}
            }
        }
        if before.has_quorum() && !verdict.has_quorum() {
            tracing::error!("fewer lock nodes answer than a majority; tickets cannot be claimed");
        }
        self.show_metrics();
    }

    fn show_metrics(&self) {
        let verdict = &self.views.borrow().verdict;
        for (node, closed) in self.nodes.iter().zip(&verdict.closed) {
            metrics::gauge!("holdfast_lock_node_up", "node" => node.label.clone())
                .set(f64::from(u8::from(*closed)));
        }
        let quorum = f64::from(u8::from(verdict.has_quorum()));
        metrics::gauge!("holdfast_lock_quorum").set(quorum);
        metrics::gauge!("holdfast_dependency_up", "dependency" => "locks").set(quorum);
    }
}

/// Has the manager connect to all of its nodes and teach them the unlock script. The library has no
/// call for that, so this takes a lock that nobody needs and gives it back.
///
/// The library unlocks what it was refused elsewhere. A node that hangs later keeps those commands, and
/// only carries them out when it resumes if it knows their script by then.
async fn connect(manager: Option<&LockManager>) {
    if let Some(manager) = manager {
        // Other instances do the same. Being refused serves as well: it also ends in an unlock.
        if let Ok(lock) = manager.lock(CONNECT_KEY, CONNECT_TTL).await {
            lock.release().await;
        }
    }
}
