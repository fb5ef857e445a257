//! The committer: takes whatever changes wait, and makes them durable together.
//!
//! ```text
//!   change ─┐                     ┌─────────────────── a batch ───────────────────┐
//!   change ─┼─> bounded queue ──> │ lock ─> see what all need ─> decide ─> write  │ ─> durable ─┐
//!   change ─┘    full: refused    └───────────────────────────────────────────────┘             │
//!      ^                                                                                        │
//!      └────────────────── answered <── the other instances told <── the mirror told <──────────┘
//! ```
//!
//! Nothing waits for a batch to fill: a change that comes alone is committed alone, and while one
//! batch is on its way the next gathers behind it, before anything is locked for it. A change that is
//! refused writes nothing and so harms no other; where the database refuses a whole batch, its halves
//! are tried by themselves.
//!
//! The order is what keeps a ticket from being sold twice by a crash: lock, commit, then tell, then
//! answer, and with the answer go the locks.

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sea_orm::DbErr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::batch::{Claimed, Failure, Needs, Seen, SeenTicket, Writes};
use super::line::Line;
use super::lock::lock;
use super::queue::{Entry, Queued};
use super::store;
use crate::coordination::{Marks, SeatChange};
use crate::db;
use crate::ids::TicketId;
use crate::state::App;
use crate::telemetry::{COMMIT_BATCH, OkOrLog};

/// A change of tickets and reservations that is made whole or not at all.
pub trait Change: Send + Sync + 'static {
    /// Its name, as a metric label.
    const OPERATION: &'static str;
    /// What it answers once it is durable.
    type Done: Send + Sync;
    /// Why it was not made.
    type Refused: From<Failure> + Send + Sync;

    /// What it must see.
    fn needs(&self) -> Needs;

    /// The tickets that it needs as this instance knows them, at the database's time `now`; `None` where
    /// only the database can tell.
    fn foresee(&self, _now: DateTime<Utc>) -> Option<Vec<(TicketId, SeenTicket)>> {
        None
    }

    /// Decides on what was seen. It may be asked again, where it has to be repeated.
    fn decide(&self, seen: &Seen) -> Result<(Self::Done, Writes), Self::Refused>;
}

/// The way to the committer of this instance; cheap to clone.
#[derive(Clone)]
pub struct Committer {
    app: App,
    queue: mpsc::Sender<Box<dyn Queued>>,
    line: Arc<Line>,
}

impl Committer {
    /// Starts the committer in a runtime. It ends when nobody can ask it for anything any more.
    pub fn start(app: &App, runtime: &Handle) -> Self {
        let committer = Self::with_queue(app, app.config.commit_queue());
        let at_once = if app.db.is_postgres() {
            AT_ONCE_ON_POSTGRES
        } else {
            AT_ONCE_ON_SQLITE
        };
        for _ in 0..at_once {
            let batches = commit_batches(app.clone(), Arc::clone(&committer.line));
            runtime.spawn(batches);
        }
        committer
    }

    /// A committer that commits nothing, for what needs none: the OpenAPI document.
    pub fn idle(app: &App) -> Self {
        Self::with_queue(app, 1)
    }

    fn with_queue(app: &App, most: usize) -> Self {
        let (queue, waiting) = mpsc::channel(most);
        Self {
            app: app.clone(),
            queue,
            line: Arc::new(Line::new(waiting)),
        }
    }

    /// Makes a change durable.
    ///
    /// Dropping the future is harmless: a change that is in the queue is made, whoever waits for it.
    pub async fn commit<C: Change>(&self, change: C) -> Result<C::Done, C::Refused> {
        let needs = change.needs();
        let marks = self.mark(&needs)?;
        let (reply, outcome) = oneshot::channel();
        let entry = Entry::new(change, needs, marks, reply);
        if self.queue.try_send(Box::new(entry)).is_err() {
            return Err(Failure::QueueFull.into());
        }
        self.line
            .tell(self.queue.max_capacity() - self.queue.capacity());
        outcome
            .await
            .unwrap_or_else(|_| Err(Failure::Interrupted.into()))
    }

    /// Keeps rivals in this process from the tickets before they wait in the queue too.
    fn mark(&self, needs: &Needs) -> Result<Option<Marks>, Failure> {
        if needs.tickets.is_empty() {
            return Ok(None);
        }
        let tickets: Vec<i64> = needs.tickets.iter().map(|ticket| ticket.0).collect();
        let marks = self.app.coordinator.mark(&tickets);
        marks.map(Some).map_err(|_| Failure::Contended)
    }
}

/// How often a batch is tried that the database gives up for another's sake.
const MAX_ATTEMPTS: u32 = 4;

/// How many batches may be on their way at once.
const AT_ONCE_ON_POSTGRES: usize = 3;

/// It has one writer: while that is at one batch, another is made ready.
const AT_ONCE_ON_SQLITE: usize = 2;

/// Takes what waits and commits it, until nothing can come any more.
async fn commit_batches(app: App, line: Arc<Line>) {
    let mut waiting = Vec::new();
    while let Some(turn) = line.gather(&mut waiting).await {
        let batch = take_apart(&mut waiting);
        let done = async {
            let batch = lock(&app, batch).await;
            #[expect(clippy::cast_precision_loss, reason = "a batch has few changes")]
            metrics::histogram!(COMMIT_BATCH).record(batch.len() as f64);
            commit_batch(&app, batch).await;
        };
        // Where it panics, those who wait are told so when the batch is dropped.
        if AssertUnwindSafe(done).catch_unwind().await.is_err() {
            tracing::error!("a batch of changes was interrupted");
        }
        drop(turn);
    }
}

/// Takes those changes that do not overlap, and leaves the others for the next batch.
fn take_apart(waiting: &mut Vec<Box<dyn Queued>>) -> Vec<Box<dyn Queued>> {
    let mut claimed = Claimed::default();
    waiting
        .extract_if(.., |entry| claimed.add(entry.needs()))
        .collect()
}

/// Commits a batch and answers each of its changes.
///
/// On the heap: it calls itself for the halves of a batch that the database refuses.
fn commit_batch(app: &App, mut batch: Vec<Box<dyn Queued>>) -> BoxFuture<'_, ()> {
    async move {
        let mut attempt = 1;
        let failure = loop {
            match try_commit(app, &mut batch, attempt).await {
                Ok(changes) => {
                    app.mirror.learn(&changes);
                    app.coordinator.publish(changes);
                    break None;
                }
                Err(err) if attempt < MAX_ATTEMPTS && err.may_pass() => attempt += 1,
                Err(err) => break Some(err.into()),
            }
        };
        match failure {
            Some(err) if batch.len() > 1 && !db::is_unavailable(&err) => {
                tracing::warn!(error = %err, changes = batch.len(), "a batch was refused; trying its halves");
                let half = batch.split_off(batch.len() / 2);
                commit_batch(app, batch).await;
                commit_batch(app, half).await;
                return;
            }
            Some(err) => batch.iter_mut().for_each(|entry| entry.fail(err.clone().into())),
            None => {}
        }
        for entry in batch {
            entry.answer();
        }
    }
    .boxed()
}

/// Makes a batch durable; gives what it changed once it is.
///
/// What this instance knows is enough for holds: what they write is made from it, and undoes itself if
/// something is not so any more. Then, and for all else, the database is read first, in a transaction
/// that keeps others from what it reads.
async fn try_commit(
    app: &App,
    batch: &mut [Box<dyn Queued>],
    attempt: u32,
) -> Result<Vec<SeatChange>, BatchError> {
    let foreseen = if attempt == 1 {
        foresee(app, batch)
    } else {
        None
    };
    match foreseen {
        Some((now, seen)) => commit_foreseen(app, batch, now, seen).await,
        None => commit_locked(app, batch).await,
    }
}

/// All that a batch needs as this instance knows it, and the database's time; `None` where only the
/// database can tell.
fn foresee(app: &App, batch: &[Box<dyn Queued>]) -> Option<(DateTime<Utc>, Seen)> {
    let now = app.mirror.now()?;
    let mut seen = Seen::default();
    for entry in batch {
        seen.tickets.extend(entry.foresee(now)?);
    }
    Some((now, seen))
}

async fn commit_foreseen(
    app: &App,
    batch: &mut [Box<dyn Queued>],
    now: DateTime<Utc>,
    mut seen: Seen,
) -> Result<Vec<SeatChange>, BatchError> {
    let (writes, changes) = decide(batch, &mut seen);
    if !writes.is_empty() {
        let written = store::hold_at_once(&app.db, writes, &seen, now).await;
        // What others have written since is against a rule too: the ticket's next version in the
        // ledger, say.
        written.map_err(|err| match err {
            err if db::is_against_a_rule(&err) => BatchError::Outrun,
            err => err.into(),
        })?;
    }
    Ok(changes)
}

async fn commit_locked(
    app: &App,
    batch: &mut [Box<dyn Queued>],
) -> Result<Vec<SeatChange>, BatchError> {
    let mut claimed = Claimed::default();
    for entry in batch.iter() {
        claimed.add(entry.needs());
    }
    let tx = app.db.begin().await?;
    let written = async {
        let mut seen = store::read_and_lock(&tx, claimed).await?;
        let (writes, changes) = decide(batch, &mut seen);
        if !writes.is_empty() && !store::write(&tx, writes).await? {
            return Err(BatchError::Outrun);
        }
        Ok(changes)
    };
    match written.await {
        Ok(changes) => {
            tx.commit().await?;
            Ok(changes)
        }
        Err(err) => {
            tx.rollback().await.ok_or_log("rolling back");
            Err(err)
        }
    }
}

/// Has each change decide; gives what all of them write, and what that does to seats.
fn decide(batch: &mut [Box<dyn Queued>], seen: &mut Seen) -> (Writes, Vec<SeatChange>) {
    let mut writes = Writes::default();
    for entry in batch {
        let decided = entry.decide(seen);
        seen.add_uses(&decided.reservations);
        writes.extend(decided);
    }
    let changes = writes.moves.iter().map(store::seat_change).collect();
    (writes, changes)
}

/// Why a batch was not committed.
#[derive(Debug, thiserror::Error)]
enum BatchError {
    /// Something is not as it was read, if only the time.
    #[error("what was read has moved on")]
    Outrun,
    #[error(transparent)]
    Db(#[from] DbErr),
}

impl BatchError {
    /// Whether the same batch may simply be tried again.
    fn may_pass(&self) -> bool {
        match self {
            Self::Outrun => true,
            Self::Db(err) => db::is_retryable(err),
        }
    }
}

impl From<BatchError> for DbErr {
    fn from(err: BatchError) -> Self {
        match err {
            BatchError::Db(err) => err,
            err @ BatchError::Outrun => Self::Custom(err.to_string()),
        }
    }
}
