//! Where PostgreSQL and Redis come from: containers, or the programs installed on this machine.

use std::{
    env,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use tokio::{process::Command, sync::OnceCell, time::timeout};

/// Set to `docker` or `local` to decide it yourself; `auto`, or nothing, takes Docker where it answers.
const CHOICE: &str = "HOLDFAST_TEST_SERVERS";

pub(crate) const POSTGRES_IMAGE: (&str, &str) = ("postgres", "17");
pub(crate) const REDIS_IMAGE: (&str, &str) = ("redis", "7-alpine");

const ANSWERS_WITHIN: Duration = Duration::from_secs(3);
const PULLED_WITHIN: Duration = Duration::from_mins(3);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Docker,
    Local,
}

/// Decided once per process.
static ENGINE: OnceCell<Engine> = OnceCell::const_new();

/// Takes the programs of this machine, whatever the environment says: what is measured must not run
/// in containers of another make.
///
/// # Panics
/// When servers were started in containers before.
pub fn use_local_servers() {
    let is_local = ENGINE.set(Engine::Local).is_ok() || ENGINE.get() == Some(&Engine::Local);
    assert!(is_local, "servers run in containers already");
}

impl Engine {
    pub(crate) async fn get() -> Result<Self> {
        ENGINE.get_or_try_init(Self::choose).await.copied()
    }

    async fn choose() -> Result<Self> {
        let choice = env::var(CHOICE).unwrap_or_default();
        match choice.as_str() {
            "local" => Ok(Self::Local),
            "docker" => {
                docker_is_usable().await.context("Docker is asked for")?;
                Ok(Self::Docker)
            }
            "" | "auto" => Ok(match docker_is_usable().await {
                Ok(()) => Self::Docker,
                Err(why) => {
                    eprintln!("no Docker ({why:#}), using the servers of this machine");
                    Self::Local
                }
            }),
            other => bail!("{CHOICE} is `{other}`, allowed are docker, local and auto"),
        }
    }
}

async fn docker_is_usable() -> Result<()> {
    docker(
        &["version", "--format", "{{.Server.Version}}"],
        ANSWERS_WITHIN,
    )
    .await
    .context("no engine answers")?;
    for (name, tag) in [POSTGRES_IMAGE, REDIS_IMAGE] {
        let image = format!("{name}:{tag}");
        let is_here = docker(&["image", "inspect", &image], ANSWERS_WITHIN).await;
        if is_here.is_err() {
            docker(&["pull", "--quiet", &image], PULLED_WITHIN)
                .await
                .with_context(|| format!("image {image} is not here and cannot be pulled"))?;
        }
    }
    Ok(())
}

async fn docker(args: &[&str], at_most: Duration) -> Result<()> {
    let command = Command::new("docker")
        .args(args)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(at_most, command)
        .await
        .with_context(|| format!("`docker {}` takes too long", args[0]))??;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{}", said.lines().next().unwrap_or("docker says nothing"));
    }
    Ok(())
}

/// The path of an installed program, looked for in these directories and then in `PATH`.
pub(crate) fn find_program(name: &str, first: &[PathBuf], package: &str) -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    first
        .iter()
        .cloned()
        .chain(env::split_paths(&path))
        .chain(system)
        .map(|directory| directory.join(name))
        .find(|file| is_program(file))
        .with_context(|| {
            format!(
                "the tests need `{name}`, install it (Debian and Ubuntu: apt-get install {package})"
            )
        })
}

fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
