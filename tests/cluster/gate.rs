//! Stops instances at a certain place of their work, so that a story can do something to them there.

use kit::{Cluster, Instance, eventually, eventually_eq, secs};
use sea_orm::{ConnectionTrait, Database, DatabaseTransaction, TransactionTrait};

/// Nobody can write or lock a row of a table until this is opened.
///
/// A hold takes its Redlocks first. Where the event has a limit, it then locks the buyer's row of
/// `users`; with a code, the row of `codes`; and with either the rows of its tickets. Then it writes
/// everything at once. An instance waits no longer than five seconds.
pub struct Gate {
    closed: DatabaseTransaction,
    table: &'static str,
}

impl Gate {
    pub async fn close(cluster: &Cluster, table: &'static str) -> Self {
        let connection = Database::connect(cluster.database_url()).await;
        let connection = connection.expect("the database can be reached");
        let closed = connection.begin().await.expect("a transaction begins");
        let lock = format!("LOCK TABLE {table} IN EXCLUSIVE MODE");
        let locked = closed.execute_unprepared(&lock).await;
        locked.expect("the table can be locked");
        Self { closed, table }
    }

    /// Waits until so many stand before it.
    pub async fn queue(&self, cluster: &Cluster, length: i64) {
        let waiting = format!(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = '{}'::regclass \
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            self.table
        );
        eventually_eq(secs(10), length, async || cluster.count(&waiting).await).await;
    }

    pub async fn open(self) {
        self.closed.commit().await.expect("the table is unlocked");
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
