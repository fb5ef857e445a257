//! The line in front of the committer: when the next batch sets out, and with whom.

use std::future::pending;
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, MutexGuard, Notify, mpsc};
use tokio::task::yield_now;
use tokio::time::timeout;

use super::queue::Queued;

type Queue = mpsc::Receiver<Box<dyn Queued>>;

/// The queue, for those who take from it.
pub struct Line {
    waiting: Mutex<Queue>,
    /// Whose batch is on its way.
    turn: Mutex<()>,
    /// Told when many wait.
    many: Notify,
}

/// The turn of a batch, until it is dropped; nothing where the batch goes beside another.
#[must_use = "the next batch goes when it is dropped"]
#[expect(dead_code, reason = "held for what happens when it is dropped")]
pub struct Turn<'a>(Option<MutexGuard<'a, ()>>);

/// Most changes of a batch.
const BATCH: usize = 512;

/// Long for a batch: it waits for somebody else's transaction, and others should not wait with it.
const OVERTAKEN_AFTER: Duration = Duration::from_millis(50);

/// So many changes are worth a batch of their own while another is on its way. Fewer gather on: each
/// batch costs the database and the lock nodes as much as several changes do.
const MANY: usize = 64;

/// How long a batch stands back for others at the most.
const STANDS_BACK_FOR: Duration = Duration::from_millis(20);

/// Who stands back for others and is back sooner has found none.
const NOBODY: Duration = Duration::from_micros(50);

impl Line {
    /// The line of whatever comes out of a queue.
    pub fn new(waiting: Queue) -> Self {
        Self {
            waiting: Mutex::new(waiting),
            turn: Mutex::new(()),
            many: Notify::new(),
        }
    }

    /// So many wait in the queue now.
    pub fn tell(&self, waiting: usize) {
        if waiting >= MANY {
            self.many.notify_one();
        }
    }

    /// Adds what waits for the next batch to `waiting`, where some may be from before, as soon as a
    /// batch may set out; `None` once nothing can come any more.
    pub async fn gather(&self, waiting: &mut Vec<Box<dyn Queued>>) -> Option<Turn<'_>> {
        let mut queue = if waiting.is_empty() {
            let mut queue = self.waiting.lock().await;
            waiting.push(queue.recv().await?);
            Some(queue)
        } else {
            // Not waiting: whoever has the queue may wait for long, and these have been put off.
            self.waiting.try_lock().ok()
        };
        let turn = self.wait_for_turn(queue.as_deref()).await;
        if let Some(queue) = &mut queue {
            let_others_go_first(queue).await;
            while waiting.len() < BATCH
                && let Ok(entry) = queue.try_recv()
            {
                waiting.push(entry);
            }
        }
        Some(Turn(turn))
    }

    /// Waits until the batch before is done, or many wait, or it takes too long. Gives the turn where
    /// no other batch is on its way.
    async fn wait_for_turn(&self, queue: Option<&Queue>) -> Option<MutexGuard<'_, ()>> {
        let many_wait = async {
            match queue {
                Some(queue) => {
                    while queue.len() < MANY {
                        self.many.notified().await;
                    }
                }
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            turn = timeout(OVERTAKEN_AFTER, self.turn.lock()) => turn.ok(),
            () = many_wait => None,
        }
    }
}

/// Has whatever else is ready run before a batch sets out, in this process and on the machine: most of
/// it is on its way here. Where nothing is, that takes some microseconds, and where much is, a batch of
/// many changes costs the machine little more than one of a few.
async fn let_others_go_first(queue: &Queue) {
    let since = Instant::now();
    let mut before = since;
    while queue.len() < MANY {
        thread::yield_now();
        yield_now().await;
        let now = Instant::now();
        if now - before < NOBODY || now - since > STANDS_BACK_FOR {
            return;
        }
        before = now;
    }
}
