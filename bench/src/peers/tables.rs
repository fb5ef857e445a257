//! The tables of everything that Holdfast is compared with: seats with a version, tiers with a stock,
//! orders. Smaller rows and fewer indexes than Holdfast's own, in the others' favour.

use anyhow::{Context, Result, ensure};
use sea_orm::sqlx::{
    self, AssertSqlSafe, Connection, PgConnection, Postgres, Transaction, postgres::PgQueryResult,
};

use super::Answer;

/// The tiers among which the seats are dealt.
const TIERS: i64 = 10;

pub const AVAILABLE: &str = "available";

pub const READ_SEAT: &str = "SELECT status, version FROM seats WHERE id = $1";

pub const READ_TIERS: &str = "SELECT id, stock FROM tiers";

/// The seat, if it is still at this version.
pub const TAKE_SEAT_AT_VERSION: &str =
    "UPDATE seats SET status = 'held', version = version + 1 WHERE id = $1 AND version = $2";

/// The seat, whatever it is.
pub const TAKE_SEAT: &str = "UPDATE seats SET status = 'held', version = version + 1 WHERE id = $1";

/// A place of a tier that has one.
pub const TAKE_OF_TIER: &str = "UPDATE tiers SET stock = stock - 1 WHERE id = $1 AND stock > 0";

/// The order of a seat, or of a place, which keeps the number asked for.
const ORDER: &str = "INSERT INTO orders (seat_id, buyer_id) VALUES ($1, 1)";

/// Those of the seats that were not yet sold, and their orders.
pub const SELL_SEATS: &str = "WITH sold AS (UPDATE seats SET status = 'held', version = version + 1 \
     WHERE id = ANY($1) AND status = 'available' RETURNING id) \
     INSERT INTO orders (seat_id, buyer_id) SELECT id, 1 FROM sold";

/// The tier that a seat belongs to.
pub fn tier_of(seat: i64) -> i64 {
    seat % TIERS
}

/// Ends a transaction that has taken a seat or place, if it has: writes the order and commits.
pub(super) async fn order(
    mut transaction: Transaction<'_, Postgres>,
    taken: &PgQueryResult,
    seat: i64,
) -> Result<Answer> {
    if taken.rows_affected() == 0 {
        return Ok(Answer::Taken);
    }
    sqlx::query(ORDER)
        .bind(seat)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(Answer::Sold)
}

/// Makes the tables anew, with seats from 1 to `seats`, and leaves the server nothing to catch up with.
pub async fn create_tables(database_url: &str, seats: i64) -> Result<()> {
    let mut connection = PgConnection::connect(database_url).await?;
    for statement in [
        "DROP TABLE IF EXISTS seats, tiers, orders".to_owned(),
        // Room on each page for a second version of each row: an update need not touch the index.
        "CREATE TABLE seats (id bigint PRIMARY KEY, status text NOT NULL DEFAULT 'available', \
         version bigint NOT NULL DEFAULT 0) WITH (fillfactor = 50)"
            .to_owned(),
        "CREATE TABLE tiers (id bigint PRIMARY KEY, stock bigint NOT NULL) WITH (fillfactor = 10)"
            .to_owned(),
        "CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, \
         seat_id bigint NOT NULL, buyer_id bigint NOT NULL, \
         created_at timestamptz NOT NULL DEFAULT now())"
            .to_owned(),
        format!("INSERT INTO seats (id) SELECT generate_series(1, {seats})"),
        format!(
            "INSERT INTO tiers SELECT tier, {seats} / {TIERS} FROM generate_series(0, {TIERS} - 1) tier"
        ),
        "VACUUM ANALYZE seats, tiers, orders".to_owned(),
        "CHECKPOINT".to_owned(),
    ] {
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut connection)
            .await?;
    }
    connection.close().await?;
    Ok(())
}

/// What was sold, by the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sold {
    pub orders: u64,
    /// Seats that are in more than one order.
    pub twice: u64,
    /// Seats that are not available, and places that are missing from the stock of a tier.
    pub taken: u64,
}

impl Sold {
    pub async fn read(database_url: &str) -> Result<Self> {
        let mut connection = PgConnection::connect(database_url).await?;
        let (orders, twice, seats, stock): (i64, i64, i64, i64) = sqlx::query_as(
            "SELECT (SELECT count(*) FROM orders), \
             (SELECT count(*) FROM (SELECT 1 FROM orders GROUP BY seat_id HAVING count(*) > 1) AS it), \
             (SELECT count(*) FROM seats WHERE status <> 'available'), \
             (SELECT count(*) / 10 * 10 FROM seats) - (SELECT sum(stock)::bigint FROM tiers)",
        )
        .fetch_one(&mut connection)
        .await
        .context("failed to count what was sold")?;
        connection.close().await?;
        Ok(Self {
            orders: orders.try_into()?,
            twice: twice.try_into()?,
            taken: (seats + stock).try_into()?,
        })
    }

    /// Compares it with the number of buyers who were told that they have a seat.
    pub fn check(&self, told: u64) -> Result<()> {
        let Self {
            orders,
            twice,
            taken,
        } = self;
        ensure!(*twice == 0, "{twice} seats were sold twice");
        ensure!(
            *orders == told && *taken == told,
            "{told} were told that they have a seat, there are {orders} orders and {taken} seats gone"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Sold;

    #[test]
    fn what_was_told_must_be_what_was_sold() {
        let sold = Sold {
            orders: 7,
            twice: 0,
            taken: 7,
        };
        assert!(sold.check(7).is_ok());
        assert!(sold.check(8).is_err());
        assert!(Sold { taken: 6, ..sold }.check(7).is_err());
        let twice = Sold { twice: 1, ..sold };
        assert!(twice.check(7).is_err());
    }
}
