//! What breaks the rules of the catalogue.

use super::{Sale, Violation, violation};

impl Sale {
    pub fn violations_of_the_catalogue(&self) -> Vec<Violation> {
        let event = self.event;
        let looked_for = "an event is looked for as what it is";
        let found = "an event is found by its words and those of its venue, and by no others";
        vec![
            violation(
                "a settled cancellation leaves no hold, and no buyer without the promise of a refund",
                format!(
                    "UPDATE events SET status = 'cancelled', settled_at = created_at WHERE id = {event}; \
                     UPDATE event_search SET status = 'cancelled' WHERE event_id = {event}"
                ),
                format!(
                    "UPDATE events SET status = 'published', settled_at = NULL WHERE id = {event}; \
                     UPDATE event_search SET status = 'published' WHERE event_id = {event}"
                ),
            ),
            violation(
                "only what was paid for is to be refunded",
                "UPDATE reservations SET refund_due_at = created_at WHERE status = 'held'"
                    .to_owned(),
                "UPDATE reservations SET refund_due_at = NULL".to_owned(),
            ),
            violation(
                looked_for,
                format!("UPDATE event_search SET status = 'draft' WHERE event_id = {event}"),
                format!("UPDATE event_search SET status = 'published' WHERE event_id = {event}"),
            ),
            violation(
                looked_for,
                format!("UPDATE events SET starts_at = created_at WHERE id = {event}"),
                format!(
                    "UPDATE events SET starts_at = (SELECT starts_at FROM event_search \
                     WHERE event_id = {event}) WHERE id = {event}"
                ),
            ),
            violation(
                looked_for,
                "UPDATE venues SET search_city = 'narva'".to_owned(),
                "UPDATE venues SET search_city = 'tallinn'".to_owned(),
            ),
            violation(
                found,
                format!("DELETE FROM event_words WHERE word = 'night' AND event_id = {event}"),
                format!("INSERT INTO event_words (word, event_id) VALUES ('night', {event})"),
            ),
            violation(
                found,
                format!("DELETE FROM event_words WHERE word = 'hall' AND event_id = {event}"),
                format!("INSERT INTO event_words (word, event_id) VALUES ('hall', {event})"),
            ),
            violation(
                found,
                format!("INSERT INTO event_words (word, event_id) VALUES ('free', {event})"),
                format!("DELETE FROM event_words WHERE word = 'free' AND event_id = {event}"),
            ),
        ]
    }
}
