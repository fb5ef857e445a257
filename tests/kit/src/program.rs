//! Any other program that serves at an address, for what Holdfast is compared with.

use std::{collections::BTreeMap, ffi::OsString, path::Path};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;

use crate::{
    janitor::Directory,
    ports::free_port,
    process::{Launch, Process},
    server::Server,
};

const STARTS: u32 = 3;

/// What the program prints when it accepts connections.
const READY: &str = "listening";

/// A running program. It is killed when this is dropped.
#[derive(Debug)]
pub struct Program {
    server: Server,
    address: String,
    _directory: Directory,
}

impl Program {
    /// Starts it with `--listen host:port` after these arguments, and waits until it has printed that
    /// it is `listening`.
    pub async fn start(program: &Path, args: &[&str]) -> Result<Self> {
        let mut started = Self::try_start(program, args).await;
        for _ in 1..STARTS {
            if started.is_ok() {
                break;
            }
            started = Self::try_start(program, args).await;
        }
        started.with_context(|| format!("failed to start {}", args.join(" ")))
    }

    /// `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn pid(&self) -> Option<u32> {
        self.server.pid()
    }

    /// Everything it has printed.
    pub fn log(&self) -> String {
        match &self.server {
            Server::Process(process) => process.log(),
            Server::Container(_) => String::new(),
        }
    }

    async fn try_start(program: &Path, args: &[&str]) -> Result<Self> {
        let directory = Directory::create("program")?;
        let address = format!("127.0.0.1:{}", free_port());
        let args = args.iter().copied().chain(["--listen", &address]);
        let process = Process::start(Launch {
            name: program.display().to_string(),
            program: program.to_owned(),
            args: args.map(OsString::from).collect(),
            env: BTreeMap::new(),
            user: None,
            log: directory.join("program.log"),
            end: Signal::SIGKILL,
        })?;
        let started = Self {
            server: Server::Process(Box::new(process)),
            address,
            _directory: directory,
        };
        let ready = async || {
            ensure!(started.log().contains(READY), "it starts");
            Ok(())
        };
        started.server.ready(ready).await?;
        Ok(started)
    }
}
