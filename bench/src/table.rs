//! What a run came to, as a table for people and as JSON.

use serde_json::{Map, Value, json};
use std::fmt::Write;
use std::time::Duration;

use crate::load::{Measured, Outcome, Summary};
use crate::run::Report;

/// The table, with what was done above and what was checked below.
pub fn text(report: &Report) -> String {
    let mut text = String::new();
    let summary = report.summary;
    line(
        &mut text,
        &format!("{}: {}", scenario_name(report), report.run.scenario.says()),
    );
    line(&mut text, &what_was_done(report));
    line(&mut text, "");
    line(&mut text, &head("outcome"));
    for (outcome, measured) in &summary.outcomes {
        line(&mut text, &row(&outcome.to_string(), measured));
    }
    line(&mut text, &row("all", &summary.all));
    if !summary.kinds.is_empty() {
        line(&mut text, "");
        line(&mut text, &head("call"));
        for (name, measured) in &summary.kinds {
            line(&mut text, &row(name, measured));
        }
    }
    line(&mut text, "");
    for note in notes(report) {
        line(&mut text, &note);
    }
    text
}

/// The same as one object; latencies in milliseconds.
pub fn json(report: &Report) -> Value {
    let summary = report.summary;
    let outcomes = summary.outcomes.iter();
    let outcomes = outcomes.map(|(outcome, one)| (outcome.to_string(), measured(one)));
    let kinds = summary.kinds.iter();
    let kinds = kinds.map(|(name, one)| ((*name).to_owned(), measured(one)));
    json!({
        "scenario": scenario_name(report),
        "url": report.run.url,
        "connections": report.run.connections,
        "rate": report.run.rate,
        "seconds": summary.elapsed.as_secs_f64(),
        "requests_per_second": summary.all.per_second(),
        "sales_per_second": summary.per_second(Outcome::Won),
        "outcomes": outcomes.collect::<Map<_, _>>(),
        "all": measured(&summary.all),
        "calls": kinds.collect::<Map<_, _>>(),
        "answers_with_warm_up": summary.answers.iter()
            .map(|(outcome, count)| (outcome.to_string(), json!(count)))
            .collect::<Map<_, _>>(),
        "lost_answers": summary.connection_errors,
        "unsent": summary.unsent,
        "generator_cpu_us_per_request": micros(summary.generator_cpu_per_request()),
        "tickets_taken": report.taken,
        "checked": report.checked,
    })
}

fn what_was_done(report: &Report) -> String {
    let run = report.run;
    let shape = match run.rate {
        Some(rate) => format!(
            "{rate} requests a second over {} connections",
            run.connections
        ),
        None => format!(
            "{} connections, each asking again when answered",
            run.connections
        ),
    };
    let secs = report.summary.elapsed.as_secs_f64();
    format!("{}, {shape}, measured for {secs:.2} s", run.url)
}

fn notes(report: &Report) -> Vec<String> {
    let summary = report.summary;
    let mut notes = vec![format!(
        "{:.0} requests a second, and {:.0} sales a second",
        summary.all.per_second(),
        summary.per_second(Outcome::Won)
    )];
    if report.must_be_taken.is_some() {
        notes.push(format!(
            "tickets taken after {:.2} s: {}, exactly as many as there were to take",
            summary.elapsed.as_secs_f64(),
            report.taken
        ));
    }
    notes.push(match report.checked {
        Some(checked) => format!(
            "checked: {} reservations in the database for {} answers 201, {} tickets taken, none of them twice{}",
            checked.reservations,
            checked.won,
            report.taken,
            if checked.ran_verify { "; `holdfast verify` agrees" } else { "" },
        ),
        None => format!(
            "{} tickets taken, says the API; with --database-url the database is checked",
            report.taken
        ),
    });
    if summary.connection_errors > 0 {
        notes.push(format!(
            "{} requests were sent and not answered",
            summary.connection_errors
        ));
    }
    if summary.unsent > 0 {
        notes.push(format!(
            "{} requests found no free connection: the rate was not reached",
            summary.unsent
        ));
    }
    if let Some(failure) = &summary.first_failure {
        notes.push(format!("the first that failed: {failure}"));
    }
    notes.push(generator(summary));
    notes
}

fn generator(summary: &Summary) -> String {
    let cpu = micros(summary.generator_cpu_per_request());
    format!("the load itself took {cpu:.1} us of processor time a request")
}

fn scenario_name(report: &Report) -> String {
    let value = clap::ValueEnum::to_possible_value(&report.run.scenario);
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

fn head(name: &str) -> String {
    format!(
        "{name:<12} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10}",
        "answers", "a second", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "max ms"
    )
}

fn row(name: &str, measured: &Measured) -> String {
    let mut row = format!(
        "{name:<12} {:>10} {:>10.1}",
        measured.count,
        measured.per_second()
    );
    for latency in latencies(measured) {
        // Writing to a string cannot fail.
        let _ = write!(row, " {:>10.2}", millis(latency));
    }
    row
}

fn latencies(measured: &Measured) -> [Duration; 5] {
    let [p50, p90, p99, p999] = [0.5, 0.9, 0.99, 0.999].map(|part| measured.quantile(part));
    [p50, p90, p99, p999, measured.max()]
}

fn measured(measured: &Measured) -> Value {
    let [p50, p90, p99, p999, max] = latencies(measured).map(millis);
    json!({
        "answers": measured.count,
        "per_second": measured.per_second(),
        "mean_ms": millis(measured.mean()),
        "p50_ms": p50,
        "p90_ms": p90,
        "p99_ms": p99,
        "p999_ms": p999,
        "max_ms": max,
    })
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
