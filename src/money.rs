//! Money: an amount in minor units of a currency. Never a float, never a naked integer.

use poem_openapi::Object;
use serde::{Deserialize, Serialize};

/// An amount of money in minor units (cents), never negative where a price is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, example)]
pub struct Money {
    /// Minor units of the currency: 4500 is EUR 45.00.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000000000")))]
    pub amount: i64,
    /// ISO 4217 code in capitals.
    #[oai(validator(pattern = "^[A-Z]{3}$"))]
    pub currency: String,
}

impl Money {
    /// That many minor units of that currency.
    pub fn new(amount: i64, currency: impl Into<String>) -> Self {
        Self {
            amount,
            currency: currency.into(),
        }
    }
}

impl poem_openapi::types::Example for Money {
    fn example() -> Self {
        Self::new(4500, "EUR")
    }
}
