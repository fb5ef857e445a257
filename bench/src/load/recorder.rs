//! What a thread of the load notes down about every answer.

use hdrhistogram::Histogram;
use std::time::{Duration, Instant};

use super::Outcome;

/// Kept by one thread; the others only look at it now and then.
#[derive(Debug)]
pub struct Recorder {
    /// By [`Outcome`], of measured answers.
    pub outcomes: [Histogram<u64>; Outcome::ALL.len()],
    /// By the script's kinds, of measured answers.
    pub kinds: Vec<Histogram<u64>>,
    /// By [`Outcome`], of every answer since the start.
    pub answers: [u64; Outcome::ALL.len()],
    /// Requests that were sent and not answered.
    pub lost: u64,
    /// Requests sent whose answer has not come yet.
    pub in_flight: u64,
    /// When the last answer came.
    pub last: Option<Instant>,
    /// Of the answers since somebody looked.
    pub recent: Histogram<u64>,
    /// The body of the first failed answer, for whoever has to look into it.
    pub first_failure: Option<String>,
}

impl Recorder {
    /// With so many kinds of calls.
    pub fn new(kinds: usize) -> Self {
        Self {
            outcomes: std::array::from_fn(|_| new_histogram()),
            kinds: (0..kinds).map(|_| new_histogram()).collect(),
            answers: [0; Outcome::ALL.len()],
            lost: 0,
            in_flight: 0,
            last: None,
            recent: new_histogram(),
            first_failure: None,
        }
    }

    /// Notes an answer; `is_measured` unless it came within the warm-up.
    pub fn record(
        &mut self,
        outcome: Outcome,
        kind: usize,
        latency: Duration,
        at: Instant,
        is_measured: bool,
    ) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.in_flight -= 1;
        self.last = Some(at);
        self.answers[outcome as usize] += 1;
        self.recent.saturating_record(micros);
        if is_measured {
            self.outcomes[outcome as usize].saturating_record(micros);
            if let Some(histogram) = self.kinds.get_mut(kind) {
                histogram.saturating_record(micros);
            }
        }
    }

    /// Answers since the start.
    pub fn count_answers(&self) -> u64 {
        self.answers.iter().sum()
    }
}

/// Microseconds to three digits, up to ten minutes.
pub fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 600_000_000, 3).expect("the bounds are in order")
}
