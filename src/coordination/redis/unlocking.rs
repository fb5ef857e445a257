//! Giving back the locks of claims.
//!
//! The lock library gives back one lock at a time, each by a script of its own on every node: half
//! of the commands of a sale, and the dearer half. Here whatever is given back at the same moment goes
//! in one command a node, by the same rule: a key is deleted only by whoever has set it
//! (<https://redis.io/docs/latest/develop/clients/patterns/distributed-locks/>).

use std::fmt;
use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use redis::Cmd;
use redis::aio::ConnectionManager;
use rslock::Lock;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::{JoinSet, yield_now};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

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

/// Most claims that wait to be given back; more are given back by themselves.
const QUEUE: usize = 4096;
/// Most claims that are given back at once.
const AT_ONCE: usize = 256;
/// How long a claim waits at most for those before it, of which a node that hangs makes no end.
const GATHERS_WITHIN: Duration = Duration::from_millis(5);

/// Gives locks back, off the path of whoever has held them; cheap to clone.
#[derive(Clone)]
pub(super) struct Unlocker {
    queue: mpsc::Sender<Unlocking>,
    nodes: Arc<[ConnectionManager]>,
    tasks: TaskTracker,
    runtime: Handle,
}

impl Unlocker {
    /// Starts in `background`; what it has begun to give back is among `tasks`.
    pub fn start(
        nodes: Arc<[ConnectionManager]>,
        tasks: &TaskTracker,
        background: &mut JoinSet<()>,
    ) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        background.spawn(unlock_together(waiting, Arc::clone(&nodes), tasks.clone()));
        Self {
            queue,
            nodes,
            tasks: tasks.clone(),
            runtime: Handle::current(),
        }
    }

    /// Gives locks back without waiting for it and from anywhere; the marks stay until then, or for a
    /// moment.
    pub fn give_back(&self, locks: Vec<Lock>, marks: Option<Marks>) {
        if locks.is_empty() {
            return;
        }
        let claim = Unlocking {
            locks,
            marks,
            _unlocked: self.tasks.token(),
        };
        if let Err(refused) = self.queue.try_send(claim) {
            let alone = unlock(vec![refused.into_inner()], Arc::clone(&self.nodes));
            self.tasks.spawn_on(alone, &self.runtime);
        }
    }
}

impl fmt::Debug for Unlocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unlocker").finish_non_exhaustive()
    }
}

/// Gives back what waits, until nobody sends any more. Nothing waits for more to come: what comes alone
/// goes alone, and what comes while the nodes are being asked gathers behind it.
async fn unlock_together(
    mut waiting: mpsc::Receiver<Unlocking>,
    nodes: Arc<[ConnectionManager]>,
    tasks: TaskTracker,
) {
    let mut claims = Vec::new();
    loop {
        // The runtime runs what was woken last first. Whoever else is about to send goes before.
        yield_now().await;
        if waiting.recv_many(&mut claims, AT_ONCE).await == 0 {
            return;
        }
        if claims.len() == 1 {
            yield_now().await;
            while claims.len() < AT_ONCE
                && let Ok(more) = waiting.try_recv()
            {
                claims.push(more);
            }
        }
        let ended = tasks.spawn(unlock(mem::take(&mut claims), Arc::clone(&nodes)));
        let _ = timeout(GATHERS_WITHIN, ended).await;
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
