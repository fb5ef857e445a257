//! Taking the locks of claims.
//!
//! The lock library takes one lock at a time, by a command of its own to every node. That is what a
//! lone claim of one ticket does. What is claimed at the same moment goes in one pipeline a node, by the
//! same rule: a key is set where there is none, with a value that nobody else knows and a time to live,
//! and a lock is taken once a majority of all nodes has set it
//! (<https://redis.io/docs/latest/develop/clients/patterns/distributed-locks/>).

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use rand::RngExt;
use redis::aio::ConnectionManager;
use redis::{Pipeline, Value};
use rslock::{Lock, LockManager};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::task::TaskTracker;

use super::breaker::quorum;
use super::probe::View;
use super::together::Together;
use super::unlocking::Unlocker;
use crate::coordination::embedded::Marks;

/// Takes locks, in tasks that are not the callers'.
#[derive(Debug)]
pub(super) struct Locker {
    together: Together<Locking>,
    unlocker: Unlocker,
}

/// The lock nodes, and which of them answer.
#[derive(Clone)]
pub(super) struct Asked {
    pub nodes: Arc<[ConnectionManager]>,
    pub views: watch::Receiver<View>,
}

impl Locker {
    /// Starts in `background`; the locks that it is about to take are among `tasks`.
    pub fn start(
        asked: Asked,
        unlocker: &Unlocker,
        tasks: &TaskTracker,
        background: &mut JoinSet<()>,
    ) -> Self {
        let begin = move |claims| asked.clone().lock(claims);
        Self {
            together: Together::start(begin, tasks, background),
            unlocker: unlocker.clone(),
        }
    }

    /// Takes the locks of a claim, to the end, whoever waits: a future that is dropped half-way would
    /// leave keys behind until their TTL. If nobody waits for the result any more, they are given back.
    pub fn begin(&self, tickets: Vec<i64>, ttl: Duration) -> oneshot::Receiver<Option<Locks>> {
        let (result, outcome) = oneshot::channel();
        self.together.send(Locking {
            locks: Locks::none_yet(&self.unlocker),
            tickets,
            ttl,
            result,
        });
        outcome
    }
}

impl Asked {
    /// Takes the locks of several claims, of which none waits for another.
    async fn lock(self, claims: Vec<Locking>) {
        let View { verdict, manager } = self.views.borrow().clone();
        let Some(manager) = manager else {
            // The majority was lost meanwhile, as whoever waits will see.
            for claim in claims {
                claim.end(false);
            }
            return;
        };
        let is_lone = matches!(&claims[..], [claim] if claim.tickets.len() == 1);
        if is_lone {
            for claim in claims {
                lock_one(&manager, claim).await;
            }
        } else {
            self.lock_all(&manager, &verdict.closed, claims).await;
        }
    }

    /// Asks those nodes that answer for all locks at once, the first of them before the others: whom
    /// it refuses is a rival's second, and would only keep that one from a majority.
    async fn lock_all(&self, manager: &LockManager, closed: &[bool], mut claims: Vec<Locking>) {
        for claim in &mut claims {
            claim.name_locks(manager);
        }
        let asked = self.nodes.iter().zip(closed).filter(|(_, closed)| **closed);
        let mut asked = asked.map(|(node, _)| node);
        let mut votes = 0;
        if let Some(first) = asked.next()
            && let Some(granted) = ask(first, &claims).await
        {
            votes = 1;
            let mut granted = granted.into_iter();
            let (passed, refused): (Vec<_>, Vec<_>) = claims
                .into_iter()
                .partition(|_| granted.next() == Some(true));
            for claim in refused {
                claim.end(false);
            }
            claims = passed;
        }
        if claims.is_empty() {
            return;
        }
        let answers = join_all(asked.map(|node| ask(node, &claims))).await;
        for (index, claim) in claims.into_iter().enumerate() {
            let granting = answers.iter().flatten().filter(|granted| granted[index]);
            claim.end(votes + granting.count() >= quorum(self.nodes.len()));
        }
    }
}

/// Asks a node for the locks of some claims; gives of each whether all of them were granted, or
/// nothing where the node fails.
async fn ask(node: &ConnectionManager, claims: &[Locking]) -> Option<Vec<bool>> {
    let commands = commands(claims);
    let set: Vec<Value> = commands.query_async(&mut node.clone()).await.ok()?;
    let mut set = set.iter();
    let all_of = |claim: &Locking| {
        let of_it = set.by_ref().take(claim.tickets.len());
        of_it.filter(|set| **set == Value::Okay).count() == claim.tickets.len()
    };
    Some(claims.iter().map(all_of).collect())
}

/// Takes the only lock of a claim in the library's own way.
async fn lock_one(manager: &LockManager, mut claim: Locking) {
    let key = lock_key(claim.tickets[0]);
    let lock = manager.lock(key.as_bytes(), claim.ttl).await.ok();
    let granted = lock.is_some();
    claim.locks.held.extend(lock);
    claim.end(granted);
}

/// The locks of a claim, about to be taken.
struct Locking {
    tickets: Vec<i64>,
    ttl: Duration,
    locks: Locks,
    result: oneshot::Sender<Option<Locks>>,
}

impl Locking {
    /// Gives each lock its key, and all of them a value that only this claim knows.
    fn name_locks(&mut self, manager: &LockManager) {
        let value: [u8; 20] = rand::rng().random();
        let locks = self.tickets.iter().map(|ticket| Lock {
            resource: lock_key(*ticket).into_bytes(),
            val: value.to_vec(),
            validity_time: 0,
            lock_manager: manager.clone(),
        });
        self.locks.held.extend(locks);
    }

    /// Tells who waits for it. What nobody takes is given back, granted or not: a node that did not
    /// answer may have set a key all the same, or may yet do so.
    fn end(self, granted: bool) {
        let locks = granted.then_some(self.locks);
        drop(self.result.send(locks));
    }
}

fn commands(claims: &[Locking]) -> Pipeline {
    let mut commands = Pipeline::new();
    if claims.iter().any(|claim| claim.tickets.len() > 1) {
        // One after the other at each node, two claims that overlap cannot each have some of it.
        commands.atomic();
    }
    for claim in claims {
        let ttl = u64::try_from(claim.ttl.as_millis()).unwrap_or(u64::MAX);
        for lock in &claim.locks.held {
            let command = commands.cmd("SET").arg(&lock.resource).arg(&lock.val);
            command.arg("NX").arg("PX").arg(ttl);
        }
    }
    commands
}

/// Locks taken on the nodes. Dropping them unlocks in the background, and so the holder's reply
/// does not wait for it.
#[derive(Debug)]
pub struct Locks {
    held: Vec<Lock>,
    marks: Option<Marks>,
    unlocker: Unlocker,
}

impl Locks {
    /// No locks, before any is taken.
    pub(super) fn none_yet(unlocker: &Unlocker) -> Self {
        Self {
            held: Vec::new(),
            marks: None,
            unlocker: unlocker.clone(),
        }
    }

    /// Keeps marks until the locks are given back.
    pub(super) fn keep(&mut self, marks: Marks) {
        self.marks = Some(marks);
    }
}

impl Drop for Locks {
    fn drop(&mut self) {
        self.unlocker
            .give_back(mem::take(&mut self.held), self.marks.take());
    }
}

fn lock_key(ticket: i64) -> String {
    format!("holdfast:lock:ticket:{ticket}")
}
