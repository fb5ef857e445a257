//! What reviews make of an event, counted anew each time it is shown.

use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::{Deserialize, Serialize};

/// What the reviews of an event that everybody sees come to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, Object)]
#[oai(example)]
pub struct Rating {
    /// Stars on average, 1 to 5 with two decimals; null without reviews.
    #[oai(nullable)]
    pub average: Option<f64>,
    /// How many reviews.
    pub count: i64,
}

impl Rating {
    /// Of no reviews.
    pub const NONE: Self = Self {
        average: None,
        count: 0,
    };

    /// Of so many reviews with so many stars together.
    pub fn new(count: i64, stars: i64) -> Self {
        let hundredths = (stars * 100 + count / 2).checked_div(count);
        let average = hundredths.and_then(|hundredths| i32::try_from(hundredths).ok());
        Self {
            average: average.map(|hundredths| f64::from(hundredths) / 100.0),
            count,
        }
    }
}

impl Example for Rating {
    fn example() -> Self {
        Self::new(12, 55)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_average_has_two_decimals() {
        for (count, stars, average) in [
            (0, 0, None),
            (1, 5, Some(5.0)),
            (3, 14, Some(4.67)),
            (3, 13, Some(4.33)),
            (2, 3, Some(1.5)),
        ] {
            assert_eq!(Rating::new(count, stars).average, average);
        }
    }
}
