//! `bench run`: sets a scenario up, puts the load on, checks the database, prints what came of it.

use anyhow::{Result, ensure};
use std::time::Duration;

use crate::check::{Checked, check};
use crate::cli::Run;
use crate::load::{Outcome, Plan, Shape, Summary, Until, drive_on};
use crate::scenario::stage::{Scenario, Size, Stage};
use crate::table;
use crate::target::Target;

/// What a run came to.
pub struct Report<'a> {
    pub run: &'a Run,
    pub summary: &'a Summary,
    /// None without the database.
    pub checked: Option<&'a Checked>,
    /// Tickets of the event that are held or sold.
    pub taken: u64,
    /// How many must be, where that is known.
    pub must_be_taken: Option<u64>,
}

/// Runs one scenario. It fails, and prints no figure, where the database is not as it must be.
pub async fn run(run: &Run) -> Result<()> {
    let size = Size {
        tickets: run.tickets,
        seconds: Duration::from_secs(run.seconds + run.warm_up),
        connections: run.connections,
        duplicates: run.duplicates,
        quantity: run.quantity,
    };
    let admin = run
        .admin_email
        .as_deref()
        .zip(run.admin_password.as_deref());
    let target = Target::prepare(
        &run.url,
        run.database_url.as_deref(),
        run.jwt_secret.as_deref(),
        admin,
        run.buyers,
    )
    .await?;
    let stage = run.scenario.set_up(&target, &size).await?;
    let plan = plan(run, &stage);
    let summary = drive_on(run.threads, &plan, stage.script.clone()).await?;

    let won = stage.won_before + summary.won_in_all();
    let checked = match &target.database_url {
        Some(database) => {
            Some(check(database, stage.event.id, won, run.holdfast.as_deref()).await?)
        }
        None => None,
    };
    let taken = match &checked {
        Some(checked) => {
            checked.ensure_sound(summary.connection_errors)?;
            checked.taken
        }
        None => target.count_taken(&stage.event).await?,
    };
    let must_be_taken = expected_tickets(&stage, &summary);
    if let Some(expected) = must_be_taken {
        ensure!(
            taken == expected,
            "{taken} tickets are held or sold, and it must be {expected}"
        );
    }
    let report = Report {
        run,
        summary: &summary,
        checked: checked.as_ref(),
        taken,
        must_be_taken,
    };
    if run.json {
        println!("{}", table::json(&report));
    } else {
        print!("{}", table::text(&report));
    }
    Ok(())
}

fn plan(run: &Run, stage: &Stage) -> Plan {
    let connections = run.connections;
    Plan {
        base_url: run.url.clone(),
        shape: match run.rate {
            Some(per_second) => Shape::Open {
                per_second,
                connections,
            },
            None => Shape::Closed { connections },
        },
        warm_up: if stage.ends_by_itself || run.scenario == Scenario::HotSeat {
            // Nothing comes again of what happens first.
            Duration::ZERO
        } else {
            Duration::from_secs(run.warm_up)
        },
        until: if stage.ends_by_itself {
            Until::Exhausted
        } else {
            Until::Elapsed(Duration::from_secs(run.seconds))
        },
        show_progress: !run.quiet,
    }
}

/// Where every request was answered properly, it is known how many tickets must be gone.
fn expected_tickets(stage: &Stage, summary: &Summary) -> Option<u64> {
    let never = |outcome| !summary.answers.contains_key(&outcome);
    let all_told = summary.connection_errors == 0 && never(Outcome::Busy) && never(Outcome::Failed);
    stage.must_be_taken.filter(|_| all_told)
}
