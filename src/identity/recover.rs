//! A new password for somebody who has forgotten the old one.

use chrono::TimeDelta;
use tokio::sync::Semaphore;

use super::profile::lock_owner;
use super::store::{self, tokens};
use super::work::transact;
use super::{IdentityError, mails, password, secret};
use crate::entity::one_time_token::Purpose;
use crate::entity::user::UserStatus;
use crate::ids::UserId;
use crate::mail;
use crate::state::App;
use crate::telemetry::OkOrLog;

/// How long a token in a mail is good for.
const PASSWORD_TOKEN_HOURS: i64 = 1;

/// Most that are looked up and mailed at the same time.
static AT_WORK: Semaphore = Semaphore::const_new(64);

/// Mails a token to that address, if it has an account.
///
/// The look and the mail come after the answer, so that neither what it says nor how long it takes
/// tells whether there is an account. Whoever gets no mail asks again.
pub fn ask_for_password(app: &App, email: String) -> Result<(), IdentityError> {
    let place = AT_WORK.try_acquire().map_err(|_| IdentityError::Busy)?;
    let app = app.clone();
    tokio::spawn(async move {
        mail_password_token(&app, email)
            .await
            .ok_or_log("mailing a token for a new password");
        drop(place);
    });
    Ok(())
}

async fn mail_password_token(app: &App, email: String) -> Result<(), IdentityError> {
    let Some(found) = store::user_by_email(&app.db, &email).await? else {
        return Ok(());
    };
    let url = app.config.public_url();
    transact(app, move |work| {
        Box::pin(async move {
            let id = UserId(found.id);
            let user = store::user_for_update(&work.tx, id).await?;
            // It may have changed its address meanwhile, and a disabled one has nothing to sign in to.
            let user = user.filter(|user| {
                user.status == UserStatus::Active && user.email_lower == found.email_lower
            });
            let Some(user) = user else {
                return Ok(());
            };
            let secret = secret::make();
            let mail = mails::set_password(&url, &user, &secret.text);
            let token = tokens::New {
                hash: secret.hash,
                purpose: Purpose::Password,
                email: None,
                expires_at: work.now + TimeDelta::hours(PASSWORD_TOKEN_HOURS),
            };
            tokens::replace(&work.tx, work.now, id, token).await?;
            mail::post(&work.tx, work.now, mail).await?;
            Ok(())
        })
    })
    .await
}

/// Sets a new password with a token that was mailed, and ends every session of the account.
pub async fn reset_password(app: &App, token: &str, new: String) -> Result<(), IdentityError> {
    let hash = secret::hash_of(token);
    // Nothing is hashed or locked for a guess.
    let owner = tokens::owner(app.db.reader(), &hash, Purpose::Password).await?;
    let owner = owner.ok_or(IdentityError::TokenNotValid)?;
    let password_hash = password::hash(app, new).await?;
    transact(app, move |work| {
        Box::pin(async move {
            let user = lock_owner(work, owner).await?;
            let spent = tokens::take(&work.tx, work.now, hash, Purpose::Password).await?;
            if spent.is_none() {
                return Err(IdentityError::TokenNotValid);
            }
            let user = store::set_password(&work.tx, user, password_hash).await?;
            work.end_sessions(&user, None).await?;
            tokens::void(&work.tx, owner).await?;
            mail::post(&work.tx, work.now, mails::password_changed(&user)).await?;
            Ok(())
        })
    })
    .await
}
