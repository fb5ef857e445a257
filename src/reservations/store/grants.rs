//! What a batch reads and writes where places are given away.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement};
use std::collections::{HashMap, HashSet};

use super::batch::Reader;
use super::writes::Part;
use crate::coordination::SeatStatus;
use crate::db::{self, Column, Rows};
use crate::entity::application;
use crate::ids::{ApplicationId, EventId, ZoneId};
use crate::mirror::Place;
use crate::reservations::batch::{GrantedApplication, SeenApplication, SeenZone};

/// Most places of a zone that a batch chooses from; more than a batch of one organiser can give away.
const MOST_PLACES: i64 = 5000;

impl Reader<'_> {
    pub(super) async fn applications(
        &self,
        ids: HashSet<ApplicationId>,
    ) -> Result<HashMap<ApplicationId, SeenApplication>, DbErr> {
        let ids = ids.into_iter().map(|id| id.0).collect();
        let rows = Rows::default().with("id", Column::Uuids(ids));
        let found = self
            .query(rows, |x| {
                format!(
                    "SELECT a.*, u.name, u.email FROM {x} JOIN applications a ON a.id = x.id \
                     JOIN users u ON u.id = a.user_id {}",
                    self.locking("a")
                )
            })
            .await?;
        found
            .iter()
            .map(|row| {
                let seen = SeenApplication {
                    application: application::Model::from_query_result(row, "")?,
                    name: row.try_get("", "name")?,
                    email: row.try_get("", "email")?,
                };
                Ok((ApplicationId(seen.application.id), seen))
            })
            .collect()
    }

    /// The zones with their available places. The row of a zone is locked first, so that whatever
    /// others have given away of it is seen, and the event's, so that it is not cancelled meanwhile.
    pub(super) async fn zones(
        &self,
        ids: HashSet<ZoneId>,
    ) -> Result<HashMap<ZoneId, SeenZone>, DbErr> {
        let ids = ids.into_iter().map(|id| id.0).collect();
        let rows = Rows::default().with("id", Column::Integers(ids));
        let now = db::now_sql(self.backend());
        let locking = if self.locks_rows {
            "FOR SHARE OF e FOR NO KEY UPDATE OF z"
        } else {
            ""
        };
        let found = self
            .query(rows, |x| {
                format!(
                    "SELECT z.id, z.name, z.focus_row, z.focus_seat, e.id AS event_id, e.title, \
                            e.status, e.starts_at, e.currency, e.limit_per_customer, {now} AS now \
                     FROM {x} JOIN zones z ON z.id = x.id JOIN events e ON e.id = z.event_id \
                     ORDER BY e.id, z.id {locking}"
                )
            })
            .await?;
        let mut seen = HashMap::with_capacity(found.len());
        for row in found {
            let id = ZoneId(row.try_get("", "id")?);
            let focus_row: Option<i32> = row.try_get("", "focus_row")?;
            let limit: Option<i32> = row.try_get("", "limit_per_customer")?;
            let zone = SeenZone {
                name: row.try_get("", "name")?,
                focus: focus_row.zip(row.try_get("", "focus_seat")?),
                event: EventId(row.try_get("", "event_id")?),
                event_title: row.try_get("", "title")?,
                event_status: row.try_get("", "status")?,
                starts_at: row.try_get("", "starts_at")?,
                currency: row.try_get("", "currency")?,
                limit_per_customer: limit.and_then(|limit| u32::try_from(limit).ok()),
                // A statement of its own: it sees what was committed while this one waited.
                places: self.available_places(id).await?,
                now: row.try_get("", "now")?,
            };
            seen.insert(id, zone);
        }
        Ok(seen)
    }

    async fn available_places(&self, zone: ZoneId) -> Result<Vec<Place>, DbErr> {
        let statement = Statement::from_sql_and_values(
            self.backend(),
            "SELECT id, row_number, seat_number, version FROM tickets \
             WHERE zone_id = $1 AND status = 'available' ORDER BY id LIMIT $2",
            [zone.0.into(), MOST_PLACES.into()],
        );
        let found = self.connection.query_all_raw(statement).await?;
        found
            .iter()
            .map(|row| {
                Ok(Place {
                    ticket_id: row.try_get("", "id")?,
                    row: row.try_get("", "row_number")?,
                    seat: row.try_get("", "seat_number")?,
                    status: SeatStatus::Available,
                    version: row.try_get("", "version")?,
                })
            })
            .collect()
    }
}

pub(super) fn mark_granted(granted: &[GrantedApplication]) -> Part {
    let ids = granted.iter().map(|g| g.application.0).collect();
    let reservations = granted.iter().map(|g| g.reservation.0).collect();
    let admins = granted.iter().map(|g| g.decided_by.0).collect();
    let versions = granted.iter().map(|g| g.version).collect();
    let times = granted.iter().map(|g| g.at).collect();
    Part {
        name: "granted",
        rows: Rows::default()
            .with("id", Column::Uuids(ids))
            .with("version", Column::Integers(versions))
            .with("reservation_id", Column::Uuids(reservations))
            .with("decided_by", Column::Uuids(admins))
            .with("at", Column::Times(times)),
        statements: vec![
            "UPDATE applications AS a SET status = 'granted', reservation_id = x.reservation_id, \
                    decided_by = x.decided_by, ended_at = x.at, version = a.version + 1 \
             FROM granted x \
             WHERE a.id = x.id AND a.version = x.version AND a.status = 'pending'"
                .into(),
        ],
        rows_touched: granted.len() as u64,
    }
}
