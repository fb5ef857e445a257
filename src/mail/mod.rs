//! Mails: written into an outbox in the transaction of what they tell of, and sent from there.
//!
//! So a mail goes out exactly when what it says was committed, at the latest when an instance finds
//! it: somebody may get a mail twice after a crash, and nobody gets one about what never happened.
//! A mail that is sent twice has the same `Message-ID` both times.
//!
//! ```text
//!   waiting ──claim: attempts + 1, due once the lease is over──> being sent by one instance
//!      ^                                                            │
//!      ├── put off, longer each time <── failed ────────────────────┤
//!      ├── the lease is over: the instance is gone                  │
//!      │                                                            v
//!      └── failed as often as is allowed, or for good ──> failed   sent
//! ```

pub mod api;
mod compose;
mod deliver;
mod store;
mod transport;

pub use deliver::deliver;

use chrono::{DateTime, Utc};
use sea_orm::{DatabaseTransaction, DbErr};

use crate::state::App;
use crate::telemetry::{MAILS_OLDEST, MAILS_WAITING};

/// How long a mail is kept after it was sent or given up. It holds what it told somebody.
pub const KEPT_DAYS: i64 = 7;

/// A mail to one person, in plain text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// An e-mail address, without a name.
    pub to: String,
    /// One line.
    pub subject: String,
    /// Plain text; what people typed stands in it as they typed it.
    pub text: String,
}

/// Puts a mail into the outbox; it is sent once the transaction is committed.
pub async fn post(tx: &DatabaseTransaction, now: DateTime<Utc>, mail: Mail) -> Result<(), DbErr> {
    store::insert(tx, now, mail).await
}

/// Forgets mails that ended more than [`KEPT_DAYS`] ago. Returns how many.
pub async fn forget_old_mails(app: &App) -> Result<u64, DbErr> {
    store::delete_ended(app, KEPT_DAYS).await
}

/// Records how many mails wait, and for how long.
pub async fn sample_waiting(app: &App) -> Result<(), DbErr> {
    let (count, oldest) = store::waiting(&app.db).await?;
    #[expect(
        clippy::cast_precision_loss,
        reason = "a gauge is a float, and nobody has 2^52 mails"
    )]
    metrics::gauge!(MAILS_WAITING).set(count as f64);
    metrics::gauge!(MAILS_OLDEST).set(oldest.as_seconds_f64());
    Ok(())
}
