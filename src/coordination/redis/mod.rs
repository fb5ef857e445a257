//! Coordination between instances: one Redlock per ticket over independent Redis nodes, and
//! messages over another Redis.
//!
//! ```text
//!  claim ─ task: lock the tickets of all that are claimed together on all nodes
//!    │ waits for
//!    ├─ all of one's are taken ───────────────────> Claim
//!    ├─ one of them is refused: unlock the rest ──> Contended
//!    └─ a node falls silent, or half of the TTL ──> TimedOut; the task unlocks what it still gets
//! ```
//!
//! What it promises: while nodes keep their memory and clocks run alike, at most one live claim per
//! ticket among all instances. A node that hangs costs the claims in flight less than 100 ms, once,
//! and later claims nothing. A node that restarts empty can let a second claim through, which is
//! one reason why the database decides and not the lock.

mod breaker;
mod locking;
mod messages;
mod node;
mod probe;
mod subscriber;
mod unlocking;

pub(super) use self::locking::Locks;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use self::locking::{Asked, Locker};
use self::messages::Messages;
use self::node::Node;
use self::probe::View;
use self::unlocking::Unlocker;
use super::{
    Claim, ClaimError, Embedded, Health, Held, LockHealth, Marks, News, NodeHealth, SeatChange,
    Status,
};

/// How long a start waits for the first answers of the nodes.
const FIRST_ANSWERS_WITHIN: Duration = Duration::from_secs(1);

const EXPECTED_URL: &str = "redis://[user:password@]host[:port][/db]";

#[derive(Debug, Clone)]
pub struct RedisConfig {
    /// Where messages go; without it none are sent.
    pub redis_url: Option<String>,
    /// Independent lock nodes. A majority of them must answer, so an odd number is best.
    pub lock_urls: Vec<String>,
    /// When a lock ends whose holder vanished.
    pub lock_ttl: Duration,
}

#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("message URL is not usable (expected {EXPECTED_URL}): {reason}")]
    MessageUrl { reason: String },
    #[error("lock node URL {position} is not usable (expected {EXPECTED_URL}): {reason}")]
    LockUrl {
        /// Counted from 1.
        position: usize,
        reason: String,
    },
    #[error("lock node {node} is named more than once; its vote would count more than once")]
    SameNode { node: String },
    #[error("no lock node is named")]
    NoLockNode,
}

#[derive(Debug)]
pub struct Redis {
    lock_ttl: Duration,
    in_process: Embedded,
    views: watch::Receiver<View>,
    node_labels: Vec<String>,
    messages: Option<Messages>,
    message_node: Option<Node>,
    /// Whose messages are this instance's; no other has it.
    name: Arc<str>,
    locker: Locker,
    /// Locks being taken, locks being given back, messages being sent.
    tasks: TaskTracker,
    runtime: Handle,
    /// Probes and the sender of messages; they end when this is dropped.
    _background: JoinSet<()>,
}

impl Redis {
    /// Starts watching the nodes and waits briefly for their first answers. Only a wrong setting is
    /// an error: nodes that are down are waited for in the background. Gauges are set from here on,
    /// so the metrics recorder must be installed before.
    pub async fn connect(config: RedisConfig) -> Result<Self, ConnectError> {
        let lock_nodes = parse_lock_nodes(&config.lock_urls)?;
        let message_node = config.redis_url.as_deref().map(Node::parse).transpose();
        let message_node = message_node.map_err(|reason| ConnectError::MessageUrl { reason })?;

        let tasks = TaskTracker::new();
        let mut background = JoinSet::new();
        let nodes: Arc<[_]> = lock_nodes.iter().map(Node::connection).collect();
        let unlocker = Unlocker::start(Arc::clone(&nodes), &tasks, &mut background);
        let node_labels = lock_nodes.iter().map(|node| node.label.clone()).collect();
        let mut views = probe::watch_nodes(lock_nodes, &mut background);
        let asked = Asked {
            nodes,
            views: views.clone(),
            unlocker,
        };
        let locker = Locker::new(asked, tasks.clone());
        let name: Arc<str> = Uuid::new_v4().simple().to_string().into();
        let messages = match message_node.clone() {
            Some(node) => {
                let by = Arc::clone(&name);
                Some(Messages::start(node, by, tasks.clone(), &mut background).await)
            }
            None => None,
        };
        if timeout(
            FIRST_ANSWERS_WITHIN,
            views.wait_for(|view| view.verdict.settled),
        )
        .await
        .is_err()
        {
            tracing::warn!("not every lock node has answered yet; starting without the others");
        }
        Ok(Self {
            lock_ttl: config.lock_ttl,
            in_process: Embedded::default(),
            views,
            node_labels,
            messages,
            message_node,
            name,
            locker,
            tasks,
            runtime: Handle::current(),
            _background: background,
        })
    }

    /// The tickets that somebody in this process works on. Rivals here are refused without I/O, and
    /// cannot split the votes of the nodes between them.
    pub(super) fn in_process(&self) -> &Embedded {
        &self.in_process
    }

    pub(super) async fn claim(&self, marked: Vec<Marks>) -> Vec<Result<Claim, ClaimError>> {
        let mut views = self.views.clone();
        let silences = {
            let view = views.borrow();
            view.manager.as_ref().map(|_| view.verdict.silences)
        };
        let Some(silences) = silences else {
            return refused(marked.len(), ClaimError::QuorumLost);
        };
        let live_until = Instant::now() + self.validity();
        let tickets = marked.iter().map(|marks| marks.tickets.clone()).collect();
        let taken = tokio::select! {
            biased;
            Ok(taken) = self.locker.begin(tickets, self.lock_ttl) => taken,
            () = node_falls_silent(&mut views, silences) => {
                return refused(marked.len(), self.lost_quorum_or(ClaimError::TimedOut));
            }
            () = sleep(self.lock_ttl / 2) => {
                return refused(marked.len(), self.lost_quorum_or(ClaimError::TimedOut));
            }
        };
        let claim = |(locks, marks): (Option<Locks>, Marks)| {
            // Without a claim the marks end here. Whatever was set at a node, it knows of it.
            let mut locks = locks.ok_or_else(|| self.lost_quorum_or(ClaimError::Contended))?;
            locks.keep(marks);
            Ok(Claim {
                live_until: Some(live_until),
                held: Held::Redis(locks),
            })
        };
        taken.into_iter().zip(marked).map(claim).collect()
    }

    pub(super) fn publish(&self, changes: Vec<SeatChange>) {
        if let Some(messages) = &self.messages {
            messages.publish(changes);
        }
    }

    /// What the other instances publish from now on.
    pub(super) fn subscribe(&self) -> Option<mpsc::Receiver<News>> {
        let (news, listening) = subscriber::listen(self.message_node.clone()?, &self.name);
        self.runtime.spawn(listening);
        Some(news)
    }

    pub(super) fn health(&self) -> Health {
        let verdict = &self.views.borrow().verdict;
        let up = |up: bool| if up { Status::Up } else { Status::Down };
        let status = match (
            verdict.has_quorum(),
            verdict.closed.iter().all(|closed| *closed),
        ) {
            (true, true) => Status::Up,
            (true, false) => Status::Degraded,
            (false, _) => Status::Down,
        };
        let nodes = self.node_labels.iter().zip(&verdict.closed);
        let nodes = nodes
            .map(|(node, closed)| NodeHealth {
                node: node.clone(),
                status: up(*closed),
            })
            .collect();
        Health {
            messages: self.messages.as_ref().map(Messages::status),
            locks: Some(LockHealth { status, nodes }),
        }
    }

    pub(super) async fn drain(&self, within: Duration) {
        self.tasks.close();
        if timeout(within, self.tasks.wait()).await.is_err() {
            tracing::warn!(
                left = self.tasks.len(),
                "locks or messages left over; locks end with their TTL"
            );
        }
    }

    /// How long a claim counts, from before its first command. The clocks of the nodes may run
    /// faster than ours: Redlock takes off 1 % and 2 ms for that
    /// (<https://redis.io/docs/latest/develop/clients/patterns/distributed-locks/>).
    fn validity(&self) -> Duration {
        self.lock_ttl
            .saturating_sub(self.lock_ttl / 100 + Duration::from_millis(2))
    }

    /// The lock library does not say whether a node refused the lock or did not answer. If there is
    /// no majority left by now, that was the reason.
    fn lost_quorum_or(&self, otherwise: ClaimError) -> ClaimError {
        if self.views.borrow().manager.is_none() {
            ClaimError::QuorumLost
        } else {
            otherwise
        }
    }
}

fn refused(count: usize, error: ClaimError) -> Vec<Result<Claim, ClaimError>> {
    (0..count).map(|_| Err(error)).collect()
}

/// Ends when a node falls silent beyond those `silences` that were known, or the probes are gone.
async fn node_falls_silent(views: &mut watch::Receiver<View>, silences: u64) {
    let _ = views
        .wait_for(|view| view.verdict.silences != silences)
        .await;
}

fn parse_lock_nodes(urls: &[String]) -> Result<Vec<Node>, ConnectError> {
    let mut nodes: Vec<Node> = Vec::with_capacity(urls.len());
    for (index, url) in urls.iter().enumerate() {
        let node = Node::parse(url).map_err(|reason| ConnectError::LockUrl {
            position: index + 1,
            reason,
        })?;
        if nodes.iter().any(|other| other.label == node.label) {
            return Err(ConnectError::SameNode { node: node.label });
        }
        nodes.push(node);
    }
    if nodes.is_empty() {
        Err(ConnectError::NoLockNode)
    } else {
        Ok(nodes)
    }
}
