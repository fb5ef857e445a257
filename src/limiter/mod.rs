//! Counts attempts, and says when there were too many. What is counted, and for whom, is for
//! `limits` to say.
//!
//! ```text
//!  attempt ──> a table in this process ──> Redis, one atomic step, the same count for all instances
//!                 └─ too many already          └─ no answer, or no Redis: what the table said
//!  attempt_at_once ──> a table in this process
//!                         └─ exchange, a few times a second <──> Redis: what all have counted
//! ```
//!
//! `attempt` is exact and costs a round trip. `attempt_at_once` costs a look into memory, and lets
//! too many pass until instances have heard of each other: at most the quota of each instance, once, and
//! an eighth of it at any time, of which none is told.
//! What was too much is paid back, since it counts like any other attempt; so nobody is faster than
//! the quota for longer than a moment.

mod gcra;
mod shared;
mod subject;
mod table;

pub use subject::Subject;

use futures_util::future::join_all;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use self::gcra::Pace;
use self::shared::{Gone, KEYS_AT_ONCE, Shared};
use self::table::{Key, Table};
use crate::config::{Config, Limit, LimitSettings, Quota, Switch};
use crate::telemetry::LIMIT_FALLBACKS;

/// Counts attempts for every limit.
#[derive(Debug)]
pub struct Limiter {
    settings: LimitSettings,
    started: Instant,
    shared: Option<Shared>,
    /// What was counted here, in Redis too where it answers.
    own: Table,
    /// What is counted here first, and told to the others.
    at_once: Table,
    familiar: Table,
}

/// There were too many attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    pub limit: Limit,
    pub quota: Quota,
    /// After this one more is allowed.
    pub wait: Duration,
}

/// Keys of each table, some 64 bytes each.
const MOST_KEYS: usize = 262_144;

const FAMILIAR_FOR: Duration = Duration::from_hours(30 * 24);

impl Limiter {
    /// Counts through all Redis nodes of the settings, or in this process without any.
    pub fn new(config: &Config) -> Self {
        let urls = config.redis_url.iter().chain(&config.lock_redis_urls);
        let is_shared = config.uses_redis() && config.limits.limits == Switch::On;
        Self {
            settings: config.limits.clone(),
            started: Instant::now(),
            shared: is_shared.then(|| Shared::new(urls)),
            own: Table::new(MOST_KEYS),
            at_once: Table::new(MOST_KEYS),
            familiar: Table::new(MOST_KEYS),
        }
    }

    /// Counts an attempt among those of all instances.
    pub async fn attempt(&self, limit: Limit, subject: Subject) -> Result<(), Refusal> {
        let Some(quota) = self.settings.quota(limit) else {
            return Ok(());
        };
        let (key, pace) = (key(limit, subject), Pace::from(quota));
        let refuse = |wait_us| refusal(limit, quota, wait_us);
        // So a Redis that comes and goes gives nobody a second quota, and is not asked in vain.
        self.own.attempt(key, pace, self.now()).map_err(refuse)?;
        match self.shared(|shared| shared.attempt(key, pace)).await {
            Some(Err(wait_us)) => {
                self.own.give_back(key, pace);
                Err(refuse(wait_us))
            }
            Some(Ok(())) | None => Ok(()),
        }
    }

    /// Takes back an attempt that is not to count.
    pub async fn give_back(&self, limit: Limit, subject: Subject) {
        let Some(quota) = self.settings.quota(limit) else {
            return;
        };
        let (key, pace) = (key(limit, subject), Pace::from(quota));
        self.own.give_back(key, pace);
        self.shared(|shared| shared.give_back(key, pace)).await;
    }

    /// Counts an attempt without waiting for anything; see the module for what that costs.
    pub fn attempt_at_once(&self, limit: Limit, subject: Subject) -> Result<(), Refusal> {
        let Some(quota) = self.settings.quota(limit) else {
            return Ok(());
        };
        let (key, pace) = (key(limit, subject), Pace::from(quota));
        let counted = if self.shared.is_some() {
            self.at_once.attempt_untold(key, pace, self.now())
        } else {
            self.at_once.attempt(key, pace, self.now())
        };
        counted.map_err(|wait_us| refusal(limit, quota, wait_us))
    }

    /// Tells the other instances what was counted at once here, and learns what they have counted.
    pub async fn exchange(&self) {
        let Some(shared) = &self.shared else {
            return;
        };
        shared.connect().await;
        let mut by_node: BTreeMap<usize, Vec<_>> = BTreeMap::new();
        for (key, count) in self.at_once.take_untold() {
            if let Some(quota) = self.settings.quota(key.limit) {
                let attempts = by_node.entry(shared.node_of(key)).or_default();
                attempts.push((key, count, Pace::from(quota)));
            }
        }
        let exchanges = by_node.values().map(|attempts| async move {
            for attempts in attempts.chunks(KEYS_AT_ONCE) {
                // What is not told now is not told at all: the next exchange has its own.
                let Ok(ahead) = shared.add(attempts).await else {
                    count_fallback();
                    return;
                };
                let now = self.now();
                for ((key, _, pace), ahead_us) in attempts.iter().zip(ahead) {
                    self.at_once.learn(*key, *pace, ahead_us, now);
                }
            }
        });
        join_all(exchanges).await;
    }

    /// Remembers that somebody has proved to be the owner of an account there.
    pub async fn remember(&self, account: Subject, there: Subject) {
        let now = self.now();
        let until = now + micros(FAMILIAR_FOR);
        self.familiar.keep(familiar_key(account, there), until, now);
        let key = key(Limit::LoginAccount, account);
        let secs = FAMILIAR_FOR.as_secs();
        self.shared(|shared| shared.remember(key, there.0, secs))
            .await;
    }

    /// Whether the owner of an account was there lately.
    pub async fn is_familiar(&self, account: Subject, there: Subject) -> bool {
        if self
            .familiar
            .is_kept(familiar_key(account, there), self.now())
        {
            return true;
        }
        let key = key(Limit::LoginAccount, account);
        let shared = self.shared(|shared| shared.is_familiar(key, there.0)).await;
        shared.unwrap_or(false)
    }

    /// What Redis says, `None` where it does not answer or there is none.
    async fn shared<'a, T, F>(&'a self, ask: impl FnOnce(&'a Shared) -> F) -> Option<T>
    where
        F: Future<Output = Result<T, Gone>>,
    {
        let answer = ask(self.shared.as_ref()?).await;
        if answer.is_err() {
            count_fallback();
        }
        answer.ok()
    }

    /// Microseconds on a clock that nobody sets.
    fn now(&self) -> u64 {
        micros(self.started.elapsed())
    }
}

fn key(limit: Limit, subject: Subject) -> Key {
    Key {
        limit,
        subject: subject.0,
    }
}

fn familiar_key(account: Subject, there: Subject) -> Key {
    key(Limit::LoginAccount, account.and(there))
}

fn refusal(limit: Limit, quota: Quota, wait_us: u64) -> Refusal {
    Refusal {
        limit,
        quota,
        wait: Duration::from_micros(wait_us),
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn count_fallback() {
    metrics::counter!(LIMIT_FALLBACKS).increment(1);
}
