//! Taking the locks of claims.
//!
//! The lock library takes one lock at a time, by a command of its own to every node. That is what a
//! lone claim of one ticket does. What is claimed together goes in one pipeline a node, by the
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
use redis::{Cmd, Pipeline, RedisResult, Value};
use rslock::{Lock, LockManager};
use tokio::sync::{oneshot, watch};
use tokio_util::task::TaskTracker;

use super::breaker::quorum;
use super::probe::View;
use super::unlocking::Unlocker;
use crate::coordination::embedded::Marks;

/// Takes locks, in tasks that are not the callers'.
pub(super) struct Locker {
    asked: Asked,
    tasks: TaskTracker,
}

/// The lock nodes, which of them answer, and what waits to be given back to them.
#[derive(Clone)]
pub(super) struct Asked {
    pub nodes: Arc<[ConnectionManager]>,
    pub views: watch::Receiver<View>,
    pub unlocker: Unlocker,
}

impl Locker {
    /// What it is about to take is among `tasks`.
    pub fn new(asked: Asked, tasks: TaskTracker) -> Self {
        Self { asked, tasks }
    }

    /// Takes the locks of several claims, to the end, whoever waits: a future that is dropped half-way
    /// would leave keys behind until their TTL. If nobody waits for the result any more, they are given
    /// back.
    pub fn begin(
        &self,
        claims: Vec<Vec<i64>>,
        ttl: Duration,
    ) -> oneshot::Receiver<Vec<Option<Locks>>> {
        let (result, outcome) = oneshot::channel();
        let locking = |tickets| Locking {
            locks: Locks::none_yet(&self.asked.unlocker),
            tickets,
            ttl,
        };
        let claims: Vec<_> = claims.into_iter().map(locking).collect();
        let asked = self.asked.clone();
        self.tasks.spawn(async move {
            // What nobody takes is given back.
            drop(result.send(asked.lock(claims).await));
        });
        outcome
    }
}

impl fmt::Debug for Locker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Locker").finish_non_exhaustive()
    }
}

impl Asked {
    /// Takes the locks of several claims, of which none waits for another; gives those of each that
    /// got all of its own. The others are given back: a node that did not answer may have set a key all
    /// the same, or may yet do so.
    async fn lock(self, mut claims: Vec<Locking>) -> Vec<Option<Locks>> {
        let View { verdict, manager } = self.views.borrow().clone();
        let granted = match (manager, &mut claims[..]) {
            // The majority was lost meanwhile, as whoever waits will see.
            (None, claims) => vec![false; claims.len()],
            (Some(manager), [lone]) if lone.tickets.len() == 1 => {
                vec![lock_one(&manager, lone).await]
            }
            (Some(manager), claims) => self.lock_all(&manager, &verdict.closed, claims).await,
        };
        let claims = claims.into_iter().zip(granted);
        claims
            .map(|(claim, granted)| granted.then_some(claim.locks))
            .collect()
    }

    /// Asks those nodes that answer for all locks at once, the first of them before the others: whom
    /// it refuses is a rival's second, and would only keep that one from a majority. What waits to be
    /// given back goes along.
    async fn lock_all(
        &self,
        manager: &LockManager,
        closed: &[bool],
        claims: &mut [Locking],
    ) -> Vec<bool> {
        for claim in claims.iter_mut() {
            claim.name_locks(manager);
        }
        let given_back = self.unlocker.take_along();
        let along = given_back.as_ref().map(|it| &it.command);
        let (asked, mut passed_over): (Vec<_>, Vec<_>) = self
            .nodes
            .iter()
            .zip(closed)
            .partition(|(_, closed)| **closed);
        let mut others = asked.into_iter();
        let mut votes = vec![0; claims.len()];
        let mut hopeful: Vec<usize> = (0..claims.len()).collect();
        let mut question = Question::new(along, claims, &hopeful);
        if let Some((first, _)) = others.next()
            && let Some(granted) = question.ask(first).await
        {
            count(&mut votes, &hopeful, &granted);
            hopeful.retain(|claim| votes[*claim] > 0);
            if hopeful.len() < claims.len() {
                question = Question::new(along, claims, &hopeful);
            }
        }
        if hopeful.is_empty() {
            passed_over.extend(others);
        } else {
            let others = others.map(|(node, _)| question.ask(node));
            for granted in join_all(others).await.into_iter().flatten() {
                count(&mut votes, &hopeful, &granted);
            }
        }
        if let Some(given_back) = given_back {
            let passed_over = passed_over.into_iter().map(|(node, _)| node.clone());
            self.unlocker.send(given_back, passed_over.collect());
        }
        let majority = quorum(self.nodes.len());
        votes.into_iter().map(|votes| votes >= majority).collect()
    }
}

fn count(votes: &mut [usize], hopeful: &[usize], granted: &[bool]) {
    for (claim, granted) in hopeful.iter().zip(granted) {
        votes[*claim] += usize::from(*granted);
    }
}

/// What nodes are asked: for the locks of some claims, after another command where one goes along.
struct Question {
    commands: Pipeline,
    goes_along: bool,
    /// How many locks each of the claims has.
    locks: Vec<usize>,
}

impl Question {
    /// For the locks of those claims that are hopeful.
    fn new(along: Option<&Cmd>, claims: &[Locking], hopeful: &[usize]) -> Self {
        let claims: Vec<&Locking> = hopeful.iter().map(|claim| &claims[*claim]).collect();
        Self {
            commands: commands(along, &claims),
            goes_along: along.is_some(),
            locks: claims.iter().map(|claim| claim.tickets.len()).collect(),
        }
    }

    /// Of each claim whether the node granted all of its locks, or nothing where the node fails.
    async fn ask(&self, node: &ConnectionManager) -> Option<Vec<bool>> {
        let answers = self.commands.query_async(&mut node.clone()).await;
        let answers: Vec<RedisResult<Value>> = answers.ok()?;
        let mut set = answers.iter().skip(usize::from(self.goes_along));
        let is_set = |set: &&RedisResult<Value>| matches!(set, Ok(Value::Okay));
        let all_of = |locks: &usize| set.by_ref().take(*locks).filter(is_set).count() == *locks;
        Some(self.locks.iter().map(all_of).collect())
    }
}

/// Takes the only lock of a claim in the library's own way.
async fn lock_one(manager: &LockManager, claim: &mut Locking) -> bool {
    let key = lock_key(claim.tickets[0]);
    let lock = manager.lock(key.as_bytes(), claim.ttl).await.ok();
    let granted = lock.is_some();
    claim.locks.held.extend(lock);
    granted
}

/// The locks of a claim, about to be taken.
struct Locking {
    tickets: Vec<i64>,
    ttl: Duration,
    locks: Locks,
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
}

fn commands(along: Option<&Cmd>, claims: &[&Locking]) -> Pipeline {
    let mut commands = Pipeline::new();
    // One that fails is no reason for the others to count for nothing.
    commands.ignore_errors();
    if claims.iter().any(|claim| claim.tickets.len() > 1) {
        // One after the other at each node, two claims that overlap cannot each have some of it.
        commands.atomic();
    }
    if let Some(command) = along {
        commands.add_command(command.clone());
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
    is_in_hurry: bool,
    unlocker: Unlocker,
}

impl Locks {
    /// No locks, before any is taken.
    pub(super) fn none_yet(unlocker: &Unlocker) -> Self {
        Self {
            held: Vec::new(),
            marks: None,
            is_in_hurry: true,
            unlocker: unlocker.clone(),
        }
    }

    /// Keeps marks until the locks are given back.
    pub(super) fn keep(&mut self, marks: Marks) {
        self.marks = Some(marks);
    }

    /// Nobody waits for them: they may be given back a little later, with less work.
    pub(in crate::coordination) fn take_your_time(&mut self) {
        self.is_in_hurry = false;
        self.marks = None;
    }
}

impl Drop for Locks {
    fn drop(&mut self) {
        let held = mem::take(&mut self.held);
        self.unlocker
            .give_back(held, self.marks.take(), self.is_in_hurry);
    }
}

fn lock_key(ticket: i64) -> String {
    format!("holdfast:lock:ticket:{ticket}")
}
