//! Events on sale, and the calls of those who buy.

use serde_json::{Value, json};

use crate::{
    http::{Answer, Call},
    people::Person,
    system::System,
};

const CURRENCY: &str = "EUR";

/// A zone of an event to be.
#[derive(Debug, Clone)]
pub struct Zone {
    name: String,
    amount: i64,
    by_application: bool,
    seating: Value,
}

impl Zone {
    /// Rows of seats, at a price in cents.
    pub fn seated(name: &str, rows: u32, seats_per_row: u32, amount: i64) -> Self {
        Self {
            name: name.to_owned(),
            amount,
            by_application: false,
            seating: json!({ "kind": "seated", "rows": rows, "seats_per_row": seats_per_row }),
        }
    }

    /// Places without seats, at a price in cents.
    pub fn standing(name: &str, capacity: u32, amount: i64) -> Self {
        Self {
            name: name.to_owned(),
            amount,
            by_application: false,
            seating: json!({ "kind": "standing", "capacity": capacity }),
        }
    }

    /// With its best seats around this one, counted from 1.
    #[must_use]
    pub fn focus(mut self, row: u32, seat: u32) -> Self {
        self.seating["focus"] = json!({ "row": row, "seat": seat });
        self
    }

    /// Given away by application, for nothing.
    #[must_use]
    pub fn by_application(mut self) -> Self {
        self.amount = 0;
        self.by_application = true;
        self
    }

    fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "price": { "amount": self.amount, "currency": CURRENCY },
            "by_application": self.by_application,
            "seating": self.seating,
        })
    }
}

/// An event on sale.
#[derive(Debug, Clone)]
pub struct Event {
    pub id: i64,
    pub venue_id: i64,
    pub zones: Vec<ZoneOnSale>,
}

/// A zone of an event on sale.
#[derive(Debug, Clone)]
pub struct ZoneOnSale {
    pub id: i64,
    pub name: String,
    /// The ids of the zone's tickets, by row and seat; none in a standing zone, whose places have no map.
    pub tickets: Vec<i64>,
}

impl Event {
    /// The tickets of the first zone, for stories that have one.
    pub fn tickets(&self) -> &[i64] {
        &self.zones[0].tickets
    }

    /// # Panics
    /// When there is no zone of this name.
    #[track_caller]
    pub fn zone(&self, name: &str) -> &ZoneOnSale {
        let zone = self.zones.iter().find(|zone| zone.name == name);
        zone.unwrap_or_else(|| panic!("no zone {name} in {self:?}"))
    }
}

impl System {
    /// A published event with these zones, on sale from now on.
    pub async fn on_sale(&self, zones: &[Zone]) -> Event {
        let event = self.draft(zones).await;
        self.publish(event).await
    }

    /// The same, of which one customer may have only so many tickets.
    pub async fn on_limited_sale(&self, zones: &[Zone], limit_per_customer: u32) -> Event {
        let limit = json!({ "limit_per_customer": limit_per_customer });
        self.on_sale_with(zones, &limit).await
    }

    /// The same, with these members of the event, such as `sales_open_at`.
    pub async fn on_sale_with(&self, zones: &[Zone], members: &Value) -> Event {
        let event = self.draft_with(zones, members).await;
        self.publish(event).await
    }

    async fn publish(&self, event: Event) -> Event {
        let admin = self.admin().await;
        let publish = format!("/api/events/{}/publish", event.id);
        self.post(&publish).by(&admin).await.expect(200);
        Event {
            zones: self.zones_on_sale(event.id).await,
            ..event
        }
    }

    /// A draft with these zones: its tickets are nobody's yet, and its zones not yet listed here.
    pub async fn draft(&self, zones: &[Zone]) -> Event {
        self.draft_with(zones, &json!({})).await
    }

    async fn draft_with(&self, zones: &[Zone], members: &Value) -> Event {
        let venue_id = self.venue().await;
        let mut event = json!({
            "venue_id": venue_id,
            "title": "Last Night of the Tests",
            "starts_at": "2099-06-01T19:00:00Z",
            "ends_at": "2099-06-01T23:00:00Z",
            "zones": zones.iter().map(Zone::to_json).collect::<Vec<_>>(),
        });
        let members = members.as_object().into_iter().flatten();
        for (name, value) in members {
            event[name] = value.clone();
        }
        let admin = self.admin().await;
        let answer = self
            .post("/api/events")
            .by(&admin)
            .json(&event)
            .await
            .expect(201);
        Event {
            id: number(&answer["id"]),
            venue_id,
            zones: Vec::new(),
        }
    }

    /// The id of a new venue.
    pub async fn venue(&self) -> i64 {
        let venue = json!({
            "name": "Test Hall", "city": "Tallinn", "country": "EE", "time_zone": "Europe/Tallinn",
        });
        let admin = self.admin().await;
        let answer = self
            .post("/api/venues")
            .by(&admin)
            .json(&venue)
            .await
            .expect(201);
        number(&answer["id"])
    }

    pub fn reserve(&self, buyer: &Person, ticket: i64) -> Call {
        self.post(&format!("/api/tickets/{ticket}/reserve"))
            .by(buyer)
    }

    /// The same with a code.
    pub fn reserve_with(&self, buyer: &Person, ticket: i64, code: &str) -> Call {
        self.post(&format!("/api/tickets/{ticket}/reserve?code={code}"))
            .by(buyer)
    }

    /// Makes a code of the event: `json!({ "code": "FAN", "percent_off": 10 })`.
    pub async fn code(&self, event: &Event, code: &Value) -> Answer {
        let admin = self.admin().await;
        let path = format!("/api/events/{}/codes", event.id);
        self.post(&path).by(&admin).json(code).await.expect(201)
    }

    pub fn reserve_tickets(&self, buyer: &Person, event: &Event, tickets: &[i64]) -> Call {
        let wanted = json!({ "event_id": event.id, "ticket_ids": tickets });
        self.post("/api/reservations").by(buyer).json(&wanted)
    }

    /// Any places of the zone.
    pub fn reserve_places(&self, buyer: &Person, event: &Event, zone: i64, quantity: u32) -> Call {
        let wanted = json!({ "event_id": event.id, "zone_id": zone, "quantity": quantity });
        self.post("/api/reservations").by(buyer).json(&wanted)
    }

    /// The best places of the zone side by side.
    pub fn reserve_together(
        &self,
        buyer: &Person,
        event: &Event,
        zone: i64,
        quantity: u32,
    ) -> Call {
        let wanted = json!({
            "event_id": event.id, "zone_id": zone, "quantity": quantity, "together": true,
        });
        self.post("/api/reservations").by(buyer).json(&wanted)
    }

    /// Pays with a simulated token: `tok_success`, `tok_decline` or `tok_timeout`.
    pub fn confirm(&self, buyer: &Person, reservation: &str, token: &str) -> Call {
        let payment = json!({ "payment": { "method": "simulated", "token": token } });
        let path = format!("/api/reservations/{reservation}/confirm");
        self.post(&path).by(buyer).json(&payment)
    }

    /// Gives the whole hold up.
    pub fn release(&self, buyer: &Person, reservation: &str) -> Call {
        self.delete(&format!("/api/reservations/{reservation}"))
            .by(buyer)
    }

    /// Gives one ticket of a hold up.
    pub fn release_ticket(&self, buyer: &Person, ticket: i64) -> Call {
        self.post(&format!("/api/tickets/{ticket}/release"))
            .by(buyer)
    }

    pub fn extend(&self, buyer: &Person, reservation: &str) -> Call {
        self.post(&format!("/api/reservations/{reservation}/extend"))
            .by(buyer)
    }

    pub fn get_reservation(&self, buyer: &Person, reservation: &str) -> Call {
        self.get(&format!("/api/reservations/{reservation}"))
            .by(buyer)
    }

    pub fn ticket(&self, ticket: i64) -> Call {
        self.get(&format!("/api/tickets/{ticket}"))
    }

    /// `available`, `held`, `sold` or `blocked`.
    pub async fn ticket_status(&self, ticket: i64) -> String {
        let answer = self.ticket(ticket).await.expect(200);
        answer["status"].as_str().unwrap_or_default().to_owned()
    }

    pub fn availability(&self, event: &Event) -> Call {
        self.get(&format!("/api/events/{}/availability", event.id))
    }

    /// How many tickets of the event are in this state: `available`, `held`, `sold` or `blocked`.
    pub async fn seats(&self, event: &Event, state: &str) -> i64 {
        let answer = self.availability(event).await.expect(200);
        zones(&answer).iter().map(|zone| number(&zone[state])).sum()
    }

    async fn zones_on_sale(&self, event: i64) -> Vec<ZoneOnSale> {
        let map = self
            .get(&format!("/api/events/{event}/seats"))
            .await
            .expect(200);
        zones(&map).iter().map(zone_on_sale).collect()
    }
}

fn zone_on_sale(zone: &Value) -> ZoneOnSale {
    let rows = zone["rows"].as_array();
    let rows = rows.unwrap_or_else(|| panic!("no rows in {zone}"));
    ZoneOnSale {
        id: number(&zone["zone_id"]),
        name: zone["name"].as_str().unwrap_or_default().to_owned(),
        tickets: rows.iter().flat_map(tickets_of_row).collect(),
    }
}

/// The ids of a row run on from its first one, unless it lists them.
fn tickets_of_row(row: &Value) -> Vec<i64> {
    if let Some(ids) = row["ticket_ids"].as_array() {
        return ids.iter().map(number).collect();
    }
    let first = number(&row["first_ticket_id"]);
    (first..first + number(&row["seats"])).collect()
}

fn zones(answer: &Answer) -> &[Value] {
    let zones = answer["zones"].as_array();
    zones.unwrap_or_else(|| panic!("no zones in {answer:?}"))
}

fn number(value: &Value) -> i64 {
    value
        .as_i64()
        .unwrap_or_else(|| panic!("{value} is not a number"))
}
