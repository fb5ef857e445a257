//! The threads of a load: open every connection, start together, end together.

use anyhow::{Context, Result, anyhow};
use futures_util::{StreamExt, TryStreamExt, stream};
use nix::time::{ClockId, clock_gettime};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::connection::{Address, Connection};
use super::open::Slots;
use super::progress::Progress;
use super::recorder::Recorder;
use super::{Call, Outcome, Plan, Script, Shape, Summary, Until, closed, open};

/// Puts the load on and measures it.
pub async fn drive(threads: usize, plan: &Plan, script: Arc<dyn Script>) -> Result<Summary> {
    let kinds = script.kinds();
    let addresses = Address::parse_list(&plan.base_url)?;
    let (abandon, abandoned) = watch::channel(false);
    let mut workers = Vec::new();
    for thread in 0..threads.max(1) {
        let worker = Worker {
            numbers: (thread..plan.shape.connections())
                .step_by(threads.max(1))
                .collect(),
            addresses: addresses.clone(),
            script: Arc::clone(&script),
            recorder: Arc::new(Mutex::new(Recorder::new(kinds.len()))),
            abandoned: abandoned.clone(),
        };
        workers.push(worker.start(thread)?);
    }
    for worker in &mut workers {
        let opened = (&mut worker.opened).await;
        opened.context("a thread of the load has ended early")??;
    }
    let go = Go::now(plan);
    for worker in &mut workers {
        if let Some(start) = worker.start.take() {
            // A thread that has ended meanwhile is noticed below.
            let _ = start.send(go.clone());
        }
    }
    if let Some(slots) = &go.slots {
        open::start_metronome(slots, go.end)?;
    }
    let recorders: Vec<_> = workers
        .iter()
        .map(|one| Arc::clone(&one.recorder))
        .collect();
    let mut progress = Progress::new(&go, plan, recorders);
    let generator_cpu = wait_for(workers, &mut progress, &abandon).await;
    let unsent = go.slots.as_deref().map_or(0, Slots::close);
    let mut summary = Summary::new(&progress.into_recorders(), kinds, go.warm_until);
    summary.generator_cpu = generator_cpu?;
    summary.unsent = unsent;
    Ok(summary)
}

/// Waits for every thread; gives the processor time that they have used.
async fn wait_for(
    workers: Vec<Running>,
    progress: &mut Progress,
    abandon: &watch::Sender<bool>,
) -> Result<Duration> {
    let mut used = Duration::ZERO;
    for worker in workers {
        used += progress.watch_until(worker.done, abandon).await??;
    }
    Ok(used)
}

/// The start of a load, and what follows from it.
#[derive(Debug, Clone)]
pub struct Go {
    pub start: Instant,
    /// Answers that come later are measured.
    pub warm_until: Instant,
    /// Nothing is asked later.
    pub end: Option<Instant>,
    /// When to ask, with an open load.
    pub slots: Option<Arc<Slots>>,
}

impl Go {
    fn now(plan: &Plan) -> Self {
        let start = Instant::now();
        let warm_until = start + plan.warm_up;
        Self {
            start,
            warm_until,
            end: match plan.until {
                Until::Elapsed(time) => Some(warm_until + time),
                Until::Exhausted => None,
            },
            slots: match plan.shape {
                Shape::Closed { .. } => None,
                Shape::Open { per_second, .. } => Some(Arc::new(Slots::new(start, per_second))),
            },
        }
    }

    /// Whether nothing is asked any more.
    pub fn is_over(&self, now: Instant) -> bool {
        self.end.is_some_and(|end| now >= end)
    }
}

/// A connection at work: it is opened again when it breaks.
pub struct Line {
    pub number: usize,
    pub script: Arc<dyn Script>,
    pub go: Go,
    address: Address,
    connection: Option<Connection>,
    recorder: Arc<Mutex<Recorder>>,
}

impl Line {
    /// Asks, waits for the answer and notes it down; its latency counts from `since`.
    pub async fn ask(&mut self, call: &Call, since: Instant) {
        let Some(connection) = &mut self.connection else {
            return;
        };
        lock(&self.recorder).in_flight += 1;
        let known = self.script.known_entity_tag(call);
        let Ok(answer) = connection.send(call, known).await else {
            let mut recorder = lock(&self.recorder);
            recorder.in_flight -= 1;
            recorder.lost += 1;
            self.connection = None;
            return;
        };
        if let Some(tag) = &answer.entity_tag {
            self.script.note_entity_tag(call, tag);
        }
        let status = answer.status.as_u16();
        let outcome = self.script.judge(call, status, &answer.body);
        let now = Instant::now();
        let kind = self.script.kind(call);
        let latency = now.saturating_duration_since(since);
        let mut recorder = lock(&self.recorder);
        recorder.record(outcome, kind, latency, now, now >= self.go.warm_until);
        if outcome == Outcome::Failed && recorder.first_failure.is_none() {
            recorder.first_failure = Some(describe(call, status, &answer.body));
        }
    }

    /// Opens the connection again if it is broken; gives up when the load is over.
    pub async fn mend(&mut self) {
        let mut pause = Duration::from_millis(10);
        while self.connection.is_none() && !self.go.is_over(Instant::now()) {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
            self.connection = Connection::open(&self.address).await.ok();
        }
    }
}

/// What a thread of the load needs.
struct Worker {
    /// The numbers of its connections.
    numbers: Vec<usize>,
    addresses: Vec<Address>,
    script: Arc<dyn Script>,
    recorder: Arc<Mutex<Recorder>>,
    abandoned: watch::Receiver<bool>,
}

/// A thread of the load.
struct Running {
    recorder: Arc<Mutex<Recorder>>,
    opened: oneshot::Receiver<Result<()>>,
    start: Option<oneshot::Sender<Go>>,
    /// The processor time it has used.
    done: oneshot::Receiver<Result<Duration>>,
}

impl Worker {
    fn start(self, thread: usize) -> Result<Running> {
        let (opened_sender, opened) = oneshot::channel();
        let (start, start_receiver) = oneshot::channel();
        let (done_sender, done) = oneshot::channel();
        let recorder = Arc::clone(&self.recorder);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        std::thread::Builder::new()
            .name(format!("load-{thread}"))
            .spawn(move || {
                runtime.block_on(self.run(opened_sender, start_receiver));
                // Nobody listens where the load was given up.
                let _ = done_sender.send(used_cpu());
            })?;
        Ok(Running {
            recorder,
            opened,
            start: Some(start),
            done,
        })
    }

    async fn run(mut self, opened: oneshot::Sender<Result<()>>, start: oneshot::Receiver<Go>) {
        let connections = match self.open().await {
            Ok(connections) => connections,
            Err(error) => {
                let _ = opened.send(Err(error));
                return;
            }
        };
        let _ = opened.send(Ok(()));
        let Ok(go) = start.await else {
            return;
        };
        let mut tasks = JoinSet::new();
        for (number, address, connection) in connections {
            let line = Line {
                number,
                script: Arc::clone(&self.script),
                go: go.clone(),
                address,
                connection: Some(connection),
                recorder: Arc::clone(&self.recorder),
            };
            match &go.slots {
                None => tasks.spawn(closed::run(line)),
                Some(slots) => tasks.spawn(open::run(line, Arc::clone(slots))),
            };
        }
        tokio::select! {
            () = async { while tasks.join_next().await.is_some() {} } => {}
            // Also where whoever wanted the load is gone.
            _ = self.abandoned.changed() => {}
        }
    }

    async fn open(&self) -> Result<Vec<(usize, Address, Connection)>> {
        stream::iter(self.numbers.clone())
            .map(|number| async move {
                let address = &self.addresses[number % self.addresses.len()];
                let connection = timeout(OPENS_WITHIN, Connection::open(address))
                    .await
                    .map_err(|_| anyhow!("the server does not take connections"))??;
                Ok((number, address.clone(), connection))
            })
            // As many at once as any server's queue holds.
            .buffer_unordered(64)
            .try_collect()
            .await
    }
}

const OPENS_WITHIN: Duration = Duration::from_secs(10);

/// A thread that panicked has noted nothing half-way that matters.
pub fn lock(recorder: &Mutex<Recorder>) -> MutexGuard<'_, Recorder> {
    recorder.lock().unwrap_or_else(PoisonError::into_inner)
}

fn used_cpu() -> Result<Duration> {
    let used = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?;
    Ok(used.into())
}

fn describe(call: &Call, status: u16, body: &[u8]) -> String {
    let body = String::from_utf8_lossy(&body[..body.len().min(500)]);
    format!(
        "{} {} was answered {status}: {body}",
        call.method, call.path
    )
}
