//! What seats are called where their numbers do not say it.
//!
//! Nearly all rows and seats of a hall share few names, so each is kept once: a ticket with a name
//! or a trait of its own takes twelve bytes, and any other none.

use std::collections::HashMap;
use std::mem::size_of;

/// A ticket that is named otherwise than by its numbers, or has traits.
#[derive(Debug, Clone)]
pub struct Named {
    pub ticket_id: i64,
    pub row: Option<String>,
    pub seat: Option<String>,
    /// Bits, as on the ticket.
    pub traits: i32,
}

/// What a ticket is called where that is not its numbers, and its traits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Labels<'a> {
    pub row: Option<&'a str>,
    pub seat: Option<&'a str>,
    /// Bits, as on the ticket.
    pub traits: i32,
}

/// The names of an event's tickets.
#[derive(Debug, Default)]
pub struct Names {
    texts: Vec<Box<str>>,
    /// By the index of the ticket.
    names: Vec<Name>,
}

#[derive(Debug, Clone, Copy)]
struct Name {
    ticket: u32,
    /// The position of the text and one more; 0 for none.
    row: u32,
    /// The same, above three bits of traits.
    seat_and_traits: u32,
}

const TRAIT_BITS: u32 = 3;

impl Names {
    /// Gathers the names of tickets; `index_of` says which ticket that is, where it is one.
    pub fn new(tickets: Vec<Named>, index_of: impl Fn(&Named) -> Option<u32>) -> Self {
        let mut known: HashMap<String, u32> = HashMap::new();
        let mut texts = Vec::new();
        let mut intern = |text: Option<String>| {
            text.map_or(0, |text| {
                *known.entry(text).or_insert_with_key(|text| {
                    texts.push(text.as_str().into());
                    u32::try_from(texts.len()).unwrap_or(0)
                })
            })
        };
        let mut names = Vec::with_capacity(tickets.len());
        for one in tickets {
            if let Some(ticket) = index_of(&one) {
                let traits = one.traits.unsigned_abs() & ((1 << TRAIT_BITS) - 1);
                names.push(Name {
                    ticket,
                    row: intern(one.row),
                    seat_and_traits: intern(one.seat) << TRAIT_BITS | traits,
                });
            }
        }
        names.sort_unstable_by_key(|name| name.ticket);
        Self { texts, names }
    }

    /// Whether no ticket has any.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Those of a ticket.
    pub fn get(&self, ticket: u32) -> Labels<'_> {
        let found = self.names.binary_search_by_key(&ticket, |name| name.ticket);
        found.map_or_else(
            |_| Labels::default(),
            |at| {
                let name = self.names[at];
                Labels {
                    row: self.text(name.row),
                    seat: self.text(name.seat_and_traits >> TRAIT_BITS),
                    traits: (name.seat_and_traits & ((1 << TRAIT_BITS) - 1)).cast_signed(),
                }
            },
        )
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        let texts = self.texts.iter().map(|text| text.len());
        self.names.capacity() * size_of::<Name>()
            + self.texts.capacity() * size_of::<Box<str>>()
            + texts.sum::<usize>()
    }

    fn text(&self, position: u32) -> Option<&str> {
        let index = position.checked_sub(1)? as usize;
        self.texts.get(index).map(AsRef::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(ticket_id: i64, row: Option<&str>, seat: Option<&str>, traits: i32) -> Named {
        Named {
            ticket_id,
            row: row.map(Into::into),
            seat: seat.map(Into::into),
            traits,
        }
    }

    #[test]
    fn a_name_is_kept_once_and_found_by_every_ticket_that_has_it() {
        let tickets = vec![
            named(7, Some("Box 1"), Some("1a"), 0),
            named(3, Some("Box 1"), None, 5),
            named(5, None, Some("1a"), 1),
            named(-1, Some("nowhere"), None, 0),
        ];
        let names = Names::new(tickets, |named| u32::try_from(named.ticket_id).ok());
        assert_eq!(names.texts.len(), 2);
        let labels = |row, seat, traits| Labels { row, seat, traits };
        assert_eq!(names.get(7), labels(Some("Box 1"), Some("1a"), 0));
        assert_eq!(names.get(3), labels(Some("Box 1"), None, 5));
        assert_eq!(names.get(5), labels(None, Some("1a"), 1));
        assert_eq!(names.get(4), Labels::default());
    }
}
