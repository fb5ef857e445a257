//! Watching a load: a line a second, and an end to one that hangs.

use anyhow::{Context, Result};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::{oneshot, watch};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::recorder::{Recorder, new_histogram};
use super::workers::{Go, lock};
use super::{Outcome, Plan};

/// Watches the threads of a load.
pub struct Progress {
    go: Go,
    is_shown: bool,
    recorders: Vec<Arc<Mutex<Recorder>>>,
    seconds: Interval,
    looked_at: Instant,
    answers: u64,
    won: u64,
    /// When it was last seen to get on.
    moved_at: Instant,
}

impl Progress {
    /// Of a load that has just started.
    pub fn new(go: &Go, plan: &Plan, recorders: Vec<Arc<Mutex<Recorder>>>) -> Self {
        let mut seconds = interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        seconds.reset();
        Self {
            go: go.clone(),
            is_shown: plan.show_progress,
            recorders,
            seconds,
            looked_at: go.start,
            answers: 0,
            won: 0,
            moved_at: go.start,
        }
    }

    /// Waits for a thread to be done, and gives the load up where it hangs.
    pub async fn watch_until<T>(
        &mut self,
        mut done: oneshot::Receiver<T>,
        abandon: &watch::Sender<bool>,
    ) -> Result<T> {
        loop {
            tokio::select! {
                done = &mut done => return done.context("a thread of the load has panicked"),
                _ = self.seconds.tick() => {
                    self.look();
                    if self.hangs() {
                        abandon.send_replace(true);
                    }
                }
            }
        }
    }

    /// What the threads have recorded, when they are done.
    pub fn into_recorders(self) -> Vec<Recorder> {
        let take = |recorder: &Arc<Mutex<Recorder>>| {
            std::mem::replace(&mut *lock(recorder), Recorder::new(0))
        };
        self.recorders.iter().map(take).collect()
    }

    fn look(&mut self) {
        let (mut answers, mut won, mut lost, mut in_flight) = (0, 0, 0, 0);
        let mut latency = new_histogram();
        for recorder in &self.recorders {
            let mut recorder = lock(recorder);
            answers += recorder.count_answers();
            won += recorder.answers[Outcome::Won as usize];
            lost += recorder.lost;
            in_flight += recorder.in_flight;
            latency += &recorder.recent;
            recorder.recent.reset();
        }
        let now = Instant::now();
        let since = now.duration_since(self.looked_at).as_secs_f64();
        if self.is_shown {
            let phase = if now < self.go.warm_until {
                "warming up"
            } else {
                "measuring"
            };
            eprintln!(
                "{:>4.0} s  {phase:<10}  {:>8.0} answers/s  {:>8.0} won/s  p50 {:>7.2} ms  p99 {:>7.2} ms  {in_flight} in flight  {lost} lost",
                now.duration_since(self.go.start).as_secs_f64(),
                rate(answers - self.answers, since),
                rate(won - self.won, since),
                millis(latency.value_at_quantile(0.5)),
                millis(latency.value_at_quantile(0.99)),
            );
        }
        if answers > self.answers {
            self.moved_at = now;
        }
        (self.answers, self.won, self.looked_at) = (answers, won, now);
    }

    fn hangs(&self) -> bool {
        let now = Instant::now();
        let is_late = self.go.end.is_some_and(|end| now > end + DRAINS_WITHIN);
        is_late || now > self.moved_at + ANSWERS_WITHIN
    }
}

/// Longer than a server lets a request take.
const DRAINS_WITHIN: Duration = Duration::from_secs(30);
const ANSWERS_WITHIN: Duration = Duration::from_mins(1);

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn rate(count: u64, secs: f64) -> f64 {
    count as f64 / secs
}

#[expect(clippy::cast_precision_loss, reason = "latencies stay far below 2^52")]
fn millis(micros: u64) -> f64 {
    micros as f64 / 1e3
}
