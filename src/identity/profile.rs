//! What people change of their own accounts.

use chrono::TimeDelta;

use super::register::email_taken;
use super::store::{self, tokens};
use super::work::{Work, transact};
use super::{IdentityError, mails, password, secret};
use crate::auth::Caller;
use crate::entity::one_time_token::Purpose;
use crate::entity::user::{self, UserStatus};
use crate::ids::UserId;
use crate::mail;
use crate::precondition::Expected;
use crate::state::App;

/// The caller's own account.
pub async fn find_caller(app: &App, caller: Caller) -> Result<user::Model, IdentityError> {
    let found = store::user_by_id(&app.db, caller.id).await?;
    found
        .filter(|user| user.status == UserStatus::Active)
        .ok_or(IdentityError::AccountGone)
}

/// Gives the caller another name.
pub async fn rename(
    app: &App,
    caller: Caller,
    expected: Expected,
    name: String,
) -> Result<user::Model, IdentityError> {
    transact(app, move |work| {
        Box::pin(async move {
            let user = work.lock_active(caller.id).await?;
            expected.check(user.version)?;
            Ok(store::set_name(&work.tx, user, name).await?)
        })
    })
    .await
}

/// Gives the caller another password, and ends all their other sessions.
pub async fn change_password(
    app: &App,
    caller: Caller,
    current: String,
    new: String,
) -> Result<(), IdentityError> {
    let checked = check_password(app, caller, current).await?;
    let password_hash = password::hash(app, new).await?;
    transact(app, move |work| {
        Box::pin(async move {
            let user = work.lock_active(caller.id).await?;
            if user.password_hash != checked.password_hash {
                return Err(IdentityError::WrongPassword);
            }
            let user = store::set_password(&work.tx, user, password_hash).await?;
            work.end_sessions(&user, caller.session).await?;
            tokens::void(&work.tx, caller.id).await?;
            mail::post(&work.tx, work.now, mails::password_changed(&user)).await?;
            Ok(())
        })
    })
    .await
}

/// How long the new address may take to answer.
const ADDRESS_TOKEN_HOURS: i64 = 24;

/// Mails the caller's new address, so that its holder shows that it is theirs. Whether the address
/// has an account already is not told before that.
pub async fn ask_for_email(
    app: &App,
    caller: Caller,
    new_email: String,
    current_password: String,
) -> Result<(), IdentityError> {
    let checked = check_password(app, caller, current_password).await?;
    let url = app.config.public_url();
    transact(app, move |work| {
        Box::pin(async move {
            let user = work.lock_active(caller.id).await?;
            if user.password_hash != checked.password_hash {
                return Err(IdentityError::WrongPassword);
            }
            let secret = secret::make();
            let mails = [
                mails::confirm_address(&url, &user, &new_email, &secret.text),
                mails::address_is_to_change(&user),
            ];
            let token = tokens::New {
                hash: secret.hash,
                purpose: Purpose::Email,
                email: Some(new_email),
                expires_at: work.now + TimeDelta::hours(ADDRESS_TOKEN_HOURS),
            };
            tokens::replace(&work.tx, work.now, caller.id, token).await?;
            for mail in mails {
                mail::post(&work.tx, work.now, mail).await?;
            }
            Ok(())
        })
    })
    .await
}

/// Changes an account's address to the one that the token was mailed to.
pub async fn confirm_email(app: &App, token: &str) -> Result<(), IdentityError> {
    let hash = secret::hash_of(token);
    // Nothing is locked for a guess.
    let owner = tokens::owner(app.db.reader(), &hash, Purpose::Email).await?;
    let owner = owner.ok_or(IdentityError::TokenNotValid)?;
    transact(app, move |work| {
        Box::pin(async move {
            let user = lock_owner(work, owner).await?;
            let spent = tokens::take(&work.tx, work.now, hash, Purpose::Email).await?;
            let email = spent
                .and_then(|token| token.email)
                .ok_or(IdentityError::TokenNotValid)?;
            let notice = mails::address_changed(&user);
            let changed = store::set_email(&work.tx, user, email).await;
            changed.map_err(email_taken)?;
            // They were mailed to an address that is not the account's any more.
            tokens::void(&work.tx, owner).await?;
            mail::post(&work.tx, work.now, notice).await?;
            Ok(())
        })
    })
    .await
}

/// Locks the account that a token was mailed for, if it may act.
pub async fn lock_owner(work: &Work, owner: UserId) -> Result<user::Model, IdentityError> {
    let user = work.lock_active(owner).await;
    user.map_err(|err| match err {
        IdentityError::AccountGone => IdentityError::TokenNotValid,
        err => err,
    })
}

/// The caller's account, if that is its password.
async fn check_password(
    app: &App,
    caller: Caller,
    password: String,
) -> Result<user::Model, IdentityError> {
    let user = find_caller(app, caller).await?;
    let stored = Some(user.password_hash.clone());
    if password::verify(app, password, stored).await? {
        return Ok(user);
    }
    Err(IdentityError::WrongPassword)
}
