//! Where the seats of an event are drawn.

use poem_openapi::Object;
use poem_openapi::types::Example;

use crate::catalog::layout::{Plan, PlannedRow, Point};
use crate::entity::zone;
use crate::mirror::Facts;
use crate::problem::Problem;

/// Where the zones of an event are drawn. It changes with the event's version only.
#[derive(Debug, Object)]
#[oai(example)]
pub struct EventPlan {
    /// The event.
    pub event_id: i64,
    /// What everybody looks at, where the venue's layout said so.
    #[oai(nullable)]
    pub focal_point: Option<Point>,
    /// The zones that were made from a venue's layout.
    pub zones: Vec<PlannedZone>,
}

/// Where a zone is drawn.
#[derive(Debug, Object)]
pub struct PlannedZone {
    /// The zone.
    pub zone_id: i64,
    /// For display.
    pub name: String,
    /// Where the middle of its front row is.
    pub position: Point,
    /// By which angle it is turned around its position, in degrees, clockwise.
    pub rotation: f64,
    /// From the front; none of a standing zone.
    pub rows: Vec<RowOfPlan>,
}

/// Where a row is drawn.
#[derive(Debug, Object)]
pub struct RowOfPlan {
    /// Its name.
    pub row: String,
    /// Where its middle is, seen from the zone's position before the zone is turned.
    pub position: Point,
    /// By which angle it is turned around its middle.
    pub rotation: f64,
}

/// The plan of an event.
pub fn draw_plan(facts: &Facts) -> Result<EventPlan, Problem> {
    let mut focal_point = None;
    let mut zones = Vec::new();
    for zone in &facts.zones {
        let Some(text) = &zone.plan else {
            continue;
        };
        let plan: Plan = serde_json::from_str(text).map_err(Problem::internal)?;
        focal_point = focal_point.or(plan.focal_point);
        zones.push(planned_zone(zone, plan));
    }
    Ok(EventPlan {
        event_id: facts.event.id,
        focal_point,
        zones,
    })
}

fn planned_zone(zone: &zone::Model, plan: Plan) -> PlannedZone {
    let row = |row: PlannedRow| RowOfPlan {
        row: row.label,
        position: row.position,
        rotation: row.rotation,
    };
    PlannedZone {
        zone_id: zone.id,
        name: zone.name.clone(),
        position: plan.position,
        rotation: plan.rotation,
        rows: plan.rows.into_iter().map(row).collect(),
    }
}

impl Example for EventPlan {
    fn example() -> Self {
        let origin = Point { x: 0.0, y: 0.0 };
        Self {
            event_id: 1,
            focal_point: Some(Point { x: 0.0, y: -4.0 }),
            zones: vec![PlannedZone {
                zone_id: 2,
                name: "Stalls".into(),
                position: origin,
                rotation: 0.0,
                rows: vec![RowOfPlan {
                    row: "A".into(),
                    position: origin,
                    rotation: 0.0,
                }],
            }],
        }
    }
}
