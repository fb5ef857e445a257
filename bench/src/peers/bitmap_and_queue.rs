//! *Redis decides, a queue writes later*: a bitmap of seats, counters, and a list of what was sold.
//!
//! One Lua script looks at the seat's bit, sets it, counts down its zone and its row, and appends the
//! sale to a list. The answer is given at once. A single writer takes what has gathered in the list,
//! a thousand at most, writes it in one transaction, and only then removes it from the list.
//!
//! Guarantees: no seat is sold twice while Redis keeps its memory, and what is in the list is written
//! at least once, and kept once. Does not: make a sale durable when it is answered. Whatever Redis had
//! not yet handed over is lost with it, and so is the bitmap, though buyers were told 201.

use std::{sync::LazyLock, time::Duration};

use anyhow::Result;
use redis::{AsyncCommands, Script};
use sea_orm::sqlx;

use super::{Answer, Design, Stores, tables};

const BATCH: isize = 1000;
const PAUSE_WHEN_EMPTY: Duration = Duration::from_millis(2);
const PAUSE_AFTER_AN_ERROR: Duration = Duration::from_millis(100);
const SEATS_PER_ROW: i64 = 100;
const QUEUE: &str = "sales";

static SELL: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('SETBIT', KEYS[1], ARGV[1], 1) == 1 then return 0 end \
         redis.call('DECR', KEYS[2]) \
         redis.call('DECR', KEYS[3]) \
         redis.call('RPUSH', KEYS[4], ARGV[1]) \
         return 1",
    )
});

pub struct BitmapAndQueue {
    stores: Stores,
}

impl BitmapAndQueue {
    /// Starts with every seat free, and the writer beside it.
    pub async fn new(mut stores: Stores) -> Result<Self> {
        let _: () = redis::cmd("FLUSHALL")
            .query_async(&mut stores.redis)
            .await?;
        tokio::spawn(write_for_ever(stores.clone()));
        Ok(Self { stores })
    }
}

impl Design for BitmapAndQueue {
    async fn reserve(&self, seat: i64) -> Result<Answer> {
        let mut redis = self.stores.redis.clone();
        let sold: i64 = SELL
            .key("seats")
            .key(format!("zone:{}", tables::tier_of(seat)))
            .key(format!("row:{}", seat / SEATS_PER_ROW))
            .key(QUEUE)
            .arg(seat)
            .invoke_async(&mut redis)
            .await?;
        Ok(match sold {
            0 => Answer::Taken,
            _ => Answer::Sold,
        })
    }
}

async fn write_for_ever(mut stores: Stores) {
    loop {
        match write_some(&mut stores).await {
            Ok(0) => tokio::time::sleep(PAUSE_WHEN_EMPTY).await,
            Ok(_) => {}
            Err(error) => {
                eprintln!("the writer: {error:#}");
                tokio::time::sleep(PAUSE_AFTER_AN_ERROR).await;
            }
        }
    }
}

async fn write_some(stores: &mut Stores) -> Result<usize> {
    let seats: Vec<i64> = stores.redis.lrange(QUEUE, 0, BATCH - 1).await?;
    if seats.is_empty() {
        return Ok(0);
    }
    sqlx::query(tables::SELL_SEATS)
        .bind(&seats)
        .execute(&stores.database)
        .await?;
    let written = isize::try_from(seats.len())?;
    let _: () = stores.redis.ltrim(QUEUE, written, -1).await?;
    Ok(seats.len())
}
