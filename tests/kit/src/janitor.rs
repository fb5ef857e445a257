//! Leaves nothing behind: one directory per test process, and a shell that clears it up afterwards.
//!
//! A test process can end in ways that run no destructor: a panic in a static, Ctrl-C, SIGKILL. So
//! everything it starts is written down as a file in its directory, and a small `sh`, in a process
//! group of its own, holds the read end of a pipe from the test process. The pipe closes whatever
//! way the process ends; then the shell stops what is still written down and removes the directory.
//!
//! ```text
//! /tmp/holdfast-test-<pid>/processes/<pid>      contains the signal that ends it
//!                         /containers/<name>
//!                         /<server>-<n>/        its data and its log
//! ```

use std::{
    fs::{self, Permissions},
    io,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{ChildStdin, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use anyhow::{Context, Result};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Waits for the end of the test process, then ends what it has left, gently for ten seconds.
const CLEAR_UP: &str = r#"
root=$1
is_alive() { # a zombie is not: whoever inherits it may reap it late
    kill -0 "$1" && ! grep -q ') Z ' "/proc/$1/stat"
}
cat >/dev/null
for record in "$root"/processes/*; do
    [ -e "$record" ] || continue
    kill -"$(cat "$record")" "${record##*/}"
    kill -CONT "${record##*/}"
done
set --
for record in "$root"/containers/*; do
    [ -e "$record" ] && set -- "$@" "${record##*/}"
done
[ $# -eq 0 ] || docker rm --force --volumes "$@"
left=100
while [ "$left" -gt 0 ]; do
    alive=
    for record in "$root"/processes/*; do
        [ -e "$record" ] && is_alive "${record##*/}" && alive=yes
    done
    [ -n "$alive" ] || break
    left=$((left - 1))
    sleep 0.1
done
for record in "$root"/processes/*; do
    [ -e "$record" ] && kill -KILL "${record##*/}"
done
rm -rf "$root"
"#;

struct Janitor {
    root: PathBuf,
    /// Never written to: closing it, which the operating system does, is the message.
    _alive: ChildStdin,
}

/// A directory for one server, removed when this is dropped or when the test process ends.
#[derive(Debug)]
pub struct Directory(PathBuf);

impl Directory {
    pub fn create(name: &str) -> Result<Self> {
        static CREATED: AtomicU32 = AtomicU32::new(0);
        let number = CREATED.fetch_add(1, Ordering::Relaxed);
        let path = root().join(format!("{name}-{number}"));
        fs::create_dir(&path).with_context(|| format!("failed to create {}", path.display()))?;
        Ok(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What cannot be removed now, the janitor removes at the end.
        fs::remove_dir_all(&self.0).ok();
    }
}

/// Where processes are written down, by pid.
pub(crate) fn processes() -> PathBuf {
    root().join("processes")
}

/// Where containers are written down, by name.
pub(crate) fn containers() -> PathBuf {
    root().join("containers")
}

fn root() -> &'static Path {
    static JANITOR: OnceLock<Janitor> = OnceLock::new();
    let janitor = JANITOR.get_or_init(|| Janitor::hire().expect("tests need a directory and `sh`"));
    &janitor.root
}

impl Janitor {
    fn hire() -> Result<Self> {
        allow_many_connections()?;
        let root = create_root().context("failed to create a directory for the test servers")?;
        fs::create_dir(root.join("containers"))?;
        let processes = root.join("processes");
        fs::create_dir(&processes)?;
        // A server that runs as another user writes itself down before it becomes the server.
        fs::set_permissions(&processes, Permissions::from_mode(0o777))?;

        let mut shell = Command::new("sh")
            .args(["-c", CLEAR_UP, "sh"])
            .arg(&root)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("failed to start `sh`")?;
        let alive = shell.stdin.take().context("`sh` was given no pipe")?;
        Ok(Self {
            root,
            _alive: alive,
        })
    }
}

fn create_root() -> io::Result<PathBuf> {
    let pid = std::process::id();
    let name = |number: u32| std::env::temp_dir().join(format!("holdfast-test-{pid}-{number}"));
    let mut number = 0;
    loop {
        match fs::create_dir(name(number)) {
            Ok(()) => return Ok(name(number)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(error),
        }
    }
}

/// A race of a thousand requests needs a thousand descriptors, and common systems allow 1024 until
/// they are asked for more. What the servers inherit is raised with it.
fn allow_many_connections() -> Result<()> {
    let (_, allowed) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, allowed, allowed)
        .context("failed to raise the limit of open files")
}
