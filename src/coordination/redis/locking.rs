//! Taking the locks of claims.
//!
//! The lock library takes one lock at a time, by a command of its own to every node. That is what a
//! lone claim of one ticket does. What is claimed at the same moment goes in one pipeline a node, by the
//! same rule: a key is set where there is none, with a value that nobody else knows and a time to live,
//! and a lock is taken once a majority of all nodes has set it
//! (<https://redis.io/docs/latest/develop/clients/patterns/distributed-locks/>).

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use rand::RngExt;
use redis::aio::ConnectionManager;
use redis::{Pipeline, RedisResult, Value};
use rslock::{Lock, LockManager};
use tokio::sync::{oneshot, watch};

use super::breaker::quorum;
use super::probe::View;
use super::unlocking::Unlocker;
use crate::coordination::embedded::Marks;

/// Locks about to be taken.
pub(super) struct Locking {
    pub tickets: Vec<i64>,
    pub ttl: Duration,
    pub locks: Locks,
    pub result: oneshot::Sender<Option<Locks>>,
}

/// The nodes, as claims reach them.
#[derive(Clone)]
pub(super) struct Locker {
    pub nodes: Arc<[ConnectionManager]>,
    pub views: watch::Receiver<View>,
}

impl fmt::Debug for Locker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Locker").finish_non_exhaustive()
    }
}

impl Locker {
    /// Takes the locks of several claims, to the end: locks that nobody waits for any more are given
    /// back.
    pub async fn lock(self, claims: Vec<Locking>) {
        let View { verdict, manager } = self.views.borrow().clone();
        let Some(manager) = manager else {
            // The majority was lost meanwhile, as whoever waits will see.
            claims.into_iter().for_each(|claim| claim.end(false));
            return;
        };
        if let [Locking { tickets, .. }] = &claims[..]
            && tickets.len() == 1
        {
            let alone = claims.into_iter().map(|claim| lock_one(&manager, claim));
            join_all(alone).await;
        } else {
            self.lock_all(&manager, &verdict.closed, claims).await;
        }
    }

    /// Asks those nodes that answer for all locks at once.
    async fn lock_all(&self, manager: &LockManager, closed: &[bool], mut claims: Vec<Locking>) {
        claims.retain(|claim| !claim.result.is_closed());
        claims
            .iter_mut()
            .for_each(|claim| claim.name_locks(manager));
        let commands = commands(&claims);
        let asked = self.nodes.iter().zip(closed).filter(|(_, closed)| **closed);
        let answers = asked.map(async |(node, _)| -> RedisResult<Vec<Value>> {
            commands.query_async(&mut node.clone()).await
        });
        let answers = join_all(answers).await;
        let mut nth = 0;
        for claim in claims {
            let is_taken = |lock: usize| {
                let set = answers
                    .iter()
                    .flatten()
                    .filter(|set| set.get(lock) == Some(&Value::Okay));
                set.count() >= quorum(self.nodes.len())
            };
            let locks = nth..nth + claim.tickets.len();
            nth = locks.end;
            claim.end(locks.into_iter().all(is_taken));
        }
    }
}

/// Takes the only lock of a claim in the library's own way.
async fn lock_one(manager: &LockManager, mut claim: Locking) {
    let key = lock_key(claim.tickets[0]);
    let lock = manager.lock(key.as_bytes(), claim.ttl).await.ok();
    let granted = lock.is_some();
    claim.locks.held.extend(lock);
    claim.end(granted);
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
