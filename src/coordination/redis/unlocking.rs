//! Giving back the locks of claims.
//!
//! The lock library gives back one lock at a time, each by a script of its own on every node: half
//! of the commands of a sale, and the dearer half. Here whatever is given back at the same moment goes
//! in one command a node, by the same rule: a key is deleted only by whoever has set it
//! (<https://redis.io/docs/latest/develop/clients/patterns/distributed-locks/>).

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use redis::Cmd;
use redis::aio::ConnectionManager;
use rslock::Lock;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::together::Together;
use crate::coordination::embedded::Marks;

/// How long unlocking may take; a key that is not reached by then ends with its TTL.
const UNLOCK_WITHIN: Duration = Duration::from_secs(1);
/// How long a ticket that is being unlocked stays marked in this process. A hung node delays the
/// end of an unlock, but not its effect on the others.
const MARKED_WHILE_UNLOCKING: Duration = Duration::from_millis(50);

/// Deletes those of the keys that still have the value given for them. Sent whole each time: a node that
/// hangs carries it out when it resumes, whether or not it has seen it before.
///
/// A call of the script costs the node more than the command it makes, so there are two a thousand keys,
/// which is fewer than a call may have.
const SCRIPT: &str = "
for first = 1, #KEYS, 1000 do
  local last, own = math.min(first + 999, #KEYS), {}
  for i, value in ipairs(redis.call('MGET', unpack(KEYS, first, last))) do
    if value == ARGV[first + i - 1] then
      own[#own + 1] = KEYS[first + i - 1]
    end
  end
  if #own > 0 then
    redis.call('DEL', unpack(own))
  end
end";

/// Gives locks back, off the path of whoever has held them.
#[derive(Debug, Clone)]
pub(super) struct Unlocker {
    together: Together<Unlocking>,
    tasks: TaskTracker,
}

impl Unlocker {
    /// Starts in `background`; what it has begun to give back is among `tasks`.
    pub fn start(
        nodes: Arc<[ConnectionManager]>,
        tasks: &TaskTracker,
        background: &mut JoinSet<()>,
    ) -> Self {
        let begin = move |claims| unlock(claims, Arc::clone(&nodes));
        Self {
            together: Together::start(begin, tasks, background),
            tasks: tasks.clone(),
        }
    }

    /// Gives locks back without waiting for it; the marks stay until then, or for a moment.
    pub fn give_back(&self, locks: Vec<Lock>, marks: Option<Marks>) {
        if !locks.is_empty() {
            self.together.send(Unlocking {
                locks,
                marks,
                _unlocked: self.tasks.token(),
            });
        }
    }
}

/// The locks of a claim, about to be given back.
struct Unlocking {
    locks: Vec<Lock>,
    marks: Option<Marks>,
    /// Keeps a drain waiting.
    _unlocked: TaskTrackerToken,
}

/// Gives back the locks of several claims on every node, or leaves them to their TTL.
async fn unlock(mut claims: Vec<Unlocking>, nodes: Arc<[ConnectionManager]>) {
    let command = command(&claims);
    let marks: Vec<_> = claims.iter_mut().map(|claim| claim.marks.take()).collect();
    let at_each = nodes.iter().map(async |node| {
        // A key that is not reached ends with its TTL.
        let _ = command.exec_async(&mut node.clone()).await;
    });
    let mut unlocked = pin!(timeout(UNLOCK_WITHIN, join_all(at_each)));
    if timeout(MARKED_WHILE_UNLOCKING, &mut unlocked)
        .await
        .is_err()
    {
        drop(marks);
        let _ = unlocked.await;
    }
}

fn command(claims: &[Unlocking]) -> Cmd {
    let locks = || claims.iter().flat_map(|claim| &claim.locks);
    let mut command = redis::cmd("EVAL");
    command.arg(SCRIPT).arg(locks().count());
    for lock in locks() {
        command.arg(&lock.resource);
    }
    for lock in locks() {
        command.arg(&lock.val);
    }
    command
}
