//! More places for a zone, or fewer.

use chrono::{DateTime, Utc};
use sea_orm::DatabaseTransaction;
use std::collections::{BTreeMap, HashSet};

use super::store::{self, ExistingSeat};
use super::{
    ZoneError, capacity_of, check_total, event_to_edit, position_of, raise_version, recount,
};
use crate::catalog::layout::{NewSeat, Plan, PlannedRow, Point, Row, seats_of_row};
use crate::catalog::seats::{
    Changed, Transition, count_free, free_for_update, move_tickets, removed_for_update,
};
use crate::catalog::store::zones;
use crate::catalog::{row_name, seat_name};
use crate::entity::event;
use crate::ids::{EventId, ZoneId};
use crate::precondition::Expected;

/// Gives a standing zone as many places. Where there are to be fewer, any that are nobody's are
/// taken out, and if there are not enough of those, none is.
pub async fn set_capacity(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    (id, expected): (EventId, Expected),
    zone: ZoneId,
    capacity: i32,
) -> Result<(event::Model, Changed<()>), ZoneError> {
    let event = event_to_edit(tx, id, expected).await?;
    let all = zones(tx, id).await?;
    let model = all[position_of(&all, zone)?].clone();
    if model.seat_rows.is_some() {
        let message = "is of standing zones; the seats of a seated one are added and removed";
        return Err(ZoneError::invalid("capacity", message));
    }
    let more = i64::from(capacity) - i64::from(model.capacity);
    check_total(capacity_of(&all) + more, "capacity")?;
    let count = more.unsigned_abs();
    let moved = if more < 0 {
        let free = free_for_update(tx, zone, count).await?;
        if (free.len() as u64) < count {
            let available = count_free(tx, zone).await?;
            return Err(ZoneError::InUse { available });
        }
        move_tickets(tx, now, free, Transition::Remove).await?
    } else {
        let removed = removed_for_update(tx, zone, count).await?;
        let new = count - removed.len() as u64;
        store::insert_tickets(tx, &model, (0..new).map(|_| None)).await?;
        move_tickets(tx, now, removed, Transition::Restore).await?
    };
    recount(tx, model).await?;
    let event = raise_version(tx, event).await?;
    Ok((event, Changed::new((), &moved)))
}

/// Adds rows to a seated zone, and seats to the ends of rows that it has.
pub async fn add_seats(
    tx: &DatabaseTransaction,
    (id, expected): (EventId, Expected),
    zone: ZoneId,
    rows: Vec<Row>,
) -> Result<event::Model, ZoneError> {
    let event = event_to_edit(tx, id, expected).await?;
    let all = zones(tx, id).await?;
    let mut model = all[position_of(&all, zone)?].clone();
    if model.seat_rows.is_none() {
        let message = "are of seated zones; a standing one has a capacity";
        return Err(ZoneError::invalid("rows", message));
    }
    let more: i64 = rows.iter().map(|row| i64::from(row.seats)).sum();
    check_total(capacity_of(&all) + more, "rows")?;
    let plan: Option<Plan> = match &model.plan {
        Some(plan) => Some(serde_json::from_str(plan).map_err(super::LayoutError::from)?),
        None => None,
    };
    let mut growing = Growing::new(store::existing_seats(tx, &model).await?, plan);
    let mut new = Vec::new();
    for (i, row) in rows.into_iter().enumerate() {
        new.extend(growing.add(i, row)?);
    }
    if let Some(plan) = &growing.plan {
        let text = serde_json::to_string(plan).map_err(super::LayoutError::from)?;
        model = store::change_plan(tx, model, text).await?;
    }
    store::insert_tickets(tx, &model, new.into_iter().map(Some)).await?;
    recount(tx, model).await?;
    Ok(raise_version(tx, event).await?)
}

/// A zone that rows and seats are added to.
struct Growing {
    rows: BTreeMap<String, KnownRow>,
    last_row: i32,
    plan: Option<Plan>,
}

#[derive(Default)]
struct KnownRow {
    number: i32,
    last_seat: i32,
    /// What its seats are called, with those that were taken out.
    names: HashSet<String>,
}

impl Growing {
    fn new(seats: Vec<ExistingSeat>, plan: Option<Plan>) -> Self {
        let mut growing = Self {
            rows: BTreeMap::new(),
            last_row: 0,
            plan,
        };
        for seat in seats {
            let row = row_name(Some(seat.row_number), seat.row_label.as_deref());
            let name = seat_name(Some(seat.seat_number), seat.seat_label.as_deref());
            let row = growing.rows.entry(row.unwrap_or_default()).or_default();
            row.number = seat.row_number;
            row.last_seat = row.last_seat.max(seat.seat_number);
            row.names.extend(name);
            growing.last_row = growing.last_row.max(seat.row_number);
        }
        growing
    }

    /// The seats of a row that is new, or that goes on behind those it has.
    fn add(&mut self, index: usize, mut row: Row) -> Result<Vec<NewSeat>, ZoneError> {
        if !self.rows.contains_key(&row.label) {
            self.last_row += 1;
            self.draw(&row);
        }
        let known = self.rows.entry(row.label.clone()).or_insert(KnownRow {
            number: self.last_row,
            ..KnownRow::default()
        });
        if row.labels.is_none() && row.first_label.is_none() {
            let numbers = known
                .names
                .iter()
                .filter_map(|name| name.parse::<i32>().ok());
            let last = numbers.max().unwrap_or(0).clamp(0, 999_998);
            row.first_label = Some((last + 1).to_string());
        }
        let seats = seats_of_row(&row, known.number, known.last_seat + 1);
        for seat in &seats {
            let name = seat_name(Some(seat.seat_number), seat.seat_label.as_deref());
            let name = name.unwrap_or_default();
            if !known.names.insert(name.clone()) {
                let message = format!("has a seat {name} already");
                return Err(ZoneError::invalid(format!("rows[{index}].label"), message));
            }
        }
        known.last_seat = seats
            .last()
            .map_or(known.last_seat, |seat| seat.seat_number);
        Ok(seats)
    }

    /// Draws a new row where it says, or behind the last one.
    fn draw(&mut self, row: &Row) {
        let Some(plan) = &mut self.plan else {
            return;
        };
        let behind = plan.rows.last().map_or(0.0, |row| row.position.y + 2.0);
        plan.rows.push(PlannedRow {
            label: row.label.clone(),
            position: row.position.unwrap_or(Point { x: 0.0, y: behind }),
            rotation: row.rotation.unwrap_or(0.0),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(label: &str, seats: i32) -> Row {
        Row {
            label: label.into(),
            seats,
            ..Row::default()
        }
    }

    fn existing(seat_number: i32, label: Option<&str>) -> ExistingSeat {
        ExistingSeat {
            row_number: 1,
            seat_number,
            row_label: None,
            seat_label: label.map(Into::into),
        }
    }

    #[test]
    fn seats_go_on_behind_those_of_their_row_and_new_rows_behind_the_last() {
        // Two seats, an aisle, a seat.
        let seats = vec![existing(1, None), existing(2, None), existing(4, Some("3"))];
        let mut growing = Growing::new(seats, None);
        let more = growing.add(0, row("A", 2)).unwrap();
        let places: Vec<_> = more
            .iter()
            .map(|seat| {
                (
                    seat.row_number,
                    seat.seat_number,
                    seat.seat_label.as_deref(),
                )
            })
            .collect();
        assert_eq!(places, [(1, 5, Some("4")), (1, 6, Some("5"))]);
        let new = growing.add(1, row("Box", 1)).unwrap();
        assert_eq!(
            (new[0].row_number, new[0].row_label.as_deref()),
            (2, Some("Box"))
        );
    }

    #[test]
    fn a_name_that_a_seat_of_the_row_has_is_refused() {
        let mut growing = Growing::new(vec![existing(1, None)], None);
        let again = Row {
            first_label: Some("1".into()),
            ..row("A", 1)
        };
        assert!(growing.add(0, again).is_err());
    }
}
