//! Ports for the servers of a test.

use std::{
    net::TcpListener,
    sync::atomic::{AtomicU32, Ordering},
};

/// Below the ports that systems give to outgoing connections: a thousand clients cannot take the port
/// of a server that is down for a moment.
const FIRST: u32 = 11_000;
const COUNT: u32 = 20_000;

/// A port that nothing listens on. Another process may be quicker to take it, so whoever starts a
/// server on it tries again with another one.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Test processes that run side by side begin at different places.
    let offset = std::process::id().wrapping_mul(97);
    (0..COUNT)
        .map(|_| NEXT.fetch_add(1, Ordering::Relaxed))
        .map(|number| FIRST + offset.wrapping_add(number) % COUNT)
        .map(|port| u16::try_from(port).expect("the range ends below 65536"))
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("one of twenty thousand ports is free")
}
