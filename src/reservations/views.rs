//! A reservation as the API shows it, and as an idempotency key keeps it.

use chrono::{DateTime, TimeDelta, Utc};
use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

use super::store::HeldTicket;
use crate::catalog::{row_name, seat_name};
use crate::entity::reservation::{self, ReservationStatus};
use crate::money::Money;

/// One buyer's set of tickets of one event, all or nothing.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
#[oai(example)]
pub struct Reservation {
    /// The reservation; nobody can guess it.
    pub id: Uuid,
    /// The event.
    pub event_id: i64,
    /// `held`, `confirmed`, `released`, `expired` or `refunded`.
    pub status: String,
    /// When the hold ends unless it is confirmed first, by the database's time.
    #[serde(serialize_with = "rfc3339")]
    pub expires_at: DateTime<Utc>,
    /// What its tickets cost together.
    pub total: Money,
    /// The code that it was made with.
    #[oai(nullable)]
    pub code: Option<String>,
    /// What the code has taken off: without it, the tickets would cost that much more.
    pub discount: Money,
    /// Its tickets; those it had, once it is released or expired.
    pub tickets: Vec<ReservedTicket>,
    /// When it was made.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: DateTime<Utc>,
    /// Since when its buyer is owed the money, where its event was cancelled.
    #[oai(skip_serializing_if_is_none)]
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "optional_rfc3339"
    )]
    pub refund_due_at: Option<DateTime<Utc>>,
    /// Raised with every change.
    pub version: i64,
}

/// A ticket in a reservation.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
pub struct ReservedTicket {
    /// The ticket.
    pub id: i64,
    /// Its zone.
    pub zone_id: i64,
    /// The zone's name.
    pub zone: String,
    /// Its row; null in a standing zone.
    #[oai(nullable)]
    pub row: Option<String>,
    /// Its seat; null in a standing zone.
    #[oai(nullable)]
    pub seat: Option<String>,
    /// What is to be paid for it: what it cost when it was held, less what a code has taken off.
    pub price: Money,
    /// The ticket's version.
    pub version: i64,
}

impl Reservation {
    /// The reservation with its tickets, and the code that it was made with.
    pub fn new(
        reservation: reservation::Model,
        tickets: Vec<HeldTicket>,
        code: Option<String>,
    ) -> Self {
        let currency = reservation.currency;
        let discount = tickets.iter().map(|ticket| ticket.discount_amount).sum();
        let discount = Money::new(discount, currency.as_str());
        let tickets = tickets
            .into_iter()
            .map(|ticket| ReservedTicket {
                id: ticket.id,
                zone_id: ticket.zone_id,
                zone: ticket.zone_name,
                row: row_name(ticket.row_number, ticket.row_label.as_deref()),
                seat: seat_name(ticket.seat_number, ticket.seat_label.as_deref()),
                price: Money::new(ticket.price_amount, currency.as_str()),
                version: ticket.version,
            })
            .collect();
        Self {
            id: reservation.id,
            event_id: reservation.event_id,
            status: status_name(reservation.status).to_owned(),
            expires_at: reservation.expires_at,
            total: Money::new(reservation.total_amount, currency),
            code,
            discount,
            tickets,
            created_at: reservation.created_at,
            refund_due_at: reservation.refund_due_at,
            version: reservation.version,
        }
    }
}

/// The name of a status in answers.
pub fn status_name(status: ReservationStatus) -> &'static str {
    match status {
        ReservationStatus::Held => "held",
        ReservationStatus::Confirmed => "confirmed",
        ReservationStatus::Released => "released",
        ReservationStatus::Expired => "expired",
        ReservationStatus::Refunded => "refunded",
    }
}

/// With `+00:00`, as `poem_openapi` writes times, where serde writes `Z`.
fn rfc3339<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.to_rfc3339())
}

#[expect(clippy::ref_option, reason = "serde passes the field")]
fn optional_rfc3339<S: Serializer>(
    at: &Option<DateTime<Utc>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => rfc3339(at, serializer),
        None => serializer.serialize_none(),
    }
}

impl Example for Reservation {
    fn example() -> Self {
        let created_at = DateTime::from_timestamp(1_795_255_200, 0).unwrap_or_default();
        Self {
            id: Uuid::from_u128(0x3f2a_9d10_5b77_4e0c_9a41_c6d8_e0f1_2233),
            event_id: 1,
            status: "held".into(),
            expires_at: created_at + TimeDelta::seconds(300),
            total: Money::example(),
            code: None,
            discount: Money::new(0, "EUR"),
            tickets: vec![ReservedTicket {
                id: 17,
                zone_id: 2,
                zone: "Stalls".into(),
                row: Some("B".into()),
                seat: Some("7".into()),
                price: Money::example(),
                version: 1,
            }],
            created_at,
            refund_due_at: None,
            version: 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use poem_openapi::types::ToJSON;

    #[test]
    fn a_reservation_says_the_same_to_both_libraries() {
        let plain = Reservation::example();
        let mut full = plain.clone();
        full.code = Some("EARLY".to_owned());
        full.refund_due_at = Some(plain.created_at + TimeDelta::milliseconds(7));
        full.tickets[0].row = None;
        for reservation in [plain, full] {
            let written = serde_json::to_value(&reservation).unwrap();
            assert_eq!(Some(written), reservation.to_json());
        }
    }
}
