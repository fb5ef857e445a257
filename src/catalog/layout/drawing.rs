//! A layout as it is sent, answered and kept: sections of rows, and where they lie.
//!
//! Distances are in seats: one is the width of a seat. On the drawing x runs to the right and y
//! down, away from the stage where that is at the top; angles are in degrees, clockwise.

use poem_openapi::types::Example;
use poem_openapi::{Enum, Object};
use serde::{Deserialize, Serialize};

/// Where a venue's sections, rows and seats are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, example)]
pub struct Layout {
    /// What everybody looks at; the seat of a section that is nearest to it is its best.
    #[oai(skip_serializing_if_is_none)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub focal_point: Option<Point>,
    /// Each with a name of its own.
    #[oai(validator(min_items = "1", max_items = "100"))]
    pub sections: Vec<Section>,
}

/// A spot of the drawing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields)]
pub struct Point {
    /// To the right, in seats.
    #[oai(validator(minimum(value = "-100000"), maximum(value = "100000")))]
    pub x: f64,
    /// Down, in seats.
    #[oai(validator(minimum(value = "-100000"), maximum(value = "100000")))]
    pub y: f64,
}

/// Rows of seats, or an area to stand in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields)]
pub struct Section {
    /// For display, and to make zones from.
    #[oai(validator(min_length = "1", max_length = "100"))]
    pub name: String,
    /// Rows of seats, or an area to stand in.
    pub kind: SectionKind,
    /// How many people it has room for; of standing sections only.
    #[oai(
        skip_serializing_if_is_none,
        validator(minimum(value = "1"), maximum(value = "1000000"))
    )]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<i32>,
    /// Where the middle of its front row is.
    pub position: Point,
    /// By which angle it is turned around its position.
    #[oai(
        skip_serializing_if_is_none,
        validator(minimum(value = "-360"), maximum(value = "360"))
    )]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<f64>,
    /// From the front; of seated sections only.
    #[oai(
        skip_serializing_if_is_none,
        validator(min_items = "1", max_items = "1000")
    )]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Vec<Row>>,
}

/// What a section is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Enum)]
#[serde(rename_all = "snake_case")]
#[oai(rename_all = "snake_case")]
pub enum SectionKind {
    /// Rows of seats.
    Seated,
    /// An area to stand in.
    Standing,
}

/// A row of seats. Seats are counted from 1 along the row, whatever they are called.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields)]
pub struct Row {
    /// What it is called.
    #[oai(validator(min_length = "1", max_length = "16"))]
    pub label: String,
    /// How many seats it has.
    #[oai(validator(minimum(value = "1"), maximum(value = "500")))]
    pub seats: i32,
    /// The number by which the first seat is called; the others count on from it.
    #[oai(skip_serializing_if_is_none, validator(pattern = "^[0-9]{1,6}$"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_label: Option<String>,
    /// What each seat is called, instead of counting.
    #[oai(
        skip_serializing_if_is_none,
        validator(min_items = "1", max_items = "500")
    )]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<String>>,
    /// Where its middle is, seen from the section's position before the section is turned; two seats
    /// behind the row before it where absent.
    #[oai(skip_serializing_if_is_none)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Point>,
    /// By which angle it is turned around its middle.
    #[oai(
        skip_serializing_if_is_none,
        validator(minimum(value = "-360"), maximum(value = "360"))
    )]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<f64>,
    /// The seats after which there is an aisle.
    #[oai(skip_serializing_if_is_none, validator(max_items = "500"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aisles_after: Option<Vec<i32>>,
    /// The seats where a wheelchair finds room.
    #[oai(skip_serializing_if_is_none, validator(max_items = "500"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accessible: Option<Vec<i32>>,
    /// The seats for those who come along.
    #[oai(skip_serializing_if_is_none, validator(max_items = "500"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub companion: Option<Vec<i32>>,
    /// The seats that something stands before.
    #[oai(skip_serializing_if_is_none, validator(max_items = "500"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restricted_view: Option<Vec<i32>>,
}

impl Layout {
    /// How many people it has room for.
    pub fn capacity(&self) -> i64 {
        self.sections.iter().map(Section::places).sum()
    }

    /// The section of that name.
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }
}

impl Section {
    /// How many people it has room for.
    pub fn places(&self) -> i64 {
        match self.kind {
            SectionKind::Standing => self.capacity.unwrap_or(0).into(),
            SectionKind::Seated => {
                let rows = self.rows.iter().flatten();
                rows.map(|row| i64::from(row.seats)).sum()
            }
        }
    }
}

impl Example for Layout {
    fn example() -> Self {
        let row = |label: &str, seats| Row {
            label: label.into(),
            seats,
            ..Row::default()
        };
        Self {
            focal_point: Some(Point { x: 0.0, y: -4.0 }),
            sections: vec![
                Section {
                    name: "Stalls".into(),
                    kind: SectionKind::Seated,
                    capacity: None,
                    position: Point { x: 0.0, y: 0.0 },
                    rotation: None,
                    rows: Some(vec![
                        Row {
                            aisles_after: Some(vec![6]),
                            accessible: Some(vec![1]),
                            companion: Some(vec![2]),
                            ..row("A", 12)
                        },
                        row("B", 14),
                    ]),
                },
                Section {
                    name: "Pit".into(),
                    kind: SectionKind::Standing,
                    capacity: Some(150),
                    position: Point { x: 0.0, y: -3.0 },
                    rotation: None,
                    rows: None,
                },
            ],
        }
    }
}
