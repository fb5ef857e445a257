//! Every setting: its meaning, default, environment name; read and checked once, at the start.
//!
//! Each setting is a flag and an environment variable. A wrong one ends the start with one line
//! that says which setting, what was given and what is allowed.

mod check;
mod limits;
mod mail;

pub use check::{ConfigError, MIN_PASSWORD_CHARS, MIN_SECRET_BYTES};
pub use limits::{Limit, LimitSettings, Quota};
pub use mail::MailSettings;

use check::{address, database_url, instance_name, public_url, redis_url};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::fmt;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Sells tickets that exist once, to crowds, without ever selling one twice.
///
/// Without any setting this serves one node on SQLite with in-process coordination. With
/// `DATABASE_URL`, `REDIS_URL` and `LOCK_REDIS_URLS` the same binary is one of many instances.
#[derive(Debug, Parser)]
#[command(name = "holdfast", version, propagate_version = true)]
pub struct Cli {
    /// What to do; `serve` when absent.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// The settings, valid with every command.
    #[command(flatten)]
    pub config: Config,
}

/// What the binary can do.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Serve the API (the default).
    Serve,
    /// Bring the database schema up to date, then leave.
    Migrate,
    /// Manage administrators.
    Admin {
        /// What to do with them.
        #[command(subcommand)]
        action: AdminAction,
    },
    /// Print the OpenAPI document.
    Openapi,
    /// Check every invariant in the database; leaves with 1 and says what is wrong if any is broken.
    Verify,
}

/// What can be done with administrators.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum AdminAction {
    /// Make the account of --admin-email an admin, creating it with --admin-password if need be.
    Create,
}

/// Every setting of Holdfast.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Settings")]
pub struct Config {
    /// Address and port of the API.
    #[arg(long, env = "HOLDFAST_LISTEN", default_value = "127.0.0.1:8080", value_parser = address, value_name = "ADDR:PORT", global = true)]
    pub listen: SocketAddr,

    /// Address and port of the metrics and health probes; never expose it to the public.
    #[arg(long, env = "HOLDFAST_METRICS_LISTEN", default_value = "127.0.0.1:9464", value_parser = address, value_name = "ADDR:PORT", global = true)]
    pub metrics_listen: SocketAddr,

    /// `postgres://user:password@host/database`, or `sqlite://path`; absent: SQLite in the data directory.
    #[arg(long, env = "DATABASE_URL", value_parser = database_url, value_name = "URL", hide_env_values = true, global = true)]
    pub database_url: Option<String>,

    /// Redis for messages between instances.
    #[arg(long, env = "REDIS_URL", value_parser = redis_url, value_name = "URL", hide_env_values = true, global = true)]
    pub redis_url: Option<String>,

    /// Independent Redis nodes that hold the ticket locks, separated by commas; an odd number, 3 or 5, survives the loss of a minority.
    #[arg(long, env = "LOCK_REDIS_URLS", value_parser = redis_url, value_delimiter = ',', value_name = "URL,URL,...", hide_env_values = true, global = true)]
    pub lock_redis_urls: Vec<String>,

    /// Where the SQLite database and the generated secret live.
    #[arg(
        long,
        env = "HOLDFAST_DATA_DIR",
        default_value = "data",
        value_name = "DIR",
        global = true
    )]
    pub data_dir: PathBuf,

    /// How long a hold lasts, in seconds.
    #[arg(long, env = "HOLDFAST_HOLD_TTL_SECS", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=86_400), value_name = "SECONDS", global = true)]
    pub hold_ttl_secs: u32,

    /// The longest a hold can be extended to, in seconds since it began.
    #[arg(long, env = "HOLDFAST_HOLD_MAX_SECS", default_value_t = 900, value_parser = clap::value_parser!(u32).range(1..=86_400), value_name = "SECONDS", global = true)]
    pub hold_max_secs: u32,

    /// How long a ticket's lock lives if its holder dies, in milliseconds.
    #[arg(long, env = "HOLDFAST_LOCK_TTL_MS", default_value_t = 5000, value_parser = clap::value_parser!(u32).range(100..=60_000), value_name = "MILLISECONDS", global = true)]
    pub lock_ttl_ms: u32,

    /// Most tickets whose states are kept in memory, over all events; the events least asked for are dropped first. A million take some 25 MB.
    #[arg(long, env = "HOLDFAST_MIRROR_TICKETS", default_value_t = 2_000_000, value_parser = clap::value_parser!(u32).range(1..=100_000_000), value_name = "TICKETS", global = true)]
    pub mirror_tickets: u32,

    /// Most changes that wait to be committed; more are refused with 503 and Retry-After.
    #[arg(long, env = "HOLDFAST_COMMIT_QUEUE", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..=1_000_000), value_name = "CHANGES", global = true)]
    pub commit_queue: u32,

    /// How long a request for named tickets waits for another's lock before it is refused, in milliseconds; well below the lock's life.
    #[arg(long, env = "HOLDFAST_LOCK_WAIT_MS", default_value_t = 50, value_parser = clap::value_parser!(u32).range(0..=10_000), value_name = "MILLISECONDS", global = true)]
    pub lock_wait_ms: u32,

    /// What to do when no quorum of lock nodes answers: go on selling on the version column alone, or refuse.
    #[arg(long, env = "HOLDFAST_WITHOUT_LOCKS", default_value_t = WithoutLocks::Continue, value_enum, value_name = "POLICY", global = true)]
    pub without_locks: WithoutLocks,

    /// Secret that signs access tokens, at least 32 bytes, the same on every instance; generated and kept in the data directory on SQLite.
    #[arg(
        long,
        env = "HOLDFAST_JWT_SECRET",
        value_name = "SECRET",
        hide_env_values = true,
        global = true
    )]
    pub jwt_secret: Option<String>,

    /// How long an access token is valid, in seconds.
    #[arg(long, env = "HOLDFAST_ACCESS_TOKEN_TTL_SECS", default_value_t = 3600, value_parser = clap::value_parser!(u32).range(1..=86_400), value_name = "SECONDS", global = true)]
    pub access_token_ttl_secs: u32,

    /// How long a session lasts that is not used, in seconds; each refresh begins that time anew.
    #[arg(long, env = "HOLDFAST_REFRESH_TOKEN_TTL_SECS", default_value_t = 2_592_000, value_parser = clap::value_parser!(u32).range(1..=31_536_000), value_name = "SECONDS", global = true)]
    pub refresh_token_ttl_secs: u32,

    /// Where people reach this service, for links in mails; default: <http://localhost> and the port of --listen.
    #[arg(long, env = "HOLDFAST_PUBLIC_URL", value_parser = public_url, value_name = "URL", global = true)]
    pub public_url: Option<String>,

    /// The account with this e-mail is an admin once the server has started.
    #[arg(
        long,
        env = "HOLDFAST_ADMIN_EMAIL",
        value_name = "EMAIL",
        global = true
    )]
    pub admin_email: Option<String>,

    /// The password for a new admin account; an existing account keeps its own.
    #[arg(
        long,
        env = "HOLDFAST_ADMIN_PASSWORD",
        value_name = "PASSWORD",
        hide_env_values = true,
        global = true
    )]
    pub admin_password: Option<String>,

    /// Create a demo venue, event and logins in an empty database; default: on with SQLite, off otherwise.
    #[arg(
        long,
        env = "HOLDFAST_DEMO",
        value_enum,
        value_name = "SWITCH",
        global = true
    )]
    pub demo: Option<Switch>,

    /// How often somebody may try.
    #[command(flatten)]
    pub limits: LimitSettings,

    /// How mails leave.
    #[command(flatten)]
    pub mail: MailSettings,

    /// Threads that serve requests; default: one per core. One is fastest where several instances share a small machine.
    #[arg(long, env = "HOLDFAST_WORKER_THREADS", value_parser = clap::value_parser!(u16).range(1..=1024), value_name = "THREADS", global = true)]
    pub worker_threads: Option<u16>,

    /// Whether the committer has a thread of its own beside them: faster where an instance does little but sell, and has two processors.
    #[arg(
        long,
        env = "HOLDFAST_COMMIT_THREAD",
        default_value = "off",
        value_enum,
        value_name = "SWITCH",
        global = true
    )]
    pub commit_thread: Switch,

    /// Most database connections of this instance.
    #[arg(long, env = "HOLDFAST_DB_MAX_CONNECTIONS", default_value_t = 16, value_parser = clap::value_parser!(u32).range(2..=1000), value_name = "CONNECTIONS", global = true)]
    pub db_max_connections: u32,

    /// How long a request waits for a database connection, in milliseconds.
    #[arg(long, env = "HOLDFAST_DB_ACQUIRE_MS", default_value_t = 5000, value_parser = clap::value_parser!(u32).range(10..=60_000), value_name = "MILLISECONDS", global = true)]
    pub db_acquire_ms: u32,

    /// Most requests answered at once; more are refused with 503 and Retry-After.
    #[arg(long, env = "HOLDFAST_MAX_IN_FLIGHT", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..=1_000_000), value_name = "REQUESTS", global = true)]
    pub max_in_flight: u32,

    /// How long a request may take before its caller is told to ask again, in milliseconds; less than the load balancer waits.
    #[arg(long, env = "HOLDFAST_REQUEST_TIMEOUT_MS", default_value_t = 25_000, value_parser = clap::value_parser!(u32).range(100..=600_000), value_name = "MILLISECONDS", global = true)]
    pub request_timeout_ms: u32,

    /// How long the payment provider may take to answer, in milliseconds.
    #[arg(long, env = "HOLDFAST_PAYMENT_TIMEOUT_MS", default_value_t = 3000, value_parser = clap::value_parser!(u32).range(10..=60_000), value_name = "MILLISECONDS", global = true)]
    pub payment_timeout_ms: u32,

    /// How long to wait at the start for the database to be there, in seconds.
    #[arg(long, env = "HOLDFAST_START_TIMEOUT_SECS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(0..=3600), value_name = "SECONDS", global = true)]
    pub start_timeout_secs: u32,

    /// How long requests in flight may take to finish after SIGTERM, in seconds.
    #[arg(long, env = "HOLDFAST_DRAIN_SECS", default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=600), value_name = "SECONDS", global = true)]
    pub drain_secs: u32,

    /// This instance's name in answers, logs and probes; default: host name and port.
    #[arg(long, env = "HOLDFAST_INSTANCE", value_parser = instance_name, value_name = "NAME", global = true)]
    pub instance: Option<String>,

    /// Form of the log; default: text on a terminal, json otherwise.
    #[arg(
        long,
        env = "HOLDFAST_LOG_FORMAT",
        value_enum,
        value_name = "FORMAT",
        global = true
    )]
    pub log_format: Option<LogFormat>,

    /// What is logged, as in `info` or `holdfast=debug,sqlx=warn`.
    #[arg(
        long,
        env = "HOLDFAST_LOG",
        default_value = "info",
        value_name = "FILTER",
        global = true
    )]
    pub log: String,
}

/// What happens when no quorum of lock nodes answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WithoutLocks {
    /// Sell on the version column alone: as correct, more conflicts.
    Continue,
    /// Answer 503 until the locks are back.
    Refuse,
}

impl fmt::Display for WithoutLocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Continue => "continue",
            Self::Refuse => "refuse",
        })
    }
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// Yes.
    #[value(alias = "true", alias = "1")]
    On,
    /// No.
    #[value(alias = "false", alias = "0")]
    Off,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one object a line.
    Json,
}

impl Config {
    /// Whether the database is a SQLite file, so that this is the only instance.
    pub fn is_sqlite(&self) -> bool {
        self.database_url
            .as_deref()
            .is_none_or(|url| url.starts_with("sqlite:"))
    }

    /// Whether tickets are locked and messages sent through Redis rather than in process.
    pub fn uses_redis(&self) -> bool {
        self.redis_url.is_some() || !self.lock_redis_urls.is_empty()
    }

    /// Whether an empty database gets the demo.
    pub fn wants_demo(&self) -> bool {
        self.demo
            .map_or(self.is_sqlite(), |switch| switch == Switch::On)
    }

    /// The form of the log for where it goes.
    pub fn log_format(&self) -> LogFormat {
        self.log_format.unwrap_or_else(|| {
            if std::io::stderr().is_terminal() {
                LogFormat::Text
            } else {
                LogFormat::Json
            }
        })
    }

    /// This instance's name.
    pub fn instance_name(&self) -> String {
        self.instance.clone().unwrap_or_else(|| {
            let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
            let host = match host.trim() {
                "" => "holdfast",
                name => name,
            };
            format!("{host}-{}", self.listen.port())
        })
    }

    /// Most changes that wait to be committed.
    pub fn commit_queue(&self) -> usize {
        usize::try_from(self.commit_queue).unwrap_or(usize::MAX)
    }

    /// Most tickets whose states are kept in memory.
    pub fn mirror_tickets(&self) -> usize {
        usize::try_from(self.mirror_tickets).unwrap_or(usize::MAX)
    }

    /// How long a session lasts that is not used.
    pub fn refresh_token_ttl(&self) -> Duration {
        Duration::from_secs(self.refresh_token_ttl_secs.into())
    }

    /// Where people reach this service, without a slash at the end.
    pub fn public_url(&self) -> String {
        self.public_url
            .clone()
            .unwrap_or_else(|| format!("http://localhost:{}", self.listen.port()))
    }

    /// How long a hold lasts.
    pub fn hold_ttl(&self) -> Duration {
        Duration::from_secs(self.hold_ttl_secs.into())
    }

    /// The longest a hold can be extended to, since it began.
    pub fn hold_max(&self) -> Duration {
        Duration::from_secs(self.hold_max_secs.into())
    }

    /// How long a request for named tickets waits for another's lock.
    pub fn lock_wait(&self) -> Duration {
        Duration::from_millis(self.lock_wait_ms.into())
    }

    /// How long a ticket's lock lives if its holder dies.
    pub fn lock_ttl(&self) -> Duration {
        Duration::from_millis(self.lock_ttl_ms.into())
    }

    /// How long a request may take before its caller is told to ask again.
    pub fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms.into())
    }

    /// How long the payment provider may take to answer.
    pub fn payment_timeout(&self) -> Duration {
        Duration::from_millis(self.payment_timeout_ms.into())
    }
}
