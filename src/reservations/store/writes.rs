//! Writing what a batch of changes decided.
//!
//! The database has the last word on each row: a ticket is moved from the version and status that
//! were seen, a hold is changed at the version that was seen and by the database's time. The rows
//! that were touched are counted, and one too few undoes everything.

use sea_orm::{
    ActiveEnum, ConnectionTrait, DatabaseBackend, DatabaseTransaction, DbErr, Statement, Value,
};

use super::grants::mark_granted;
use crate::db::{self, Column, Rows};
use crate::entity::payment;
use crate::entity::reservation;
use crate::entity::ticket::TicketStatus;
use crate::idempotency::KeptAnswer;
use crate::ids::PaymentId;
use crate::mail;
use crate::reservations::batch::{Move, Writes};

/// Writes everything; false where something is not as it was read, so that nothing may stay.
pub async fn write(tx: &DatabaseTransaction, mut writes: Writes) -> Result<bool, DbErr> {
    let backend = tx.get_database_backend();
    for (at, mail) in std::mem::take(&mut writes.mails) {
        mail::post(tx, at, mail).await?;
    }
    let parts = parts(writes, backend);
    if backend == DatabaseBackend::Postgres {
        write_as_one(tx, parts).await?;
        return Ok(true);
    }
    let expected = rows_touched(&parts);
    Ok(write_in_turn(tx, parts).await? == expected)
}

/// Rows, and the statements that write them.
pub(super) struct Part {
    pub(super) name: &'static str,
    pub(super) rows: Rows,
    pub(super) statements: Vec<String>,
    /// How many rows the statements touch together.
    pub(super) rows_touched: u64,
}

fn rows_touched(parts: &[Part]) -> u64 {
    parts.iter().map(|part| part.rows_touched).sum()
}

/// As one statement of many parts: one round trip. It fails as a whole where it touches too few rows.
async fn write_as_one(tx: &DatabaseTransaction, parts: Vec<Part>) -> Result<(), DbErr> {
    let backend = DatabaseBackend::Postgres;
    let expected = i64::try_from(rows_touched(&parts)).unwrap_or(i64::MAX);
    let mut values: Vec<Value> = Vec::new();
    let mut clauses = Vec::new();
    let mut counts = Vec::new();
    for part in parts {
        let rows = part.rows.table("r", backend, &mut values);
        clauses.push(format!(
            "{} AS MATERIALIZED (SELECT * FROM {rows})",
            part.name
        ));
        for statement in part.statements {
            let name = format!("w{}", counts.len());
            counts.push(format!("(SELECT COUNT(*) FROM {name})"));
            clauses.push(format!("{name} AS ({statement} RETURNING 1)"));
        }
    }
    values.push(expected.into());
    let sql = format!(
        "WITH {} SELECT expect_rows({}, ${})",
        clauses.join(", "),
        counts.join(" + "),
        values.len()
    );
    let statement = Statement::from_sql_and_values(backend, sql, values);
    tx.execute_raw(statement).await?;
    Ok(())
}

/// As one text of several statements: SQLite knows no writing part of a statement, but it is a thread
/// of its own, to which every text is a way there and back. What the rows are is worked out once a
/// statement, not wherever it names them.
async fn write_in_turn(tx: &DatabaseTransaction, parts: Vec<Part>) -> Result<u64, DbErr> {
    let backend = DatabaseBackend::Sqlite;
    let mut values: Vec<Value> = Vec::new();
    let mut statements = Vec::new();
    for part in parts {
        let rows = part.rows.table("r", backend, &mut values);
        for statement in part.statements {
            statements.push(format!(
                "WITH {} AS MATERIALIZED (SELECT * FROM {rows}) {statement}",
                part.name
            ));
        }
    }
    let sql = statements.join("; ");
    let written = tx.execute_raw(Statement::from_sql_and_values(backend, sql, values));
    Ok(written.await?.rows_affected())
}

fn parts(mut writes: Writes, backend: DatabaseBackend) -> Vec<Part> {
    // The order in which rows are locked, where that has not been done.
    writes.moves.sort_unstable_by_key(|change| change.ticket);
    let mut parts = Vec::new();
    if !writes.reservations.is_empty() {
        parts.push(insert_reservations(&writes.reservations, backend));
    }
    if !writes.changed.is_empty() {
        parts.push(change_reservations(&writes.changed, backend));
    }
    if !writes.moves.is_empty() {
        parts.push(move_tickets(&writes.moves));
    }
    if !writes.payments.is_empty() {
        parts.push(insert_payments(&writes.payments));
    }
    if !writes.paid.is_empty() {
        parts.push(mark_paid(&writes.paid, backend));
    }
    if !writes.granted.is_empty() {
        parts.push(mark_granted(&writes.granted));
    }
    if !writes.answers.is_empty() {
        parts.push(keep_answers(writes.answers));
    }
    parts
}

fn insert_reservations(new: &[reservation::Model], backend: DatabaseBackend) -> Part {
    let rows_touched = new.len() as u64;
    let currencies = new.iter().map(|r| r.currency.clone()).collect();
    let rows = Rows::default()
        .with("id", Column::Uuids(new.iter().map(|r| r.id).collect()))
        .with(
            "user_id",
            Column::Uuids(new.iter().map(|r| r.user_id).collect()),
        )
        .with(
            "event_id",
            Column::Integers(new.iter().map(|r| r.event_id).collect()),
        )
        .with("status", Column::Texts(texts(new.iter().map(|r| r.status))))
        .with(
            "expires_at",
            Column::Times(new.iter().map(|r| r.expires_at).collect()),
        )
        .with(
            "total_amount",
            Column::Integers(new.iter().map(|r| r.total_amount).collect()),
        )
        .with("currency", Column::Texts(currencies))
        .with(
            "created_at",
            Column::Times(new.iter().map(|r| r.created_at).collect()),
        )
        .with(
            "version",
            Column::Integers(new.iter().map(|r| r.version).collect()),
        )
        // No code has the number 0.
        .with(
            "code_id",
            Column::Integers(new.iter().map(|r| r.code_id.unwrap_or(0)).collect()),
        );
    let (portion, latest_portion) = reservation::latest_portion(backend);
    Part {
        name: "made",
        rows,
        statements: vec![format!(
            "INSERT INTO reservations \
               (id, user_id, event_id, status, expires_at, total_amount, currency, created_at, \
                ended_at, version, code_id{portion}) \
             SELECT id, user_id, event_id, status, expires_at, total_amount, currency, created_at, \
                    CASE WHEN status <> 'held' THEN created_at END, version, \
                    NULLIF(code_id, 0){latest_portion} \
             FROM made"
        )],
        rows_touched,
    }
}

/// A hold whose time is up can only expire, and only such a one does, by the time of this moment:
/// waiting for the row locks may have taken a while.
fn change_reservations(changed: &[reservation::Model], backend: DatabaseBackend) -> Part {
    let rows_touched = changed.len() as u64;
    let ended = changed.iter().map(|r| r.ended_at.unwrap_or(r.expires_at));
    let rows = Rows::default()
        .with("id", Column::Uuids(changed.iter().map(|r| r.id).collect()))
        .with(
            "status",
            Column::Texts(texts(changed.iter().map(|r| r.status))),
        )
        .with(
            "expires_at",
            Column::Times(changed.iter().map(|r| r.expires_at).collect()),
        )
        .with(
            "total_amount",
            Column::Integers(changed.iter().map(|r| r.total_amount).collect()),
        )
        .with("ended_at", Column::Times(ended.collect()))
        .with(
            "version",
            Column::Integers(changed.iter().map(|r| r.version).collect()),
        );
    let now = db::now_sql(backend);
    Part {
        name: "changed",
        rows,
        statements: vec![format!(
            "UPDATE reservations AS r SET status = x.status, expires_at = x.expires_at, \
                    total_amount = x.total_amount, version = x.version, \
                    ended_at = CASE WHEN x.status = 'held' THEN NULL ELSE x.ended_at END \
             FROM changed x WHERE r.id = x.id AND r.version = x.version - 1 AND r.status = 'held' \
               AND (x.status = 'expired') = (r.expires_at <= {now})"
        )],
        rows_touched,
    }
}

fn move_tickets(moves: &[Move]) -> Part {
    let count = moves.len() as u64;
    let rows = Rows::default()
        .with(
            "ticket_id",
            Column::Integers(moves.iter().map(|m| m.ticket.0).collect()),
        )
        .with(
            "version",
            Column::Integers(moves.iter().map(|m| m.version).collect()),
        )
        .with(
            "from_status",
            Column::Texts(texts(moves.iter().map(|m| m.from))),
        )
        .with(
            "to_status",
            Column::Texts(texts(moves.iter().map(|m| m.to))),
        )
        .with("cause", Column::Texts(texts(moves.iter().map(|m| m.cause))))
        .with(
            "reservation_id",
            Column::Uuids(moves.iter().map(|m| m.reservation.0).collect()),
        )
        .with(
            "price_amount",
            Column::Integers(moves.iter().map(|m| m.price_amount).collect()),
        )
        .with(
            "discount_amount",
            Column::Integers(moves.iter().map(|m| m.discount_amount).collect()),
        )
        .with("at", Column::Times(moves.iter().map(|m| m.at).collect()));
    let mut statements = vec![
        "UPDATE tickets AS t SET status = x.to_status, version = t.version + 1, \
                reservation_id = CASE WHEN x.to_status IN ('held', 'sold') THEN x.reservation_id END \
         FROM moved x \
         WHERE t.id = x.ticket_id AND t.version = x.version AND t.status = x.from_status"
            .to_owned(),
        "INSERT INTO ledger \
           (ticket_id, version, from_status, to_status, cause, reservation_id, at) \
         SELECT ticket_id, version + 1, from_status, to_status, cause, reservation_id, at FROM moved"
            .to_owned(),
    ];
    let mut rows_touched = 2 * count;
    let count_those = |is_meant: fn(&&Move) -> bool| moves.iter().filter(is_meant).count() as u64;
    // Held, or given away at once.
    let taken = count_those(|m| {
        m.from == TicketStatus::Available && matches!(m.to, TicketStatus::Held | TicketStatus::Sold)
    });
    let given_up = count_those(|m| m.to == TicketStatus::Available);
    if taken > 0 {
        statements.push(
            "INSERT INTO reservation_tickets \
               (reservation_id, ticket_id, price_amount, discount_amount, active) \
             SELECT reservation_id, ticket_id, price_amount, discount_amount, TRUE FROM moved \
             WHERE from_status = 'available' AND to_status IN ('held', 'sold')"
                .to_owned(),
        );
    }
    if given_up > 0 {
        statements.push(
            "UPDATE reservation_tickets AS a SET active = FALSE FROM moved x \
             WHERE x.to_status = 'available' AND a.reservation_id = x.reservation_id \
               AND a.ticket_id = x.ticket_id AND a.active"
                .to_owned(),
        );
    }
    rows_touched += taken + given_up;
    Part {
        name: "moved",
        rows,
        statements,
        rows_touched,
    }
}

fn insert_payments(new: &[payment::Model]) -> Part {
    let rows_touched = new.len() as u64;
    let currencies = new.iter().map(|p| p.currency.clone()).collect();
    let methods = new.iter().map(|p| p.method.clone()).collect();
    let tokens = new.iter().map(|p| p.token.clone()).collect();
    let rows = Rows::default()
        .with("id", Column::Uuids(new.iter().map(|p| p.id).collect()))
        .with(
            "reservation_id",
            Column::Uuids(new.iter().map(|p| p.reservation_id).collect()),
        )
        .with(
            "amount",
            Column::Integers(new.iter().map(|p| p.amount).collect()),
        )
        .with("currency", Column::Texts(currencies))
        .with("method", Column::Texts(methods))
        .with("token", Column::Texts(tokens))
        .with("status", Column::Texts(texts(new.iter().map(|p| p.status))))
        .with(
            "created_at",
            Column::Times(new.iter().map(|p| p.created_at).collect()),
        );
    Part {
        name: "intended",
        rows,
        statements: vec![
            "INSERT INTO payments \
               (id, reservation_id, amount, currency, method, token, status, created_at, updated_at) \
             SELECT id, reservation_id, amount, currency, method, token, status, created_at, created_at \
             FROM intended"
                .into(),
        ],
        rows_touched,
    }
}

fn mark_paid(paid: &[PaymentId], backend: DatabaseBackend) -> Part {
    let now = db::now_sql(backend);
    Part {
        name: "paid",
        rows: Rows::default().with("id", Column::Uuids(paid.iter().map(|id| id.0).collect())),
        statements: vec![format!(
            "UPDATE payments AS p SET status = 'succeeded', updated_at = {now} FROM paid x \
             WHERE p.id = x.id AND p.status = 'pending'"
        )],
        rows_touched: paid.len() as u64,
    }
}

fn keep_answers(answers: Vec<KeptAnswer>) -> Part {
    Part {
        name: "kept",
        rows_touched: answers.len() as u64,
        rows: kept(answers),
        statements: vec![keep_from("kept")],
    }
}

/// Keeps the answers of a table that has the columns of [`kept`].
pub(super) fn keep_from(table: &str) -> String {
    format!(
        "INSERT INTO idempotency_keys (user_id, key, fingerprint, answer, created_at) \
         SELECT user_id, text, fingerprint, answer, at FROM {table}"
    )
}

/// Answers, under their keys.
pub(super) fn kept(answers: Vec<KeptAnswer>) -> Rows {
    let users = answers.iter().map(|a| a.user.0).collect();
    let times = answers.iter().map(|a| a.at).collect();
    let fingerprints = answers.iter().map(|a| a.fingerprint.clone()).collect();
    let (keys, texts) = answers.into_iter().map(|a| (a.key, a.answer)).unzip();
    Rows::default()
        .with("user_id", Column::Uuids(users))
        .with("text", Column::Texts(keys))
        .with("fingerprint", Column::Bytes(fingerprints))
        .with("answer", Column::Texts(texts))
        .with("at", Column::Times(times))
}

fn texts<E: ActiveEnum<Value = String>>(values: impl Iterator<Item = E>) -> Vec<String> {
    values.map(|value| value.to_value()).collect()
}
