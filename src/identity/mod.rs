//! People: register, log in, and who am I.
//!
//! The answer to a wrong password and to an unknown e-mail is the same and takes the same time,
//! so that nobody can find out who has an account by guessing at the login.

pub mod api;
mod password;
mod store;

use sea_orm::DbErr;

use crate::auth::{self, Caller};
use crate::db;
use crate::entity::user::{self, Role};
use crate::ids::UserId;
use crate::problem::{Problem, Slug};
use crate::state::App;

pub use password::PasswordError;

/// Why somebody was not registered or logged in.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The e-mail address has an account.
    #[error("the e-mail address has an account")]
    EmailTaken,
    /// Unknown e-mail or wrong password; which of them is not told.
    #[error("the e-mail and password do not match an account")]
    BadCredentials,
    /// The password could not be hashed or compared.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbErr),
}

/// What a new account is made of.
#[derive(Debug, Clone)]
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

/// Creates an account.
pub async fn register(app: &App, new: NewUser) -> Result<user::Model, IdentityError> {
    let password_hash = password::hash(app, new.password.clone()).await?;
    store::insert_user(app, new, password_hash)
        .await
        .map_err(|err| {
            if db::is_duplicate(&err) {
                IdentityError::EmailTaken
            } else {
                err.into()
            }
        })
}

/// Checks an e-mail and password.
pub async fn log_in(
    app: &App,
    email: &str,
    password: String,
) -> Result<user::Model, IdentityError> {
    let found = store::user_by_email(&app.db, email).await?;
    let stored = found.as_ref().map(|user| user.password_hash.clone());
    let matches = password::verify(app, password, stored).await?;
    found
        .filter(|_| matches)
        .ok_or(IdentityError::BadCredentials)
}

/// The caller's own account.
pub async fn find_caller(app: &App, caller: Caller) -> Result<Option<user::Model>, DbErr> {
    store::user_by_id(&app.db, caller.id).await
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
    if store::make_admin(app, email).await? {
        return Ok(());
    }
    let new = NewUser {
        name: "Admin".to_owned(),
        email: email.to_owned(),
        password: password.ok_or(IdentityError::BadCredentials)?.to_owned(),
        role: Role::Admin,
    };
    match register(app, new).await {
        // Another instance that started at the same time was first.
        Ok(_) | Err(IdentityError::EmailTaken) => Ok(()),
        Err(err) => Err(err),
    }
}

/// A fresh access token for an account.
fn issue_token(app: &App, user: &user::Model) -> Result<String, Problem> {
    auth::issue_token(app, UserId(user.id), user.role)
}

impl From<IdentityError> for Problem {
    fn from(err: IdentityError) -> Self {
        match err {
            IdentityError::EmailTaken => Self::new(
                Slug::EmailTaken,
                "Log in, or register with another address.",
            ),
            IdentityError::BadCredentials => Self::new(
                Slug::Unauthenticated,
                "The e-mail and password do not match.",
            ),
            IdentityError::Password(PasswordError::Busy) => {
                Self::unavailable("Too many people are signing in.")
            }
            IdentityError::Password(err) => Self::internal(err),
            IdentityError::Db(err) => err.into(),
        }
    }
}
