//! *SETNX, then write*: a lock in Redis keeps others out, the version in the database decides.
//!
//! Lock the seat with `SET NX PX`, read it, update it where its version is the one read, insert the
//! order, commit, unlock by comparing and deleting. Whoever finds the lock taken is refused at once.
//!
//! Guarantees: a sale is durable when answered, and no seat is sold twice even when the lock is lost,
//! for the version decides. Does not: survive the lock's node without refusing everybody, and a seat
//! whose holder crashed stays locked until the lock times out.

use std::sync::LazyLock;

use anyhow::Result;
use redis::Script;
use sea_orm::sqlx;

use super::{Answer, Design, Stores, tables};

const LOCK_TTL_MS: u64 = 5000;

static UNLOCK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0",
    )
});

pub struct LockThenWrite {
    stores: Stores,
}

impl LockThenWrite {
    pub fn new(stores: Stores) -> Self {
        Self { stores }
    }

    async fn write(&self, seat: i64) -> Result<Answer> {
        let mut transaction = self.stores.database.begin().await?;
        let read = sqlx::query_as::<_, (String, i64)>(tables::READ_SEAT)
            .bind(seat)
            .fetch_optional(&mut *transaction)
            .await?;
        let Some((_, version)) = read.filter(|(status, _)| status == tables::AVAILABLE) else {
            return Ok(Answer::Taken);
        };
        let taken = sqlx::query(tables::TAKE_SEAT_AT_VERSION)
            .bind(seat)
            .bind(version)
            .execute(&mut *transaction)
            .await?;
        tables::order(transaction, &taken, seat).await
    }
}

impl Design for LockThenWrite {
    async fn reserve(&self, seat: i64) -> Result<Answer> {
        let mut redis = self.stores.redis.clone();
        let key = format!("seat-lock:{seat}");
        let holder: u64 = rand::random();
        let locked: Option<String> = redis::cmd("SET")
            .arg(&key)
            .arg(holder)
            .arg("NX")
            .arg("PX")
            .arg(LOCK_TTL_MS)
            .query_async(&mut redis)
            .await?;
        if locked.is_none() {
            return Ok(Answer::Taken);
        }
        let written = self.write(seat).await;
        let unlocked = UNLOCK.key(&key).arg(holder).invoke_async(&mut redis).await;
        let _was_ours: i64 = unlocked?;
        written
    }
}
