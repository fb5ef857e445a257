//! What an error of the database means for whoever asked it.

use sea_orm::sqlx;
use sea_orm::sqlx::error::{DatabaseError, ErrorKind};
use sea_orm::{DbErr, RuntimeErr, SqlErr};
use std::borrow::Cow;

/// Whether the database could not be reached, so that the caller may try again later.
pub fn is_unavailable(err: &DbErr) -> bool {
    match err {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => true,
        DbErr::Exec(RuntimeErr::SqlxError(err)) | DbErr::Query(RuntimeErr::SqlxError(err)) => {
            is_connection_lost(err)
        }
        _ => false,
    }
}

/// Whether the database gave up one of several transactions that stood in each other's way, so
/// that the same transaction may simply be run again.
pub fn is_retryable(err: &DbErr) -> bool {
    // PostgreSQL: serialization_failure, deadlock_detected. SQLite: SQLITE_BUSY, _BUSY_SNAPSHOT.
    sql_state(err).is_some_and(|code| matches!(code.as_ref(), "40001" | "40P01" | "5" | "517"))
}

/// Whether the database stopped waiting for another transaction, which holds on to what this one
/// needs, or stopped a statement that took too long.
pub fn is_waiting_in_vain(err: &DbErr) -> bool {
    // PostgreSQL: lock_not_available, query_canceled.
    sql_state(err).is_some_and(|code| matches!(code.as_ref(), "55P03" | "57014"))
}

/// Whether a uniqueness rule of the schema refused a row.
pub fn is_duplicate(err: &DbErr) -> bool {
    matches!(err.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}

/// Whether some rule of the schema refused a row.
pub fn is_against_a_rule(err: &DbErr) -> bool {
    let kind = database_error(err).map(DatabaseError::kind);
    kind.is_some_and(|kind| !matches!(kind, ErrorKind::Other))
}

/// Whether a row was to be deleted that others belong to.
pub fn is_still_needed(err: &DbErr) -> bool {
    matches!(
        err.sql_err(),
        Some(SqlErr::ForeignKeyConstraintViolation(_))
    )
}

fn sql_state(err: &DbErr) -> Option<Cow<'_, str>> {
    database_error(err).and_then(DatabaseError::code)
}

fn database_error(err: &DbErr) -> Option<&dyn DatabaseError> {
    match err {
        DbErr::Exec(RuntimeErr::SqlxError(err)) | DbErr::Query(RuntimeErr::SqlxError(err)) => {
            err.as_database_error()
        }
        _ => None,
    }
}

fn is_connection_lost(err: &sqlx::Error) -> bool {
    use sqlx::Error;
    match err {
        Error::Io(_)
        | Error::PoolTimedOut
        | Error::PoolClosed
        | Error::WorkerCrashed
        | Error::Protocol(_) => true,
        // Class 57P is operator intervention (shutdown), 53300 too many connections, 25P03 a
        // transaction that was left open for so long that its connection was ended.
        Error::Database(err) => err
            .code()
            .is_some_and(|code| code.starts_with("57P") || code == "53300" || code == "25P03"),
        _ => false,
    }
}
