//! The application's clock, an argument rather than a global, so that tests can move it.
//!
//! It dates access tokens and nothing else: whether a hold has expired is decided by the
//! database's time alone (see [`crate::db::Db::now`]).

use chrono::{DateTime, TimeDelta, Utc};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Wall-clock time, with an offset that tests can change.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    offset_secs: Arc<AtomicI64>,
}

impl Clock {
    /// The present moment, in UTC.
    pub fn now(&self) -> DateTime<Utc> {
        Utc::now() + TimeDelta::seconds(self.offset_secs.load(Ordering::Relaxed))
    }

    /// Moves this clock, and every clone of it, by that many seconds.
    #[cfg(test)]
    pub fn advance_secs(&self, secs: i64) {
        self.offset_secs.fetch_add(secs, Ordering::Relaxed);
    }
}
