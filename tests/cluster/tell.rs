//! Starts a cluster, tells it a story, and checks what the story leaves behind.

use std::{sync::LazyLock, thread::available_parallelism};

use kit::{Builder, Cluster, Instances};
use tokio::sync::Semaphore;

/// A cluster is nine processes, so only as many run at once as the machine bears: a story that
/// waits for its turn is over sooner than one that shares a core with ten others.
static PLACES: LazyLock<Semaphore> = LazyLock::new(|| {
    let cores = available_parallelism().map_or(1, usize::from);
    Semaphore::new((cores / 2).max(2))
});

pub fn tell(
    setup: impl FnOnce(Builder<Instances>) -> Builder<Instances>,
    story: impl AsyncFnOnce(&Cluster),
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime can be built");
    runtime.block_on(async {
        let _place = PLACES.acquire().await.expect("nobody closes it");
        let cluster = setup(Cluster::builder(3)).start().await;
        story(&cluster).await;
        cluster.verify();
    });
}
