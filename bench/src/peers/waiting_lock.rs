//! *A waiting lock around read, check and write*, as with the lock objects of Redisson.
//!
//! A Lua script takes a reentrant lock, a hash of holder and count with a time to live. Whoever finds
//! it taken waits, asking again after a pause that doubles, as Redisson's `RSpinLock` does; its other
//! lock waits for a message instead, which costs every unlock a publication. Inside the lock the seat
//! is read and checked, then updated and the order inserted.
//!
//! Guarantees: a sale is durable when answered; while the lock holds, no seat is sold twice. Does not:
//! hold when the lock is lost, by a failover or a pause longer than its time to live, for nothing else
//! decides; and a crowd in front of one seat waits in a row, only to be refused one after the other.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use anyhow::Result;
use redis::Script;
use sea_orm::sqlx;

use super::{Answer, Design, Stores, tables};

const LEASE_MS: u64 = 30_000;
const WAIT_AT_MOST: Duration = Duration::from_secs(3);
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(128);

/// Answers with nothing when taken, and with the milliseconds that the holder still has otherwise.
static LOCK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HEXISTS', KEYS[1], ARGV[2]) == 1 then \
             redis.call('HINCRBY', KEYS[1], ARGV[2], 1) \
             redis.call('PEXPIRE', KEYS[1], ARGV[1]) \
             return nil \
         end \
         return redis.call('PTTL', KEYS[1])",
    )
});

static UNLOCK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end \
         if redis.call('HINCRBY', KEYS[1], ARGV[1], -1) > 0 then return 0 end \
         return redis.call('DEL', KEYS[1])",
    )
});

pub struct WaitingLock {
    stores: Stores,
}

impl WaitingLock {
    pub fn new(stores: Stores) -> Self {
        Self { stores }
    }

    /// Is false when the wait is over.
    async fn lock(&self, key: &str, holder: u64) -> Result<bool> {
        let deadline = Instant::now() + WAIT_AT_MOST;
        let mut redis = self.stores.redis.clone();
        let mut pause = FIRST_PAUSE;
        loop {
            let left_ms: Option<i64> = LOCK
                .key(key)
                .arg(LEASE_MS)
                .arg(holder)
                .invoke_async(&mut redis)
                .await?;
            if left_ms.is_none() {
                return Ok(true);
            }
            if Instant::now() + pause > deadline {
                return Ok(false);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn read_check_write(&self, seat: i64) -> Result<Answer> {
        let mut transaction = self.stores.database.begin().await?;
        let read = sqlx::query_as::<_, (String, i64)>(tables::READ_SEAT)
            .bind(seat)
            .fetch_optional(&mut *transaction)
            .await?;
        if read.is_none_or(|(status, _)| status != tables::AVAILABLE) {
            return Ok(Answer::Taken);
        }
        let taken = sqlx::query(tables::TAKE_SEAT)
            .bind(seat)
            .execute(&mut *transaction)
            .await?;
        tables::order(transaction, &taken, seat).await
    }
}

impl Design for WaitingLock {
    async fn reserve(&self, seat: i64) -> Result<Answer> {
        let key = format!("seat-lock:{seat}");
        let holder: u64 = rand::random();
        if !self.lock(&key, holder).await? {
            return Ok(Answer::Taken);
        }
        let written = self.read_check_write(seat).await;
        let mut redis = self.stores.redis.clone();
        let unlocked = UNLOCK.key(&key).arg(holder).invoke_async(&mut redis).await;
        let _was_ours: i64 = unlocked?;
        written
    }
}
