//! The report: the figures, where they come from, and every run of every round.

mod tables;
mod words;

use std::{fmt::Write as _, time::Duration};

use super::{
    figures::{Verdict, figures},
    rounds::{Reading, Results, Run, millis},
};
pub use tables::grouped;
use tables::{aligned, markdown, ms, shown};
use words::{GUARANTEES, METHOD};

use crate::{
    machine::{GENERATOR, Machine},
    servers::POSTGRES_SETTINGS,
};

/// Everything that a comparison has found.
#[derive(Debug)]
pub struct Report {
    pub machine: Machine,
    /// The part of one processor that other programs have taken meanwhile, and the host of a virtual
    /// machine.
    pub others: f64,
    pub host: f64,
    /// Whether everything was measured that can be.
    pub is_whole: bool,
    pub results: Results,
    pub rounds: u32,
    /// Of each run.
    pub seconds: u64,
    /// What was tried before, a line each.
    pub tried: Vec<String>,
    /// Of the whole.
    pub elapsed: Duration,
}

/// The parts of a system, in the order in which a request meets them.
const PARTS: [&str; 6] = [
    GENERATOR,
    "Nginx",
    "Holdfast",
    "server",
    "Redis",
    "PostgreSQL",
];

const DESIGNS: [Run; 8] = [
    Run::Holdfast,
    Run::Nginx3,
    Run::LockThenWrite,
    Run::GateThenRow,
    Run::WaitingLock,
    Run::BitmapAndQueue,
    Run::SqliteNode,
    Run::HoldfastSoldOut,
];

impl Report {
    /// For the terminal.
    pub fn table(&self) -> String {
        let mut rows = vec![
            ["", "measured", "rounds", "least", "aim", ""]
                .map(str::to_owned)
                .to_vec(),
        ];
        rows.extend(self.figure_rows());
        let mut text = String::from("\n");
        text += &aligned(&rows);
        let mut runs = vec![
            ["", "per second", "median", "p99"]
                .map(str::to_owned)
                .to_vec(),
        ];
        for (run, _) in self.results.runs() {
            runs.push(vec![
                run.title().to_owned(),
                shown(self.results.per_second(run), grouped),
                shown(self.results.median_ms(run), ms),
                shown(self.results.p99_ms(run), ms),
            ]);
        }
        text.push('\n');
        text += &aligned(&runs);
        for failure in self.failures() {
            let _ = writeln!(text, "FAILED  {failure}");
        }
        let _ = write!(
            text,
            "\n{} s in all; others took {:.2} of a processor meanwhile, the host {:.2}",
            self.elapsed.as_secs(),
            self.others,
            self.host
        );
        text
    }

    /// The Markdown document.
    pub fn document(&self) -> String {
        let mut text = String::from("# Holdfast, measured\n\n");
        let _ = writeln!(
            text,
            "Written by `cargo run --release -p bench -- compare`; run it yourself, it takes some ten \
             minutes. Medians of {} rounds of {} s a run. Nothing here is asserted by a test: machines \
             differ.\n\n![Reservations per second, by design](report.svg)\n",
            self.rounds, self.seconds
        );
        self.write_figures(&mut text);
        self.write_designs(&mut text);
        self.write_instances(&mut text);
        self.write_machine(&mut text);
        self.write_method(&mut text);
        self.write_rounds(&mut text);
        text
    }

    fn write_figures(&self, text: &mut String) {
        text.push_str("## Figures\n\n");
        let head = ["figure", "measured", "rounds", "least", "aim", ""];
        markdown(text, &head, self.figure_rows());
    }

    fn figure_rows(&self) -> Vec<Vec<String>> {
        let figures = figures(&self.results).into_iter();
        let wanted = figures.filter(|it| self.is_whole || it.verdict() != Verdict::Missing);
        wanted
            .map(|figure| {
                vec![
                    figure.title.clone(),
                    shown(figure.value(), |value| figure.show(value)),
                    figure.range().map_or_else(String::new, |(least, most)| {
                        format!("{} to {}", figure.show(least), figure.show(most))
                    }),
                    figure.show(figure.least),
                    figure.show(figure.aim),
                    figure.verdict().words().to_owned(),
                ]
            })
            .collect()
    }

    fn write_designs(&self, text: &mut String) {
        text.push_str("\n## Designs\n\n");
        let rows = DESIGNS
            .into_iter()
            .filter(|it| self.results.rounds_of(*it) > 0);
        let rows = rows.map(|run| {
            vec![
                run.title().to_owned(),
                if run.is_modelled() { "modelled" } else { "" }.to_owned(),
                if run.is_durable() { "yes" } else { "**no**" }.to_owned(),
                shown(self.results.per_second(run), grouped) + " " + run.unit(),
                shown(self.results.median_ms(run), ms),
                shown(self.results.p99_ms(run), ms),
            ]
        });
        let head = [
            "design",
            "",
            "durable when answered",
            "rate",
            "median",
            "p99",
        ];
        markdown(text, &head, rows.collect());
        text.push_str(GUARANTEES);

        text.push_str("\n## Processor time of one sale\n\nMicroseconds, warm-up included; of one answer where it is sold out.\n\n");
        let mut head = vec!["design"];
        head.extend(PARTS);
        head.push("all");
        let rows = DESIGNS.into_iter().filter_map(|run| {
            let shares = PARTS.map(|part| self.results.cpu_micros(run, part));
            let sum: f64 = shares.iter().flatten().sum();
            (sum > 0.0).then(|| {
                let shares = shares.into_iter().chain([Some(sum)]);
                let shares = shares.map(|share| shown(share, |it| format!("{it:.0}")));
                [run.title().to_owned()].into_iter().chain(shares).collect()
            })
        });
        markdown(text, &head, rows.collect());
    }

    fn write_instances(&self, text: &mut String) {
        text.push_str("\n## One more instance\n\n");
        let one = self.results.per_second(Run::Nginx1);
        let rows = [Run::Nginx1, Run::Nginx2, Run::Nginx3]
            .into_iter()
            .map(|run| {
                let rate = self.results.per_second(run);
                let times = rate.zip(one).map(|(rate, one)| rate / one);
                vec![
                    run.title().to_owned(),
                    shown(rate, grouped),
                    shown(times, |times| format!("{times:.2} x")),
                    shown(self.results.p99_ms(run), ms),
                ]
            });
        let head = ["", "reservations/s", "of one instance", "p99"];
        markdown(text, &head, rows.collect());
        let _ = writeln!(
            text,
            "\nThe instances share {} cores with PostgreSQL, Redis, Nginx and the load: one more takes \
             from the others what it gives.\n",
            self.machine.cores
        );
        text.push_str("## Memory of an instance\n\n");
        let rows = self.results.memory();
        let rows =
            rows.map(|(circumstance, mib)| vec![circumstance.to_owned(), format!("{mib:.0} MiB")]);
        markdown(text, &["circumstance", "resident"], rows.collect());
    }

    fn write_machine(&self, text: &mut String) {
        let machine = &self.machine;
        let _ = writeln!(
            text,
            "\n## Machine\n\n- {} cores, {}, {} MiB of memory, Linux {}\n\
             - databases on {}; writing 8 KiB and flushing it takes {:.2} ms (median)\n\
             - load of the machine in the minute before: {:.2}; meanwhile other programs (and the kernel's \
             own threads) took {:.2} of a processor, the host {:.2}",
            machine.cores,
            machine.cpu,
            machine.memory_mib,
            machine.kernel,
            machine.file_system,
            millis(machine.flush),
            machine.load,
            self.others,
            self.host,
        );
        for version in &machine.versions {
            let _ = writeln!(text, "- {version}");
        }
        if machine.file_system == "tmpfs" {
            text.push_str("\n**The databases lay in memory: nothing here is durable. Set `TMPDIR` to a disk.**\n");
        }
    }

    fn write_method(&self, text: &mut String) {
        let _ = writeln!(
            text,
            "{METHOD}\nPostgreSQL runs with its defaults (`fsync`, `synchronous_commit` and \
             `full_page_writes` on) but for `{}`.\n\nTried for two seconds each before the rounds, the best \
             kept:\n",
            POSTGRES_SETTINGS.join("`, `")
        );
        for line in &self.tried {
            let _ = writeln!(text, "- {line}");
        }
    }

    fn write_rounds(&self, text: &mut String) {
        text.push_str("\n## Every round\n\n");
        let rows = self.results.runs().flat_map(|(run, rounds)| {
            let rounds = rounds.iter().enumerate();
            rounds.map(move |(round, outcome)| raw_row(run, round + 1, outcome))
        });
        let head = ["run", "round", "rate", "median", "p99", "note"];
        markdown(text, &head, rows.collect());
    }

    fn failures(&self) -> Vec<String> {
        let failed = self.results.runs().flat_map(|(run, rounds)| {
            let failed = rounds.iter().filter_map(|outcome| outcome.as_ref().err());
            failed.map(move |why| format!("{}: {why}", run.title()))
        });
        failed.collect()
    }
}

fn raw_row(run: Run, round: usize, outcome: &Result<Reading, String>) -> Vec<String> {
    let mut row = vec![run.title().to_owned(), round.to_string()];
    match outcome {
        Ok(reading) => row.extend([
            format!("{} {}", grouped(reading.per_second), run.unit()),
            shown(reading.median_ms(), ms),
            shown(reading.p99_ms(), ms),
            reading.note.clone(),
        ]),
        Err(why) => {
            row.extend(["**failed**", "", ""].map(str::to_owned));
            row.push(why.replace('\n', " "));
        }
    }
    row
}
