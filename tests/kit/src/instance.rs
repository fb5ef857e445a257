//! One running `holdfast`, the real binary.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use reqwest::Client;
use serde_json::Value;

use crate::{
    janitor::Directory,
    ports::free_port,
    process::{Launch, POLL, Process, describe, settings_of_the_developer},
};

/// A debug build that migrates an empty database on a busy machine is given time.
const READY_WITHIN: Duration = Duration::from_mins(1);

/// A little more than an instance may take to finish what is in flight.
const DRAINED_WITHIN: Duration = Duration::from_secs(30);

const STARTS: u32 = 4;

/// A running instance. It is killed when this is dropped.
#[derive(Debug)]
pub struct Instance {
    name: String,
    base_url: String,
    metrics_url: String,
    process: Process,
    client: Client,
    directory: Directory,
}

/// What an instance is started with, apart from its ports.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) args: Vec<OsString>,
    /// None: the one that Cargo has built for the tests.
    pub(crate) program: Option<PathBuf>,
}

impl Instance {
    /// Starts an instance of this binary with these settings and waits until it is ready. Without a
    /// database URL its data is in its [directory](Self::directory).
    pub async fn start_of(
        program: &Path,
        name: &str,
        env: BTreeMap<String, String>,
    ) -> Result<Self> {
        let settings = Settings {
            env,
            args: Vec::new(),
            program: Some(program.to_owned()),
        };
        Self::start(name, &settings).await
    }

    /// Starts an instance and waits until it is ready.
    pub(crate) async fn start(name: &str, settings: &Settings) -> Result<Self> {
        let mut started = Self::try_start(name, settings).await;
        for _ in 1..STARTS {
            match &started {
                Err(error) if is_port_taken(error) => {
                    started = Self::try_start(name, settings).await;
                }
                _ => break,
            }
        }
        started
    }

    async fn try_start(name: &str, settings: &Settings) -> Result<Self> {
        let directory = Directory::create(name)?;
        let address = format!("127.0.0.1:{}", free_port());
        let metrics_address = format!("127.0.0.1:{}", free_port());

        let mut env = settings.env.clone();
        env.insert("HOLDFAST_LISTEN".to_owned(), address.clone());
        env.insert(
            "HOLDFAST_METRICS_LISTEN".to_owned(),
            metrics_address.clone(),
        );
        env.insert("HOLDFAST_INSTANCE".to_owned(), name.to_owned());
        let process = Process::start(Launch {
            name: format!("holdfast {name}"),
            program: settings.program.clone().unwrap_or_else(binary),
            args: settings.args.clone(),
            env,
            user: None,
            log: directory.join("holdfast.log"),
            end: Signal::SIGKILL,
        })?;
        let instance = Self {
            name: name.to_owned(),
            base_url: format!("http://{address}"),
            metrics_url: format!("http://{metrics_address}/metrics"),
            process,
            client: Client::builder()
                .no_proxy()
                .timeout(Duration::from_secs(10))
                .build()?,
            directory,
        };
        instance.ready().await?;
        Ok(instance)
    }

    /// What `X-Served-By` says of it.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    pub fn metrics_url(&self) -> &str {
        &self.metrics_url
    }

    /// Where it runs and keeps its data, removed when it is dropped.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// `host:port`, as a load balancer names it.
    pub fn address(&self) -> &str {
        self.base_url.trim_start_matches("http://")
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Is true until it has ended, in whatever way.
    pub fn is_running(&self) -> bool {
        self.process.exit_status().is_none()
    }

    /// Ends it with SIGKILL, in the middle of whatever it does.
    pub fn kill(&self) {
        self.process.kill();
    }

    /// Stops it where it is with SIGSTOP: its connections and its locks stay, it does nothing.
    pub fn pause(&self) {
        self.process.pause();
    }

    /// Lets a paused instance go on, unaware of the time that has passed.
    pub fn resume(&self) {
        self.process.resume();
    }

    /// Asks it with SIGTERM to finish and leave, and returns at once.
    pub fn ask_to_leave(&self) {
        self.process.ask_to_end();
    }

    /// Waits until it has left by itself.
    pub async fn left(&self) -> ExitStatus {
        self.process.wait(DRAINED_WITHIN).await
    }

    /// Asks it to leave and waits until it has.
    pub async fn terminate(&self) -> ExitStatus {
        self.ask_to_leave();
        self.left().await
    }

    /// Starts it again on the same ports with the same data, after it has ended in whatever way.
    pub async fn start_again(&self) {
        self.process
            .start_again()
            .expect("an instance that has ended can be started");
        if let Err(error) = self.ready().await {
            panic!("failed to start {} again: {error:#}", self.name);
        }
    }

    /// Kills it and starts it again.
    pub async fn restart(&self) {
        self.kill();
        self.start_again().await;
    }

    /// Everything it has logged.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// The last lines that it has logged.
    pub fn log_tail(&self) -> String {
        self.process.log_tail()
    }

    /// The text of its metrics endpoint.
    pub async fn metrics(&self) -> String {
        let answer = self.client.get(&self.metrics_url).send().await;
        let text = answer.expect("the metrics listener answers").text().await;
        text.expect("metrics are text")
    }

    /// The sum of the series of this name that have these labels, 0 where there is none.
    pub async fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        crate::metrics::sum(&self.metrics().await, name, labels)
    }

    async fn ready(&self) -> Result<()> {
        let since = Instant::now();
        let url = format!("{}/health/ready", self.base_url);
        loop {
            let last = match self.client.get(&url).send().await {
                Err(error) => error.to_string(),
                Ok(answer) => {
                    let status = answer.status();
                    let body: Value = answer.json().await.unwrap_or_default();
                    if status.is_success() && body["instance"] == self.name.as_str() {
                        return Ok(());
                    }
                    format!("{status} {body}")
                }
            };
            let tail = || self.log_tail();
            if let Some(status) = self.process.exit_status() {
                bail!("it {}; its log ends with:\n{}", describe(status), tail());
            }
            if since.elapsed() > READY_WITHIN {
                bail!(
                    "it is not ready, {url} answers {last}; its log ends with:\n{}",
                    tail()
                );
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "--- log of {}, its end\n{}\n---",
                self.name,
                self.log_tail()
            );
        }
    }
}

/// Runs `holdfast` with these arguments and settings, and nothing from this environment, to its end.
pub fn run_holdfast(args: &[&str], env: &[(&str, &str)]) -> Output {
    let env = env
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    run(args, &env.collect()).expect("holdfast can be started")
}

pub(crate) fn run(args: &[&str], env: &BTreeMap<String, String>) -> Result<Output> {
    let directory = Directory::create("run")?;
    let mut command = Command::new(binary());
    for name in settings_of_the_developer() {
        command.env_remove(name);
    }
    command
        .args(args)
        .envs(env)
        .current_dir(directory.path())
        .stdin(Stdio::null())
        .output()
        .context("failed to run holdfast")
}

/// The binary that Cargo has built for the tests.
fn binary() -> PathBuf {
    if let Some(path) = env::var_os("CARGO_BIN_EXE_holdfast") {
        return path.into();
    }
    // Somebody runs the test program by hand: target/debug/deps/it-0123 beside target/debug/holdfast.
    let test = env::current_exe().and_then(fs::canonicalize);
    let test = test.expect("a program knows where it is");
    let built = test
        .ancestors()
        .nth(2)
        .map(|target| target.join("holdfast"));
    built.expect("a test program is in target/debug/deps")
}

fn is_port_taken(error: &anyhow::Error) -> bool {
    let said = error.to_string().to_lowercase();
    said.contains("in use")
}
