//! The system under load: accounts to ask with, and events to sell.

mod accounts;
mod api;

pub use accounts::{COLUMNS as ACCOUNT_COLUMNS, NO_PASSWORD};
pub use api::Api;

use anyhow::{Context, Result, bail};
use chrono::{TimeDelta, Utc};
use sea_orm::{ConnectOptions, Database, DatabaseConnection};
use serde_json::json;
use std::time::Duration;

use crate::load::Bearer;

/// A running Holdfast, with what it takes to load it.
#[derive(Debug, Clone)]
pub struct Target {
    /// `http://host:port`, or several separated by commas.
    pub base_url: String,
    /// The access token of an admin.
    pub admin: Bearer,
    /// The access tokens of buyers.
    pub buyers: Vec<Bearer>,
    /// The database behind it, if it may be looked into.
    pub database_url: Option<String>,
    api: Api,
}

/// An event to be made.
#[derive(Debug, Clone)]
pub struct EventSpec {
    /// At least one; a million tickets together at the most.
    pub zones: Vec<ZoneSpec>,
}

/// A zone of an event to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZoneSpec {
    /// Rows of numbered seats; up to 1,000 rows of up to 1,000 seats.
    Seated { rows: u32, seats_per_row: u32 },
    /// Places without a number.
    Standing { capacity: u32 },
}

/// An event on sale.
#[derive(Debug, Clone)]
pub struct SaleEvent {
    pub id: i64,
    /// In the order of the [`EventSpec`].
    pub zones: Vec<SaleZone>,
}

/// A zone of an event on sale.
#[derive(Debug, Clone)]
pub struct SaleZone {
    pub zone_id: i64,
    /// How many tickets it has.
    pub capacity: u64,
    /// The tickets of its seats, row by row; empty in a standing zone.
    pub ticket_ids: Vec<i64>,
}

impl Target {
    /// Signs in an admin and as many buyers.
    ///
    /// With the secret that signs access tokens, the admin needs no account; with the database too,
    /// neither do the buyers: their rows are inserted in bulk. Otherwise buyers register, which is
    /// slow on purpose.
    pub async fn prepare(
        base_url: &str,
        database_url: Option<&str>,
        jwt_secret: Option<&str>,
        admin: Option<(&str, &str)>,
        buyers: usize,
    ) -> Result<Self> {
        let api = Api::new(base_url)?;
        let admin = match (jwt_secret, admin) {
            (Some(secret), _) => accounts::sign(secret, uuid::Uuid::new_v4(), "admin")?,
            (None, Some((email, password))) => accounts::log_in(&api, email, password).await?,
            (None, None) => bail!("an admin's account or the secret of access tokens is needed"),
        };
        let buyers = match (database_url, jwt_secret) {
            (Some(database), Some(secret)) => {
                let database = connect(database).await?;
                accounts::insert(&database, secret, buyers).await?
            }
            _ => accounts::register(&api, buyers).await?,
        };
        Ok(Self {
            base_url: base_url.to_owned(),
            admin,
            buyers,
            database_url: database_url.map(str::to_owned),
            api,
        })
    }

    /// Makes an event at a new venue and puts it on sale.
    pub async fn create_event(&self, spec: &EventSpec) -> Result<SaleEvent> {
        let admin = Some(&self.admin);
        let venue = json!({
            "name": "Load Hall",
            "address": null,
            "city": "Berlin",
            "country": "DE",
            "time_zone": "Europe/Berlin",
        });
        let venue = self
            .api
            .post("/api/venues", admin, Some(&venue))
            .await?
            .expect(201)?;
        let draft = json!({
            "venue_id": venue["id"],
            "title": "A load",
            "category": "benchmark",
            "starts_at": (Utc::now() + TimeDelta::days(30)).to_rfc3339(),
            "zones": spec.zones.iter().enumerate().map(draft_of_zone).collect::<Vec<_>>(),
        });
        let event = self
            .api
            .post("/api/events", admin, Some(&draft))
            .await?
            .expect(201)?;
        let id = event["id"].as_i64().context("an event without an id")?;
        let path = format!("/api/events/{id}/publish");
        self.api.post(&path, admin, None).await?.expect(200)?;
        let mut zones = Vec::new();
        for (zone, spec) in event["zones"]
            .as_array()
            .into_iter()
            .flatten()
            .zip(&spec.zones)
        {
            let zone_id = zone["zone_id"].as_i64().context("a zone without an id")?;
            let ticket_ids = match spec {
                ZoneSpec::Seated { .. } => self.seats(id, zone_id).await?,
                ZoneSpec::Standing { .. } => Vec::new(),
            };
            zones.push(SaleZone {
                zone_id,
                capacity: spec.capacity(),
                ticket_ids,
            });
        }
        if zones.len() < spec.zones.len() {
            bail!("the event was made with {} zones", zones.len());
        }
        Ok(SaleEvent { id, zones })
    }

    /// How many tickets of the event are held or sold, as the API says.
    pub async fn count_taken(&self, event: &SaleEvent) -> Result<u64> {
        let path = format!("/api/events/{}/availability", event.id);
        let answer = self.api.get(&path).await?.expect(200)?;
        let zones = answer["zones"].as_array().context("no zones")?;
        let taken = |zone: &serde_json::Value| {
            ["held", "sold"]
                .map(|state| zone[state].as_u64().unwrap_or(0))
                .iter()
                .sum::<u64>()
        };
        Ok(zones.iter().map(taken).sum())
    }

    async fn seats(&self, event: i64, zone: i64) -> Result<Vec<i64>> {
        let path = format!("/api/events/{event}/seats?zone_id={zone}");
        let map = self.api.get(&path).await?.expect(200)?;
        let rows = map["zones"][0]["rows"]
            .as_array()
            .context("a map without rows")?;
        let mut ids = Vec::new();
        for row in rows {
            if let Some(listed) = row["ticket_ids"].as_array() {
                ids.extend(listed.iter().filter_map(serde_json::Value::as_i64));
                continue;
            }
            let first = row["first_ticket_id"]
                .as_i64()
                .context("a row without tickets")?;
            let seats = row["seats"].as_i64().context("a row without seats")?;
            ids.extend(first..first + seats);
        }
        Ok(ids)
    }
}

impl ZoneSpec {
    /// A seated zone of at least that many seats, in rows of a hundred where there are as many.
    pub fn seats(count: u32) -> Self {
        let seats_per_row = match count {
            0..=100 => count.max(1),
            101..=100_000 => 100,
            _ => 1000,
        };
        Self::Seated {
            rows: count.div_ceil(seats_per_row).clamp(1, 1000),
            seats_per_row,
        }
    }

    /// How many tickets it has.
    pub fn capacity(self) -> u64 {
        match self {
            Self::Seated {
                rows,
                seats_per_row,
            } => u64::from(rows) * u64::from(seats_per_row),
            Self::Standing { capacity } => capacity.into(),
        }
    }
}

/// Connects to a database, for setting up and checking.
pub async fn connect(database_url: &str) -> Result<DatabaseConnection> {
    let mut options = ConnectOptions::new(database_url);
    options
        .max_connections(2)
        .connect_timeout(Duration::from_secs(10))
        .sqlx_logging(false)
        // A SQLite file has one writer at a time, and a server is at it.
        .map_sqlx_sqlite_opts(|options| options.busy_timeout(Duration::from_secs(30)));
    let database = Database::connect(options).await;
    database.context("failed to connect to the database")
}

fn draft_of_zone((position, zone): (usize, &ZoneSpec)) -> serde_json::Value {
    let seating = match zone {
        ZoneSpec::Seated {
            rows,
            seats_per_row,
        } => json!({ "kind": "seated", "rows": rows, "seats_per_row": seats_per_row }),
        ZoneSpec::Standing { capacity } => json!({ "kind": "standing", "capacity": capacity }),
    };
    json!({
        "name": format!("Zone {}", position + 1),
        "price": { "amount": 4500, "currency": "EUR" },
        "seating": seating,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_has_at_least_the_seats_asked_for() {
        for count in [1, 99, 100, 101, 100_000, 100_001, 1_000_000] {
            let zone = ZoneSpec::seats(count);
            let ZoneSpec::Seated { rows, .. } = zone else {
                panic!("{zone:?}");
            };
            assert!(
                rows <= 1000 && zone.capacity() >= u64::from(count),
                "{zone:?}"
            );
        }
    }
}
