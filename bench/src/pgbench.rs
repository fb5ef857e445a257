//! The ceiling of a single row's transaction in PostgreSQL, as `pgbench` measures it: the seat is
//! updated, the order inserted, and nothing else done, on seats that nobody else asks for.

use std::{fs, process::Stdio, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use hdrhistogram::Histogram;
use kit::{Directory, Postgres, postgres_program};
use tokio::process::Command;

/// What a client does over and over. Each client sells every `clients`-th seat, so that no two meet.
const SCRIPT: &str = "\
\\set turn :turn + 1
\\set seat :turn * :clients + :client_id + 1
BEGIN;
UPDATE seats SET status = 'held', version = version + 1 WHERE id = :seat AND version = 0;
INSERT INTO orders (seat_id, buyer_id) VALUES (:seat, 1);
COMMIT;
";

/// Where `pgbench` logs each transaction, one file a thread.
const LOG: &str = "transactions";

/// What `pgbench` has done.
#[derive(Debug)]
pub struct Ran {
    pub per_second: f64,
    pub transactions: u64,
    /// In microseconds; of single clients only, for logging costs as much as a transaction.
    pub latencies: Option<Histogram<u64>>,
}

/// Runs it over the [tables](crate::peers::tables) of this database.
pub async fn run(
    postgres: &Postgres,
    database: &str,
    clients: usize,
    lasting: Duration,
) -> Result<Ran> {
    let directory = Directory::create("pgbench")?;
    let script = directory.join("script.sql");
    fs::write(&script, SCRIPT)?;
    let mut command = Command::new(postgres_program("pgbench")?);
    command
        .args(["--no-vacuum", "--protocol=prepared", "--username=postgres"])
        .args(["--host=127.0.0.1", &format!("--port={}", postgres.port())])
        .arg(format!("--client={clients}"))
        .arg(format!("--time={}", lasting.as_secs().max(1)))
        .args(["--define=turn=-1", &format!("--define=clients={clients}")])
        .arg("--file")
        .arg(&script)
        .current_dir(directory.path())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let is_alone = clients == 1;
    if is_alone {
        command.args(["--log", &format!("--log-prefix={LOG}")]);
    }
    let output = command
        .arg(database)
        .output()
        .await
        .context("failed to run pgbench")?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        bail!("pgbench: {}", String::from_utf8_lossy(&output.stderr));
    }
    ensure!(
        number_after(&said, "number of failed transactions:").is_none_or(|failed| failed == 0.0),
        "pgbench has failed transactions: {said}"
    );
    let transactions = number_after(&said, "number of transactions actually processed:");
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of transactions"
    )]
    let transactions = transactions.context("pgbench counts nothing")? as u64;
    Ok(Ran {
        per_second: number_after(&said, "tps =").context("pgbench says no rate")?,
        transactions,
        latencies: is_alone.then(|| read_log(&directory)).transpose()?,
    })
}

fn number_after(text: &str, label: &str) -> Option<f64> {
    let rest = text.split_once(label)?.1.trim_start();
    let number = rest.split(|c: char| c != '.' && !c.is_ascii_digit()).next();
    number?.parse().ok()
}

fn read_log(directory: &Directory) -> Result<Histogram<u64>> {
    let mut latencies = Histogram::new(3)?;
    for entry in fs::read_dir(directory.path())? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(LOG) {
            for line in fs::read_to_string(entry.path())?.lines() {
                latencies.record(latency_of(line)?)?;
            }
        }
    }
    ensure!(!latencies.is_empty(), "pgbench has logged nothing");
    Ok(latencies)
}

/// A line is: client, transaction, microseconds, script, and when.
fn latency_of(line: &str) -> Result<u64> {
    let latency = line.split(' ').nth(2).context("a line of pgbench")?;
    Ok(latency.parse()?)
}

#[cfg(test)]
mod tests {
    use super::{latency_of, number_after};

    #[test]
    fn what_pgbench_says_is_read() {
        let said = "number of transactions actually processed: 31415\n\
                    number of failed transactions: 0 (0.000%)\n\
                    latency average = 0.9 ms\n\
                    tps = 6283.25 (without initial connection time)\n";
        let processed = number_after(said, "number of transactions actually processed:");
        assert_eq!(processed, Some(31415.0));
        assert_eq!(
            number_after(said, "number of failed transactions:"),
            Some(0.0)
        );
        assert_eq!(number_after(said, "tps ="), Some(6283.25));
        assert_eq!(number_after(said, "deadlocks"), None);
    }

    #[test]
    fn a_line_of_its_log_is_read() {
        assert_eq!(latency_of("0 199 2241 0 1175850568 995598").unwrap(), 2241);
        assert!(latency_of("").is_err());
    }
}
