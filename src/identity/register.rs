//! New accounts.

use super::sessions::{Opened, open_session};
use super::work::{Work, transact};
use super::{IdentityError, password, store};
use crate::db;
use crate::entity::account_event::AccountAction;
use crate::entity::user::{self, Role};
use crate::state::App;

/// What a new account is made of.
#[derive(Clone)]
pub struct NewUser {
    /// For display.
    pub name: String,
    /// As typed.
    pub email: String,
    /// In plain text, never stored.
    pub password: String,
    /// What they may do.
    pub role: Role,
}

/// Creates an account and signs it in.
pub async fn register(
    app: &App,
    new: NewUser,
    user_agent: Option<String>,
) -> Result<Opened, IdentityError> {
    let password_hash = password::hash(app, new.password.clone()).await?;
    let ttl = app.config.refresh_token_ttl();
    transact(app, move |work| {
        Box::pin(async move {
            let user = insert(work, new, password_hash).await?;
            open_session(work, ttl, user, user_agent).await
        })
    })
    .await
}

/// Creates an account that nobody is signed in to yet.
pub async fn create_account(app: &App, new: NewUser) -> Result<user::Model, IdentityError> {
    let password_hash = password::hash(app, new.password.clone()).await?;
    transact(app, move |work| Box::pin(insert(work, new, password_hash))).await
}

/// Makes the account with that e-mail an admin, creating it if need be.
///
/// # Errors
/// [`IdentityError::BadCredentials`] where there is no such account and no password to make one.
pub async fn ensure_admin(
    app: &App,
    email: &str,
    password: Option<&str>,
) -> Result<(), IdentityError> {
    if make_admin(app, email.to_owned()).await? {
        return Ok(());
    }
    let new = NewUser {
        name: "Admin".to_owned(),
        email: email.to_owned(),
        password: password.ok_or(IdentityError::BadCredentials)?.to_owned(),
        role: Role::Admin,
    };
    match create_account(app, new).await {
        // Another instance that started at the same time was first.
        Ok(_) | Err(IdentityError::EmailTaken) => Ok(()),
        Err(err) => Err(err),
    }
}

async fn insert(
    work: &mut Work,
    new: NewUser,
    password_hash: String,
) -> Result<user::Model, IdentityError> {
    let inserted = store::insert_user(&work.tx, work.now, new, password_hash).await;
    inserted.map_err(email_taken)
}

/// An address that has an account already shows as a duplicate.
pub fn email_taken(err: sea_orm::DbErr) -> IdentityError {
    if db::is_duplicate(&err) {
        IdentityError::EmailTaken
    } else {
        err.into()
    }
}

/// Gives the account with that e-mail the role admin; whether there is one.
async fn make_admin(app: &App, email: String) -> Result<bool, IdentityError> {
    transact(app, move |work| {
        Box::pin(async move {
            let Some(user) = store::user_by_email_for_update(&work.tx, &email).await? else {
                return Ok(false);
            };
            if user.role != Role::Admin {
                let id = user.id;
                let user = store::set_role(&work.tx, user, Role::Admin).await?;
                let action = (AccountAction::ChangeRole, Some(Role::Admin), None);
                store::people::insert_event(&work.tx, work.now, id, None, action).await?;
                work.note_account(&user, false).await?;
            }
            Ok(true)
        })
    })
    .await
}
