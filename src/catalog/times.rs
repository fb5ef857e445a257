//! When an event takes place and is sold, and what is checked of that.

use chrono::{DateTime, Timelike, Utc};

use crate::problem::Problem;

/// The times of an event as an organiser gives them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Times {
    pub starts: DateTime<Utc>,
    pub ends: Option<DateTime<Utc>>,
    pub doors: Option<DateTime<Utc>>,
    pub sale_opens: Option<DateTime<Utc>>,
    pub sale_closes: Option<DateTime<Utc>>,
}

impl Times {
    /// Refuses times that contradict each other, or that cannot be kept.
    pub fn check(&self) -> Result<(), Problem> {
        let starts_at = self.starts;
        if self.ends.is_some_and(|ends_at| ends_at < starts_at) {
            return Err(Problem::invalid("ends_at", "must not be before starts_at"));
        }
        if self.doors.is_some_and(|doors_at| doors_at > starts_at) {
            return Err(Problem::invalid("doors_at", "must not be after starts_at"));
        }
        if let (Some(open), Some(close)) = (self.sale_opens, self.sale_closes)
            && close <= open
        {
            return Err(Problem::invalid(
                "sales_close_at",
                "must be after sales_open_at",
            ));
        }
        let fields = [
            ("starts_at", Some(starts_at)),
            ("ends_at", self.ends),
            ("doors_at", self.doors),
            ("sales_open_at", self.sale_opens),
            ("sales_close_at", self.sale_closes),
        ];
        let mut fields = fields.into_iter();
        fields.try_for_each(|(field, at)| check_time(field, at))
    }
}

/// Refuses a time that not every database keeps and compares as it is.
pub fn check_time(field: &str, at: Option<DateTime<Utc>>) -> Result<(), Problem> {
    // SQLite sorts times as texts, which holds for years of four digits.
    let years =
        DateTime::UNIX_EPOCH..=DateTime::from_timestamp(253_402_300_799, 0).unwrap_or_default();
    if at.is_some_and(|at| !years.contains(&at)) {
        return Err(Problem::invalid(field, "must lie between 1970 and 9999"));
    }
    // Chrono reads 12:00:60 too, and would answer with it, though it is no time of RFC 3339.
    if at.is_some_and(|at| at.nanosecond() >= 1_000_000_000) {
        return Err(Problem::invalid(field, "must not be a leap second"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    #[test]
    fn an_event_takes_place_in_times_that_every_database_keeps() {
        for (text, is_allowed) in [
            ("1970-01-01T00:00:00Z", true),
            ("9999-12-31T23:59:59Z", true),
            ("1969-12-31T23:59:59Z", false),
            ("9999-12-31T23:59:59-12:00", false),
            ("2030-01-01T12:00:60Z", false),
        ] {
            let starts_at = DateTime::parse_from_rfc3339(text).unwrap().to_utc();
            let times = Times {
                starts: starts_at,
                ..Times::default()
            };
            assert_eq!(times.check().is_ok(), is_allowed, "{text}");
        }
    }

    #[test]
    fn doors_open_before_an_event_starts() {
        let starts_at = DateTime::from_timestamp(2_000_000_000, 0).unwrap();
        for (minutes, is_allowed) in [(-60, true), (0, true), (1, false)] {
            let times = Times {
                starts: starts_at,
                doors: Some(starts_at + TimeDelta::minutes(minutes)),
                ..Times::default()
            };
            assert_eq!(times.check().is_ok(), is_allowed, "{minutes}");
        }
    }
}
