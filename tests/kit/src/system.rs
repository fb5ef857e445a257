//! What an [`App`](crate::App) and a [`Cluster`](crate::Cluster) have in common: an address that answers
//! requests, a database behind it, and Redis nodes.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result};
use reqwest::Client;
use sea_orm::DatabaseConnection;
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::{
    backend::Backend, database::Database, instance, janitor::Directory, mail_server::MailServer,
    people::Person, postgres::Postgres, postgres::connect, redis::RedisNode,
};

pub const ADMIN_EMAIL: &str = "admin@example.com";
pub const ADMIN_PASSWORD: &str = "correct horse battery";

/// Counts the batches that stand before a row which another transaction has.
pub const WAITING_BATCHES: &str = "SELECT count(*) FROM pg_stat_activity \
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'WITH made %'";

const MAIL_FROM: &str = "Holdfast <tickets@holdfast.example>";

const JWT_SECRET: &str = "a secret of the tests, and long enough for them";

/// Longer than Nginx waits for an instance that hangs, so that its answer is what a test sees.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(45);

/// The system under test, as a client and as an operator see it.
#[derive(Debug)]
pub struct System {
    pub(crate) client: Client,
    base_url: String,
    pub(crate) admin: OnceCell<Person>,
    /// Empty with embedded coordination.
    pub lock_nodes: Vec<RedisNode>,
    messages: Option<RedisNode>,
    mail_server: Option<MailServer>,
    database: Database,
    env: BTreeMap<String, String>,
    directory: Directory,
}

/// The stores of a system, before anything uses them.
pub(crate) struct Stores {
    backend: Backend,
    lock_nodes: Vec<RedisNode>,
    messages: Option<RedisNode>,
    pub(crate) mail_server: Option<MailServer>,
    database: Database,
    directory: Directory,
}

impl Stores {
    pub(crate) async fn start(
        backend: Backend,
        lock_nodes: usize,
        own_postgres: bool,
    ) -> Result<Self> {
        let directory = Directory::create("stores")?;
        let mut nodes = match backend {
            Backend::SqliteRedis | Backend::PostgresRedis => {
                RedisNode::start_several(lock_nodes + 1).await
            }
            Backend::SqliteEmbedded | Backend::PostgresEmbedded => Vec::new(),
        };
        let database = match backend {
            Backend::SqliteEmbedded | Backend::SqliteRedis => Database::sqlite(&directory),
            Backend::PostgresEmbedded | Backend::PostgresRedis if own_postgres => {
                Database::own_postgres().await?
            }
            Backend::PostgresEmbedded | Backend::PostgresRedis => Database::postgres().await?,
        };
        Ok(Self {
            backend,
            messages: nodes.pop(),
            lock_nodes: nodes,
            mail_server: None,
            database,
            directory,
        })
    }

    /// The settings that every instance over these stores shares.
    pub(crate) fn env(&self) -> BTreeMap<String, String> {
        let mut env: BTreeMap<&str, String> = [
            ("DATABASE_URL", self.database.url()),
            ("HOLDFAST_ADMIN_EMAIL", ADMIN_EMAIL.to_owned()),
            ("HOLDFAST_ADMIN_PASSWORD", ADMIN_PASSWORD.to_owned()),
            ("HOLDFAST_DEMO", "off".to_owned()),
            // A crowd of the tests comes from one address; stories about limits turn them on.
            ("HOLDFAST_LIMITS", "off".to_owned()),
            ("HOLDFAST_LOG_FORMAT", "text".to_owned()),
            ("HOLDFAST_WORKER_THREADS", "1".to_owned()),
            ("NO_COLOR", "1".to_owned()),
        ]
        .into();
        // Alone on a laptop a node makes up its own secret; the tests want to see that too.
        if self.backend != Backend::SqliteEmbedded {
            env.insert("HOLDFAST_JWT_SECRET", JWT_SECRET.to_owned());
        }
        if let Some(messages) = &self.messages {
            let locks: Vec<String> = self.lock_nodes.iter().map(RedisNode::url).collect();
            env.insert("REDIS_URL", messages.url());
            env.insert("LOCK_REDIS_URLS", locks.join(","));
        }
        if let Some(mail_server) = &self.mail_server {
            env.insert("HOLDFAST_SMTP_URL", mail_server.url());
            env.insert("HOLDFAST_MAIL_FROM", MAIL_FROM.to_owned());
        }
        let data = self.directory.join("data").display().to_string();
        env.insert("HOLDFAST_DATA_DIR", data);
        let owned = |(name, value): (&str, String)| (name.to_owned(), value);
        env.into_iter().map(owned).collect()
    }
}

impl System {
    pub(crate) fn new(
        stores: Stores,
        base_url: String,
        env: BTreeMap<String, String>,
    ) -> Result<Self> {
        Ok(Self {
            client: Client::builder()
                .no_proxy()
                .pool_max_idle_per_host(usize::MAX)
                .redirect(reqwest::redirect::Policy::none())
                .timeout(REQUEST_TIMEOUT)
                .build()?,
            base_url,
            admin: OnceCell::new(),
            lock_nodes: stores.lock_nodes,
            messages: stores.messages,
            mail_server: stores.mail_server,
            database: stores.database,
            env,
            directory: stores.directory,
        })
    }

    /// Where requests go: `http://127.0.0.1:12345`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    pub fn database_url(&self) -> String {
        self.database.url()
    }

    /// The Redis node that carries the messages between instances.
    ///
    /// # Panics
    /// With embedded coordination, which has none.
    pub fn messages(&self) -> &RedisNode {
        let messages = self.messages.as_ref();
        messages.expect("embedded coordination has no message node")
    }

    /// The mail server that was asked for with [`mail_server`](crate::Builder::mail_server).
    ///
    /// # Panics
    /// When none was.
    pub fn mail_server(&self) -> &MailServer {
        let server = self.mail_server.as_ref();
        server.expect("the story asks for a mail server")
    }

    /// The mails that were written into files for want of a mail server, the oldest first.
    pub fn mail_files(&self) -> Vec<String> {
        let directory = self.directory.join("data").join("mail");
        let entries = std::fs::read_dir(directory).into_iter().flatten();
        let mut files: Vec<_> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
            .collect();
        files.sort();
        let texts = files.iter().map(std::fs::read_to_string);
        texts.collect::<Result<_, _>>().expect("a mail is a text")
    }

    /// Tells every instance what has changed, as one of them does, whether or not it is so.
    pub async fn say(&self, changes: &Value) {
        let message = serde_json::json!({ "by": "somebody", "changes": changes });
        let publish = format!("PUBLISH holdfast:changes '{message}'");
        let said = self.messages().command(&publish).await;
        said.expect("the message node can be asked");
    }

    /// The PostgreSQL server. Ask for one of your own before you pause or stop it: tests share it.
    ///
    /// # Panics
    /// With SQLite.
    pub fn postgres(&self) -> &Postgres {
        self.database.server().expect("SQLite has no server")
    }

    /// The rows that a query selects, each as a JSON object.
    pub async fn rows(&self, query: &str) -> Vec<Value> {
        let rows = self.database.rows(query).await;
        rows.unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// The number that a query selects: `count("SELECT count(*) FROM reservations")`.
    pub async fn count(&self, query: &str) -> i64 {
        let rows = self.rows(query).await;
        let number = rows
            .first()
            .and_then(|row| row.as_object()?.values().next()?.as_i64());
        number.unwrap_or_else(|| panic!("{query} selects {rows:?}, not a number"))
    }

    /// A connection past the application, for what takes more than one call.
    pub async fn connect(&self) -> DatabaseConnection {
        let connection = connect(&self.database_url()).await;
        connection.unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Runs statements past the application, and returns how many rows the last one has changed.
    pub async fn execute(&self, statements: &str) -> u64 {
        let done = self.database.execute(statements).await;
        done.unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Checks every invariant with `holdfast verify`.
    ///
    /// # Panics
    /// When one is violated, with what is wrong.
    pub fn verify(&self) {
        if let Err(wrong) = self.violations() {
            panic!("holdfast verify finds something wrong:\n{wrong}");
        }
    }

    /// What `holdfast verify` prints when it fails.
    pub fn violations(&self) -> Result<(), String> {
        let output = self.run(&["verify"]);
        if output.status.success() {
            return Ok(());
        }
        let [out, err] = [output.stdout, output.stderr];
        Err(String::from_utf8_lossy(&[out, err].concat()).into_owned())
    }

    /// Runs a subcommand of `holdfast` with the settings of this system.
    pub fn run(&self, args: &[&str]) -> std::process::Output {
        let output = instance::run(args, &self.env).context("a subcommand");
        output.expect("holdfast can be started")
    }
}
