//! What a load came to.

use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Outcome;
use super::recorder::{Recorder, new_histogram};

/// What a load came to.
#[derive(Debug, Clone)]
pub struct Summary {
    /// From the end of the warm-up to the last answer.
    pub elapsed: Duration,
    /// Measured answers by what they mean; outcomes that did not occur are absent.
    pub outcomes: BTreeMap<Outcome, Measured>,
    /// All measured answers.
    pub all: Measured,
    /// Measured answers by the kinds of the script, if it has any.
    pub kinds: Vec<(&'static str, Measured)>,
    /// Requests that were sent and not answered, the warm-up included.
    pub connection_errors: u64,
    /// Every answer since the start, the warm-up included: what the database must agree with.
    pub answers: BTreeMap<Outcome, u64>,
    /// With an open load, requests whose time had come but for which no connection was free before
    /// the end. More than a few mean that the rate was not reached.
    pub unsent: u64,
    /// Processor time that the load's own threads have used.
    pub generator_cpu: Duration,
    /// The first answer that was judged as failed, for whoever has to look into it.
    pub first_failure: Option<String>,
}

/// Some of the answers.
#[derive(Debug, Clone)]
pub struct Measured {
    /// How many.
    pub count: u64,
    elapsed: Duration,
    /// In microseconds.
    latency: Histogram<u64>,
}

impl Summary {
    /// Of what the threads have recorded since `from`, the end of the warm-up.
    pub(super) fn new(
        recorders: &[Recorder],
        kinds: &'static [&'static str],
        from: Instant,
    ) -> Self {
        let last = recorders.iter().filter_map(|recorder| recorder.last).max();
        let elapsed = last.map_or(Duration::ZERO, |last| last.saturating_duration_since(from));
        let mut outcomes = BTreeMap::new();
        let mut answers = BTreeMap::new();
        for outcome in Outcome::ALL {
            let at = outcome as usize;
            let latencies = recorders.iter().map(|recorder| &recorder.outcomes[at]);
            let measured = Measured::merge(latencies, elapsed);
            if measured.count > 0 {
                outcomes.insert(outcome, measured);
            }
            let count: u64 = recorders.iter().map(|recorder| recorder.answers[at]).sum();
            if count > 0 {
                answers.insert(outcome, count);
            }
        }
        let of_kind = |kind: usize| recorders.iter().map(move |recorder| &recorder.kinds[kind]);
        Self {
            elapsed,
            all: Measured::merge(outcomes.values().map(|one| &one.latency), elapsed),
            outcomes,
            kinds: kinds
                .iter()
                .enumerate()
                .map(|(kind, name)| (*name, Measured::merge(of_kind(kind), elapsed)))
                .collect(),
            // An answer that had not come when the load was given up is as lost as one cut off.
            connection_errors: recorders.iter().map(|one| one.lost + one.in_flight).sum(),
            answers,
            unsent: 0,
            generator_cpu: Duration::ZERO,
            first_failure: recorders.iter().find_map(|one| one.first_failure.clone()),
        }
    }

    /// Measured answers of an outcome a second.
    pub fn per_second(&self, outcome: Outcome) -> f64 {
        self.outcomes
            .get(&outcome)
            .map_or(0.0, Measured::per_second)
    }

    /// Everything that was won since the start, the warm-up included.
    pub fn won_in_all(&self) -> u64 {
        self.answers.get(&Outcome::Won).copied().unwrap_or(0)
    }

    /// Processor time of the load itself for one request.
    pub fn generator_cpu_per_request(&self) -> Duration {
        let answers: u64 = self.answers.values().sum();
        match u32::try_from(answers) {
            Ok(answers) if answers > 0 => self.generator_cpu / answers,
            _ => Duration::ZERO,
        }
    }
}

impl Measured {
    fn merge<'a>(latencies: impl Iterator<Item = &'a Histogram<u64>>, elapsed: Duration) -> Self {
        let mut latency = new_histogram();
        for one in latencies {
            latency.add(one).expect("histograms have the same bounds");
        }
        Self {
            count: latency.len(),
            elapsed,
            latency,
        }
    }

    /// How many a second.
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    pub fn per_second(&self) -> f64 {
        if self.elapsed.is_zero() {
            return 0.0;
        }
        self.count as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency that this part of the answers did not exceed: 0.5 is the median.
    pub fn quantile(&self, part: f64) -> Duration {
        Duration::from_micros(self.latency.value_at_quantile(part))
    }

    /// The longest latency.
    pub fn max(&self) -> Duration {
        Duration::from_micros(self.latency.max())
    }

    /// The mean latency.
    pub fn mean(&self) -> Duration {
        Duration::from_secs_f64(self.latency.mean() / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_added_up_and_the_warm_up_only_counts_as_answered() {
        let from = Instant::now();
        let mut recorders = [Recorder::new(1), Recorder::new(1)];
        for (thread, recorder) in recorders.iter_mut().enumerate() {
            recorder.in_flight = 52;
            recorder.lost = 1;
            recorder.record(Outcome::Won, 0, Duration::from_secs(9), from, false);
            for answer in 1..=50 {
                let latency = Duration::from_millis(answer + 50 * thread as u64);
                let at = from + Duration::from_secs(2);
                recorder.record(Outcome::Won, 0, latency, at, true);
            }
        }
        let summary = Summary::new(&recorders, &["hold"], from);
        assert_eq!(summary.elapsed, Duration::from_secs(2));
        assert_eq!((summary.all.count, summary.won_in_all()), (100, 102));
        assert!((summary.per_second(Outcome::Won) - 50.0).abs() < 1e-9);
        // One lost and one still in flight on each thread.
        assert_eq!(summary.connection_errors, 4);
        assert_eq!(summary.kinds[0].1.count, 100);
        let median = summary.all.quantile(0.5).as_secs_f64();
        assert!((median - 0.050).abs() < 0.0001, "{median}");
        assert!(summary.all.max() >= Duration::from_millis(100));
    }
}
