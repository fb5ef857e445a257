//! Does alike work together: what waits at the same moment is begun in one task.
//!
//! Begun one by one, each lock is a packet and a system call of its own on both sides; begun together
//! they share them, or are one command. Nothing waits for a batch to fill: what comes alone goes alone,
//! and what comes while the nodes are being asked gathers behind it.

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::{JoinSet, yield_now};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

/// Most work that waits; more is begun by itself.
const QUEUE: usize = 4096;
/// Most work that is begun at once.
const AT_ONCE: usize = 256;
/// How long work waits at most for what was begun before it, of which a node that hangs makes no end.
const GATHERS_WITHIN: Duration = Duration::from_millis(5);

/// The way to what does work of one kind together; cheap to clone.
pub(super) struct Together<W> {
    queue: mpsc::Sender<W>,
    begin: Begin<W>,
    tasks: TaskTracker,
    runtime: Handle,
}

type Begin<W> = Arc<dyn Fn(Vec<W>) -> BoxFuture<'static, ()> + Send + Sync>;

impl<W: Send + 'static> Together<W> {
    /// Starts in `background`, and does what is sent by `begin`, in tasks that are among `tasks`.
    pub fn start<F: Future<Output = ()> + Send + 'static>(
        begin: impl Fn(Vec<W>) -> F + Send + Sync + 'static,
        tasks: &TaskTracker,
        background: &mut JoinSet<()>,
    ) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let begin: Begin<W> = Arc::new(move |work| begin(work).boxed());
        background.spawn(begin_together(waiting, tasks.clone(), Arc::clone(&begin)));
        Self {
            queue,
            begin,
            tasks: tasks.clone(),
            runtime: Handle::current(),
        }
    }

    /// Has work done, without waiting for it and from anywhere.
    pub fn send(&self, work: W) {
        if let Err(refused) = self.queue.try_send(work) {
            // More waits than a queue holds: this goes by itself.
            let alone = (self.begin)(vec![refused.into_inner()]);
            self.tasks.spawn_on(alone, &self.runtime);
        }
    }
}

impl<W> Clone for Together<W> {
    fn clone(&self) -> Self {
        Self {
            queue: self.queue.clone(),
            begin: Arc::clone(&self.begin),
            tasks: self.tasks.clone(),
            runtime: self.runtime.clone(),
        }
    }
}

impl<W> fmt::Debug for Together<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Together").finish_non_exhaustive()
    }
}

/// Begins work as it comes, until nobody sends any more.
async fn begin_together<W>(mut waiting: mpsc::Receiver<W>, tasks: TaskTracker, begin: Begin<W>) {
    let mut work = Vec::new();
    loop {
        // The runtime runs what was woken last first. Whoever else is about to send goes before.
        yield_now().await;
        if waiting.recv_many(&mut work, AT_ONCE).await == 0 {
            return;
        }
        if work.len() == 1 {
            yield_now().await;
            while work.len() < AT_ONCE
                && let Ok(more) = waiting.try_recv()
            {
                work.push(more);
            }
        }
        let ended = tasks.spawn(begin(mem::take(&mut work)));
        let _ = timeout(GATHERS_WITHIN, ended).await;
    }
}
