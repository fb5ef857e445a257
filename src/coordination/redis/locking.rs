//! Taking and giving back the locks of a claim.

use std::mem;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::join_all;
use rslock::{Lock, LockManager};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::coordination::embedded::Marks;

/// How long unlocking may take; a key that is not reached by then ends with its TTL.
const UNLOCK_WITHIN: Duration = Duration::from_secs(1);
/// How long a ticket that is being unlocked stays marked in this process. A hung node delays the
/// end of an unlock, but not its effect on the others.
const MARKED_WHILE_UNLOCKING: Duration = Duration::from_millis(50);

/// Locks about to be taken.
pub(super) struct Locking {
    pub manager: LockManager,
    pub tickets: Vec<i64>,
    pub ttl: Duration,
    pub locks: Locks,
    pub result: oneshot::Sender<Option<Locks>>,
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
    unlocking: mpsc::Sender<Unlocking>,
    tasks: TaskTracker,
    runtime: Handle,
}

impl Locks {
    /// No locks, before any is taken.
    pub(super) fn none_yet(
        unlocking: &mpsc::Sender<Unlocking>,
        tasks: &TaskTracker,
        runtime: &Handle,
    ) -> Self {
        Self {
            held: Vec::new(),
            marks: None,
            unlocking: unlocking.clone(),
            tasks: tasks.clone(),
            runtime: runtime.clone(),
        }
    }

    /// Keeps marks until the locks are given back.
    pub(super) fn keep(&mut self, marks: Marks) {
        self.marks = Some(marks);
    }
}

impl Drop for Locks {
    fn drop(&mut self) {
        let unlocking = Unlocking {
            held: mem::take(&mut self.held),
            marks: self.marks.take(),
            _unlocked: self.tasks.token(),
        };
        if unlocking.held.is_empty() {
            return;
        }
        if let Err(refused) = self.unlocking.try_send(unlocking) {
            let unlocking = refused.into_inner();
            self.tasks.spawn_on(unlocking.run(), &self.runtime);
        }
    }
}

/// Locks about to be given back.
#[derive(Debug)]
pub(super) struct Unlocking {
    held: Vec<Lock>,
    marks: Option<Marks>,
    /// Keeps a drain waiting.
    _unlocked: TaskTrackerToken,
}

impl Unlocking {
    /// Gives them back, or leaves them to their TTL.
    pub async fn run(self) {
        let Self {
            held,
            marks,
            _unlocked,
        } = self;
        let mut unlocked = pin!(timeout(
            UNLOCK_WITHIN,
            join_all(held.into_iter().map(Lock::release))
        ));
        if timeout(MARKED_WHILE_UNLOCKING, &mut unlocked)
            .await
            .is_err()
        {
            drop(marks);
            // A key that was not reached ends with its TTL.
            let _ = unlocked.await;
        }
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
