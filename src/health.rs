//! Probes: is the process alive, and should it be given requests?
//!
//! Ready means that the database answers and the instance is not shutting down. Lock nodes and
//! messages are told but do not count: without them Holdfast goes on selling.

use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi};
use std::time::Duration;
use tokio::time::timeout;

use crate::config::WithoutLocks;
use crate::coordination;
use crate::state::App;
use crate::tags::Tags;
use crate::telemetry::{DEPENDENCY_UP, OkOrLog};

/// The probes.
pub struct HealthApi {
    /// The application.
    pub app: App,
}

/// The process is alive.
#[derive(Debug, Object)]
pub struct Live {
    /// Always `live`.
    status: String,
    /// This instance.
    instance: String,
}

/// Whether the instance should be given requests, and how its dependencies are.
#[derive(Debug, Object)]
pub struct Readiness {
    /// Whether it should be given requests, and why not.
    status: ReadyStatus,
    /// This instance.
    instance: String,
    /// What it depends on.
    dependencies: Dependencies,
}

/// Whether an instance should be given requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum ReadyStatus {
    /// Yes.
    Ready,
    /// No: it is shutting down.
    Draining,
    /// No: what it cannot do without is gone.
    Unavailable,
}

/// How the dependencies of an instance are.
#[derive(Debug, Object)]
pub struct Dependencies {
    /// Decides; without it nothing works.
    database: Dependency,
    /// Redis for messages; absent where the instance runs alone.
    #[oai(skip_serializing_if_is_none)]
    messages: Option<Dependency>,
    /// The lock nodes; absent where the instance runs alone.
    #[oai(skip_serializing_if_is_none)]
    locks: Option<Locks>,
}

/// How a dependency is.
#[derive(Debug, Object)]
pub struct Dependency {
    /// `up` or `down`.
    status: DependencyStatus,
}

/// How the lock nodes are.
#[derive(Debug, Object)]
pub struct Locks {
    /// `up`, `degraded` (a minority is down) or `down` (no quorum).
    status: DependencyStatus,
    /// Each node.
    nodes: Vec<LockNode>,
}

/// A lock node.
#[derive(Debug, Object)]
pub struct LockNode {
    /// Host and port.
    node: String,
    /// `up` or `down`.
    status: DependencyStatus,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum DependencyStatus {
    /// It answers.
    Up,
    /// Enough of it answers.
    Degraded,
    /// It does not answer.
    Down,
}

/// Whether the instance is ready.
#[derive(ApiResponse)]
pub enum Ready {
    /// Give it requests.
    #[oai(status = 200)]
    Yes(Json<Readiness>),
    /// Give it none.
    #[oai(status = 503)]
    No(Json<Readiness>),
}

#[OpenApi(prefix_path = "/health", tag = "Tags::Operations")]
impl HealthApi {
    /// Alive?
    ///
    /// Answers as long as the process does; restart it when this fails.
    #[oai(path = "/live", method = "get", operation_id = "live")]
    #[expect(clippy::unused_async, reason = "the API macro awaits its handlers")]
    async fn live(&self) -> Json<Live> {
        Json(Live {
            status: "live".to_owned(),
            instance: self.app.instance.clone(),
        })
    }

    /// Ready?
    ///
    /// With the state of each dependency; send no requests while this is 503.
    #[oai(path = "/ready", method = "get", operation_id = "ready")]
    async fn ready(&self) -> Ready {
        let readiness = probe(&self.app).await;
        if readiness.status == ReadyStatus::Ready {
            Ready::Yes(Json(readiness))
        } else {
            Ready::No(Json(readiness))
        }
    }
}

/// Asks the database and looks at what the background probes saw.
pub async fn probe(app: &App) -> Readiness {
    let database = timeout(DATABASE_PATIENCE, app.db.read_time()).await;
    let database_is_up =
        database.is_ok_and(|time| time.ok_or_log("probing the database").is_some());
    metrics::gauge!(DEPENDENCY_UP, "dependency" => "database").set(f64::from(database_is_up));

    let health = app.coordinator.health();
    let has_no_quorum = health
        .locks
        .as_ref()
        .is_some_and(|locks| locks.status == coordination::Status::Down);
    let needs_locks = app.config.without_locks == WithoutLocks::Refuse;
    let status = if app.is_draining() {
        ReadyStatus::Draining
    } else if !database_is_up || (has_no_quorum && needs_locks) {
        ReadyStatus::Unavailable
    } else {
        ReadyStatus::Ready
    };
    Readiness {
        status,
        instance: app.instance.clone(),
        dependencies: Dependencies {
            database: Dependency {
                status: if database_is_up {
                    DependencyStatus::Up
                } else {
                    DependencyStatus::Down
                },
            },
            messages: health.messages.map(|status| Dependency {
                status: status.into(),
            }),
            locks: health.locks.map(Into::into),
        },
    }
}

const DATABASE_PATIENCE: Duration = Duration::from_secs(2);

impl From<coordination::Status> for DependencyStatus {
    fn from(status: coordination::Status) -> Self {
        match status {
            coordination::Status::Up => Self::Up,
            coordination::Status::Degraded => Self::Degraded,
            coordination::Status::Down => Self::Down,
        }
    }
}

impl From<coordination::LockHealth> for Locks {
    fn from(locks: coordination::LockHealth) -> Self {
        let nodes = locks.nodes.into_iter().map(|node| LockNode {
            node: node.node,
            status: node.status.into(),
        });
        Self {
            status: locks.status.into(),
            nodes: nodes.collect(),
        }
    }
}
