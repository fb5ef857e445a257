//! What `holdfast verify` finds wrong with codes.

use super::{Sale, Violation, reservation_of, violation};

/// What breaks the rules about codes.
pub fn violations(sale: &Sale) -> Vec<Violation> {
    let hold = reservation_of(sale.held);
    let forget = "UPDATE reservations SET code_id = NULL; DELETE FROM codes".to_owned();
    let use_by =
        |whom: &str| format!("UPDATE reservations SET code_id = (SELECT id FROM codes){whom}");
    vec![
        violation(
            "no more reservations use a code than it allows",
            format!("{}; {}", made(sale.event, "true, 10, NULL"), use_by("")),
            forget.clone(),
        ),
        violation(
            "a reservation's code is of its event",
            format!(
                "{}; {}",
                made(sale.other_event, "true, 10, NULL"),
                use_by(&format!(" WHERE id = {hold}"))
            ),
            forget,
        ),
        violation(
            "something is taken off a ticket with a code only",
            format!(
                "UPDATE reservation_tickets SET discount_amount = 1 WHERE ticket_id = {}",
                sale.held
            ),
            "UPDATE reservation_tickets SET discount_amount = 0".to_owned(),
        ),
    ]
}

/// Makes a code of one use; `effects` are whether it opens early, its percent and its amount off.
pub fn made(event: i64, effects: &str) -> String {
    format!(
        "INSERT INTO codes \
           (event_id, code, max_uses, created_at, opens_early, percent_off, amount_off) \
         VALUES ({event}, 'ONCE', 1, '2026-01-01T00:00:00+00:00', {effects})"
    )
}
