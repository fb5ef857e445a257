//! The chart: durable reservations a second, one bar for each design, and the ceiling as a line.

use std::fmt::Write as _;

use super::{
    report::{Report, grouped},
    rounds::Run,
};

const WIDTH: f64 = 960.0;
const BARS_FROM: f64 = 380.0;
const BARS_TO: f64 = 860.0;
const TOP: f64 = 104.0;
const BAR: f64 = 22.0;
const STEP: f64 = 40.0;
const HEADING: f64 = 34.0;
const BETWEEN_GROUPS: f64 = 18.0;
/// Of a number of five digits.
const VALUE_WIDTH: f64 = 60.0;

/// Bars that are compared with each other, and with one ceiling.
struct Group {
    heading: &'static str,
    runs: &'static [Run],
    ceiling: Run,
    ceiling_name: &'static str,
}

const GROUPS: [Group; 3] = [
    Group {
        heading: "PostgreSQL, one server process, 256 connections",
        runs: &[
            Run::Holdfast,
            Run::GateThenRow,
            Run::LockThenWrite,
            Run::WaitingLock,
            Run::BitmapAndQueue,
        ],
        ceiling: Run::Pgbench,
        ceiling_name: "pgbench",
    },
    Group {
        heading: "PostgreSQL, through Nginx, 256 connections",
        runs: &[Run::Nginx1, Run::Nginx2, Run::Nginx3],
        ceiling: Run::Pgbench,
        ceiling_name: "pgbench",
    },
    Group {
        heading: "SQLite, one process, 256 connections",
        runs: &[Run::SqliteNode],
        ceiling: Run::SqliteLoop,
        ceiling_name: "SQLite loop",
    },
];

/// The whole picture as SVG.
pub fn draw(report: &Report) -> String {
    let results = &report.results;
    // What is not durable may be many times as fast; its bar is cut rather than all others flattened.
    let shown = GROUPS
        .iter()
        .flat_map(|it| it.runs.iter().chain([&it.ceiling]))
        .filter(|run| run.is_durable());
    let most = shown
        .filter_map(|run| results.per_second(*run))
        .fold(1.0, f64::max);
    let (unit, last) = scale(most);
    let x = |rate: f64| BARS_FROM + (BARS_TO - BARS_FROM) * rate / last;
    let mut values = String::new();

    let mut body = String::new();
    let mut y = TOP;
    for group in &GROUPS {
        text(&mut body, 24.0, y + 14.0, "heading", "", group.heading);
        y += HEADING;
        let first = y;
        let ceiling = results.per_second(group.ceiling);
        for run in group.runs {
            draw_name(&mut body, y, *run);
            let rate = results.per_second(*run);
            let to = rate.map_or(BARS_FROM, |rate| draw_bar(&mut body, y, *run, x(rate)));
            let value = rate.map_or("no figure".to_owned(), grouped);
            // Not across the line of the ceiling.
            let at = match ceiling.map(x) {
                Some(line) if (to - 6.0..to + VALUE_WIDTH).contains(&line) => line,
                _ => to,
            };
            text(&mut values, at + 8.0, y + 16.0, "value", "", &value);
            y += STEP;
        }
        if let Some(ceiling) = ceiling {
            draw_ceiling(&mut body, x(ceiling), first, y, group.ceiling_name, ceiling);
        }
        y += BETWEEN_GROUPS;
    }
    let axis = draw_axis(y - BETWEEN_GROUPS + 6.0, unit, last, x);
    let height = y + 56.0;
    let notes = format!(
        "Medians of {} rounds of {} s. Servers, databases and the load itself share {} cores: {}.",
        report.rounds, report.seconds, report.machine.cores, report.machine.cpu
    );
    let mut picture = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" role=\"img\" aria-label=\"Reservations per second by design\">\n{STYLE}\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" class=\"page\"/>\n"
    );
    text(
        &mut picture,
        24.0,
        38.0,
        "title",
        "",
        "Reservations per second",
    );
    let subtitle = "Each seat sold once, its sale on the disk before the buyer is told, unless marked otherwise";
    text(&mut picture, 24.0, 62.0, "subtitle", "", subtitle);
    picture += &axis;
    picture += &body;
    picture += &values;
    text(&mut picture, 24.0, height - 16.0, "subtitle", "", &notes);
    picture + "</svg>\n"
}

const STYLE: &str = r##"<defs><pattern id="hatched" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="8" height="8" fill="#fef3c7"/><rect width="3" height="8" fill="#f59e0b"/></pattern></defs>
<style>
text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1e293b; }
.page { fill: #ffffff; }
.title { font-size: 22px; font-weight: 700; }
.subtitle, .axis { font-size: 13px; fill: #64748b; }
.heading { font-size: 14px; font-weight: 700; }
.name, .value { font-size: 14px; }
.value, .own-name { font-weight: 700; font-size: 14px; }
.tag { font-size: 11px; fill: #64748b; }
.warning { font-size: 11px; fill: #b45309; }
.grid { stroke: #e2e8f0; stroke-width: 1; }
.own { fill: #0f766e; }
.model { fill: #94a3b8; }
.not-durable { fill: url(#hatched); stroke: #f59e0b; }
.ceiling { stroke: #dc2626; stroke-width: 2; stroke-dasharray: 6 4; }
.ceiling-name { font-size: 12px; fill: #dc2626; font-weight: 700; paint-order: stroke; stroke: #ffffff; stroke-width: 4px; }
.value { paint-order: stroke; stroke: #ffffff; stroke-width: 4px; }
</style>"##;

fn draw_name(body: &mut String, y: f64, run: Run) {
    let right = BARS_FROM - 12.0;
    if !run.is_modelled() {
        text(body, right, y + 15.0, "own-name", "end", run.title());
        return;
    }
    let (tag, class) = if run.is_durable() {
        ("modelled", "tag")
    } else {
        ("modelled, not durable when answered", "warning")
    };
    text(body, right, y + 10.0, "name", "end", run.title());
    text(body, right, y + 24.0, class, "end", tag);
}

/// Returns where it ends.
fn draw_bar(body: &mut String, y: f64, run: Run, to: f64) -> f64 {
    let class = match (run.is_modelled(), run.is_durable()) {
        (false, _) => "own",
        (true, true) => "model",
        (true, false) => "not-durable",
    };
    let end = to.min(BARS_TO);
    let width = end - BARS_FROM;
    let _ = writeln!(
        body,
        "<rect x=\"{BARS_FROM}\" y=\"{y}\" width=\"{width:.1}\" height=\"{BAR}\" rx=\"2\" class=\"{class}\"/>"
    );
    if to > BARS_TO {
        let (left, bottom) = (BARS_TO - 40.0, y + BAR + 4.0);
        let _ = writeln!(
            body,
            "<path d=\"M {left} {bottom} l 10 -30 h 8 l -10 30 z\" class=\"page\"/>"
        );
    }
    end
}

fn draw_ceiling(body: &mut String, x: f64, from: f64, to: f64, name: &str, rate: f64) {
    let to = to - (STEP - BAR) + 6.0;
    let from = from - 6.0;
    let _ = writeln!(
        body,
        "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{from}\" y2=\"{to}\" class=\"ceiling\"/>"
    );
    let label = format!("{name}, one-row transaction: {}", grouped(rate));
    // To the left of the line where there is no room to its right.
    let (x, anchor) = if x > BARS_TO - 200.0 {
        (x + 4.0, "end")
    } else {
        (x - 4.0, "")
    };
    text(body, x, from - 5.0, "ceiling-name", anchor, &label);
}

fn draw_axis(y: f64, unit: f64, last: f64, x: impl Fn(f64) -> f64) -> String {
    let mut axis = String::new();
    let mut rate = 0.0;
    while rate <= last {
        let x = x(rate);
        let _ = writeln!(
            axis,
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{}\" y2=\"{y}\" class=\"grid\"/>",
            TOP + 4.0
        );
        text(&mut axis, x, y + 16.0, "axis", "middle", &grouped(rate));
        rate += unit;
    }
    axis
}

fn text(into: &mut String, x: f64, y: f64, class: &str, anchor: &str, words: &str) {
    if words.is_empty() {
        return;
    }
    let anchor = match anchor {
        "" => String::new(),
        anchor => format!(" text-anchor=\"{anchor}\""),
    };
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(
        into,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\"{anchor}>{words}</text>"
    );
}

/// The distance of the grid's lines, a round number, and the last of them: not below `most`.
fn scale(most: f64) -> (f64, f64) {
    let rough = most / 5.0;
    let power = 10_f64.powf(rough.log10().floor());
    let unit = [1.0, 2.0, 2.5, 5.0, 10.0]
        .map(|it| it * power)
        .into_iter()
        .find(|unit| *unit >= rough)
        .unwrap_or(power * 10.0);
    (unit, (most / unit).ceil() * unit)
}

#[cfg(test)]
mod tests {
    use super::scale;

    #[test]
    fn the_scale_is_of_round_numbers() {
        assert_eq!(scale(9_800.0), (2_000.0, 10_000.0));
        assert_eq!(scale(10_000.0), (2_000.0, 10_000.0));
        assert_eq!(scale(12_100.0), (2_500.0, 12_500.0));
        assert_eq!(scale(740.0), (200.0, 800.0));
    }
}
