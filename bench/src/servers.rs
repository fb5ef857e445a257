//! The servers of a comparison, all on this machine: they end with this program, whichever way it ends.

use std::{
    collections::BTreeMap,
    env, fmt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context, Result};
use clap::ValueEnum;
use kit::{Instance, Nginx, Postgres, Program, RedisNode};

use crate::{
    machine::{Parts, processors},
    peers::{Peer, tables},
};

/// Everything else is as PostgreSQL comes: what is committed has reached the disk.
pub const POSTGRES_SETTINGS: [&str; 3] = [
    "shared_buffers=512MB",
    "max_connections=300",
    // No run pays for the checkpoint that another has caused; one is made before each.
    "max_wal_size=4GB",
];

const LOCK_NODES: usize = 3;

const JWT_SECRET: &str = "a secret of the bench, and long enough for it";

const MANY_ATTEMPTS: &str = "1000000/1s";

/// The database of everything but Holdfast.
pub const PEERS_DATABASE: &str = "peers";

/// What stays up during the whole comparison. Idle Redis nodes and PostgreSQL cost nothing; instances
/// and peers run only while they are measured.
#[derive(Debug)]
pub struct Servers {
    pub postgres: Postgres,
    lock_nodes: Vec<RedisNode>,
    messages: RedisNode,
    /// Where the release binary of Holdfast is.
    pub holdfast: PathBuf,
}

/// How an instance is started; the same for each of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuning {
    /// Connections to the database.
    pub pool: u32,
    pub threads: usize,
    /// Whether Holdfast's committer has a thread of its own beside them.
    pub commits_apart: bool,
}

impl Tuning {
    /// Everything worth trying of a server that has the machine's processors to itself, but for the load
    /// and the databases.
    pub fn to_try(pools: &[u32]) -> Vec<Self> {
        let mut threads = vec![1, processors()];
        threads.dedup();
        let with = |threads: usize| pools.iter().map(move |&pool| Self::of(pool, threads));
        threads.into_iter().flat_map(with).collect()
    }

    /// The same of Holdfast, which may have one thread beside one that commits.
    pub fn to_try_of_holdfast(pool: u32) -> Vec<Self> {
        let apart = Self {
            commits_apart: true,
            ..Self::of(pool, 1)
        };
        let mut tunings = Self::to_try(&[pool]);
        tunings.push(apart);
        tunings
    }

    /// With everything on the same threads.
    pub fn of(pool: u32, threads: usize) -> Self {
        Self {
            pool,
            threads,
            commits_apart: false,
        }
    }

    /// One thread: for several processes that share a small machine.
    pub fn one_of_several(self) -> Self {
        Self { threads: 1, ..self }
    }
}

impl fmt::Display for Tuning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.pool, self.threads)?;
        if self.commits_apart {
            f.write_str("+1")?;
        }
        Ok(())
    }
}

impl Servers {
    pub async fn start(holdfast: &Path) -> Result<Self> {
        kit::use_local_servers();
        let postgres = Postgres::start_durable(&POSTGRES_SETTINGS).await?;
        let create = format!("CREATE DATABASE {PEERS_DATABASE}");
        postgres.administer(&create).await?;
        Ok(Self {
            postgres,
            lock_nodes: RedisNode::start_several(LOCK_NODES).await,
            messages: RedisNode::start().await,
            holdfast: holdfast.to_owned(),
        })
    }

    /// The URL of a new database.
    pub async fn create_database(&self) -> Result<String> {
        static CREATED: AtomicU32 = AtomicU32::new(0);
        let name = format!("holdfast_{}", CREATED.fetch_add(1, Ordering::Relaxed));
        let create = format!("CREATE DATABASE {name}");
        self.postgres.administer(&create).await?;
        Ok(self.postgres.url(&name))
    }

    /// Drops a database that nothing is connected to any more.
    pub async fn drop_database(&self, url: &str) -> Result<()> {
        let name = url.rsplit('/').next().context("a URL without a database")?;
        let drop = format!("DROP DATABASE {name} WITH (FORCE)");
        self.postgres.administer(&drop).await
    }

    /// Writes out what earlier runs have changed, so that the next does not pay for it.
    pub async fn settle(&self) -> Result<()> {
        self.postgres.administer("CHECKPOINT").await
    }

    /// Makes the tables of [`PEERS_DATABASE`] anew.
    pub async fn create_tables(&self, seats: i64) -> Result<()> {
        tables::create_tables(&self.peers_url(), seats).await
    }

    pub fn peers_url(&self) -> String {
        self.postgres.url(PEERS_DATABASE)
    }

    /// Instances over one database and the Redis nodes.
    pub async fn instances(
        &self,
        count: usize,
        database_url: &str,
        tuning: Tuning,
    ) -> Result<Vec<Instance>> {
        let locks: Vec<String> = self.lock_nodes.iter().map(RedisNode::url).collect();
        let mut env = settings(tuning);
        env.insert("DATABASE_URL".to_owned(), database_url.to_owned());
        env.insert("REDIS_URL".to_owned(), self.messages.url());
        env.insert("LOCK_REDIS_URLS".to_owned(), locks.join(","));
        let mut instances = Vec::new();
        for number in 1..=count {
            let name = format!("app-{number}");
            let started = Instance::start_of(&self.holdfast, &name, env.clone()).await;
            instances.push(started.with_context(|| format!("failed to start {name}"))?);
        }
        Ok(instances)
    }

    /// A node that needs nothing else, and the URL of its database.
    pub async fn sqlite_node(&self, tuning: Tuning) -> Result<(Instance, String)> {
        let node = Instance::start_of(&self.holdfast, "node", settings(tuning)).await?;
        let file = node.directory().join("data/holdfast.sqlite");
        let url = format!("sqlite://{}", file.display());
        Ok((node, url))
    }

    /// A peer over [`PEERS_DATABASE`] and one Redis node.
    pub async fn peer(&self, peer: Peer, tuning: Tuning) -> Result<Program> {
        let bench = env::current_exe()?;
        let value = peer.to_possible_value().context("a peer has a name")?;
        let (threads, pool) = (tuning.threads.to_string(), tuning.pool.to_string());
        let (database, redis) = (self.peers_url(), self.messages.url());
        let args = [
            "peer",
            value.get_name(),
            "--threads",
            &threads,
            "--pool",
            &pool,
            "--database-url",
            &database,
            "--redis-url",
            &redis,
        ];
        Program::start(&bench, &args).await
    }

    /// PostgreSQL and Redis as parts of what is measured.
    pub fn parts(&self) -> Parts {
        let nodes = self.lock_nodes.iter().chain([&self.messages]);
        vec![
            ("PostgreSQL", self.postgres.pid().into_iter().collect()),
            ("Redis", nodes.filter_map(RedisNode::pid).collect()),
        ]
    }
}

/// These instances as a part of what is measured.
pub fn part_of(instances: &[Instance]) -> (&'static str, Vec<u32>) {
    ("Holdfast", instances.iter().map(Instance::pid).collect())
}

/// Nginx, with the rules of the project, over instances or others.
pub async fn balance<'a>(addresses: impl Iterator<Item = &'a str>) -> Result<Nginx> {
    let addresses: Vec<&str> = addresses.collect();
    Nginx::start(&addresses).await
}

/// The secret that tokens are signed with.
pub fn jwt_secret() -> &'static str {
    JWT_SECRET
}

fn settings(tuning: Tuning) -> BTreeMap<String, String> {
    let settings = [
        ("HOLDFAST_JWT_SECRET", JWT_SECRET.to_owned()),
        ("HOLDFAST_DEMO", "off".to_owned()),
        ("HOLDFAST_LOG", "warn".to_owned()),
        // Every attempt is counted, but nobody is refused: all of them come from one address.
        ("HOLDFAST_LIMIT_RESERVE", MANY_ATTEMPTS.to_owned()),
        ("HOLDFAST_LIMIT_RESERVE_ADDRESS", MANY_ATTEMPTS.to_owned()),
        // An event of a million tickets is made in one request.
        ("HOLDFAST_REQUEST_TIMEOUT_MS", "120000".to_owned()),
        ("HOLDFAST_LOG_FORMAT", "text".to_owned()),
        ("HOLDFAST_WORKER_THREADS", tuning.threads.to_string()),
        (
            "HOLDFAST_COMMIT_THREAD",
            if tuning.commits_apart { "on" } else { "off" }.to_owned(),
        ),
        ("HOLDFAST_DB_MAX_CONNECTIONS", tuning.pool.to_string()),
        ("NO_COLOR", "1".to_owned()),
    ];
    let owned = |(name, value): (&str, String)| (name.to_owned(), value);
    settings.into_iter().map(owned).collect()
}
