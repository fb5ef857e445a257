//! Committing what moves seats, and telling everybody, as the committer of a sale does.

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use sea_orm::{DatabaseTransaction, DbErr};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::coordination::SeatChange;
use crate::entity::ticket;
use crate::idempotency::{Answer, Key, commit_once};
use crate::mirror::seat_status;
use crate::problem::Problem;
use crate::state::App;

/// What is answered, and which tickets are not what they were.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Changed<T> {
    pub answer: T,
    pub moved: Vec<SeatChange>,
}

impl<T> Changed<T> {
    /// The answer to something that moved these tickets, which are as they are now.
    pub fn new(answer: T, moved: &[ticket::Model]) -> Self {
        let change = |ticket: &ticket::Model| SeatChange {
            ticket_id: ticket.id,
            event_id: ticket.event_id,
            version: ticket.version,
            status: seat_status(ticket.status),
        };
        Self {
            answer,
            moved: moved.iter().map(change).collect(),
        }
    }

    /// Another answer to the same.
    pub fn with<U>(self, answer: U) -> Changed<U> {
        Changed {
            answer,
            moved: self.moved,
        }
    }
}

/// Runs `work` in one transaction of its own, and tells this instance and the others what it moved.
pub async fn commit_and_tell<T, E>(
    app: &App,
    key: Option<Key>,
    work: impl for<'tx> FnOnce(
        &'tx DatabaseTransaction,
        DateTime<Utc>,
    ) -> BoxFuture<'tx, Result<Changed<T>, E>>
    + Send
    + 'static,
) -> Result<Answer<T>, Problem>
where
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
    E: Into<Problem> + From<DbErr> + Send + 'static,
{
    let worker = app.clone();
    // Whoever asked may go away between the commit and the telling.
    app.detached(async move {
        let done = commit_once(&worker, key, work).await?;
        worker.mirror.learn(&done.value.moved);
        worker.coordinator.publish(done.value.moved);
        Ok(Answer {
            value: done.value.answer,
            replayed: done.replayed,
        })
    })
    .await
}
