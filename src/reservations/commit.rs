//! The committer: takes whatever changes wait, and makes them durable together.
//!
//! ```text
//!   change ─┐                     ┌────────────────────── a batch ────────────────────┐
//!   change ─┼─> bounded queue ──> │ read what all need ─> decide each ─> write it all │ ─> durable ─┐
//!   change ─┘    full: refused    └───────────────────────────────────────────────────┘             │
//!      ^                                                                                            │
//!      └────────────────── answered <── the other instances told <── the mirror told <──────────────┘
//! ```
//!
//! Nothing waits for a batch to fill: a change that comes alone is committed alone, and while one
//! batch is on its way the next gathers behind it. A change that is refused writes nothing and so
//! harms no other; where the database refuses a whole batch, its halves are tried by themselves.
//!
//! The order is what keeps a ticket from being sold twice by a crash: commit, then tell, then
//! answer, and with the answer go the locks that the change has brought along.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sea_orm::DbErr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::timeout;

use super::batch::{Claimed, Failure, Needs, Seen, Writes};
use super::store;
use crate::coordination::SeatChange;
use crate::db;
use crate::state::App;
use crate::telemetry::{COMMIT_BATCH, COMMIT_DURATION, OkOrLog};

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

    /// Decides on what was seen. It may be asked again, where the transaction has to be repeated.
    fn decide(&self, seen: &Seen) -> Result<(Self::Done, Writes), Self::Refused>;
}

/// The way to the committer of this instance; cheap to clone.
#[derive(Clone)]
pub struct Committer {
    queue: mpsc::Sender<Box<dyn Queued>>,
}

impl Committer {
    /// Starts the committer. It ends when nobody can ask it for anything any more.
    pub fn start(app: &App) -> Self {
        let (queue, waiting) = mpsc::channel(app.config.commit_queue());
        let line = Arc::new(Line {
            waiting: Mutex::new(waiting),
            turn: Mutex::new(()),
        });
        // On PostgreSQL one batch may overtake another; SQLite has one writer.
        let batches = if app.db.is_postgres() { 2 } else { 1 };
        for _ in 0..batches {
            tokio::spawn(commit_batches(app.clone(), Arc::clone(&line)));
        }
        Self { queue }
    }

    /// A committer that commits nothing, for what needs none: the OpenAPI document.
    pub fn idle() -> Self {
        let (queue, _) = mpsc::channel(1);
        Self { queue }
    }

    /// Makes a change durable.
    ///
    /// Dropping the future is harmless: a change that is in the queue is made, whoever waits for it.
    pub async fn commit<C: Change>(&self, change: C) -> Result<C::Done, C::Refused> {
        let (reply, outcome) = oneshot::channel();
        let entry = Entry {
            needs: change.needs(),
            change,
            queued_at: Instant::now(),
            outcome: None,
            reply,
        };
        if self.queue.try_send(Box::new(entry)).is_err() {
            return Err(Failure::QueueFull.into());
        }
        outcome
            .await
            .unwrap_or_else(|_| Err(Failure::Interrupted.into()))
    }
}

/// Most changes of a batch.
const BATCH: usize = 512;

/// How often a batch is tried that the database gives up for another's sake.
const MAX_ATTEMPTS: u32 = 4;

/// The queue, for those who take from it.
struct Line {
    waiting: Mutex<mpsc::Receiver<Box<dyn Queued>>>,
    /// Whose batch is on its way.
    turn: Mutex<()>,
}

/// Long for a batch: it waits for somebody else's transaction, and others should not wait with it.
const OVERTAKEN_AFTER: Duration = Duration::from_millis(50);

/// Takes what waits and commits it, until nothing can come any more.
async fn commit_batches(app: App, line: Arc<Line>) {
    let mut waiting = Vec::new();
    loop {
        let mut queue = if waiting.is_empty() {
            let mut queue = line.waiting.lock().await;
            if queue.recv_many(&mut waiting, BATCH).await == 0 {
                return;
            }
            Some(queue)
        } else {
            // Not waiting: whoever has the queue may wait for long, and these have been put off.
            line.waiting.try_lock().ok()
        };
        let turn = timeout(OVERTAKEN_AFTER, line.turn.lock()).await;
        if let Some(queue) = &mut queue {
            while waiting.len() < BATCH
                && let Ok(entry) = queue.try_recv()
            {
                waiting.push(entry);
            }
        }
        drop(queue);
        let batch = take_apart(&mut waiting);
        #[expect(clippy::cast_precision_loss, reason = "a batch has few changes")]
        metrics::histogram!(COMMIT_BATCH).record(batch.len() as f64);
        // Where it panics, those who wait are told so when the batch is dropped.
        let done = AssertUnwindSafe(commit_batch(&app, batch)).catch_unwind();
        if done.await.is_err() {
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
            Some(err) => batch.iter_mut().for_each(|entry| entry.fail(err.clone())),
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
/// Where versions decide, PostgreSQL is not asked to keep anything as it is between reading and
/// writing: what is written undoes itself if something has moved on. Then, and where there is more to
/// be seen to, both are done in a transaction that locks what it reads.
async fn try_commit(
    app: &App,
    batch: &mut [Box<dyn Queued>],
    attempt: u32,
) -> Result<Vec<SeatChange>, BatchError> {
    let mut claimed = Claimed::default();
    for entry in batch.iter() {
        claimed.add(entry.needs());
    }
    if attempt == 1 && app.db.is_postgres() && versions_decide(&claimed) {
        commit_unlocked(app, batch, claimed).await
    } else {
        commit_locked(app, batch, claimed).await
    }
}

/// Whether nothing of what a batch needs has to be kept as it is meanwhile.
fn versions_decide(claimed: &Claimed) -> bool {
    claimed.reservations.is_empty()
        && claimed.due.is_empty()
        && claimed.customers.is_empty()
        && claimed.codes.is_empty()
        && claimed.applications.is_empty()
        && claimed.zones.is_empty()
}

async fn commit_unlocked(
    app: &App,
    batch: &mut [Box<dyn Queued>],
    claimed: Claimed,
) -> Result<Vec<SeatChange>, BatchError> {
    let seen = store::read(&app.db, claimed).await?;
    let (writes, changes) = decide(batch, seen);
    if !writes.is_empty() {
        let written = store::write_at_once(&app.db, writes).await;
        // A duplicate is what others have written since: the ticket's next version in the ledger, say.
        written.map_err(|err| match err {
            err if db::is_duplicate(&err) => BatchError::Outrun,
            err => err.into(),
        })?;
    }
    Ok(changes)
}

async fn commit_locked(
    app: &App,
    batch: &mut [Box<dyn Queued>],
    claimed: Claimed,
) -> Result<Vec<SeatChange>, BatchError> {
    let tx = app.db.begin().await?;
    let written = async {
        let seen = store::read_and_lock(&tx, claimed).await?;
        let (writes, changes) = decide(batch, seen);
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
fn decide(batch: &mut [Box<dyn Queued>], mut seen: Seen) -> (Writes, Vec<SeatChange>) {
    let mut writes = Writes::default();
    for entry in batch {
        let decided = entry.decide(&seen);
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

/// A change in the queue, whatever it is.
trait Queued: Send + Sync {
    fn needs(&self) -> &Needs;
    /// Gives what is to be written: nothing where the change is refused.
    fn decide(&mut self, seen: &Seen) -> Writes;
    /// It was not made durable.
    fn fail(&mut self, err: DbErr);
    /// Tells who waits for it, and drops what the change has brought along.
    fn answer(self: Box<Self>);
}

struct Entry<C: Change> {
    change: C,
    needs: Needs,
    queued_at: Instant,
    outcome: Option<Result<C::Done, C::Refused>>,
    reply: oneshot::Sender<Result<C::Done, C::Refused>>,
}

impl<C: Change> Queued for Entry<C> {
    fn needs(&self) -> &Needs {
        &self.needs
    }

    fn decide(&mut self, seen: &Seen) -> Writes {
        let (outcome, writes) = match self.change.decide(seen) {
            Ok((done, writes)) => (Ok(done), writes),
            Err(refused) => (Err(refused), Writes::default()),
        };
        self.outcome = Some(outcome);
        writes
    }

    fn fail(&mut self, err: DbErr) {
        self.outcome = Some(Err(Failure::from(err).into()));
    }

    fn answer(self: Box<Self>) {
        metrics::histogram!(COMMIT_DURATION, "operation" => C::OPERATION)
            .record(self.queued_at.elapsed());
        if let Some(outcome) = self.outcome {
            // Whoever asked may be gone.
            let _ = self.reply.send(outcome);
        }
    }
}
