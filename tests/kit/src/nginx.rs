//! Nginx with the project's own rules, over the instances of a cluster.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;

use crate::{
    engine,
    janitor::Directory,
    ports::free_port,
    process::{Launch, Process, tail},
    server::Server,
};

const STARTS: u32 = 3;

/// What belongs to this place; the rules themselves are included from the project.
const MAIN: &str = r#"
daemon off;
worker_processes 1;
worker_rlimit_nofile 16384;
pid nginx.pid;
error_log error.log warn;

events {
    worker_connections 8192;
}

http {
    include upstream.conf;
    include "RULES";
    access_log access.log holdfast buffer=64k flush=1s;
    client_body_temp_path tmp;
    proxy_temp_path tmp;
    fastcgi_temp_path tmp;
    uwsgi_temp_path tmp;
    scgi_temp_path tmp;
}
"#;

/// A load balancer.
#[derive(Debug)]
pub struct Nginx {
    server: Server,
    port: u16,
    directory: Directory,
}

impl Nginx {
    /// Balances over whatever answers at these addresses, each a `host:port`.
    pub async fn start(addresses: &[&str]) -> Result<Self> {
        let mut started = Self::try_start(addresses).await;
        for _ in 1..STARTS {
            if started.is_ok() {
                break;
            }
            started = Self::try_start(addresses).await;
        }
        started.context("failed to start nginx")
    }

    async fn try_start(addresses: &[&str]) -> Result<Self> {
        let port = free_port();
        let directory = Directory::create("nginx")?;
        let rules = project().join("holdfast.conf");
        let file = directory.join("nginx.conf");
        fs::write(&file, MAIN.replace("RULES", &rules.to_string_lossy()))?;
        fs::write(
            directory.join("listen.conf"),
            format!("listen 127.0.0.1:{port} default_server backlog=4096;\n"),
        )?;
        fs::write(directory.join("upstream.conf"), upstream(addresses)?)?;

        let prefix = format!("{}/", directory.path().display());
        let process = Process::start(Launch {
            name: format!("nginx on port {port}"),
            program: engine::find_program("nginx", &[], "nginx")?,
            args: [
                "-p".into(),
                prefix.into(),
                "-e".into(),
                "error.log".into(),
                "-c".into(),
            ]
            .into_iter()
            .chain([file.into()])
            .collect(),
            env: [].into(),
            user: None,
            log: directory.join("nginx.log"),
            end: Signal::SIGTERM,
        })?;
        let nginx = Self {
            server: Server::Process(Box::new(process)),
            port,
            directory,
        };
        nginx.ready().await?;
        Ok(nginx)
    }

    /// The parent of the worker processes.
    pub fn pid(&self) -> Option<u32> {
        self.server.pid()
    }

    pub fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it has logged: a JSON object for each request, up to a second later.
    pub fn access_log(&self) -> String {
        self.read("access.log")
    }

    /// What it has complained about.
    pub fn error_log(&self) -> String {
        self.read("error.log")
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.directory.join(name)).unwrap_or_default()
    }

    /// It writes its pid down when it listens.
    async fn ready(&self) -> Result<()> {
        let ready = self.server.ready(async || {
            let pid = fs::read_to_string(self.directory.join("nginx.pid"))?;
            ensure!(!pid.trim().is_empty(), "it starts");
            Ok(())
        });
        ready.await.with_context(|| self.error_log())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "--- error log of nginx, its end\n{}\n---",
                tail(&self.error_log())
            );
        }
    }
}

/// The project's upstream, with its balancing and its retries, over other addresses.
fn upstream(addresses: &[&str]) -> Result<String> {
    let file = project().join("upstream.conf");
    let text =
        fs::read_to_string(&file).with_context(|| format!("failed to read {}", file.display()))?;
    let is_server = |line: &str| line.trim_start().starts_with("server ");
    let rules = text
        .lines()
        .find(|line| is_server(line))
        .and_then(|line| line.trim_start().splitn(3, ' ').nth(2))
        .context("there is no server in the upstream")?;
    let servers = addresses
        .iter()
        .map(|address| format!("    server {address} {rules}\n"));
    let others = text.lines().filter(|line| !is_server(line));
    let (head, tail) = others
        .map(|line| format!("{line}\n"))
        .partition::<Vec<_>, _>(|line| line.trim() != "}");
    Ok(head.into_iter().chain(servers).chain(tail).collect())
}

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../nginx")
}
