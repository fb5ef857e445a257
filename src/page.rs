//! Lists in pages: `?limit=` and an opaque `?cursor=` that names the last item seen.
//!
//! A cursor is a position in the sort order, not an offset, so a list stays stable while
//! items are inserted before it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use std::str::FromStr;

use crate::problem::Problem;

/// How many items a list gives when the caller does not say.
pub const DEFAULT_LIMIT: u64 = 50;
/// The most a caller may ask for at once.
pub const MAX_LIMIT: u64 = 200;

/// The position after an item in a list sorted by a time and then by an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor<Id> {
    /// The sort time of the last item seen.
    pub at: DateTime<Utc>,
    /// The id of the last item seen, which breaks ties.
    pub id: Id,
}

impl<Id> From<Cursor<Id>> for (DateTime<Utc>, Id) {
    fn from(cursor: Cursor<Id>) -> Self {
        (cursor.at, cursor.id)
    }
}

impl<Id: ToString + FromStr> Cursor<Id> {
    /// The text given to callers.
    pub fn encode(&self) -> String {
        let plain = format!("{}/{}", self.at.to_rfc3339(), self.id.to_string());
        URL_SAFE_NO_PAD.encode(plain)
    }

    /// Reads the parameter `cursor` of a list.
    pub fn read(parameter: Option<String>) -> Result<Option<Self>, Problem> {
        let read = |text: String| {
            Self::decode(&text)
                .ok_or_else(|| Problem::invalid("cursor", "must be the `next` of an earlier page"))
        };
        parameter.map(read).transpose()
    }

    /// Reads a cursor back; `None` when it is not one of ours.
    fn decode(text: &str) -> Option<Self> {
        let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let (at, id) = plain.split_once('/')?;
        Some(Self {
            at: DateTime::parse_from_rfc3339(at).ok()?.to_utc(),
            id: id.parse().ok()?,
        })
    }
}

/// Cuts a list that was read one item too long to the limit, and says where it goes on.
pub fn cut<T, Id: ToString + FromStr>(
    mut items: Vec<T>,
    limit: u64,
    position: impl Fn(&T) -> Cursor<Id>,
) -> (Vec<T>, Option<String>) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if items.len() <= limit {
        return (items, None);
    }
    items.truncate(limit);
    let next = items.last().map(|last| position(last).encode());
    (items, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_as_it_was() {
        let cursor = Cursor {
            at: DateTime::from_timestamp_micros(1_700_000_000_123_456).unwrap(),
            id: 42_i64,
        };
        assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
    }

    #[test]
    fn a_forged_cursor_is_refused() {
        for text in ["", "???", "bm90IGEgY3Vyc29y", "MjAyNi0wMS0wMQ/x"] {
            assert_eq!(Cursor::<i64>::decode(text), None, "{text}");
        }
    }

    #[test]
    fn the_extra_item_only_tells_that_there_is_more() {
        let at = DateTime::UNIX_EPOCH;
        let (items, next) = cut(vec![1_i64, 2, 3], 2, |id| Cursor { at, id: *id });
        assert_eq!(items, [1, 2]);
        assert_eq!(
            Cursor::decode(&next.unwrap()),
            Some(Cursor { at, id: 2_i64 })
        );
        let (items, next) = cut(vec![1_i64, 2], 2, |id| Cursor { at, id: *id });
        assert_eq!((items.len(), next), (2, None));
    }
}
