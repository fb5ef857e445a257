//! The load: requests over many connections at once, and how long each took.
//!
//! A [`Script`] says what is asked next and what an answer means; a [`Plan`] says how hard. The load
//! has threads of its own, so that nothing else of this program delays it. On a thread every
//! connection is one task, which drives its socket itself.

mod closed;
pub mod connection;
mod open;
mod progress;
mod recorder;
mod summary;
#[cfg(test)]
mod tests;
mod workers;

pub use summary::{Measured, Summary};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderValue, Method};
use serde::Serialize;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How requests follow each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// Each connection asks again as soon as it is answered.
    Closed {
        /// How many ask at once.
        connections: usize,
    },
    /// Requests come at a steady rate, whether or not the ones before were answered. Latency counts
    /// from when a request should have been sent, so that one that had to wait for a free
    /// connection does not look fast.
    Open {
        /// How many a second.
        per_second: f64,
        /// How many can be in flight.
        connections: usize,
    },
}

/// When the load ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// After this time, not counting the warm-up, or when the script is at its end.
    Elapsed(Duration),
    /// When the script is at its end on every connection.
    Exhausted,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Call {
    /// Its method.
    pub method: Method,
    /// Path and query.
    pub path: Cow<'static, str>,
    /// Whoever asks.
    pub bearer: Option<Bearer>,
    /// JSON.
    pub body: Option<Bytes>,
    /// Whatever the script wants to know when it is answered.
    pub tag: u64,
}

impl Call {
    /// A read that needs no account.
    pub fn get(path: impl Into<Cow<'static, str>>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            bearer: None,
            body: None,
            tag: 0,
        }
    }

    /// A write.
    pub fn post(
        path: impl Into<Cow<'static, str>>,
        bearer: Bearer,
        body: impl Into<Bytes>,
    ) -> Self {
        Self {
            method: Method::POST,
            path: path.into(),
            bearer: Some(bearer),
            body: Some(body.into()),
            tag: 0,
        }
    }

    /// With something to know when it is answered.
    pub fn tagged(mut self, tag: u64) -> Self {
        self.tag = tag;
        self
    }
}

/// Somebody with an access token: the header that shows it, made in advance.
#[derive(Debug, Clone)]
pub struct Bearer(HeaderValue);

impl Bearer {
    /// Whoever has this token.
    pub fn new(token: &str) -> Result<Self> {
        let value = HeaderValue::from_str(&["Bearer ", token].concat());
        Ok(Self(value.context("no access token looks like this")?))
    }
}

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Something was sold or held.
    Won,
    /// It is gone.
    Refused,
    /// Somebody else is at it.
    Contended,
    /// The server sheds load.
    Busy,
    /// Anything else that went well, as a read.
    Done,
    /// Anything else.
    Failed,
}

impl Outcome {
    /// In the order in which they are shown.
    pub const ALL: [Self; 6] = [
        Self::Won,
        Self::Refused,
        Self::Contended,
        Self::Busy,
        Self::Done,
        Self::Failed,
    ];
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Won => "won",
            Self::Refused => "refused",
            Self::Contended => "contended",
            Self::Busy => "busy",
            Self::Done => "done",
            Self::Failed => "failed",
        })
    }
}

/// What is asked, and what the answers mean. It is called on the path of the load: be quick.
pub trait Script: Send + Sync + 'static {
    /// The next request on a connection (counted from 0); `None` ends the connection's part.
    ///
    /// A connection asks for its next request only once the one before is answered or lost.
    fn next(&self, connection: usize) -> Option<Call>;

    /// What the answer to a call means.
    fn judge(&self, call: &Call, status: u16, body: &[u8]) -> Outcome;

    /// What to send as `If-None-Match`.
    fn known_entity_tag(&self, _call: &Call) -> Option<HeaderValue> {
        None
    }

    /// Takes note of an answer's `ETag`, before it is judged. Only answers to GET are shown.
    fn note_entity_tag(&self, _call: &Call, _entity_tag: &HeaderValue) {}

    /// The names of the kinds of calls, where they are to be told apart in the summary.
    fn kinds(&self) -> &'static [&'static str] {
        &[]
    }

    /// Which kind a call is: an index into [`Script::kinds`].
    fn kind(&self, _call: &Call) -> usize {
        0
    }
}

/// How hard, how long and against whom.
#[derive(Debug, Clone)]
pub struct Plan {
    /// `http://host:port`, or several separated by commas, among which connections are dealt.
    pub base_url: String,
    /// How requests follow each other.
    pub shape: Shape,
    /// Answers that come within this time are not measured, but counted in [`Summary::answers`].
    pub warm_up: Duration,
    /// When it ends.
    pub until: Until,
    /// Whether to print a line a second on standard error.
    pub show_progress: bool,
}

/// Puts the load on, from one thread, and measures it.
///
/// What is in flight at the end is waited for, and counts.
pub async fn drive(plan: &Plan, script: Arc<dyn Script>) -> Result<Summary> {
    drive_on(1, plan, script).await
}

/// Puts the load on from several threads.
pub async fn drive_on(threads: usize, plan: &Plan, script: Arc<dyn Script>) -> Result<Summary> {
    workers::drive(threads, plan, script).await
}

impl Shape {
    /// How many connections there are.
    pub fn connections(self) -> usize {
        match self {
            Self::Closed { connections } | Self::Open { connections, .. } => connections,
        }
    }
}
