//! What a code allows and what it takes off: pure functions, for whoever has read the code.

use chrono::{DateTime, Utc};

use crate::entity::code;
use crate::ids::ZoneId;

/// Why a code does nothing for somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotValid {
    /// There is none, or it was switched off: who guesses is not told which.
    #[error("there is no such code")]
    Unknown,
    /// Its time has not come.
    #[error("the code is not valid yet")]
    NotYet,
    /// Its time is over.
    #[error("the code is not valid any more")]
    Ended,
    /// As many reservations as may have used it.
    #[error("the code is used up")]
    UsedUp,
    /// It is for another zone.
    #[error("the code is for another zone")]
    OtherZone,
}

impl NotValid {
    /// The name of the reason in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::NotYet => "not-yet",
            Self::Ended => "ended",
            Self::UsedUp => "used-up",
            Self::OtherZone => "other-zone",
        }
    }
}

/// Refuses a code that is switched off, or whose time is not now.
pub fn check_time(code: &code::Model, now: DateTime<Utc>) -> Result<(), NotValid> {
    if !code.active {
        return Err(NotValid::Unknown);
    }
    if code.valid_from.is_some_and(|from| now < from) {
        return Err(NotValid::NotYet);
    }
    if code.valid_until.is_some_and(|until| until <= now) {
        return Err(NotValid::Ended);
    }
    Ok(())
}

/// Refuses a code that so many have used that nobody else may.
pub fn check_uses(code: &code::Model, uses: u64) -> Result<(), NotValid> {
    let is_used_up = |max| uses >= u64::try_from(max).unwrap_or(0);
    if code.max_uses.is_some_and(is_used_up) {
        return Err(NotValid::UsedUp);
    }
    Ok(())
}

/// Whether it is for tickets of that zone.
pub fn is_for(code: &code::Model, zone: ZoneId) -> bool {
    code.zone_id.is_none_or(|of| of == zone.0)
}

/// What it takes off the price of a ticket: never more than the price. A part of a cent is rounded
/// in the buyer's favour.
pub fn discount(code: &code::Model, zone: ZoneId, price: i64) -> i64 {
    if !is_for(code, zone) {
        return 0;
    }
    let percent = i64::from(code.percent_off.unwrap_or(0));
    // At the most 10^12 times a hundred.
    let part = (price * percent + 99) / 100;
    let amount = code.amount_off.unwrap_or(0);
    (part + amount).min(price)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use proptest::prelude::*;

    const ZONE: ZoneId = ZoneId(7);

    fn code(percent_off: Option<i32>, amount_off: Option<i64>) -> code::Model {
        code::Model {
            id: 1,
            event_id: 1,
            zone_id: None,
            code: "FAN".into(),
            max_uses: None,
            valid_from: None,
            valid_until: None,
            opens_early: true,
            percent_off,
            amount_off,
            note: None,
            active: true,
            version: 1,
            created_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_part_of_a_cent_is_the_buyers() {
        for (price, percent, off) in [
            (1999, 10, 200),
            (1000, 10, 100),
            (1, 1, 1),
            (0, 50, 0),
            (3333, 33, 1100),
            (3333, 100, 3333),
        ] {
            let code = code(Some(percent), None);
            assert_eq!(discount(&code, ZONE, price), off, "{percent} % of {price}");
        }
    }

    #[test]
    fn an_amount_takes_a_ticket_down_to_nothing_but_not_below() {
        let code = code(None, Some(500));
        for (price, off) in [(1500, 500), (500, 500), (499, 499), (0, 0)] {
            assert_eq!(discount(&code, ZONE, price), off, "of {price}");
        }
    }

    #[test]
    fn a_code_of_a_zone_takes_nothing_off_elsewhere() {
        let mut code = code(Some(50), None);
        code.zone_id = Some(ZONE.0);
        assert_eq!(discount(&code, ZONE, 100), 50);
        assert_eq!(discount(&code, ZoneId(8), 100), 0);
    }

    #[test]
    fn a_code_is_valid_from_its_first_moment_and_not_at_its_last() {
        let now = DateTime::UNIX_EPOCH;
        let moment = TimeDelta::milliseconds(1);
        let mut code = code(None, None);
        let check = |code: &code::Model| check_time(code, now);
        assert_eq!(check(&code), Ok(()));
        code.valid_from = Some(now + moment);
        assert_eq!(check(&code), Err(NotValid::NotYet));
        code.valid_from = Some(now);
        assert_eq!(check(&code), Ok(()));
        code.valid_until = Some(now + moment);
        assert_eq!(check(&code), Ok(()));
        code.valid_until = Some(now);
        assert_eq!(check(&code), Err(NotValid::Ended));
        code.active = false;
        assert_eq!(check(&code), Err(NotValid::Unknown));
    }

    #[test]
    fn the_last_use_is_the_last() {
        let mut code = code(None, None);
        assert_eq!(check_uses(&code, u64::MAX), Ok(()));
        code.max_uses = Some(2);
        assert_eq!(check_uses(&code, 1), Ok(()));
        assert_eq!(check_uses(&code, 2), Err(NotValid::UsedUp));
    }

    proptest! {
        #[test]
        fn nobody_pays_more_than_the_exact_fraction_nor_a_cent_less_than_it_rounded(
            price in 0_i64..=1_000_000_000_000,
            percent in 1_i32..=100,
        ) {
            let off = discount(&code(Some(percent), None), ZONE, price);
            prop_assert!((0..=price).contains(&off));
            let paid = (price - off) * 100;
            let exact = price * i64::from(100 - percent);
            prop_assert!(paid <= exact && exact - paid < 100);
        }

        #[test]
        fn an_amount_is_taken_off_whole_or_down_to_nothing(
            price in 0_i64..=1_000_000_000_000,
            amount in 1_i64..=1_000_000_000_000,
        ) {
            let off = discount(&code(None, Some(amount)), ZONE, price);
            prop_assert_eq!(off, amount.min(price));
        }
    }
}
