//! The machine: what it is, and what processes on it use, from `/proc`.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    fs::File,
    io::Write,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use kit::{Directory, postgres_program};

/// `USER_HZ`, which has been 100 on every Linux for decades.
const TICKS_PER_SECOND: u64 = 100;

const FLUSHES: usize = 200;

/// What figures depend on.
#[derive(Debug, Clone)]
pub struct Machine {
    pub cpu: String,
    pub cores: usize,
    pub memory_mib: u64,
    pub kernel: String,
    /// Where the databases lie.
    pub file_system: String,
    /// The median time to write a page of 8 KiB to a file and flush it.
    pub flush: Duration,
    /// How many processes were ready to run in the minute before.
    pub load: f64,
    /// What was compared, each with what it says its version is.
    pub versions: Vec<String>,
}

/// Processors to plan for; one where the machine does not tell.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl Machine {
    pub fn read(holdfast: &Path) -> Result<Self> {
        let holdfast = holdfast.to_string_lossy();
        let postgres = postgres_program("postgres")?;
        let postgres = postgres.to_string_lossy();
        Ok(Self {
            cpu: field_of("/proc/cpuinfo", "model name")
                .unwrap_or_else(|| env::consts::ARCH.into()),
            cores: std::thread::available_parallelism()?.get(),
            memory_mib: field_of("/proc/meminfo", "MemTotal")
                .and_then(|it| kibibytes(&it))
                .unwrap_or_default()
                / 1024,
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?
                .trim()
                .to_owned(),
            file_system: file_system_of(&env::temp_dir())?,
            flush: measure_flush()?,
            load: load()?,
            versions: [
                version(&holdfast, "--version"),
                version(&postgres, "--version"),
                version("redis-server", "--version"),
                version("nginx", "-v").or_else(|| version("/usr/sbin/nginx", "-v")),
                version("rustc", "--version"),
            ]
            .into_iter()
            .flatten()
            .collect(),
        })
    }
}

/// Parts of a system, each with the processes that it consists of; their children belong to them.
pub type Parts = Vec<(&'static str, Vec<u32>)>;

/// The processor time that each part has used since its processes began, and this process too.
#[derive(Debug, Clone, Default)]
pub struct CpuTimes(BTreeMap<&'static str, Duration>);

/// This process in [`CpuTimes`].
pub const GENERATOR: &str = "generator";

impl CpuTimes {
    pub fn read(parts: &Parts) -> Self {
        let own = [(GENERATOR, cpu_time_of(std::process::id()))];
        let parts = parts.iter().map(|(name, pids)| {
            let family: BTreeSet<u32> = pids.iter().flat_map(|pid| family_of(*pid)).collect();
            (*name, family.into_iter().map(cpu_time_of).sum())
        });
        Self(own.into_iter().chain(parts).collect())
    }

    /// Microseconds of each part since an earlier reading, divided among this many sales.
    pub fn micros_per_sale(&self, since: &Self, sales: u64) -> BTreeMap<&'static str, f64> {
        let mut shares = BTreeMap::new();
        for (name, now) in &self.0 {
            let before = since.0.get(name).copied().unwrap_or_default();
            let used = now.saturating_sub(before).as_secs_f64() * 1e6;
            #[expect(clippy::cast_precision_loss, reason = "fewer sales than 2^52")]
            shares.insert(*name, used / sales.max(1) as f64);
        }
        shares
    }
}

/// Processor time of the whole machine, and of this process with everything that it has started.
#[derive(Debug, Clone, Copy)]
pub struct Business {
    at: Instant,
    machine: Duration,
    /// Taken by the host of a virtual machine.
    stolen: Duration,
    own: Duration,
}

impl Business {
    pub fn read() -> Result<Self> {
        let stat = fs::read_to_string("/proc/stat")?;
        let (machine, stolen) = busy_ticks(&stat).context("/proc/stat has no processors")?;
        let own = family_of(std::process::id()).into_iter();
        Ok(Self {
            at: Instant::now(),
            machine: of_ticks(machine),
            stolen: of_ticks(stolen),
            own: own.map(cpu_time_of).sum(),
        })
    }

    /// The parts of one processor that others, and the host, have taken on average since then.
    pub fn others_and_host(&self, since: &Self) -> (f64, f64) {
        let elapsed = (self.at - since.at).as_secs_f64();
        let machine = self.machine.saturating_sub(since.machine);
        let others = machine.saturating_sub(self.own.saturating_sub(since.own));
        let stolen = self.stolen.saturating_sub(since.stolen);
        (
            others.as_secs_f64() / elapsed,
            stolen.as_secs_f64() / elapsed,
        )
    }
}

/// User, nice, system, and interrupts of all processors; and what the host has kept from them.
fn busy_ticks(stat: &str) -> Option<(u64, u64)> {
    let fields = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = fields.split_whitespace().flat_map(str::parse).collect();
    let [user, nice, system, _idle, _waiting, hard, soft, stolen, ..] = ticks[..] else {
        return None;
    };
    Some((user + nice + system + hard + soft, stolen))
}

/// The memory that a process holds, in MiB.
pub fn resident_mib(pid: u32) -> Option<u64> {
    let held = field_of(&format!("/proc/{pid}/status"), "VmRSS")?;
    Some(kibibytes(&held)? / 1024)
}

/// A process and all that descend from it.
fn family_of(pid: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let children = children.unwrap_or_default();
    let mut family = vec![pid];
    for child in children.split_whitespace().flat_map(str::parse) {
        family.extend(family_of(child));
    }
    family
}

/// Of the process itself and of its children that have ended.
fn cpu_time_of(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    ticks(&stat).map_or(Duration::ZERO, of_ticks)
}

fn of_ticks(ticks: u64) -> Duration {
    Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND)
}

/// The fields 14 to 17 of `/proc/<pid>/stat`. The second one, a name in brackets, may hold anything.
fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let fields = fields.split(' ').skip(11).take(4);
    let ticks: Vec<u64> = fields.flat_map(str::parse).collect();
    (ticks.len() == 4).then(|| ticks.iter().sum())
}

fn field_of(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn kibibytes(value: &str) -> Option<u64> {
    value.trim_end_matches(" kB").parse().ok()
}

fn load() -> Result<f64> {
    let load = fs::read_to_string("/proc/loadavg")?;
    let first = load.split(' ').next().context("the load has no figures")?;
    Ok(first.parse()?)
}

/// The type of the file system that holds this directory: of the longest mount point above it.
fn file_system_of(directory: &Path) -> Result<String> {
    let directory = fs::canonicalize(directory)?;
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let (_, kind) = mounts
        .filter(|(point, _)| directory.starts_with(point))
        .max_by_key(|(point, _)| point.len())
        .context("nothing is mounted")?;
    Ok(kind.to_owned())
}

fn measure_flush() -> Result<Duration> {
    let directory = Directory::create("flush")?;
    let mut file = File::create(directory.join("page"))?;
    let mut times = Vec::with_capacity(FLUSHES);
    for _ in 0..FLUSHES {
        let since = Instant::now();
        file.write_all(&[1; 8192])?;
        file.sync_data()?;
        times.push(since.elapsed());
    }
    times.sort_unstable();
    Ok(times[FLUSHES / 2])
}

/// The first line that a program says about its version, on whichever stream.
fn version(program: &str, flag: &str) -> Option<String> {
    let output = Command::new(program).arg(flag).output().ok()?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    Some(said.lines().next()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{CpuTimes, GENERATOR, busy_ticks, family_of, resident_mib, ticks};

    #[test]
    fn the_times_of_a_process_are_read_whatever_its_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 99 0 0 0 11 22 33 44 20 0 1 0 5 6 7";
        assert_eq!(ticks(stat), Some(110));
        assert_eq!(ticks("7 (cut) S 1 7"), None);
        assert_eq!(ticks(""), None);
    }

    #[test]
    fn the_times_of_the_machine_are_read() {
        let stat = "cpu  1 2 3 900 90 4 5 6 0 0\ncpu0 1 2 3 900 90 4 5 6 0 0\n";
        assert_eq!(busy_ticks(stat), Some((15, 6)));
        assert_eq!(busy_ticks("cpu  1 2"), None);
    }

    #[test]
    fn what_this_process_uses_is_seen() {
        let before = CpuTimes::read(&Vec::new());
        let since = Instant::now();
        while since.elapsed() < Duration::from_millis(100) {
            std::hint::black_box(since.elapsed());
        }
        let shares = CpuTimes::read(&Vec::new()).micros_per_sale(&before, 10);
        assert!(shares[GENERATOR] >= 1000.0, "{shares:?}");
        assert!(resident_mib(std::process::id()).unwrap() > 0);
        assert_eq!(family_of(std::process::id())[0], std::process::id());
    }
}
