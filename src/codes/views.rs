//! Codes as the API shows them: to organisers, and to a buyer who has one.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::{Deserialize, Serialize};

use super::{CountedCode, rules};
use crate::entity::{code, zone};
use crate::ids::ZoneId;
use crate::money::Money;

/// A code of an event.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
#[oai(example)]
#[expect(
    clippy::struct_field_names,
    reason = "a code's text is called so wherever it is sent"
)]
pub struct Code {
    /// The code's number.
    pub id: i64,
    /// Its event.
    pub event_id: i64,
    /// What buyers type, in upper case.
    pub code: String,
    /// The zone that it is for; null for the whole event.
    #[oai(nullable)]
    pub zone_id: Option<i64>,
    /// Reservations that may use it at the most; null without a limit.
    #[oai(nullable)]
    pub max_uses: Option<i32>,
    /// From when on it is valid; null for ever since.
    #[oai(nullable)]
    pub valid_from: Option<DateTime<Utc>>,
    /// Until when it is valid; null to the end of the sale.
    #[oai(nullable)]
    pub valid_until: Option<DateTime<Utc>>,
    /// Whether it lets reserve before the sale opens.
    pub opens_early: bool,
    /// What it takes off each ticket, in percent.
    #[oai(nullable)]
    pub percent_off: Option<i32>,
    /// What it takes off each ticket, at the most its price.
    #[oai(skip_serializing_if_is_none)]
    pub amount_off: Option<Money>,
    /// For organisers only.
    #[oai(nullable)]
    pub note: Option<String>,
    /// Whether it is switched on.
    pub active: bool,
    /// Reservations that use it: those that are held, confirmed or refunded.
    pub uses: u64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Raised with every edit.
    pub version: i64,
}

/// What a code would do for a buyer now.
#[derive(Debug, Object)]
#[oai(example)]
pub struct CodeOffer {
    /// The code, in upper case.
    pub code: String,
    /// The zone that it is for; null for the whole event.
    #[oai(nullable)]
    pub zone_id: Option<i64>,
    /// Whether it lets reserve before the sale opens.
    pub opens_early: bool,
    /// What it takes off each ticket, in percent.
    #[oai(nullable)]
    pub percent_off: Option<i32>,
    /// What it takes off each ticket, at the most its price.
    #[oai(skip_serializing_if_is_none)]
    pub amount_off: Option<Money>,
    /// Until when it is valid; null to the end of the sale.
    #[oai(nullable)]
    pub valid_until: Option<DateTime<Utc>>,
    /// The zones that it is for, with what a ticket costs there.
    pub zones: Vec<ZoneOffer>,
}

/// What a ticket of a zone costs with a code.
#[derive(Debug, Object)]
pub struct ZoneOffer {
    /// The zone.
    pub zone_id: i64,
    /// The zone's name.
    pub name: String,
    /// What a ticket costs without the code.
    pub full_price: Money,
    /// What the code takes off.
    pub discount: Money,
    /// What is to be paid for a ticket.
    pub price: Money,
}

impl From<CountedCode> for Code {
    fn from(counted: CountedCode) -> Self {
        let code = counted.code;
        Self {
            id: code.id,
            event_id: code.event_id,
            zone_id: code.zone_id,
            code: code.code,
            max_uses: code.max_uses,
            valid_from: code.valid_from,
            valid_until: code.valid_until,
            opens_early: code.opens_early,
            percent_off: code.percent_off,
            amount_off: code
                .amount_off
                .map(|amount| Money::new(amount, counted.currency)),
            note: code.note,
            active: code.active,
            uses: counted.uses,
            created_at: code.created_at,
            version: code.version,
        }
    }
}

impl CodeOffer {
    /// What the code does in those of the zones that it is for.
    pub fn new(code: code::Model, zones: Vec<zone::Model>, currency: &str) -> Self {
        let money = |amount| Money::new(amount, currency);
        let concerned = zones
            .into_iter()
            .filter(|zone| rules::is_for(&code, ZoneId(zone.id)));
        let offer = |zone: zone::Model| {
            let discount = rules::discount(&code, ZoneId(zone.id), zone.price_amount);
            ZoneOffer {
                zone_id: zone.id,
                name: zone.name,
                full_price: money(zone.price_amount),
                discount: money(discount),
                price: money(zone.price_amount - discount),
            }
        };
        let zones = concerned.map(offer).collect();
        Self {
            zone_id: code.zone_id,
            opens_early: code.opens_early,
            percent_off: code.percent_off,
            amount_off: code.amount_off.map(money),
            valid_until: code.valid_until,
            zones,
            code: code.code,
        }
    }
}

impl Example for Code {
    fn example() -> Self {
        Self {
            id: 5,
            event_id: 1,
            zone_id: None,
            code: "FANCLUB-26".into(),
            max_uses: Some(300),
            valid_from: None,
            valid_until: None,
            opens_early: true,
            percent_off: Some(10),
            amount_off: None,
            note: Some("For members of the fan club".into()),
            active: true,
            uses: 41,
            created_at: DateTime::from_timestamp(1_795_255_200, 0).unwrap_or_default(),
            version: 1,
        }
    }
}

impl Example for CodeOffer {
    fn example() -> Self {
        Self {
            code: "FANCLUB-26".into(),
            zone_id: None,
            opens_early: true,
            percent_off: Some(10),
            amount_off: None,
            valid_until: None,
            zones: vec![ZoneOffer {
                zone_id: 2,
                name: "Stalls".into(),
                full_price: Money::example(),
                discount: Money::new(450, "EUR"),
                price: Money::new(4050, "EUR"),
            }],
        }
    }
}
