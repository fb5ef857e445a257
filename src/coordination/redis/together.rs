//! Does alike work together: what waits at the same moment is begun in one task.
//!
//! Begun one by one, each lock is a packet and a system call of its own on both sides; begun together
//! they share them, or are one command. Nothing waits for a batch to fill: what comes alone goes alone,
//! and what comes while the nodes are being asked gathers behind it.

use std::mem;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

/// Most work that is begun at once.
const AT_ONCE: usize = 256;
/// How long work waits at most for what was begun before it, of which a node that hangs makes no end.
const GATHERS_WITHIN: Duration = Duration::from_millis(5);

/// Begins work as it comes, until nobody sends any more.
pub(super) async fn begin_together<W, F: Future<Output = ()> + Send + 'static>(
    mut waiting: mpsc::Receiver<W>,
    tasks: TaskTracker,
    begin: impl Fn(Vec<W>) -> F,
) {
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
