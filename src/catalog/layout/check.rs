//! What a layout must satisfy beyond the bounds of its fields.

use std::collections::HashSet;
use std::hash::Hash;

use super::drawing::{Layout, Row, Section, SectionKind};
use crate::catalog::MAX_TICKETS;
use crate::problem::Problem;

/// The longest name of a seat, in characters.
const LONGEST_LABEL: usize = 16;

/// Refuses a layout that no event could be made from.
pub fn check_layout(layout: &Layout) -> Result<(), Problem> {
    if let Some(point) = layout.focal_point {
        check_number("focal_point.x", point.x)?;
        check_number("focal_point.y", point.y)?;
    }
    for (i, section) in layout.sections.iter().enumerate() {
        check_section(&format!("sections[{i}]"), section)?;
    }
    let names = layout.sections.iter().map(|section| &section.name);
    if let Some(i) = first_repeated(names) {
        let field = format!("sections[{i}].name");
        return Err(Problem::invalid(&field, "must be another section's"));
    }
    if u64::try_from(layout.capacity()).unwrap_or(u64::MAX) > MAX_TICKETS {
        let message = "may have room for a million people together";
        return Err(Problem::invalid("sections", message));
    }
    Ok(())
}

fn check_section(field: &str, section: &Section) -> Result<(), Problem> {
    check_number(&format!("{field}.position.x"), section.position.x)?;
    check_number(&format!("{field}.position.y"), section.position.y)?;
    check_number(
        &format!("{field}.rotation"),
        section.rotation.unwrap_or(0.0),
    )?;
    let (wanted, unwanted) = match section.kind {
        SectionKind::Seated => (
            ("rows", section.rows.is_some()),
            ("capacity", section.capacity.is_some()),
        ),
        SectionKind::Standing => (
            ("capacity", section.capacity.is_some()),
            ("rows", section.rows.is_some()),
        ),
    };
    if !wanted.1 {
        let field = format!("{field}.{}", wanted.0);
        return Err(Problem::invalid(
            &field,
            "is needed by this kind of section",
        ));
    }
    if unwanted.1 {
        let field = format!("{field}.{}", unwanted.0);
        return Err(Problem::invalid(&field, "is not of this kind of section"));
    }
    check_rows(
        &format!("{field}.rows"),
        section.rows.as_deref().unwrap_or(&[]),
    )
}

/// Refuses rows that cannot be told apart, or that are at odds with themselves.
pub fn check_rows(field: &str, rows: &[Row]) -> Result<(), Problem> {
    for (i, row) in rows.iter().enumerate() {
        check_row(&format!("{field}[{i}]"), row)?;
    }
    match first_repeated(rows.iter().map(|row| &row.label)) {
        Some(i) => {
            let field = format!("{field}[{i}].label");
            Err(Problem::invalid(&field, "is another row's"))
        }
        None => Ok(()),
    }
}

fn check_row(field: &str, row: &Row) -> Result<(), Problem> {
    let invalid =
        |member: &str, message: &str| Err(Problem::invalid(&format!("{field}.{member}"), message));
    if let Some(point) = row.position {
        check_number(&format!("{field}.position.x"), point.x)?;
        check_number(&format!("{field}.position.y"), point.y)?;
    }
    check_number(&format!("{field}.rotation"), row.rotation.unwrap_or(0.0))?;
    if let Some(labels) = &row.labels {
        if row.first_label.is_some() {
            return invalid("first_label", "goes without labels only");
        }
        if i32::try_from(labels.len()) != Ok(row.seats) {
            return invalid("labels", "must name each of the seats");
        }
        let is_short = |label: &String| (1..=LONGEST_LABEL).contains(&label.chars().count());
        if let Some(i) = labels.iter().position(|label| !is_short(label)) {
            return invalid(&format!("labels[{i}]"), "must have 1 to 16 characters");
        }
        if let Some(i) = first_repeated(labels.iter()) {
            return invalid(&format!("labels[{i}]"), "is another seat's");
        }
    }
    let seats = [
        ("aisles_after", &row.aisles_after, row.seats - 1),
        ("accessible", &row.accessible, row.seats),
        ("companion", &row.companion, row.seats),
        ("restricted_view", &row.restricted_view, row.seats),
    ];
    for (member, positions, most) in seats {
        let positions = positions.as_deref().unwrap_or(&[]);
        if let Some(i) = positions.iter().position(|at| !(1..=most).contains(at)) {
            return invalid(
                &format!("{member}[{i}]"),
                "must be a seat of the row, from 1",
            );
        }
        if let Some(i) = first_repeated(positions.iter()) {
            return invalid(&format!("{member}[{i}]"), "is named twice");
        }
    }
    Ok(())
}

fn check_number(field: &str, number: f64) -> Result<(), Problem> {
    if number.is_finite() {
        return Ok(());
    }
    Err(Problem::invalid(field, "must be a finite number"))
}

/// The position of the first value that has been there before.
fn first_repeated<T: Eq + Hash>(values: impl Iterator<Item = T>) -> Option<usize> {
    let mut seen = HashSet::new();
    let mut values = values;
    values.position(|value| !seen.insert(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use poem_openapi::types::Example;
    use serde_json::Value;

    fn refused(change: impl FnOnce(&mut Layout)) -> String {
        let mut layout = Layout::example();
        change(&mut layout);
        let problem = check_layout(&layout).expect_err("it is refused");
        let document: Value = serde_json::from_slice(&problem.document("7")).unwrap();
        document["errors"][0]["field"].as_str().unwrap().to_owned()
    }

    fn row(layout: &mut Layout) -> &mut Row {
        &mut layout.sections[0].rows.as_mut().unwrap()[0]
    }

    #[test]
    fn a_layout_is_taken_and_its_room_is_counted() {
        let layout = Layout::example();
        assert!(check_layout(&layout).is_ok());
        assert_eq!(layout.capacity(), 12 + 14 + 150);
    }

    #[test]
    fn what_is_at_odds_with_itself_is_named() {
        let labels = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        for (field, change) in [
            (
                "sections[1].name",
                (|l: &mut Layout| l.sections[1].name = "Stalls".into()) as fn(&mut Layout),
            ),
            ("sections[0].rows", |l| l.sections[0].rows = None),
            ("sections[0].capacity", |l| l.sections[0].capacity = Some(1)),
            ("sections[1].capacity", |l| l.sections[1].capacity = None),
            ("sections[0].position.x", |l| {
                l.sections[0].position.x = f64::NAN;
            }),
            ("focal_point.y", |l| {
                l.focal_point.as_mut().unwrap().y = f64::INFINITY;
            }),
            ("sections[0].rows[0].aisles_after[0]", |l| {
                row(l).aisles_after = Some(vec![12]);
            }),
            ("sections[0].rows[0].accessible[1]", |l| {
                row(l).accessible = Some(vec![1, 13]);
            }),
            ("sections[0].rows[0].companion[1]", |l| {
                row(l).companion = Some(vec![2, 2]);
            }),
            ("sections[0].rows[1].label", |l| row(l).label = "B".into()),
        ] {
            assert_eq!(refused(change), field);
        }
        for (names, field) in [
            (&["1"][..], "labels"),
            (&["1", "1"], "labels[1]"),
            (&["1", ""], "labels[1]"),
            (&["12345678901234567", "1"], "labels[0]"),
        ] {
            let change = |layout: &mut Layout| {
                *row(layout) = Row {
                    label: "A".into(),
                    seats: 2,
                    labels: labels(names),
                    ..Row::default()
                };
            };
            assert_eq!(refused(change), format!("sections[0].rows[0].{field}"));
        }
    }
}
