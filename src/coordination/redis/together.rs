//! Does alike work together: what waits at the same moment is begun in one task.
//!
//! Each lock is a command to every node. Begun one task at a time, each command is a packet and a
//! system call of its own, on both sides; begun together they share them, or are one command. Nothing
//! waits for others to come, nor for others to end.

use std::mem;

use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio_util::task::TaskTracker;

/// Most work that is begun at once.
const AT_ONCE: usize = 256;

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
        tasks.spawn(begin(mem::take(&mut work)));
    }
}
