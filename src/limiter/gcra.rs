//! The generic cell rate algorithm (ITU-T I.371, annex A), over one number per key.
//!
//! The number is the time at which all attempts so far would have been made if they had come evenly.
//! It may run ahead of the clock by a whole quota, and each attempt moves it on by one interval. So a
//! key that nobody uses is forgotten by itself: its time is over.
//!
//! Times are microseconds of whoever keeps the number. `shared.rs` has the same in Redis' language.

use crate::config::Quota;

/// A quota in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How much later each attempt makes it.
    pub interval_us: u64,
    /// How far ahead of the clock it may run.
    pub tolerance_us: u64,
}

impl From<Quota> for Pace {
    fn from(quota: Quota) -> Self {
        let window_us = u64::try_from(quota.window.as_micros()).unwrap_or(u64::MAX);
        let interval_us = (window_us / u64::from(quota.count)).max(1);
        Self {
            interval_us,
            tolerance_us: interval_us * u64::from(quota.count),
        }
    }
}

impl Pace {
    /// The number after an attempt.
    ///
    /// # Errors
    /// In how many microseconds the attempt may be made.
    pub fn attempt(self, number: u64, now: u64) -> Result<u64, u64> {
        let next = self.moved_on(number, now, 1);
        let latest = now + self.tolerance_us;
        if next > latest {
            return Err(next - latest);
        }
        Ok(next)
    }

    /// The number after so many attempts that were made already.
    pub fn moved_on(self, number: u64, now: u64, attempts: u32) -> u64 {
        number.max(now) + self.interval_us * u64::from(attempts)
    }

    /// How many attempts are an eighth of a quota; at least one.
    pub fn eighth(self) -> u64 {
        (self.tolerance_us / self.interval_us / 8).max(1)
    }

    /// The number after an attempt that is not to count.
    pub fn moved_back(self, number: u64) -> u64 {
        number.saturating_sub(self.interval_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const SECOND: u64 = 1_000_000;

    fn pace(count: u32, secs: u64) -> Pace {
        let window = Duration::from_secs(secs);
        Quota { count, window }.into()
    }

    #[test]
    fn a_whole_quota_is_there_at_once_and_then_comes_back_evenly() {
        let pace = pace(10, 60);
        let (mut number, mut now) = (0, 1000 * SECOND);
        for _ in 0..10 {
            number = pace.attempt(number, now).unwrap();
        }
        assert_eq!(pace.attempt(number, now), Err(6 * SECOND));
        now += 6 * SECOND;
        number = pace.attempt(number, now).unwrap();
        assert_eq!(pace.attempt(number, now), Err(6 * SECOND));
        assert_eq!(pace.attempt(number, now + SECOND), Err(5 * SECOND));
        assert!(pace.attempt(number, now + 60 * SECOND).is_ok());
    }

    #[test]
    fn a_refused_attempt_does_not_count() {
        let pace = pace(1, 1);
        let number = pace.attempt(0, SECOND).unwrap();
        for _ in 0..100 {
            assert_eq!(pace.attempt(number, SECOND), Err(SECOND));
        }
        assert!(pace.attempt(number, 2 * SECOND).is_ok());
    }

    #[test]
    fn what_is_given_back_can_be_had_again() {
        let pace = pace(2, 60);
        let now = 1000 * SECOND;
        let one = pace.attempt(0, now).unwrap();
        let two = pace.attempt(one, now).unwrap();
        assert!(pace.attempt(two, now).is_err());
        assert_eq!(pace.attempt(pace.moved_back(two), now), Ok(two));
        assert_eq!(pace.moved_back(0), 0);
    }

    #[test]
    fn what_others_used_is_paid_back() {
        let pace = pace(60, 3);
        let now = 1000 * SECOND;
        let number = pace.moved_on(0, now, 180);
        assert_eq!(
            pace.attempt(number, now),
            Err(6 * SECOND + pace.interval_us)
        );
        assert!(
            pace.attempt(number, now + 6 * SECOND + pace.interval_us)
                .is_ok()
        );
    }
}
