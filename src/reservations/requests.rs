//! What callers send about reservations, and what is checked of it.

use poem_openapi::types::Example;
use poem_openapi::{Enum, Object};
use serde::{Deserialize, Serialize};

use super::hold::Wanted;
use super::propose::Together;
use crate::codes::CodeText;
use crate::entity::reservation::ReservationStatus;
use crate::ids::{EventId, TicketId, ZoneId};
use crate::problem::Problem;

/// What to reserve: either `ticket_ids`, or `zone_id` and `quantity`.
#[derive(Debug, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, example)]
pub struct ReservationRequest {
    /// The event.
    event_id: i64,
    /// These tickets, all of them or none.
    #[oai(nullable, validator(min_items = "1", max_items = "50"))]
    ticket_ids: Option<Vec<i64>>,
    /// Places of this zone: any, or the best with `together`.
    #[oai(nullable)]
    zone_id: Option<i64>,
    /// How many places.
    #[oai(nullable, validator(minimum(value = "1"), maximum(value = "50")))]
    quantity: Option<i32>,
    /// Only places side by side in one row, as near as possible to the middle of the front row or
    /// to the seat that the organiser named; false where absent.
    #[oai(nullable)]
    together: Option<bool>,
    /// With `together`: where there are not as many side by side, several blocks as near to each
    /// other as possible; false where absent.
    #[oai(nullable)]
    split: Option<bool>,
    /// A code, in any case: it opens the sale early, takes something off, or both.
    #[oai(
        nullable,
        validator(min_length = "3", max_length = "40", pattern = "^[A-Za-z0-9_-]*$")
    )]
    // Left out of fingerprints where it is absent, so that those of older requests stay as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
}

/// How to pay.
#[derive(Debug, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, example)]
pub struct ConfirmRequest {
    /// How to pay; not needed where nothing is to be paid.
    #[oai(nullable)]
    payment: Option<Payment>,
}

/// A way to pay, and the provider's token for it.
#[derive(Debug, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields)]
pub struct Payment {
    /// Which provider.
    method: PaymentMethod,
    /// With `simulated`: `tok_success`, `tok_slow` (succeeds after a second), `tok_decline`,
    /// `tok_insufficient_funds` or `tok_timeout`.
    #[oai(validator(min_length = "1", max_length = "100"))]
    token: String,
}

/// A payment provider.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, Enum)]
#[serde(rename_all = "snake_case")]
#[oai(rename_all = "snake_case")]
pub enum PaymentMethod {
    /// Takes no money.
    Simulated,
}

/// A reservation's state, to filter by.
#[derive(Debug, Clone, Copy, Enum)]
#[oai(rename_all = "snake_case")]
pub enum Status {
    /// The buyer's until it expires.
    Held,
    /// Paid.
    Confirmed,
    /// Given up by the buyer.
    Released,
    /// Not paid in time.
    Expired,
    /// Paid, and the money returned.
    Refunded,
}

impl ConfirmRequest {
    /// The provider's token.
    pub fn token(self) -> Option<String> {
        self.payment.map(|payment| payment.token)
    }
}

impl ReservationRequest {
    /// Whether it keeps the bounds above and has no text.
    pub fn is_plain(&self) -> bool {
        let tickets = self.ticket_ids.as_ref();
        tickets.is_none_or(|ids| (1..=50).contains(&ids.len()))
            && self.quantity.is_none_or(|it| (1..=50).contains(&it))
            && self.code.is_none()
    }

    /// The code that it is to be had with.
    pub fn code(&self) -> Result<Option<CodeText>, Problem> {
        let read = |text: &String| CodeText::read("code", text);
        self.code.as_ref().map(read).transpose()
    }
}

impl TryFrom<ReservationRequest> for Wanted {
    type Error = Problem;

    fn try_from(request: ReservationRequest) -> Result<Self, Problem> {
        let event = EventId(request.event_id);
        let together = together(request.together, request.split)?;
        if request.ticket_ids.is_some() && together != Together::Anywhere {
            return Err(Problem::invalid(
                "together",
                "goes with zone_id and quantity",
            ));
        }
        match (request.ticket_ids, request.zone_id, request.quantity) {
            (Some(ids), None, None) => {
                if let Some(twice) = find_duplicate(&ids) {
                    return Err(Problem::invalid(
                        "ticket_ids",
                        format!("names ticket {twice} twice"),
                    ));
                }
                Ok(Self::Tickets {
                    event: Some(event),
                    tickets: ids.into_iter().map(TicketId).collect(),
                })
            }
            (None, Some(zone), Some(quantity)) => Ok(Self::Places {
                event,
                zone: ZoneId(zone),
                quantity: usize::try_from(quantity)
                    .map_err(|_| Problem::invalid("quantity", "must be at least 1"))?,
                together,
            }),
            (Some(_), _, _) => Err(Problem::invalid(
                "ticket_ids",
                "goes without zone_id and quantity",
            )),
            (None, None, _) => Err(Problem::invalid(
                "zone_id",
                "is required where ticket_ids is absent",
            )),
            (None, Some(_), None) => Err(Problem::invalid("quantity", "is required with zone_id")),
        }
    }
}

impl From<Status> for ReservationStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Held => Self::Held,
            Status::Confirmed => Self::Confirmed,
            Status::Released => Self::Released,
            Status::Expired => Self::Expired,
            Status::Refunded => Self::Refunded,
        }
    }
}

impl Example for ReservationRequest {
    fn example() -> Self {
        Self {
            event_id: 1,
            ticket_ids: Some(vec![17, 18]),
            zone_id: None,
            quantity: None,
            together: None,
            split: None,
            code: None,
        }
    }
}

impl Example for ConfirmRequest {
    fn example() -> Self {
        Self {
            payment: Some(Payment {
                method: PaymentMethod::Simulated,
                token: "tok_success".into(),
            }),
        }
    }
}

fn together(together: Option<bool>, split: Option<bool>) -> Result<Together, Problem> {
    match (together.unwrap_or(false), split.unwrap_or(false)) {
        (false, false) => Ok(Together::Anywhere),
        (true, false) => Ok(Together::Adjacent),
        (true, true) => Ok(Together::AsNearAsPossible),
        (false, true) => Err(Problem::invalid("split", "goes with together")),
    }
}

/// The first ticket that was named twice.
fn find_duplicate(tickets: &[i64]) -> Option<i64> {
    // They are few: looking through them costs less than a set of them.
    let is_twice = |(i, id): &(usize, &i64)| tickets[..*i].contains(id);
    let twice = tickets.iter().enumerate().find(is_twice);
    twice.map(|(_, id)| *id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use poem_openapi::types::ParseFromJSON;

    #[test]
    fn what_is_plain_keeps_the_bounds() {
        let request = |tickets: Option<usize>, quantity: Option<i32>| ReservationRequest {
            ticket_ids: tickets.map(|count| vec![7; count]),
            quantity,
            ..ReservationRequest::example()
        };
        for tickets in [None, Some(0), Some(1), Some(50), Some(51)] {
            for quantity in [None, Some(0), Some(1), Some(50), Some(51)] {
                let request = request(tickets, quantity);
                let json = serde_json::to_value(&request).unwrap();
                let kept = ReservationRequest::parse_from_json(Some(json)).is_ok();
                assert_eq!(request.is_plain(), kept, "{request:?}");
            }
        }
        let code = Some("EARLY".to_owned());
        let example = ReservationRequest::example();
        assert!(!ReservationRequest { code, ..example }.is_plain());
    }

    #[test]
    fn a_ticket_named_twice_is_found() {
        assert_eq!(find_duplicate(&[1, 2, 3]), None);
        assert_eq!(find_duplicate(&[3, 1, 3]), Some(3));
    }
}
