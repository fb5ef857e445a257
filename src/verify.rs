//! Checks every invariant in the database: what must hold whatever happened.
//!
//! Each check is a query for what breaks it, in SQL that both databases read. `holdfast verify`
//! runs them; so does every test, at its end.

use sea_orm::{ConnectionTrait, DbErr, Statement};

use crate::db::Db;

/// A rule that was found broken.
#[derive(Debug)]
pub struct Violation {
    /// What must hold.
    pub rule: &'static str,
    /// Some of what breaks it, for the person who has to look into it.
    pub examples: Vec<String>,
}

/// Runs every check.
pub async fn find_violations(db: &Db) -> Result<Vec<Violation>, DbErr> {
    let mut violations = Vec::new();
    for check in CHECKS {
        let sql = format!("{} LIMIT 5", check.sql);
        let backend = db.reader().get_database_backend();
        let rows = db
            .reader()
            .query_all_raw(Statement::from_string(backend, sql))
            .await?;
        let examples = rows
            .iter()
            .map(|row| row.try_get("", "example"))
            .collect::<Result<Vec<String>, _>>()?;
        if !examples.is_empty() {
            violations.push(Violation {
                rule: check.rule,
                examples,
            });
        }
    }
    Ok(violations)
}

/// How many rules are checked.
pub fn count_checks() -> usize {
    CHECKS.len()
}

struct Check {
    rule: &'static str,
    /// Selects a text `example` for each thing that breaks the rule.
    sql: &'static str,
}

const CHECKS: &[Check] = &[
    Check {
        rule: "a ticket is in at most one active reservation",
        sql: "SELECT 'ticket ' || ticket_id AS example FROM reservation_tickets WHERE active \
              GROUP BY ticket_id HAVING COUNT(*) > 1",
    },
    Check {
        rule: "a held ticket is in a held reservation, a sold one in a confirmed one",
        sql: "SELECT 'ticket ' || t.id || ' is ' || t.status AS example FROM tickets t \
              LEFT JOIN reservations r ON r.id = t.reservation_id \
              WHERE (t.status = 'held' AND COALESCE(r.status, '') <> 'held') \
                 OR (t.status = 'sold' AND COALESCE(r.status, '') <> 'confirmed')",
    },
    Check {
        rule: "a held or sold ticket names the reservation that has it, and no other does",
        sql: "SELECT 'ticket ' || t.id AS example FROM tickets t \
              LEFT JOIN reservation_tickets a ON a.ticket_id = t.id AND a.active \
              WHERE (t.status IN ('held', 'sold') \
                     AND (a.reservation_id IS NULL OR a.reservation_id <> t.reservation_id)) \
                 OR (t.status NOT IN ('held', 'sold') \
                     AND (a.reservation_id IS NOT NULL OR t.reservation_id IS NOT NULL))",
    },
    Check {
        rule: "a held or confirmed reservation has tickets, an ended one has none",
        sql: "SELECT r.status || ' reservation of event ' || r.event_id || ' with ' \
                     || COUNT(a.ticket_id) || ' tickets' AS example \
              FROM reservations r \
              LEFT JOIN reservation_tickets a ON a.reservation_id = r.id AND a.active \
              GROUP BY r.id, r.status, r.event_id \
              HAVING (r.status IN ('held', 'confirmed')) <> (COUNT(a.ticket_id) > 0)",
    },
    Check {
        rule: "a reservation's tickets are of its event",
        sql: "SELECT 'ticket ' || t.id || ' in a reservation of event ' || r.event_id AS example \
              FROM reservation_tickets a JOIN reservations r ON r.id = a.reservation_id \
              JOIN tickets t ON t.id = a.ticket_id WHERE t.event_id <> r.event_id",
    },
    Check {
        rule: "what is written of a sale names a ticket and a reservation that are there",
        sql: "SELECT 'ticket ' || a.ticket_id || ' of a reservation' AS example \
              FROM reservation_tickets a LEFT JOIN tickets t ON t.id = a.ticket_id \
              LEFT JOIN reservations r ON r.id = a.reservation_id \
              WHERE t.id IS NULL OR r.id IS NULL \
              UNION ALL \
              SELECT 'ticket ' || l.ticket_id || ' at version ' || l.version AS example \
              FROM ledger l LEFT JOIN tickets t ON t.id = l.ticket_id \
              LEFT JOIN reservations r ON r.id = l.reservation_id \
              WHERE t.id IS NULL OR (r.id IS NULL AND l.reservation_id IS NOT NULL)",
    },
    Check {
        rule: "a reservation is somebody's, for an event that is there",
        sql: "SELECT 'a reservation for event ' || r.event_id AS example FROM reservations r \
              LEFT JOIN users u ON u.id = r.user_id LEFT JOIN events e ON e.id = r.event_id \
              WHERE u.id IS NULL OR e.id IS NULL",
    },
    Check {
        rule: "a ticket is of its zone's event",
        sql: "SELECT 'ticket ' || t.id AS example FROM tickets t \
              JOIN zones z ON z.id = t.zone_id WHERE z.event_id <> t.event_id",
    },
    Check {
        rule: "a held or confirmed reservation costs what its tickets cost",
        sql: "SELECT 'total ' || r.total_amount || ' for tickets of ' || SUM(a.price_amount) AS example \
              FROM reservations r \
              JOIN reservation_tickets a ON a.reservation_id = r.id AND a.active \
              GROUP BY r.id, r.total_amount HAVING r.total_amount <> SUM(a.price_amount)",
    },
    Check {
        rule: "a zone has as many tickets as its capacity",
        sql: "SELECT 'zone ' || z.id || ' has ' || COUNT(t.id) || ' of ' || z.capacity AS example \
              FROM zones z LEFT JOIN tickets t ON t.zone_id = z.id AND NOT t.removed \
              GROUP BY z.id, z.capacity HAVING COUNT(t.id) <> z.capacity",
    },
    Check {
        rule: "a ticket's version is the number of its transitions",
        sql: "SELECT 'ticket ' || t.id || ' at version ' || t.version || ' after ' \
                     || COUNT(l.id) || ' transitions' AS example \
              FROM tickets t LEFT JOIN ledger l ON l.ticket_id = t.id \
              GROUP BY t.id, t.version \
              HAVING COUNT(l.id) <> t.version OR COALESCE(MAX(l.version), 0) <> t.version",
    },
    Check {
        rule: "a ticket is what its last transition made it",
        sql: "SELECT 'ticket ' || t.id || ' is ' || t.status || ', last became ' || l.to_status AS example \
              FROM tickets t JOIN ledger l ON l.ticket_id = t.id AND l.version = t.version \
              WHERE l.to_status <> t.status",
    },
    Check {
        rule: "each transition begins where the one before ended",
        sql: "SELECT 'ticket ' || l.ticket_id || ' at version ' || l.version AS example \
              FROM ledger l LEFT JOIN ledger before \
                ON before.ticket_id = l.ticket_id AND before.version = l.version - 1 \
              WHERE l.from_status <> COALESCE(before.to_status, 'available')",
    },
    Check {
        rule: "an organiser's transition goes from where it may to where it must",
        sql: "SELECT 'ticket ' || l.ticket_id || ' at version ' || l.version || ': ' || l.cause AS example \
              FROM ledger l \
              WHERE l.cause IN ('block', 'unblock', 'remove', 'restore') \
                AND NOT ((l.cause = 'block' AND l.from_status = 'available' AND l.to_status = 'blocked') \
                      OR (l.cause = 'remove' AND l.from_status IN ('available', 'blocked') \
                          AND l.to_status = 'blocked') \
                      OR (l.cause IN ('unblock', 'restore') AND l.from_status = 'blocked' \
                          AND l.to_status = 'available'))",
    },
    Check {
        rule: "a ticket that was taken out of its event is blocked, and was last moved by that",
        sql: "SELECT 'ticket ' || t.id || ' is ' || t.status AS example FROM tickets t \
              LEFT JOIN ledger l ON l.ticket_id = t.id AND l.version = t.version \
              WHERE (t.removed AND (t.status <> 'blocked' OR COALESCE(l.cause, '') <> 'remove')) \
                 OR (NOT t.removed AND l.cause = 'remove')",
    },
    Check {
        rule: "a reason is kept for tickets that were withheld, and for no others",
        sql: "SELECT 'ticket ' || t.id || ' is ' || t.status AS example FROM tickets t \
              LEFT JOIN seat_blocks b ON b.ticket_id = t.id \
              LEFT JOIN ledger l ON l.ticket_id = t.id AND l.version = t.version \
              WHERE (b.ticket_id IS NOT NULL AND (t.status <> 'blocked' OR t.removed \
                                                  OR b.event_id <> t.event_id)) \
                 OR (b.ticket_id IS NULL AND l.cause = 'block')",
    },
    Check {
        rule: "a seat is named once in its row",
        sql: "SELECT 'seat ' || s.name || ' of row ' || s.row_number || ' in zone ' || s.zone_id AS example \
              FROM (SELECT zone_id, row_number, \
                           COALESCE(seat_label, CAST(seat_number AS TEXT)) AS name \
                    FROM tickets WHERE row_number IS NOT NULL AND NOT removed) s \
              GROUP BY s.zone_id, s.row_number, s.name HAVING COUNT(*) > 1",
    },
    Check {
        rule: "a row has one name, and the name one row",
        sql: "SELECT 'row ' || t.row_number || ' of zone ' || t.zone_id AS example \
              FROM tickets t WHERE t.row_number IS NOT NULL AND NOT t.removed \
              GROUP BY t.zone_id, t.row_number \
              HAVING COUNT(DISTINCT COALESCE(t.row_label, '')) > 1 \
              UNION ALL \
              SELECT 'row ' || t.row_label || ' of zone ' || t.zone_id AS example \
              FROM tickets t WHERE t.row_label IS NOT NULL AND NOT t.removed \
              GROUP BY t.zone_id, t.row_label HAVING COUNT(DISTINCT t.row_number) > 1",
    },
    Check {
        rule: "money is kept exactly for confirmed reservations, to the cent",
        sql: "SELECT r.status || ' reservation over ' || r.total_amount || ' with ' \
                     || COALESCE(SUM(p.amount), 0) || ' paid' AS example \
              FROM reservations r \
              LEFT JOIN payments p ON p.reservation_id = r.id AND p.status = 'succeeded' \
              GROUP BY r.id, r.status, r.total_amount \
              HAVING COALESCE(SUM(p.amount), 0) <> \
                     CASE WHEN r.status = 'confirmed' THEN r.total_amount ELSE 0 END \
                  OR (r.status = 'confirmed' AND r.total_amount > 0 AND COUNT(p.id) <> 1)",
    },
    Check {
        rule: "no more reservations use a code than it allows",
        sql: "SELECT 'code ' || c.id || ' with ' || COUNT(r.id) || ' uses of ' || c.max_uses AS example \
              FROM codes c JOIN reservations r ON r.code_id = c.id \
              WHERE r.status IN ('held', 'confirmed', 'refunded') \
              GROUP BY c.id, c.max_uses HAVING COUNT(r.id) > c.max_uses",
    },
    Check {
        rule: "a reservation's code is of its event",
        sql: "SELECT 'code ' || r.code_id || ' in a reservation of event ' || r.event_id AS example \
              FROM reservations r LEFT JOIN codes c ON c.id = r.code_id \
              WHERE r.code_id IS NOT NULL AND (c.id IS NULL OR c.event_id <> r.event_id)",
    },
    Check {
        rule: "something is taken off a ticket with a code only",
        sql: "SELECT 'ticket ' || a.ticket_id || ' for ' || a.discount_amount || ' less' AS example \
              FROM reservation_tickets a JOIN reservations r ON r.id = a.reservation_id \
              WHERE a.discount_amount < 0 OR a.price_amount < 0 \
                 OR (a.discount_amount > 0 AND r.code_id IS NULL)",
    },
    Check {
        rule: "a granted application has a confirmed or refunded reservation, its applicant's, with its places",
        sql: "SELECT 'application for ' || a.quantity || ' places of zone ' || a.zone_id AS example \
              FROM applications a LEFT JOIN reservations r ON r.id = a.reservation_id \
              WHERE a.status = 'granted' \
                AND (COALESCE(r.status, '') NOT IN ('confirmed', 'refunded') \
                     OR r.user_id <> a.user_id OR r.event_id <> a.event_id OR r.total_amount <> 0 \
                     OR a.quantity <> (SELECT COUNT(*) FROM reservation_tickets h \
                                       WHERE h.reservation_id = a.reservation_id) \
                     OR a.quantity <> (SELECT COUNT(*) FROM reservation_tickets h \
                                       JOIN tickets t ON t.id = h.ticket_id \
                                       WHERE h.reservation_id = a.reservation_id \
                                         AND t.zone_id = a.zone_id))",
    },
    Check {
        rule: "a person has one application to an event that is pending or granted",
        sql: "SELECT COUNT(*) || ' applications to event ' || event_id AS example \
              FROM applications WHERE status IN ('pending', 'granted') \
              GROUP BY user_id, event_id HAVING COUNT(*) > 1",
    },
    Check {
        rule: "places given away by application are had only by those to whom they were granted",
        sql: "SELECT 'ticket ' || t.id || ' is ' || t.status AS example FROM zones z \
              JOIN tickets t ON t.zone_id = z.id \
              LEFT JOIN applications a ON a.reservation_id = t.reservation_id \
              WHERE z.by_application AND t.status IN ('held', 'sold') \
                AND COALESCE(a.status, '') <> 'granted'",
    },
    Check {
        rule: "a settled cancellation leaves no hold, and no buyer without the promise of a refund",
        sql: "SELECT r.status || ' reservation of cancelled event ' || e.id AS example \
              FROM events e JOIN reservations r ON r.event_id = e.id \
              WHERE e.status = 'cancelled' AND e.settled_at IS NOT NULL \
                AND r.status IN ('held', 'confirmed') AND r.refund_due_at IS NULL",
    },
    Check {
        rule: "only what was paid for is to be refunded",
        sql: "SELECT r.status || ' reservation of event ' || r.event_id AS example \
              FROM reservations r \
              WHERE r.refund_due_at IS NOT NULL AND r.status NOT IN ('confirmed', 'refunded')",
    },
    Check {
        rule: "an event is looked for as what it is",
        sql: "SELECT 'event ' || e.id AS example \
              FROM events e JOIN venues v ON v.id = e.venue_id \
              LEFT JOIN event_search s ON s.event_id = e.id \
              WHERE s.event_id IS NULL OR s.status <> e.status OR s.starts_at <> e.starts_at \
                 OR s.over_at <> COALESCE(e.ends_at, e.starts_at) \
                 OR s.created_at <> e.created_at OR s.venue_id <> e.venue_id \
                 OR s.city <> v.search_city OR s.text <> s.own_text || v.search_text",
    },
    Check {
        rule: "an event is found by its words and those of its venue, and by no others",
        sql: "SELECT 'event ' || s.event_id AS example \
              FROM event_search s JOIN venues v ON v.id = s.venue_id \
              LEFT JOIN event_words w ON w.event_id = s.event_id \
              GROUP BY s.event_id, s.own_text, v.search_text \
              HAVING SUM(CASE WHEN s.own_text || v.search_text || ' ' \
                              NOT LIKE '% ' || w.word || ' %' THEN 1 ELSE 0 END) > 0 \
                  OR SUM(CASE WHEN s.own_text || ' ' LIKE '% ' || w.word || ' %' \
                              THEN 1 ELSE 0 END) \
                     <> LENGTH(s.own_text) - LENGTH(REPLACE(s.own_text, ' ', '')) \
                  OR SUM(CASE WHEN v.search_text || ' ' LIKE '% ' || w.word || ' %' \
                              THEN 1 ELSE 0 END) \
                     <> LENGTH(v.search_text) - LENGTH(REPLACE(v.search_text, ' ', ''))",
    },
    Check {
        rule: "somebody who may not act has no live session and no token that is good for anything",
        sql: "SELECT u.status || ' account with a session' AS example FROM users u \
              JOIN sessions s ON s.user_id = u.id AND s.ended_at IS NULL WHERE u.status <> 'active' \
              UNION ALL \
              SELECT u.status || ' account with a token for ' || t.purpose AS example FROM users u \
              JOIN one_time_tokens t ON t.user_id = u.id AND t.used_at IS NULL \
              WHERE u.status <> 'active'",
    },
    Check {
        rule: "a live session has exactly one refresh token that was not used, an ended one has none",
        sql: "SELECT COUNT(r.hash) || ' tokens of a session of ' || s.created_at AS example \
              FROM sessions s \
              LEFT JOIN refresh_tokens r ON r.session_id = s.id AND r.used_at IS NULL \
              GROUP BY s.id, s.created_at, s.ended_at \
              HAVING COUNT(r.hash) <> CASE WHEN s.ended_at IS NULL THEN 1 ELSE 0 END",
    },
    Check {
        rule: "a token that was mailed is used while it is good, and of each kind the newest only",
        sql: "SELECT 'used ' || used_at || ', good until ' || expires_at AS example \
              FROM one_time_tokens WHERE used_at > expires_at OR used_at < created_at \
              UNION ALL \
              SELECT COUNT(*) || ' tokens for ' || purpose AS example FROM one_time_tokens \
              WHERE used_at IS NULL GROUP BY user_id, purpose HAVING COUNT(*) > 1",
    },
    Check {
        rule: "nothing personal is left of who was erased",
        sql: "SELECT 'account of ' || u.created_at AS example FROM users u \
              WHERE u.status = 'erased' AND (u.name <> '' OR u.password_hash <> '' \
                 OR u.email NOT LIKE '%@erased.invalid' OR u.email_lower <> u.email \
                 OR EXISTS (SELECT 1 FROM user_words w WHERE w.user_id = u.id) \
                 OR EXISTS (SELECT 1 FROM inquiries i WHERE i.user_id = u.id \
                            AND (i.email <> '' OR i.contact_name <> '' OR i.phone <> '')) \
                 OR EXISTS (SELECT 1 FROM applications a WHERE a.user_id = u.id \
                            AND (a.search <> '' OR a.answers <> '[]' OR a.status = 'pending')) \
                 OR EXISTS (SELECT 1 FROM sessions s WHERE s.user_id = u.id))",
    },
    Check {
        rule: "an account is what admins last made it",
        sql: "SELECT u.status || ' account, last ' || e.action AS example FROM users u \
              JOIN account_events e ON e.user_id = u.id AND e.id = \
                (SELECT MAX(l.id) FROM account_events l \
                 WHERE l.user_id = u.id AND l.action <> 'change_role') \
              WHERE u.status <> CASE e.action WHEN 'disable' THEN 'disabled' \
                                WHEN 'enable' THEN 'active' ELSE 'erased' END",
    },
    Check {
        rule: "a review is by somebody who has or had a confirmed reservation of its event",
        sql: "SELECT 'review ' || v.id || ' of event ' || v.event_id AS example FROM reviews v \
              LEFT JOIN (SELECT DISTINCT user_id, event_id FROM reservations \
                         WHERE status IN ('confirmed', 'refunded')) r \
                ON r.user_id = v.user_id AND r.event_id = v.event_id \
              WHERE r.user_id IS NULL",
    },
    Check {
        rule: "an inquiry's version tells how often it was decided",
        sql: "SELECT 'inquiry of ' || i.organiser || ' at version ' || i.version || ' after ' \
                     || COUNT(c.id) || ' changes' AS example \
              FROM inquiries i LEFT JOIN inquiry_changes c ON c.inquiry_id = i.id \
              GROUP BY i.id, i.organiser, i.version \
              HAVING COUNT(c.id) + 1 <> i.version OR COALESCE(MAX(c.version), 1) <> i.version",
    },
    Check {
        rule: "an inquiry is what its last change made it",
        sql: "SELECT 'inquiry of ' || i.organiser || ' is ' || i.status AS example \
              FROM inquiries i LEFT JOIN inquiry_changes c \
                ON c.inquiry_id = i.id AND c.version = i.version \
              WHERE i.status <> COALESCE(c.to_status, 'pending')",
    },
    Check {
        rule: "each change of an inquiry begins where the one before ended",
        sql: "SELECT 'change ' || c.id || ' at version ' || c.version AS example \
              FROM inquiry_changes c LEFT JOIN inquiry_changes before \
                ON before.inquiry_id = c.inquiry_id AND before.version = c.version - 1 \
              WHERE c.from_status <> COALESCE(before.to_status, 'pending')",
    },
];
