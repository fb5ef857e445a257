//! The commit: one transaction in which versions are compared and set.
//!
//! Every change to tickets and reservations comes through [`commit`], so this is the place where
//! a batching committer can take whatever waits; today a change is a transaction of its own.
//!
//! The order is what keeps a ticket from being sold twice by a crash: commit, then tell the other
//! instances, then (in the caller) release the locks.

use chrono::{DateTime, Utc};
use sea_orm::{DatabaseTransaction, DbErr};
use std::time::Instant;

use crate::coordination::SeatChange;
use crate::db;
use crate::state::App;
use crate::telemetry::{COMMIT_DURATION, OkOrLog, VERSION_CONFLICTS};

/// A change of tickets and reservations that is made whole or not at all.
pub trait Change: Sync {
    /// Its name, as a metric label.
    const OPERATION: &'static str;
    /// What it answers once it is durable.
    type Done: Send;
    /// Why it was not made.
    type Refused: Refusal;

    /// Makes the change in a transaction. It may be called again where the database gave the
    /// transaction up for another's sake.
    fn apply(
        &self,
        work: &mut Work,
    ) -> impl Future<Output = Result<Self::Done, Self::Refused>> + Send;
}

/// Why a change was not made, as far as committing it is concerned.
pub trait Refusal: From<DbErr> + Send {
    /// The database's error, if it was one.
    fn database_error(&self) -> Option<&DbErr>;
    /// Whether a version was another than the one seen.
    fn is_version_conflict(&self) -> bool;
}

/// A transaction at work.
pub struct Work {
    /// The transaction.
    pub tx: DatabaseTransaction,
    /// The database's time when it began.
    pub now: DateTime<Utc>,
    /// What to tell the other instances once it is committed.
    pub changes: Vec<SeatChange>,
}

/// Makes a change durable, then tells the other instances.
///
/// Call it from detached work only (see [`App::detached`]).
pub async fn commit<C: Change>(app: &App, change: &C) -> Result<C::Done, C::Refused> {
    let started = Instant::now();
    let mut attempt = 1;
    let outcome = loop {
        // On the heap: the queries of a transaction make a large future, and this one is carried
        // through every layer above.
        match Box::pin(run(app, change)).await {
            Err(refused) if attempt < MAX_ATTEMPTS && gave_way(&refused) => attempt += 1,
            outcome => break outcome,
        }
    };
    metrics::histogram!(COMMIT_DURATION, "operation" => C::OPERATION).record(started.elapsed());
    if outcome.as_ref().is_err_and(Refusal::is_version_conflict) {
        metrics::counter!(VERSION_CONFLICTS, "operation" => C::OPERATION).increment(1);
    }
    outcome
}

/// How often a transaction is run that the database gives up for another's sake.
const MAX_ATTEMPTS: u32 = 4;

fn gave_way(refused: &impl Refusal) -> bool {
    refused.database_error().is_some_and(db::is_retryable)
}

async fn run<C: Change>(app: &App, change: &C) -> Result<C::Done, C::Refused> {
    let tx = app.db.begin().await?;
    let now = db::read_time(&tx).await?;
    let mut work = Work {
        tx,
        now,
        changes: Vec::new(),
    };
    match change.apply(&mut work).await {
        Ok(done) => {
            work.tx.commit().await?;
            app.coordinator.publish(work.changes);
            Ok(done)
        }
        Err(refused) => {
            work.tx.rollback().await.ok_or_log("rolling back");
            Err(refused)
        }
    }
}
