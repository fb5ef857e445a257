//! What every slice is given.

use foldhash::fast::RandomState;
use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::access::Access;
use crate::clock::Clock;
use crate::config::Config;
use crate::coordination::{Coordinator, Embedded};
use crate::db::Db;
use crate::entity::user::Role;
use crate::ids::{SessionId, UserId};
use crate::limiter::Limiter;
use crate::mirror::Mirror;

/// The running application; cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// What an access token says, once its signature was checked.
#[derive(Debug, Clone, Copy)]
pub struct CheckedToken {
    /// Whose it is.
    pub user: UserId,
    /// Of which session; none where a tool has signed it.
    pub session: Option<SessionId>,
    /// As which role it was issued.
    pub role: Role,
    /// When it ends, in seconds since 1970.
    pub expires_at: i64,
    /// As which role its holder may act; none where they may not any more.
    pub acts_as: Option<Role>,
    /// What was known of them when that was decided (see [`Access::generation`]).
    pub as_of: u64,
}

/// The parts of a running application.
pub struct Parts {
    /// The settings, as validated.
    pub config: Config,
    /// This instance's name, in answers, logs and probes.
    pub instance: String,
    /// Dates access tokens; holds are dated by the database.
    pub clock: Clock,
    /// The database, which decides.
    pub db: Db,
    /// The seats of the events in demand, in memory.
    pub mirror: Mirror,
    /// What tokens that were issued do not know of.
    pub access: Access,
    /// Locks and messages, which save work.
    pub coordinator: Coordinator,
    /// Counts attempts.
    pub limiter: Limiter,
    /// Signs access tokens.
    pub token_secret: Vec<u8>,
    /// Access tokens whose signatures were checked before. So nobody makes them up, and a quick hash
    /// will do.
    pub checked_tokens: Mutex<HashMap<String, CheckedToken, RandomState>>,
    /// One permit for each password that may be hashed at the same time.
    pub hashing: Semaphore,
    /// Idempotency keys of requests that this instance is working on.
    pub keys_in_flight: Mutex<HashSet<(UserId, String)>>,
    /// Work that must run to its end, whoever asked for it.
    tasks: TaskTracker,
    draining: AtomicBool,
}

impl App {
    /// Puts the parts together.
    pub fn new(
        config: Config,
        clock: Clock,
        db: Db,
        coordinator: Coordinator,
        token_secret: Vec<u8>,
    ) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self(Arc::new(Parts {
            instance: config.instance_name(),
            mirror: Mirror::new(db.clone(), config.mirror_tickets()),
            access: Access::new(db.clone()),
            limiter: Limiter::new(&config),
            config,
            clock,
            db,
            coordinator,
            token_secret,
            checked_tokens: Mutex::default(),
            // Half of the machine at the most, so that a login storm cannot starve sales.
            hashing: Semaphore::new((cores / 2).max(1)),
            keys_in_flight: Mutex::default(),
            tasks: TaskTracker::new(),
            draining: AtomicBool::new(false),
        }))
    }

    /// An application that reaches for nothing, for what needs no database: the OpenAPI document.
    pub fn disconnected(config: Config, clock: Clock) -> Self {
        let secret = config.jwt_secret.clone().unwrap_or_default().into_bytes();
        let coordinator = Coordinator::Embedded(Embedded::default());
        Self::new(config, clock, Db::disconnected(), coordinator, secret)
    }

    /// Runs `work` in a task of its own and waits for it.
    ///
    /// A caller that goes away stops waiting; the work goes on to its end. Every transaction
    /// that writes is begun in here.
    ///
    /// # Panics
    /// Where `work` panics.
    pub async fn detached<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        match self.tasks.spawn(work.in_current_span()).await {
            Ok(done) => done,
            Err(err) => std::panic::resume_unwind(err.into_panic()),
        }
    }

    /// Whether the instance is shutting down.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// From now on the instance is not ready.
    pub fn start_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Waits for all detached work. No more may be started.
    pub async fn finish_tasks(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
