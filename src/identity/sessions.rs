//! Signing in, staying signed in, and signing out.

use std::time::Duration;

use super::store::{self, sessions};
use super::work::{Work, transact};
use super::{IdentityError, password, secret};
use crate::auth::Caller;
use crate::entity::user::{self, UserStatus};
use crate::ids::{SessionId, UserId};
use crate::state::App;

/// Somebody who is signed in, and what only they are told.
pub struct Opened {
    pub user: user::Model,
    pub session: SessionId,
    pub refresh_token: String,
}

/// Most sessions that one person may have; the one that was used longest ago makes room.
const MOST_SESSIONS: usize = 100;

/// The longest name of a device that is kept, in characters.
const MOST_AGENT_CHARS: usize = 300;

/// Checks an e-mail and password, and begins a session.
pub async fn log_in(
    app: &App,
    email: &str,
    password: String,
    user_agent: Option<String>,
) -> Result<Opened, IdentityError> {
    let found = store::user_by_email(&app.db, email).await?;
    // An account that was erased is nobody's.
    let found = found.filter(|user| user.status != UserStatus::Erased);
    let stored = found.as_ref().map(|user| user.password_hash.clone());
    let matches = password::verify(app, password, stored).await?;
    let user = found
        .filter(|_| matches)
        .ok_or(IdentityError::BadCredentials)?;
    let ttl = app.config.refresh_token_ttl();
    transact(app, move |work| {
        Box::pin(async move {
            let id = UserId(user.id);
            let now_stored = store::user_for_update(&work.tx, id).await?;
            // Another password may have been set while this one was compared.
            let user = now_stored
                .filter(|now| now.password_hash == user.password_hash)
                .ok_or(IdentityError::BadCredentials)?;
            if user.status != UserStatus::Active {
                return Err(IdentityError::Disabled);
            }
            open_session(work, ttl, user, user_agent).await
        })
    })
    .await
}

/// Begins a session of somebody whose row is locked, or was just made.
pub async fn open_session(
    work: &mut Work,
    ttl: Duration,
    user: user::Model,
    user_agent: Option<String>,
) -> Result<Opened, IdentityError> {
    let id = UserId(user.id);
    let live = sessions::live_by_use(&work.tx, id).await?;
    let surplus = (live.len() + 1).saturating_sub(MOST_SESSIONS);
    for session in live.into_iter().take(surplus) {
        work.end_session(id, session).await?;
    }
    let user_agent = user_agent.map(|agent| agent.chars().take(MOST_AGENT_CHARS).collect());
    let session = SessionId::random();
    let (now, expires_at) = (work.now, work.now + ttl);
    sessions::insert(&work.tx, now, expires_at, id, session, user_agent).await?;
    let refresh_token = issue_refresh_token(work, session).await?;
    Ok(Opened {
        user,
        session,
        refresh_token,
    })
}

/// Exchanges a refresh token for the next one.
///
/// Each is good for one exchange. A second one means that two have it, and nobody can say which of
/// them is its owner: the whole session ends, also where both came at once.
pub async fn refresh(app: &App, token: &str) -> Result<Opened, IdentityError> {
    let hash = secret::hash_of(token);
    // Nothing is locked for a guess.
    let session = sessions::of_refresh_token(app.db.reader(), &hash).await?;
    let session = session.ok_or(IdentityError::BadRefreshToken)?;
    let ttl = app.config.refresh_token_ttl();
    let opened = transact(app, move |work| {
        Box::pin(async move { exchange(work, ttl, session, hash).await })
    })
    .await?;
    opened.ok_or(IdentityError::BadRefreshToken)
}

/// None where the token is not good any more; what then ends is to be committed.
async fn exchange(
    work: &mut Work,
    ttl: Duration,
    (user, session): (UserId, SessionId),
    hash: Vec<u8>,
) -> Result<Option<Opened>, IdentityError> {
    let account = match work.lock_active(user).await {
        Err(IdentityError::AccountGone) => return Ok(None),
        locked => locked?,
    };
    if !sessions::is_live(&work.tx, work.now, session).await? {
        return Ok(None);
    }
    if !sessions::use_refresh_token(&work.tx, work.now, hash).await? {
        tracing::warn!(%user, %session, "a refresh token came twice: its session is ended");
        work.end_session(user, session).await?;
        return Ok(None);
    }
    sessions::prolong(&work.tx, work.now, work.now + ttl, session).await?;
    let refresh_token = issue_refresh_token(work, session).await?;
    Ok(Some(Opened {
        user: account,
        session,
        refresh_token,
    }))
}

async fn issue_refresh_token(work: &mut Work, session: SessionId) -> Result<String, IdentityError> {
    let secret = secret::make();
    sessions::insert_refresh_token(&work.tx, work.now, session, secret.hash).await?;
    Ok(secret.text)
}

/// Ends the session that the caller's token is of.
pub async fn log_out(app: &App, caller: Caller) -> Result<(), IdentityError> {
    let Some(session) = caller.session else {
        return Ok(());
    };
    match end_session(app, caller.id, session).await {
        Err(IdentityError::NoSuchSession) => Ok(()),
        ended => ended,
    }
}

/// Ends every session of the caller.
pub async fn log_out_everywhere(app: &App, caller: Caller) -> Result<(), IdentityError> {
    transact(app, move |work| {
        Box::pin(async move {
            let user = work.lock_active(caller.id).await?;
            Ok(work.end_sessions(&user, None).await?)
        })
    })
    .await
}

/// Ends a session of somebody.
pub async fn end_session(app: &App, user: UserId, session: SessionId) -> Result<(), IdentityError> {
    transact(app, move |work| {
        Box::pin(async move {
            store::user_for_update(&work.tx, user).await?;
            if work.end_session(user, session).await? {
                return Ok(());
            }
            Err(IdentityError::NoSuchSession)
        })
    })
    .await
}
