//! The numbers of [`super::gcra`] in this process: a bounded map in many parts, so that two requests
//! seldom wait for each other.
//!
//! A part that is full forgets what is over, and if that is not enough the half whose time is over
//! soonest, that is those who are nearest to having their whole quota again.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::gcra::Pace;
use crate::config::Limit;

const PARTS: usize = 64;

/// Whom a limit counts, in a limit. Subjects are ids, addresses or hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    pub limit: Limit,
    pub subject: u128,
}

/// The numbers of many keys.
#[derive(Debug)]
pub struct Table {
    parts: Vec<Mutex<Part>>,
    hasher: RandomState,
    most_per_part: usize,
}

#[derive(Debug, Default)]
struct Part {
    entries: HashMap<Key, Entry>,
    /// Keys of whose attempts others have to be told.
    untold: Vec<Key>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    number: u64,
    untold: u32,
}

impl Table {
    /// A table of at most so many keys, some 64 bytes each.
    pub fn new(most: usize) -> Self {
        Self {
            parts: (0..PARTS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            most_per_part: (most / PARTS).max(1),
        }
    }

    /// Counts an attempt.
    ///
    /// # Errors
    /// In how many microseconds it may be made.
    pub fn attempt(&self, key: Key, pace: Pace, now: u64) -> Result<(), u64> {
        let mut part = self.part(key);
        let entry = part.entry(key, now, self.most_per_part);
        entry.number = pace.attempt(entry.number, now)?;
        Ok(())
    }

    /// Counts an attempt, to be told to the other instances with those before it once they are an eighth
    /// of a quota: a crowd of whom each tries a few times is nothing that others need to know of.
    ///
    /// # Errors
    /// In how many microseconds it may be made.
    pub fn attempt_untold(&self, key: Key, pace: Pace, now: u64) -> Result<(), u64> {
        let mut part = self.part(key);
        let entry = part.entry(key, now, self.most_per_part);
        entry.number = pace.attempt(entry.number, now)?;
        entry.untold += 1;
        if u64::from(entry.untold) == pace.eighth() {
            part.untold.push(key);
        }
        Ok(())
    }

    /// Takes an attempt back.
    pub fn give_back(&self, key: Key, pace: Pace) {
        if let Some(entry) = self.part(key).entries.get_mut(&key) {
            entry.number = pace.moved_back(entry.number);
        }
    }

    /// What the others have to be told: how many attempts since this was asked the last time.
    pub fn take_untold(&self) -> Vec<(Key, u32)> {
        let mut told = Vec::new();
        for part in &self.parts {
            let part = &mut *lock(part);
            for key in part.untold.drain(..) {
                if let Some(entry) = part.entries.get_mut(&key) {
                    told.push((key, std::mem::take(&mut entry.untold)));
                }
            }
        }
        told
    }

    /// Learns how far ahead of the clock a key is by the count of all instances.
    pub fn learn(&self, key: Key, pace: Pace, ahead_us: u64, now: u64) {
        if let Some(entry) = self.part(key).entries.get_mut(&key) {
            // What was counted here meanwhile is not among it.
            let number = pace.moved_on(now + ahead_us, now, entry.untold);
            entry.number = entry.number.max(number);
        }
    }

    /// Keeps a key until then.
    pub fn keep(&self, key: Key, until: u64, now: u64) {
        self.part(key).entry(key, now, self.most_per_part).number = until;
    }

    /// Whether a key is kept.
    pub fn is_kept(&self, key: Key, now: u64) -> bool {
        let part = self.part(key);
        part.entries
            .get(&key)
            .is_some_and(|entry| entry.number > now)
    }

    fn part(&self, key: Key) -> MutexGuard<'_, Part> {
        let hash = usize::try_from(self.hasher.hash_one(key) >> 32).unwrap_or_default();
        lock(&self.parts[hash % PARTS])
    }
}

impl Part {
    fn entry(&mut self, key: Key, now: u64, most: usize) -> &mut Entry {
        if self.entries.len() >= most && !self.entries.contains_key(&key) {
            self.make_room(now, most);
        }
        self.entries.entry(key).or_default()
    }

    fn make_room(&mut self, now: u64, most: usize) {
        self.entries.retain(|_, entry| entry.number > now);
        if self.entries.len() < most {
            return;
        }
        let mut numbers: Vec<_> = self.entries.values().map(|entry| entry.number).collect();
        let middle = numbers.len() / 2;
        let (_, middle, _) = numbers.select_nth_unstable(middle);
        self.entries.retain(|_, entry| entry.number > *middle);
    }
}

fn lock(part: &Mutex<Part>) -> MutexGuard<'_, Part> {
    // A number is written whole or not at all, so a panic elsewhere does not spoil it.
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace {
        interval_us: 10,
        tolerance_us: 30,
    };

    fn key(subject: u128) -> Key {
        Key {
            limit: Limit::Reserve,
            subject,
        }
    }

    #[test]
    fn each_key_has_a_quota_of_its_own() {
        let table = Table::new(1000);
        for subject in 0..5 {
            for _ in 0..3 {
                assert_eq!(table.attempt(key(subject), PACE, 100), Ok(()));
            }
            assert_eq!(table.attempt(key(subject), PACE, 100), Err(10));
        }
        table.give_back(key(3), PACE);
        assert_eq!(table.attempt(key(3), PACE, 100), Ok(()));
    }

    #[test]
    fn it_never_grows_beyond_its_bound_and_forgets_those_with_most_left() {
        let table = Table::new(PARTS * 8);
        for subject in 0..10_000 {
            table.attempt(key(subject), PACE, 100).unwrap();
            for _ in 0..2 {
                // One that is used up all the time.
                let _ = table.attempt(key(0), PACE, 100);
            }
        }
        let kept: usize = table
            .parts
            .iter()
            .map(|part| lock(part).entries.len())
            .sum();
        assert!(kept <= PARTS * 8, "{kept}");
        assert_eq!(table.attempt(key(0), PACE, 100), Err(10));
    }

    #[test]
    fn what_is_counted_here_is_told_once_and_what_others_count_is_learnt() {
        let table = Table::new(1000);
        table.attempt_untold(key(1), PACE, 100).unwrap();
        table.attempt_untold(key(1), PACE, 100).unwrap();
        assert_eq!(table.take_untold(), [(key(1), 2)]);
        assert_eq!(table.take_untold(), []);
        // One more while the others are told of two; they have used three more.
        table.attempt_untold(key(1), PACE, 100).unwrap();
        table.learn(key(1), PACE, 50, 100);
        assert_eq!(table.attempt(key(1), PACE, 100), Err(40));
        assert_eq!(table.attempt(key(1), PACE, 140), Ok(()));
        assert_eq!(table.take_untold(), [(key(1), 1)]);
    }

    #[test]
    fn less_than_an_eighth_of_a_quota_is_not_told() {
        let table = Table::new(1000);
        let pace = Pace {
            interval_us: 10,
            tolerance_us: 240,
        };
        for attempts in 1..=7 {
            table.attempt_untold(key(1), pace, 100).unwrap();
            let told = if attempts % 3 == 0 {
                vec![(key(1), 3)]
            } else {
                vec![]
            };
            assert_eq!(table.take_untold(), told, "{attempts}");
        }
    }

    #[test]
    fn a_kept_key_is_forgotten_when_its_time_is_over() {
        let table = Table::new(1000);
        assert!(!table.is_kept(key(1), 0));
        table.keep(key(1), 50, 0);
        assert!(table.is_kept(key(1), 49));
        assert!(!table.is_kept(key(1), 50));
    }
}
