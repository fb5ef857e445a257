//! One transaction that changes people.

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use sea_orm::{DatabaseTransaction, DbErr};

use super::IdentityError;
use super::store::{self, sessions};
use crate::access::{self, Account, Change};
use crate::db;
use crate::entity::user::{self, UserStatus};
use crate::ids::{SessionId, UserId};
use crate::state::App;

/// A transaction, and what it changes about who may act.
pub struct Work {
    pub tx: DatabaseTransaction,
    /// The database's time.
    pub now: DateTime<Utc>,
    changes: Vec<Change>,
}

/// Runs `work` in a transaction of its own, and commits unless it fails.
///
/// What it has changed about who may act counts on this instance before anybody is answered, even if
/// the caller has gone away meanwhile.
pub async fn transact<T: Send + 'static>(
    app: &App,
    work: impl for<'w> FnOnce(&'w mut Work) -> BoxFuture<'w, Result<T, IdentityError>> + Send + 'static,
) -> Result<T, IdentityError> {
    let worker = app.clone();
    app.detached(async move {
        let tx = worker.db.begin().await?;
        let now = db::read_time(&tx).await?;
        let mut open = Work {
            tx,
            now,
            changes: Vec::new(),
        };
        let value = work(&mut open).await?;
        open.tx.commit().await?;
        worker.access.learn(&open.changes);
        Ok(value)
    })
    .await
}

impl Work {
    /// Locks and gives the account of somebody who is signed in, if it may act.
    pub async fn lock_active(&self, id: UserId) -> Result<user::Model, IdentityError> {
        let user = store::user_for_update(&self.tx, id).await?;
        user.filter(|user| user.status == UserStatus::Active)
            .ok_or(IdentityError::AccountGone)
    }

    /// Ends a session of somebody whose row is locked, and with it all its tokens; whether it was
    /// live.
    pub async fn end_session(&mut self, user: UserId, session: SessionId) -> Result<bool, DbErr> {
        let was_live = sessions::end(&self.tx, self.now, user, session).await?;
        if was_live {
            let change = access::note_end(&self.tx, self.now, user, session).await?;
            self.changes.push(change);
        }
        Ok(was_live)
    }

    /// Ends every session of somebody whose row is locked, but for the one to be kept.
    pub async fn end_sessions(
        &mut self,
        user: &user::Model,
        kept: Option<SessionId>,
    ) -> Result<(), DbErr> {
        for session in sessions::live_by_use(&self.tx, UserId(user.id)).await? {
            if Some(session) != kept {
                self.end_session(UserId(user.id), session).await?;
            }
        }
        self.note_account(user, true).await
    }

    /// Tells every instance what an account has become.
    pub async fn note_account(&mut self, user: &user::Model, all_ended: bool) -> Result<(), DbErr> {
        let account = Account {
            role: user.role,
            is_active: user.status == UserStatus::Active,
            all_ended,
        };
        let change = access::note_account(&self.tx, self.now, UserId(user.id), account).await?;
        self.changes.push(change);
        Ok(())
    }
}
