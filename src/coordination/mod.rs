//! Keeps attempts on the same ticket out of each other's way, and tells the other instances what
//! changed.
//!
//! A claim is a permission to *try*: it says that no other attempt works on these tickets, so that
//! the work of most losers is spared. It promises nothing about the outcome. The version column in
//! the database decides, and everything here can fail, stall or forget without a ticket being sold
//! twice.
//!
//! ```text
//!  mark(tickets) ───> Contended    somebody in this process is at it: retry shortly, or refuse
//!        v
//!      Marks ── claim(marks, ...) ──> Contended    another instance is at it: likewise
//!        │              │      ├───> QuorumLost   too few lock nodes: go on with the version alone, or refuse
//!        │              │      └───> TimedOut     a node fell silent meanwhile: likewise
//!        │              v
//!        │            Claim ── work while is_live() ── commit ── dropped ──> unlocked in the background
//!        │              └───── held past its TTL ──> not live, others may claim; a late commit loses by version
//!        └── dropped: others may mark
//! ```
//!
//! There are two ways to coordinate and no third: [`Embedded`] within one process, [`Redis`]
//! between instances.

mod embedded;
mod redis;

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

pub use self::embedded::{Embedded, Marks};
pub use self::redis::{ConnectError, Redis, RedisConfig};

#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "an instance has one, and never moves it"
)]
pub enum Coordinator {
    Embedded(Embedded),
    Redis(Redis),
}

impl Coordinator {
    /// Keeps everybody else in this process from these tickets, all or none, at once: whoever wants
    /// to claim tickets begins here, so that a crowd costs no more than its first.
    pub fn mark(&self, tickets: &[i64]) -> Result<Marks, ClaimError> {
        let mut tickets = tickets.to_vec();
        // In ascending order two overlapping requests meet at the first ticket they share, and one
        // of them passes.
        tickets.sort_unstable();
        tickets.dedup();
        let in_process = match self {
            Self::Embedded(embedded) => embedded,
            Self::Redis(redis) => redis.in_process(),
        };
        in_process
            .mark(tickets)
            .inspect_err(|err| count_attempt(Err(err)))
    }

    /// Makes one attempt to claim the tickets of each of several, which never waits for a holder: all
    /// of those that are marked together, or none of them. The outcomes come in the same order.
    ///
    /// Dropping the returned future is harmless: what it had taken is given back in the background.
    pub async fn claim(&self, marked: Vec<Marks>) -> Vec<Result<Claim, ClaimError>> {
        let started = Instant::now();
        let claimed = match self {
            Self::Embedded(_) => marked.into_iter().map(|marks| Ok(marks.into())).collect(),
            Self::Redis(redis) => redis.claim(marked).await,
        };
        for outcome in &claimed {
            count_attempt(outcome.as_ref().map(|_| ()));
        }
        metrics::histogram!("holdfast_lock_acquire_duration_seconds").record(started.elapsed());
        claimed
    }

    /// Tells every instance what changed, as one message. Returns at once; a message that cannot be
    /// sent is dropped and counted, because instances also learn of changes from the database.
    pub fn publish(&self, changes: Vec<SeatChange>) {
        // A payment that begins, or a hold that is extended, changes no seat.
        if changes.is_empty() {
            return;
        }
        match self {
            // The only instance there is has just made the change itself.
            Self::Embedded(_) => {}
            Self::Redis(redis) => redis.publish(changes),
        }
    }

    /// What other instances publish from now on; `None` where there are none.
    pub fn subscribe(&self) -> Option<mpsc::Receiver<News>> {
        match self {
            Self::Embedded(_) => None,
            Self::Redis(redis) => redis.subscribe(),
        }
    }

    /// What the background probes last saw; no I/O.
    pub fn health(&self) -> Health {
        match self {
            Self::Embedded(_) => Health::default(),
            Self::Redis(redis) => redis.health(),
        }
    }

    /// Waits until everything released is unlocked and everything published is sent, but no longer
    /// than `within`.
    pub async fn drain(&self, within: Duration) {
        match self {
            Self::Embedded(_) => {}
            Self::Redis(redis) => redis.drain(within).await,
        }
    }
}

/// Leave to work on some tickets, until it is dropped, or its time is over.
#[must_use = "a claim that is dropped is given back"]
#[derive(Debug)]
pub struct Claim {
    live_until: Option<Instant>,
    held: Held,
}

impl Claim {
    /// True while nobody else can have claimed the tickets. A commit that begins later than this
    /// would most likely lose.
    pub fn is_live(&self) -> bool {
        self.live_until.is_none_or(|until| Instant::now() < until)
    }

    /// Its tickets are taken for longer than a claim lasts, so that rivals have no use for it: it may be
    /// given back a little later than it is dropped, with less work.
    pub fn take_your_time(&mut self) {
        if let Held::Redis(locks) = &mut self.held {
            locks.take_your_time();
        }
    }
}

/// What keeps others out for as long as it is not dropped.
#[derive(Debug)]
#[expect(dead_code, reason = "held for what happens when they are dropped")]
enum Held {
    Embedded(Marks),
    Redis(redis::Locks),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// Another attempt holds one of the tickets.
    #[error("another attempt is working on one of the tickets")]
    Contended,
    /// Fewer lock nodes answer than a majority, so nobody can claim anything.
    #[error("fewer lock nodes answer than a majority")]
    QuorumLost,
    /// A lock node fell silent during the attempt, so that its outcome is not known yet.
    #[error("a lock node fell silent during the attempt")]
    TimedOut,
}

/// What a subscriber hears.
#[derive(Debug)]
pub enum News {
    /// An instance has changed these.
    Changed(Vec<SeatChange>),
    /// Something may have been said that was not heard.
    Interrupted,
}

/// A ticket has the status `status` since its version `version`. Receivers ignore what is older
/// than what they know.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SeatChange {
    pub ticket_id: i64,
    pub event_id: i64,
    pub version: i64,
    pub status: SeatStatus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SeatStatus {
    Available,
    Held,
    Sold,
    Blocked,
}

/// The dependencies that coordination has; what it does not use is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Health {
    pub messages: Option<Status>,
    pub locks: Option<LockHealth>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LockHealth {
    /// Degraded: some nodes are down, but a majority is left and claims work.
    pub status: Status,
    pub nodes: Vec<NodeHealth>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeHealth {
    /// Host and port, without credentials.
    pub node: String,
    pub status: Status,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Up,
    Degraded,
    Down,
}

fn count_attempt(claimed: Result<(), &ClaimError>) {
    let outcome = match claimed {
        Ok(()) => "acquired",
        Err(ClaimError::Contended) => "contended",
        Err(ClaimError::QuorumLost) => "quorum_lost",
        Err(ClaimError::TimedOut) => "timed_out",
    };
    metrics::counter!("holdfast_lock_attempts_total", "outcome" => outcome).increment(1);
}
