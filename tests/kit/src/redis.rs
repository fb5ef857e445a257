//! Redis nodes: one per lock node and one for messages, a fresh set for every test.

use std::{ffi::OsString, time::Duration};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use testcontainers::{GenericImage, ImageExt, core::IntoContainerPort};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    engine::{self, Engine},
    janitor::Directory,
    ports::free_port,
    process::{Launch, Process},
    server::{Container, Server},
};

const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
const STARTS: u32 = 5;

/// A Redis server of its own, which a test may pause, stop and wipe.
#[derive(Debug)]
pub struct RedisNode {
    server: Server,
    host: String,
    port: u16,
    _directory: Directory,
}

impl RedisNode {
    /// # Panics
    /// When there is neither Docker nor `redis-server`.
    pub async fn start() -> Self {
        let mut started = Self::try_start().await;
        for _ in 1..STARTS {
            if started.is_ok() {
                break;
            }
            started = Self::try_start().await;
        }
        started.unwrap_or_else(|error| panic!("failed to start redis: {error:#}"))
    }

    /// Several nodes, started side by side.
    pub async fn start_several(count: usize) -> Vec<Self> {
        futures_util::future::join_all((0..count).map(|_| Self::start())).await
    }

    pub fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// `host:port`, the name of the node in metrics and in `/health/ready`.
    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// None in a container.
    pub fn pid(&self) -> Option<u32> {
        self.server.pid()
    }

    /// Stops it where it is (SIGSTOP): connections stay open, nothing answers.
    pub async fn pause(&self) {
        self.server.pause().await.expect("a node can be paused");
    }

    /// Lets a paused node go on.
    pub async fn resume(&self) {
        self.server.resume().await.expect("a node can be resumed");
    }

    /// Ends it with SIGKILL: connections are refused, and all it knew is gone.
    pub async fn stop(&self) {
        self.server.stop().await.expect("a node can be stopped");
    }

    /// Starts a stopped node again on the same port, empty.
    pub async fn start_again(&self) {
        self.server.start().await.expect("a node can be started");
        self.ready().await.expect("a node that was up comes back");
    }

    /// Wipes the node while it serves.
    pub async fn flush(&self) {
        let reply = self.command("FLUSHALL").await.expect("a node can be wiped");
        assert_eq!(reply.trim(), "+OK");
    }

    /// The number of keys: of locks that are held, on a lock node.
    pub async fn key_count(&self) -> u64 {
        let reply = self.command("DBSIZE").await.expect("a node can be asked");
        let count = reply.trim().trim_start_matches(':');
        count.parse().expect("DBSIZE answers with a number")
    }

    /// Sends a command as one would type it and returns the reply as it comes over the wire.
    pub async fn command(&self, command: &str) -> Result<String> {
        let talk = async {
            let mut stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
            stream
                .write_all(format!("{command}\r\nQUIT\r\n").as_bytes())
                .await?;
            let mut reply = String::new();
            stream.read_to_string(&mut reply).await?;
            let to_quit = "+OK\r\n";
            anyhow::Ok(reply.strip_suffix(to_quit).unwrap_or(&reply).to_owned())
        };
        timeout(ANSWERS_WITHIN, talk)
            .await
            .context("redis does not answer")?
    }

    async fn try_start() -> Result<Self> {
        let port = free_port();
        let directory = Directory::create("redis")?;
        let (server, host) = match Engine::get().await? {
            Engine::Local => (local(port, &directory)?, "127.0.0.1".to_owned()),
            Engine::Docker => {
                let container = container(port).await?;
                let host = container.host.clone();
                (Server::Container(container), host)
            }
        };
        let node = Self {
            server,
            host,
            port,
            _directory: directory,
        };
        node.ready().await?;
        Ok(node)
    }

    async fn ready(&self) -> Result<()> {
        self.server
            .ready(async || {
                let about = self.command("INFO server").await?;
                if let Server::Process(process) = &self.server {
                    // Somebody else's Redis may have been quicker to take the port.
                    let own = format!("process_id:{}\r\n", process.pid());
                    ensure!(about.contains(&own), "another redis answers on its port");
                }
                ensure!(about.contains("redis_version"), "it answers {about}");
                Ok(())
            })
            .await
    }
}

fn local(port: u16, directory: &Directory) -> Result<Server> {
    let launch = Launch {
        name: format!("redis-server on port {port}"),
        program: engine::find_program("redis-server", &[], "redis-server")
            .context("Docker does not serve the tests")?,
        args: settings(port).into_iter().map(OsString::from).collect(),
        env: [].into(),
        user: None,
        log: directory.join("redis.log"),
        end: Signal::SIGKILL,
    };
    Ok(Server::Process(Box::new(Process::start(launch)?)))
}

/// In memory only, and reachable from this machine only.
fn settings(port: u16) -> [String; 8] {
    let port = port.to_string();
    [
        "--bind",
        "127.0.0.1",
        "--port",
        &port,
        "--save",
        "",
        "--appendonly",
        "no",
    ]
    .map(str::to_owned)
}

async fn container(port: u16) -> Result<Container> {
    let (name, tag) = engine::REDIS_IMAGE;
    let image = GenericImage::new(name, tag)
        .with_mapped_port(port, 6379.tcp())
        .with_cmd(["redis-server", "--save", "", "--appendonly", "no"]);
    Container::start(image).await
}
