//! Looking for a text within another.

use sea_orm::DatabaseBackend;
use sea_orm::sea_query::{Expr, ExprTrait, Func, SimpleExpr};

/// Whether a text contains another, byte by byte: several times as fast as LIKE on SQLite, which
/// folds the case of each letter first.
pub fn contains(backend: DatabaseBackend, text: SimpleExpr, part: &str) -> SimpleExpr {
    let position = match backend {
        DatabaseBackend::Postgres => "strpos",
        _ => "instr",
    };
    Func::cust(position)
        .arg(text)
        .arg(Expr::value(part))
        .gt(Expr::value(0))
}
