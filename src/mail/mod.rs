//! Mails: written into an outbox in the transaction of what they tell of, and sent from there.
//!
//! So a mail goes out exactly when what it says was committed, at the latest when an instance finds
//! it: somebody may get a mail twice after a crash, and nobody gets one about what never happened.

mod store;

use chrono::{DateTime, Utc};
use sea_orm::{DatabaseTransaction, DbErr};

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
