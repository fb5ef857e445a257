//! What the database must show after a load: no ticket twice, and as many sales as were answered.

use anyhow::{Context, Result, bail};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use serde::Serialize;
use std::path::Path;
use tokio::process::Command;

use crate::target::connect;

/// What a check has found.
#[derive(Debug, Clone, Serialize)]
pub struct Checked {
    /// Answers 201 to requests for the event.
    pub won: u64,
    /// Reservations in the database that were made for the event.
    pub reservations: u64,
    /// Tickets of the event that are held or sold.
    pub taken: u64,
    /// Whether `holdfast verify` was run too.
    pub ran_verify: bool,
    /// What is wrong; empty where all is well.
    pub violations: Vec<String>,
}

/// Looks into the database, and has `holdfast verify` look where the binary is known.
///
/// `won` is how many requests for the event were answered with 201, the warm-up included.
pub async fn check(
    database_url: &str,
    event_id: i64,
    won: u64,
    holdfast_binary: Option<&Path>,
) -> Result<Checked> {
    let database = connect(database_url).await?;
    let mut violations = Vec::new();
    for rule in RULES {
        let sql = rule.sql.replace("$event", &event_id.to_string());
        let broken = count(&database, &sql).await?;
        if broken > 0 {
            violations.push(format!("{}: {broken} times not so", rule.says));
        }
    }
    let of_event =
        |table: &str| format!("SELECT COUNT(*) AS n FROM {table} WHERE event_id = {event_id}");
    let reservations = count(&database, &of_event("reservations")).await?;
    let taken = of_event("tickets") + " AND status IN ('held', 'sold')";
    let taken = count(&database, &taken).await?;
    if reservations < won {
        violations.push(format!(
            "{won} requests were answered with 201, and only {reservations} reservations are there"
        ));
    }
    if let Some(binary) = holdfast_binary {
        violations.extend(verify(binary, database_url).await?);
    }
    Ok(Checked {
        won,
        reservations,
        taken,
        ran_verify: holdfast_binary.is_some(),
        violations,
    })
}

impl Checked {
    /// Fails unless all is well. Of the requests whose answer was lost, each may have made a
    /// reservation that nobody was told of.
    pub fn ensure_sound(&self, lost_answers: u64) -> Result<()> {
        let mut violations = self.violations.clone();
        let untold = self.reservations.saturating_sub(self.won);
        if untold > lost_answers {
            violations.push(format!(
                "{untold} reservations are there that nobody was told of, and {lost_answers} answers were lost"
            ));
        }
        if violations.is_empty() {
            return Ok(());
        }
        bail!(
            "the database is not as it must be:\n  {}",
            violations.join("\n  ")
        )
    }
}

/// What must hold; the query counts what breaks it.
struct Rule {
    says: &'static str,
    sql: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        says: "a ticket is in at most one active reservation",
        sql: "SELECT COUNT(*) AS n FROM (SELECT a.ticket_id FROM reservation_tickets a \
              JOIN tickets t ON t.id = a.ticket_id \
              WHERE t.event_id = $event AND a.active \
              GROUP BY a.ticket_id HAVING COUNT(*) > 1) twice",
    },
    Rule {
        says: "a ticket is held or sold exactly where an active reservation has it",
        sql: "SELECT COUNT(*) AS n FROM tickets t \
              LEFT JOIN reservation_tickets a ON a.ticket_id = t.id AND a.active \
              WHERE t.event_id = $event \
                AND (t.status IN ('held', 'sold')) <> (a.ticket_id IS NOT NULL)",
    },
    Rule {
        says: "the ledger has one row for each version of a ticket",
        sql: "SELECT COUNT(*) AS n FROM (SELECT t.id FROM tickets t \
              LEFT JOIN ledger l ON l.ticket_id = t.id WHERE t.event_id = $event \
              GROUP BY t.id, t.version \
              HAVING COUNT(l.id) <> t.version OR COALESCE(MAX(l.version), 0) <> t.version) gaps",
    },
];

async fn count(database: &DatabaseConnection, sql: &str) -> Result<u64> {
    let statement = Statement::from_string(database.get_database_backend(), sql);
    let row = database.query_one_raw(statement).await?;
    let row = row.context("a count without a row")?;
    let count: i64 = row.try_get("", "n")?;
    Ok(u64::try_from(count)?)
}

/// What `holdfast verify` says, if it is not content.
async fn verify(binary: &Path, database_url: &str) -> Result<Option<String>> {
    let output = Command::new(binary)
        .arg("verify")
        .env("DATABASE_URL", database_url)
        // It signs nothing, but does not start without.
        .env("HOLDFAST_JWT_SECRET", "no token is signed with this secret")
        .output()
        .await
        .with_context(|| format!("failed to run {}", binary.display()))?;
    if output.status.success() {
        return Ok(None);
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    Ok(Some(format!("holdfast verify: {said}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(won: u64, reservations: u64) -> Checked {
        Checked {
            won,
            reservations,
            taken: reservations,
            ran_verify: false,
            violations: Vec::new(),
        }
    }

    #[test]
    fn a_reservation_too_many_needs_a_lost_answer() {
        assert!(checked(10, 10).ensure_sound(0).is_ok());
        assert!(checked(10, 11).ensure_sound(0).is_err());
        assert!(checked(10, 11).ensure_sound(1).is_ok());
        assert!(checked(10, 12).ensure_sound(1).is_err());
    }
}
