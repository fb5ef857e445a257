//! Giving back the locks of claims.
//!
//! The lock library gives back one lock at a time, each by a script of its own on every node: half
//! of the commands of a sale, and the dearer half. Here whatever is given back at the same moment goes
//! in one command a node, by the same rule: a key is deleted only by whoever has set it
//! (<https://redis.io/docs/latest/develop/clients/patterns/distributed-locks/>).
//!
//! ```text
//!   in a hurry ──> at once, in a command of its own
//!   the others ──> with the next locks that are taken, in the same pipeline; or alone, after a while
//! ```

use std::fmt;
use std::mem;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use redis::Cmd;
use redis::aio::ConnectionManager;
use rslock::Lock;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, timeout, timeout_at};
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
const MOST_WAITING: usize = 4096;
/// So many claims that wait are given back at once.
const MANY: usize = 256;
/// How long a claim that is in no hurry waits for the next locks to be taken.
const LINGERS: Duration = Duration::from_millis(25);
/// How long a claim waits at most for those before it, of which a node that hangs makes no end.
const GATHERS_WITHIN: Duration = Duration::from_millis(5);

/// Gives locks back, off the path of whoever has held them; cheap to clone.
#[derive(Clone)]
pub(super) struct Unlocker {
    waiting: Arc<Waiting>,
    nodes: Arc<[ConnectionManager]>,
    tasks: TaskTracker,
    runtime: Handle,
}

/// What waits to be given back.
#[derive(Default)]
struct Waiting {
    line: Mutex<Line>,
    /// Told when the line is due earlier than it was.
    due: Notify,
}

#[derive(Default)]
struct Line {
    claims: Vec<Unlocking>,
    /// When they are given back, unless they go with others before; none where none wait.
    due: Option<Instant>,
}

impl Unlocker {
    /// Starts in `background`; what it has begun to give back is among `tasks`.
    pub fn start(
        nodes: Arc<[ConnectionManager]>,
        tasks: &TaskTracker,
        background: &mut JoinSet<()>,
    ) -> Self {
        let unlocker = Self {
            waiting: Arc::default(),
            nodes,
            tasks: tasks.clone(),
            runtime: Handle::current(),
        };
        background.spawn(unlocker.clone().unlock_together());
        unlocker
    }

    /// Gives locks back without waiting for it and from anywhere; the marks stay until then, or for a
    /// moment. What is in no hurry may wait for the next locks that are taken.
    pub fn give_back(&self, locks: Vec<Lock>, marks: Option<Marks>, is_in_hurry: bool) {
        if locks.is_empty() {
            return;
        }
        let claim = Unlocking {
            locks,
            marks,
            _unlocked: self.tasks.token(),
        };
        let mut line = self.waiting.line();
        if line.claims.len() >= MOST_WAITING {
            drop(line);
            let alone = unlock(vec![claim], Arc::clone(&self.nodes));
            self.tasks.spawn_on(alone, &self.runtime);
            return;
        }
        line.claims.push(claim);
        let wait = if is_in_hurry || line.claims.len() >= MANY {
            Duration::ZERO
        } else {
            LINGERS
        };
        let due = Instant::now() + wait;
        if line.due.is_none_or(|before| due < before) {
            line.due = Some(due);
            self.waiting.due.notify_one();
        }
    }

    /// What waits and is in no hurry, for whoever asks the nodes for something anyway.
    pub fn take_along(&self) -> Option<GivenBack> {
        let mut line = self.waiting.line();
        if line.due? <= Instant::now() {
            return None;
        }
        Some(GivenBack::new(line.take()))
    }

    /// Gives back, on some of the nodes, what was taken along to the others.
    pub fn send(&self, given_back: GivenBack, nodes: Vec<ConnectionManager>) {
        if !nodes.is_empty() {
            self.tasks.spawn(async move {
                let sent = send_to(&nodes, &given_back.command);
                let _ = timeout(UNLOCK_WITHIN, sent).await;
            });
        }
    }

    /// Gives back what waits when it is due, as long as there is anybody.
    async fn unlock_together(self) {
        loop {
            let due = self.waiting.line().due;
            match due {
                None => self.waiting.due.notified().await,
                Some(at) if Instant::now() < at => {
                    let _ = timeout_at(at, self.waiting.due.notified()).await;
                }
                Some(_) => {
                    // The runtime runs what was woken last first. Whoever else is about to give
                    // something back goes before.
                    yield_now().await;
                    let claims = self.waiting.line().take();
                    let ended = self.tasks.spawn(unlock(claims, Arc::clone(&self.nodes)));
                    let _ = timeout(GATHERS_WITHIN, ended).await;
                }
            }
        }
    }
}

impl Waiting {
    /// A thread that panicked has left nothing half-way that matters.
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn take(&mut self) -> Vec<Unlocking> {
        self.due = None;
        mem::take(&mut self.claims)
    }
}

impl fmt::Debug for Unlocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unlocker").finish_non_exhaustive()
    }
}

/// What is given back beside something else.
pub(super) struct GivenBack {
    /// For each node.
    pub command: Cmd,
    /// Keep a drain waiting.
    _claims: Vec<Unlocking>,
}

impl GivenBack {
    fn new(claims: Vec<Unlocking>) -> Self {
        Self {
            command: command(&claims),
            _claims: claims,
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
    let mut unlocked = pin!(timeout(UNLOCK_WITHIN, send_to(&nodes, &command)));
    if timeout(MARKED_WHILE_UNLOCKING, &mut unlocked)
        .await
        .is_err()
    {
        drop(marks);
        let _ = unlocked.await;
    }
}

async fn send_to(nodes: &[ConnectionManager], command: &Cmd) {
    let at_each = nodes.iter().map(async |node| {
        // A key that is not reached ends with its TTL.
        let _ = command.exec_async(&mut node.clone()).await;
    });
    join_all(at_each).await;
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
