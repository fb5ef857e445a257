//! Stops instances at a certain place of their work, so that a story can do something to them there.

use kit::{Cluster, Instance, WAITING_BATCHES, eventually, eventually_eq, secs};
use sea_orm::{ConnectionTrait, DatabaseTransaction, TransactionTrait};

/// Nobody can write or lock a row of a table, or that of a ticket, until this is opened.
///
/// A hold takes its Redlocks first. Where the event has a limit, it then locks the buyer's row of
/// `users`; with a code, the row of `codes`; and with either the rows of its tickets. Then it writes
/// everything at once. An instance waits no longer than five seconds.
pub struct Gate {
    closed: DatabaseTransaction,
    /// Counts those who stand before it.
    waiting: String,
}

impl Gate {
    pub async fn close(cluster: &Cluster, table: &str) -> Self {
        let lock = format!("LOCK TABLE {table} IN EXCLUSIVE MODE");
        let waiting = format!(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = '{table}'::regclass \
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        );
        Self::close_by(cluster, &lock, waiting).await
    }

    /// Only the row of a ticket. Who stands before this has sent all there is to a hold; before a table
    /// already stands who only wants to know whether a statement is one.
    pub async fn close_ticket(cluster: &Cluster, ticket: i64) -> Self {
        let lock = format!("SELECT id FROM tickets WHERE id = {ticket} FOR UPDATE");
        Self::close_by(cluster, &lock, WAITING_BATCHES.to_owned()).await
    }

    async fn close_by(cluster: &Cluster, lock: &str, waiting: String) -> Self {
        let begun = cluster.connect().await.begin().await;
        let closed = begun.expect("a transaction begins");
        let locked = closed.execute_unprepared(lock).await;
        locked.expect("it can be locked");
        Self { closed, waiting }
    }

    /// Waits until so many stand before it.
    pub async fn queue(&self, cluster: &Cluster, length: i64) {
        eventually_eq(secs(10), length, async || {
            cluster.count(&self.waiting).await
        })
        .await;
    }

    pub async fn open(self) {
        self.closed.commit().await.expect("it is unlocked");
    }
}

/// The only instance that is working on a request, which is known only once it has answered.
pub async fn working_instance(cluster: &Cluster) -> &Instance {
    eventually(secs(10), async || {
        let mut working = Vec::new();
        for instance in cluster.instances.iter().filter(|it| it.is_running()) {
            let in_flight = instance.metric("holdfast_http_requests_in_flight", &[]);
            if in_flight.await > 0.0 {
                working.push(instance);
            }
        }
        let only = <[&Instance; 1]>::try_from(working);
        only.map_err(|working| format!("{} instances have a request in flight", working.len()))
    })
    .await[0]
}
