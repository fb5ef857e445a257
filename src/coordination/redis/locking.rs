//! Taking the locks of a claim.

use std::mem;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use rslock::{Lock, LockManager};
use tokio::sync::oneshot;

use super::unlocking::Unlocker;
use crate::coordination::embedded::Marks;

/// Locks about to be taken.
pub(super) struct Locking {
    pub manager: LockManager,
    pub tickets: Vec<i64>,
    pub ttl: Duration,
    pub locks: Locks,
    pub result: oneshot::Sender<Option<Locks>>,
}

/// Takes the locks of several claims, of which none waits for another.
pub(super) async fn lock(claims: Vec<Locking>) {
    let claims: FuturesUnordered<_> = claims.into_iter().map(Locking::run).collect();
    claims.collect::<()>().await;
}

impl Locking {
    /// Takes them, to the end: a lock that nobody waits for any more is given back.
    pub async fn run(self) {
        let Self {
            manager,
            tickets,
            ttl,
            locks,
            result,
        } = self;
        let locks = lock_all(&manager, &tickets, ttl, locks, &result).await;
        // Dropped here what nobody takes, so that a drain sees the unlocking begin before this ends.
        drop(result.send(locks));
    }
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

/// Locks ticket after ticket until one is refused, or nobody waits for `result` any more.
async fn lock_all(
    manager: &LockManager,
    tickets: &[i64],
    ttl: Duration,
    mut locks: Locks,
    result: &oneshot::Sender<Option<Locks>>,
) -> Option<Locks> {
    for ticket in tickets {
        locks
            .held
            .push(manager.lock(lock_key(*ticket).as_bytes(), ttl).await.ok()?);
        if result.is_closed() {
            break;
        }
    }
    Some(locks)
}

fn lock_key(ticket: i64) -> String {
    format!("holdfast:lock:ticket:{ticket}")
}
