//! A runtime for what outlives the test that began it: containers, and clearing up after a test.

use std::sync::OnceLock;

use tokio::runtime::{Builder, Runtime};

pub(crate) fn background() -> &'static Runtime {
    static BACKGROUND: OnceLock<Runtime> = OnceLock::new();
    BACKGROUND.get_or_init(|| {
        Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("kit")
            .enable_all()
            .build()
            .expect("a thread can be started")
    })
}
