//! *A counter in Redis lets in as many as there are places, then the row of the tier is counted down.*
//!
//! `DECR` the tier's gate; below zero it is sold out. Then one transaction: `stock = stock - 1` where
//! there is some, and the order. If that fails, `INCR` gives the place back.
//!
//! Guarantees: a sale is durable when answered, and no tier sells more than its stock, for the row
//! decides. Does not: sell a *certain* seat, only a place of a tier; keep gate and row equal after a
//! crash in between; and every sale of a tier waits for the one before it to be committed, because
//! both write one row. The tables have [ten tiers](super::tables::TIERS), as a large house has.

use anyhow::Result;
use redis::AsyncCommands;
use sea_orm::sqlx;

use super::{Answer, Design, Stores, tables};

pub struct GateThenRow {
    stores: Stores,
}

impl GateThenRow {
    /// Opens the gates for what the rows have in stock.
    pub async fn new(mut stores: Stores) -> Result<Self> {
        let stock = sqlx::query_as::<_, (i64, i64)>(tables::READ_TIERS)
            .fetch_all(&stores.database)
            .await?;
        for (tier, stock) in stock {
            let _: () = stores.redis.set(gate(tier), stock).await?;
        }
        Ok(Self { stores })
    }

    async fn write(&self, tier: i64, seat: i64) -> Result<Answer> {
        let mut transaction = self.stores.database.begin().await?;
        let taken = sqlx::query(tables::TAKE_OF_TIER)
            .bind(tier)
            .execute(&mut *transaction)
            .await?;
        tables::order(transaction, &taken, seat).await
    }
}

impl Design for GateThenRow {
    async fn reserve(&self, seat: i64) -> Result<Answer> {
        let tier = tables::tier_of(seat);
        let mut redis = self.stores.redis.clone();
        let left: i64 = redis.decr(gate(tier), 1).await?;
        let mut answer = Ok(Answer::Taken);
        if left >= 0 {
            answer = self.write(tier, seat).await;
        }
        if !matches!(answer, Ok(Answer::Sold)) {
            let _: i64 = redis.incr(gate(tier), 1).await?;
        }
        answer
    }
}

fn gate(tier: i64) -> String {
    format!("gate:{tier}")
}
