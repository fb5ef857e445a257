//! PostgreSQL: one server for all the tests of a process, one database for each.

use std::{ffi::OsString, fs, os::unix::fs::chown, path::PathBuf, process::Command, sync::Arc};

use anyhow::{Context, Result, bail, ensure};
use nix::{
    sys::signal::Signal,
    unistd::{Uid, User},
};
use sea_orm::{ConnectOptions, ConnectionTrait, Database as SeaOrm, DatabaseConnection};
use testcontainers::{GenericImage, ImageExt, core::IntoContainerPort};
use tokio::sync::OnceCell;

use crate::{
    background::background,
    engine::{self, Engine},
    janitor::Directory,
    ports::free_port,
    process::{Launch, Process},
    server::{Container, Server},
};

const STARTS: u32 = 3;

/// What is committed has to survive the server, not the machine: nothing is flushed to the disk.
const SETTINGS: [&str; 6] = [
    "-c",
    "fsync=off",
    "-c",
    "full_page_writes=off",
    "-c",
    "max_connections=300",
];

/// A PostgreSQL server.
#[derive(Debug)]
pub struct Postgres {
    server: Server,
    host: String,
    port: u16,
    directory: Directory,
}

/// A database that belongs to one test, dropped with it.
#[derive(Debug)]
pub(crate) struct PostgresDatabase {
    server: Arc<Postgres>,
    name: String,
}

impl Postgres {
    /// The server that the tests of this process share.
    pub(crate) async fn shared() -> Result<Arc<Self>> {
        static SHARED: OnceCell<Arc<Postgres>> = OnceCell::const_new();
        let shared = SHARED.get_or_try_init(|| async { Self::start().await.map(Arc::new) });
        shared.await.cloned()
    }

    /// A server of one's own, to pause and to stop.
    pub(crate) async fn start() -> Result<Self> {
        Self::start_with(&SETTINGS).await
    }

    /// A server for measurements: what is committed has reached the disk, as by default. These
    /// settings, `name=value`, are not the defaults.
    pub async fn start_durable(settings: &[&str]) -> Result<Self> {
        let args: Vec<&str> = settings.iter().flat_map(|it| ["-c", it]).collect();
        Self::start_with(&args).await
    }

    async fn start_with(settings: &[&str]) -> Result<Self> {
        let mut started = Self::try_start(settings).await;
        for _ in 1..STARTS {
            if started.is_ok() {
                break;
            }
            started = Self::try_start(settings).await;
        }
        started.context("failed to start postgres")
    }

    pub(crate) async fn create_database(self: &Arc<Self>) -> Result<PostgresDatabase> {
        let name = format!("holdfast_{}", uuid::Uuid::new_v4().simple());
        self.administer(&format!("CREATE DATABASE {name}")).await?;
        Ok(PostgresDatabase {
            server: Arc::clone(self),
            name,
        })
    }

    /// Stops it where it is, with every connection it serves: nothing answers.
    pub async fn pause(&self) {
        self.server.pause().await.expect("postgres can be paused");
    }

    /// Lets a paused server go on.
    pub async fn resume(&self) {
        self.server.resume().await.expect("postgres can be resumed");
    }

    /// Ends it at once, with no transaction finished: it recovers when it is started again.
    pub async fn stop(&self) {
        self.server.stop().await.expect("postgres can be stopped");
    }

    /// Starts a stopped server again on the same port, with what was committed.
    pub async fn start_again(&self) {
        self.server.start().await.expect("postgres can be started");
        self.ready().await.expect("postgres recovers");
    }

    pub fn url(&self, database: &str) -> String {
        let Self { host, port, .. } = self;
        format!("postgres://postgres:postgres@{host}:{port}/{database}")
    }

    /// The port on this machine.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The parent of the processes that serve connections; none in a container.
    pub fn pid(&self) -> Option<u32> {
        self.server.pid()
    }

    /// Runs a statement in the database `postgres`, as its superuser.
    pub async fn administer(&self, statement: &str) -> Result<()> {
        let connection = connect(&self.url("postgres")).await?;
        connection.execute_unprepared(statement).await?;
        connection.close().await?;
        Ok(())
    }

    async fn try_start(settings: &[&str]) -> Result<Self> {
        let port = free_port();
        let directory = Directory::create("postgres")?;
        let (server, host) = match Engine::get().await? {
            Engine::Local => (local(port, &directory, settings)?, "127.0.0.1".to_owned()),
            Engine::Docker => {
                let container = container(port, settings).await?;
                let host = container.host.clone();
                (Server::Container(container), host)
            }
        };
        let postgres = Self {
            server,
            host,
            port,
            directory,
        };
        postgres.ready().await?;
        Ok(postgres)
    }

    async fn ready(&self) -> Result<()> {
        self.server
            .ready(async || match &self.server {
                Server::Process(process) => self.says_ready(process.pid()),
                Server::Container(_) => self.administer("SELECT 1").await,
            })
            .await
    }

    /// A local server writes its pid and its state to a file, so another server that has been quicker
    /// to take the port is not mistaken for it.
    fn says_ready(&self, pid: u32) -> Result<()> {
        let state = fs::read_to_string(self.directory.join("data/postmaster.pid"))?;
        let mut lines = state.lines();
        ensure!(lines.next() == Some(pid.to_string().as_str()), "it starts");
        ensure!(
            lines.next_back().is_some_and(|last| last.trim() == "ready"),
            "it starts"
        );
        Ok(())
    }
}

impl PostgresDatabase {
    pub(crate) fn url(&self) -> String {
        self.server.url(&self.name)
    }

    pub(crate) fn server(&self) -> &Postgres {
        &self.server
    }
}

impl Drop for PostgresDatabase {
    fn drop(&mut self) {
        let server = Arc::clone(&self.server);
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // If it cannot be dropped, it goes with the server.
        background().spawn(async move { server.administer(&statement).await.ok() });
    }
}

/// One connection, without a log line per statement.
pub(crate) async fn connect(url: &str) -> Result<DatabaseConnection> {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    SeaOrm::connect(options)
        .await
        .with_context(|| format!("failed to connect to {url}"))
}

fn local(port: u16, directory: &Directory, settings: &[&str]) -> Result<Server> {
    let user = unprivileged_user()?;
    let data = directory.join("data");
    if let Some(user) = &user {
        chown(
            directory.path(),
            Some(user.uid.as_raw()),
            Some(user.gid.as_raw()),
        )?;
    }
    create_cluster(&data, user.as_ref())?;

    let mut args: Vec<OsString> = vec!["-D".into(), data.into(), "-p".into()];
    args.push(port.to_string().into());
    args.extend(["-h", "127.0.0.1", "-c", "unix_socket_directories="].map(OsString::from));
    args.extend(settings.iter().map(OsString::from));
    let launch = Launch {
        name: format!("postgres on port {port}"),
        program: postgres_program("postgres")?,
        args,
        env: [("LC_ALL".to_owned(), "C".to_owned())].into(),
        user,
        log: directory.join("postgres.log"),
        // Ends the children too, without asking the clients to finish.
        end: Signal::SIGQUIT,
    };
    Ok(Server::Process(Box::new(Process::start(launch)?)))
}

fn create_cluster(data: &std::path::Path, user: Option<&User>) -> Result<()> {
    use std::os::unix::process::CommandExt;
    let mut initdb = Command::new(postgres_program("initdb")?);
    initdb
        .args(["--no-sync", "--auth=trust", "--username=postgres"])
        .args(["--encoding=UTF8", "--locale=C.UTF-8", "--pgdata"])
        .arg(data)
        .current_dir("/");
    if let Some(user) = user {
        initdb.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    let output = initdb.output().context("failed to run initdb")?;
    if !output.status.success() {
        bail!("initdb: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// PostgreSQL refuses to run as root, so root runs it as somebody else.
fn unprivileged_user() -> Result<Option<User>> {
    if !Uid::effective().is_root() {
        return Ok(None);
    }
    for name in ["postgres", "nobody"] {
        if let Some(user) = User::from_name(name)? {
            return Ok(Some(user));
        }
    }
    bail!("postgres refuses to run as root, and there is no user `postgres` to run it as")
}

/// Where a program of PostgreSQL is: `pgbench`, say. Debian keeps them outside `PATH`, by version; the
/// newest one is taken.
pub fn postgres_program(name: &str) -> Result<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let mut versions: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| {
            let number = entry.file_name().to_str()?.parse().ok()?;
            Some((number, entry.path().join("bin")))
        })
        .collect();
    versions.sort_by(|one, other| other.cmp(one));
    let directories: Vec<PathBuf> = versions.into_iter().map(|(_, path)| path).collect();
    engine::find_program(name, &directories, "postgresql")
        .context("Docker does not serve the tests")
}

async fn container(port: u16, settings: &[&str]) -> Result<Container> {
    let (name, tag) = engine::POSTGRES_IMAGE;
    let image = GenericImage::new(name, tag)
        .with_mapped_port(port, 5432.tcp())
        .with_env_var("POSTGRES_PASSWORD", "postgres")
        // As locally. Unoptimised, the exchange of a password keeps an instance busy for 0.3 s, each
        // of its connections anew.
        .with_env_var("POSTGRES_HOST_AUTH_METHOD", "trust")
        .with_cmd(settings.iter().copied());
    Container::start(image).await
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use sea_orm::ConnectionTrait;
    use tokio::time::timeout;

    use super::{Postgres, connect};

    #[tokio::test]
    async fn a_server_hangs_when_paused_and_recovers_when_stopped() {
        let server = Arc::new(Postgres::start().await.expect("postgres starts"));
        let database = server.create_database().await.expect("a database");
        let connection = connect(&database.url()).await.expect("a connection");
        let run = async |statement| connection.execute_unprepared(statement).await;
        run("CREATE TABLE kept (id bigint)").await.expect("a table");

        server.pause().await;
        let hung = timeout(Duration::from_millis(300), run("SELECT 1")).await;
        assert!(
            hung.is_err(),
            "an open connection answers while all is paused"
        );
        server.resume().await;

        server.stop().await;
        server.start_again().await;
        let connection = connect(&database.url()).await.expect("a connection");
        let kept = connection
            .execute_unprepared("INSERT INTO kept VALUES (1)")
            .await;
        assert_eq!(
            kept.expect("what was committed is there").rows_affected(),
            1
        );
    }
}
