//! The open load: requests come at a steady rate, whether or not the ones before were answered.
//!
//! A metronome lets requests go when their time has come; free connections take them in turn. A
//! request that finds no free connection waits, and its latency counts from when it should have
//! been sent. Otherwise a server that stalls would hold the load back and look fast (coordinated
//! omission).

use anyhow::Result;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

use super::workers::Line;

/// The times at which requests are to be sent, evenly spaced.
#[derive(Debug)]
pub struct Slots {
    start: Instant,
    per_second: f64,
    /// One permit for each slot whose time has come and that nobody has taken.
    due: Semaphore,
    taken: AtomicU64,
    released: AtomicU64,
    is_closed: AtomicBool,
}

impl Slots {
    /// So many a second from `start` on.
    pub fn new(start: Instant, per_second: f64) -> Self {
        Self {
            start,
            per_second,
            due: Semaphore::new(0),
            taken: AtomicU64::new(0),
            released: AtomicU64::new(0),
            is_closed: AtomicBool::new(false),
        }
    }

    /// Waits for the next slot nobody has; gives its time, or `None` at the end.
    async fn take(&self) -> Option<Instant> {
        self.due.acquire().await.ok()?.forget();
        Some(self.time_of(self.taken.fetch_add(1, Ordering::Relaxed)))
    }

    /// Gives out no more slots; how many were due and not taken.
    pub fn close(&self) -> u64 {
        self.is_closed.store(true, Ordering::Relaxed);
        self.due.close();
        let taken = self.taken.load(Ordering::Relaxed);
        self.released.load(Ordering::Relaxed).saturating_sub(taken)
    }

    /// Lets those slots go whose time has come.
    fn release(&self, now: Instant) {
        let released = self.released.load(Ordering::Relaxed);
        let due = self.count_due(now);
        if due > released {
            self.released.store(due, Ordering::Relaxed);
            let permits = usize::try_from(due - released).unwrap_or(usize::MAX);
            self.due.add_permits(permits);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    fn time_of(&self, slot: u64) -> Instant {
        self.start + Duration::from_secs_f64(slot as f64 / self.per_second)
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is not negative, and the fraction is what shall go"
    )]
    fn count_due(&self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.start).as_secs_f64();
        (elapsed * self.per_second) as u64 + 1
    }
}

/// Lets slots go as their time comes, until the end or until they are closed.
///
/// A thread of its own: the timer of the runtime counts in whole milliseconds.
pub fn start_metronome(slots: &Arc<Slots>, end: Option<Instant>) -> Result<()> {
    let slots = Arc::clone(slots);
    let beat = move || {
        while !slots.is_closed.load(Ordering::Relaxed) {
            let now = Instant::now();
            if end.is_some_and(|end| now >= end) {
                slots.due.close();
                return;
            }
            slots.release(now);
            let next = slots.time_of(slots.released.load(Ordering::Relaxed));
            let pause = next.saturating_duration_since(Instant::now());
            std::thread::sleep(pause.clamp(SHORTEST_PAUSE, LONGEST_PAUSE));
        }
    };
    std::thread::Builder::new()
        .name("metronome".to_owned())
        .spawn(beat)?;
    Ok(())
}

// Requests that are due closer together go together.
const SHORTEST_PAUSE: Duration = Duration::from_micros(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Takes slots until there are no more or the script is at its end.
pub async fn run(mut line: Line, slots: Arc<Slots>) {
    while let Some(intended) = slots.take().await {
        let Some(call) = line.script.next(line.number) else {
            return;
        };
        line.ask(&call, intended).await;
        line.mend().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_that_waited_counts_from_when_it_should_have_been_sent() {
        let start = Instant::now();
        let slots = Slots::new(start, 1000.0);
        // Nobody was free for 5 ms: six slots, from 0 to 5 ms, are due.
        slots.release(start + Duration::from_micros(5500));
        for millisecond in 0..4 {
            let intended = slots.take().await.unwrap();
            assert_eq!(intended, start + Duration::from_millis(millisecond));
        }
        assert_eq!(slots.close(), 2);
        assert_eq!(slots.take().await, None);
    }

    #[test]
    fn no_slot_is_let_go_twice() {
        let start = Instant::now();
        let slots = Slots::new(start, 10.0);
        for _ in 0..3 {
            slots.release(start + Duration::from_millis(250));
        }
        assert_eq!(slots.due.available_permits(), 3);
    }
}
