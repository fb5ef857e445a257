//! A real process on this machine, and the things a test does to it.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::{self, File},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, User},
};

use crate::janitor;

/// How often a process or a server is asked whether it has got there yet.
pub(crate) const POLL: Duration = Duration::from_millis(5);

/// How long a process may take to end by itself before it is killed.
const PATIENCE: Duration = Duration::from_secs(8);

const LOG_TAIL_LINES: usize = 40;

/// How to start a program, as often as needed.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    pub(crate) env: BTreeMap<String, String>,
    /// Another user to run as; none: the one who runs the tests.
    pub(crate) user: Option<User>,
    /// Standard output and error are appended here.
    pub(crate) log: PathBuf,
    /// The signal upon which the program ends at once and leaves no children.
    pub(crate) end: Signal,
}

/// A program that was started, and can be started again with the same settings.
#[derive(Debug)]
pub(crate) struct Process {
    launch: Launch,
    child: Mutex<Child>,
}

impl Process {
    pub(crate) fn start(launch: Launch) -> Result<Self> {
        let child = Mutex::new(launch.spawn()?);
        Ok(Self { launch, child })
    }

    /// Starts the program again after it has ended.
    pub(crate) fn start_again(&self) -> Result<()> {
        if self.exit_status().is_none() {
            bail!("{} is still running", self.launch.name);
        }
        *self.child() = self.launch.spawn()?;
        Ok(())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child().id()
    }

    /// How the process ended, or none while it runs.
    pub(crate) fn exit_status(&self) -> Option<ExitStatus> {
        let mut child = self.child();
        let ended = child.try_wait().expect("a child can be waited for");
        if ended.is_some() {
            // Gone, and its pid may soon be another's: nobody needs to end it any more.
            fs::remove_file(janitor::processes().join(child.id().to_string())).ok();
        }
        ended
    }

    /// Waits for the process to end by itself.
    pub(crate) async fn wait(&self, at_most: Duration) -> ExitStatus {
        let since = Instant::now();
        loop {
            if let Some(status) = self.exit_status() {
                return status;
            }
            assert!(
                since.elapsed() < at_most,
                "{} has not ended after {at_most:?}; its log ends with:\n{}",
                self.launch.name,
                self.log_tail()
            );
            tokio::time::sleep(POLL).await;
        }
    }

    /// Ends the process with SIGKILL: it cannot finish anything. Returns when it is gone.
    pub(crate) fn kill(&self) {
        self.end(Signal::SIGKILL);
    }

    /// Ends the process, and whatever it has started, at once.
    pub(crate) fn stop(&self) {
        self.end(self.launch.end);
    }

    /// Stops the process and its children with SIGSTOP: connections stay open, nothing answers.
    pub(crate) fn pause(&self) {
        for pid in self.family() {
            kill(pid, Signal::SIGSTOP).ok();
        }
    }

    /// Lets a paused process and its children go on.
    pub(crate) fn resume(&self) {
        for pid in self.family() {
            kill(pid, Signal::SIGCONT).ok();
        }
    }

    /// Sends SIGTERM and returns at once; see [`Process::wait`].
    pub(crate) fn ask_to_end(&self) {
        self.signal(Signal::SIGTERM);
    }

    /// Everything the process has printed.
    pub(crate) fn log(&self) -> String {
        let bytes = fs::read(&self.launch.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The last lines that the process has printed.
    pub(crate) fn log_tail(&self) -> String {
        tail(&self.log())
    }

    fn signal(&self, signal: Signal) {
        let child = self.child();
        kill(pid(&child), signal).ok();
    }

    /// Sends the signal and waits; whoever does not heed it is killed.
    fn end(&self, signal: Signal) {
        if self.exit_status().is_some() {
            return;
        }
        self.signal(signal);
        self.resume();
        let since = Instant::now();
        while self.exit_status().is_none() {
            if since.elapsed() > PATIENCE {
                self.signal(Signal::SIGKILL);
            }
            thread::sleep(POLL);
        }
    }

    /// The process and its direct children; PostgreSQL serves each connection from one.
    fn family(&self) -> Vec<Pid> {
        let parent = pid(&self.child());
        let listing = format!("/proc/{parent}/task/{parent}/children");
        let children = fs::read_to_string(listing).unwrap_or_default();
        let children = children.split_whitespace().flat_map(str::parse);
        std::iter::once(parent)
            .chain(children.map(Pid::from_raw))
            .collect()
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("a pid is a small number"))
}

impl Launch {
    fn spawn(&self) -> Result<Child> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        // The shell writes itself down for the janitor, then becomes the program: same pid.
        let mut command = Command::new("sh");
        command
            .args(["-c", r#"echo "$1" >"$2/$$"; shift 2; exec "$@""#, "sh"])
            .arg(self.end.as_str().trim_start_matches("SIG"))
            .arg(janitor::processes())
            .arg(&self.program)
            .args(&self.args)
            .envs(&self.env)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .current_dir(working_directory(&self.log))
            .process_group(0);
        for name in settings_of_the_developer() {
            if !self.env.contains_key(&name) {
                command.env_remove(name);
            }
        }
        if let Some(user) = &self.user {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        command
            .spawn()
            .with_context(|| format!("failed to start {}", self.name))
    }
}

/// The names of the variables in this environment that would change how Holdfast behaves.
pub(crate) fn settings_of_the_developer() -> impl Iterator<Item = String> {
    let shared = ["DATABASE_URL", "REDIS_URL", "LOCK_REDIS_URLS"];
    std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(move |name| name.starts_with("HOLDFAST_") || shared.contains(&name.as_str()))
}

/// Each program runs in its own directory, so that whatever it leaves there is removed with it.
fn working_directory(log: &Path) -> &Path {
    log.parent().unwrap_or(Path::new("/"))
}

/// The last lines of a log.
pub(crate) fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
}

/// How a process ended, in words.
pub(crate) fn describe(status: ExitStatus) -> String {
    match status.signal() {
        Some(signal) => format!("was ended by signal {signal}"),
        None => format!("exited with {}", status.code().unwrap_or_default()),
    }
}
