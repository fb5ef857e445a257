//! The figures that matter: one number against another, with the least that is good and what is aimed at.

use super::rounds::{Reading, Results, Run, median};

/// A figure. Nothing is asserted about it: machines differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    pub title: String,
    /// One for each round in which the runs that it needs gave something.
    pub values: Vec<f64>,
    pub least: f64,
    pub aim: f64,
    pub unit: Unit,
}

/// What a figure is, and in which direction it is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// So many times as much: more is better.
    Times,
    /// So many times as long: less is better.
    TimesAsLong,
    /// Less is better.
    Milliseconds,
}

/// How a figure did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Aim,
    Least,
    Below,
    Missing,
}

impl Figure {
    /// The median over the rounds; none when no round gave one.
    pub fn value(&self) -> Option<f64> {
        median(self.values.clone())
    }

    /// From the least to the most of the rounds.
    pub fn range(&self) -> Option<(f64, f64)> {
        let least = self.values.iter().copied().reduce(f64::min)?;
        let most = self.values.iter().copied().reduce(f64::max)?;
        Some((least, most))
    }

    pub fn verdict(&self) -> Verdict {
        let Some(value) = self.value() else {
            return Verdict::Missing;
        };
        let reaches = |bound: f64| match self.unit {
            Unit::Times => value >= bound,
            Unit::TimesAsLong | Unit::Milliseconds => value <= bound,
        };
        match (reaches(self.aim), reaches(self.least)) {
            (true, _) => Verdict::Aim,
            (false, true) => Verdict::Least,
            (false, false) => Verdict::Below,
        }
    }

    /// A number of this figure's unit, in words.
    pub fn show(&self, value: f64) -> String {
        match self.unit {
            Unit::Times | Unit::TimesAsLong => format!("{value:.2} x"),
            Unit::Milliseconds => format!("{value:.1} ms"),
        }
    }
}

impl Verdict {
    pub fn words(self) -> &'static str {
        match self {
            Self::Aim => "reaches the aim",
            Self::Least => "reaches the least",
            Self::Below => "short of the least",
            Self::Missing => "not measured",
        }
    }
}

/// The fastest modelled design whose sales are durable when answered.
pub fn fastest_durable_model(results: &Results) -> Option<(Run, f64)> {
    let models = [Run::LockThenWrite, Run::GateThenRow, Run::WaitingLock];
    let rates = models
        .into_iter()
        .filter_map(|run| Some((run, results.per_second(run)?)));
    rates.max_by(|one, other| one.1.total_cmp(&other.1))
}

/// All figures, in the order in which they are shown. What is divided by another is divided in each
/// round, since a machine's speed changes from minute to minute.
pub fn figures(results: &Results) -> Vec<Figure> {
    let ratio = |one: Run, other: Run, of: Value| {
        let rounds = results
            .each_round(one, of)
            .zip(results.each_round(other, of));
        rounds
            .filter_map(|(one, other)| Some(one? / other?))
            .collect()
    };
    let model = fastest_durable_model(results).map(|(run, _)| run);
    let fastest = model.map_or("the fastest modelled durable design", Run::title);
    vec![
        figure(
            "durable reservations/s, one instance direct, 256 connections / pgbench UPDATE + INSERT",
            ratio(Run::Holdfast, Run::Pgbench, RATE),
            1.5,
            2.5,
            Unit::Times,
        ),
        figure(
            "durable reservations/s through Nginx, three instances / pgbench UPDATE + INSERT",
            ratio(Run::Nginx3, Run::Pgbench, RATE),
            1.2,
            2.0,
            Unit::Times,
        ),
        figure(
            &format!("one instance direct / the fastest modelled durable design ({fastest})"),
            model.map_or_else(Vec::new, |model| ratio(Run::Holdfast, model, RATE)),
            4.0,
            10.0,
            Unit::Times,
        ),
        figure(
            "sold-out requests/s / poem hello, direct",
            ratio(Run::HoldfastSoldOut, Run::Hello, RATE),
            0.65,
            0.85,
            Unit::Times,
        ),
        figure(
            "sold-out requests/s / poem hello, through Nginx",
            ratio(Run::NginxSoldOut, Run::HelloNginx, RATE),
            0.8,
            0.95,
            Unit::Times,
        ),
        figure(
            "p99 of a reservation at 128 connections, direct",
            results
                .each_round(Run::Holdfast128, Reading::p99_ms)
                .flatten()
                .collect(),
            25.0,
            10.0,
            Unit::Milliseconds,
        ),
        figure(
            "p99 of a reservation at 512 connections, direct",
            results
                .each_round(Run::Holdfast512, Reading::p99_ms)
                .flatten()
                .collect(),
            60.0,
            30.0,
            Unit::Milliseconds,
        ),
        figure(
            "a lone reservation / a transaction of pgbench with 1 client, medians",
            ratio(Run::HoldfastAlone, Run::PgbenchAlone, Reading::median_ms),
            3.0,
            1.5,
            Unit::TimesAsLong,
        ),
        figure(
            "the same, processors kept from sleeping meanwhile",
            ratio(Run::HoldfastAwake, Run::PgbenchAwake, Reading::median_ms),
            3.0,
            1.5,
            Unit::TimesAsLong,
        ),
        figure(
            "a hold of an event of 1,000,000 tickets / of 1,000, medians",
            ratio(
                Run::MillionTickets,
                Run::ThousandTickets,
                Reading::median_ms,
            ),
            1.2,
            1.05,
            Unit::TimesAsLong,
        ),
        figure(
            "durable reservations/s on SQLite / SQLite UPDATE + INSERT in a loop",
            ratio(Run::SqliteNode, Run::SqliteLoop, RATE),
            5.0,
            20.0,
            Unit::Times,
        ),
    ]
}

fn figure(title: &str, values: Vec<f64>, least: f64, aim: f64, unit: Unit) -> Figure {
    Figure {
        title: title.to_owned(),
        values,
        least,
        aim,
        unit,
    }
}

/// A number of a reading.
type Value = fn(&Reading) -> Option<f64>;

const RATE: Value = |reading| Some(reading.per_second);

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::{Figure, Unit, Verdict, fastest_durable_model, figures};
    use crate::compare::rounds::{Reading, Results, Run};

    fn results(rates: &[(Run, f64)]) -> Results {
        let mut results = Results::default();
        for (run, per_second) in rates {
            let reading = Reading {
                per_second: *per_second,
                ..Reading::default()
            };
            results.add(*run, Ok(reading));
        }
        results
    }

    #[test]
    fn what_is_not_durable_is_not_compared_with() {
        let results = results(&[
            (Run::Holdfast, 8000.0),
            (Run::LockThenWrite, 1000.0),
            (Run::GateThenRow, 2000.0),
            (Run::BitmapAndQueue, 9000.0),
        ]);
        assert_eq!(
            fastest_durable_model(&results),
            Some((Run::GateThenRow, 2000.0))
        );
        let figure = &figures(&results)[2];
        assert_eq!(figure.value(), Some(4.0));
        assert_eq!(figure.verdict(), Verdict::Least);
        assert_eq!(figures(&results)[0].verdict(), Verdict::Missing);
    }

    #[test]
    fn a_figure_is_the_median_of_what_each_round_gave() {
        let mut results = results(&[
            (Run::HoldfastSoldOut, 60.0),
            (Run::Hello, 100.0),
            (Run::HoldfastSoldOut, 40.0),
            (Run::Hello, 50.0),
            (Run::HoldfastSoldOut, 140.0),
            (Run::Hello, 200.0),
            (Run::HoldfastSoldOut, 9.0),
        ]);
        results.add(Run::Hello, Err(anyhow!("it does not start")));
        let figure = &figures(&results)[3];
        assert_eq!(figure.values, [0.6, 0.8, 0.7]);
        assert_eq!(figure.value(), Some(0.7));
        assert_eq!(figure.range(), Some((0.6, 0.8)));
    }

    #[test]
    fn less_is_better_where_it_is_time() {
        let figure = |value, unit| Figure {
            title: String::new(),
            values: vec![value],
            least: 3.0,
            aim: 1.5,
            unit,
        };
        assert_eq!(figure(1.4, Unit::TimesAsLong).verdict(), Verdict::Aim);
        assert_eq!(figure(2.0, Unit::Milliseconds).verdict(), Verdict::Least);
        assert_eq!(figure(3.1, Unit::TimesAsLong).verdict(), Verdict::Below);
    }
}
