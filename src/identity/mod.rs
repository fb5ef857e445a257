//! People: their accounts, the sessions they are signed in with, and what admins do to accounts.
//!
//! ```text
//!   password ──> session ──> access token, short-lived, checked without the database
//!                   │   └──> refresh token, good for one exchange, known as its SHA-256 only
//!                   └── ends: logout, a refresh token used twice, another password, disabled, erased
//! ```
//!
//! Whoever changes something of a person locks their row first, so that changes of one person happen
//! one after the other; whoever takes an admin away locks all admins, by id, so that one stays. The
//! answer to a wrong password and to an unknown e-mail is the same and takes the same time, so that
//! nobody can find out who has an account by guessing at the login.

mod administer;
pub mod api;
mod mails;
mod password;
mod people;
mod problems;
mod profile;
mod recover;
mod register;
mod secret;
mod sessions;
mod store;
mod sweep;
mod views;
mod words;
mod work;

use sea_orm::DbErr;

use crate::entity::user::UserStatus;
use crate::precondition::VersionMismatch;

pub use password::PasswordError;
pub use register::{NewUser, create_account, ensure_admin};
pub use sweep::{sweep, write_missing_words};

/// Why somebody was not registered or signed in, or an account not changed.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The e-mail address has an account.
    #[error("the e-mail address has an account")]
    EmailTaken,
    /// Unknown e-mail or wrong password; which of them is not told.
    #[error("the e-mail and password do not match an account")]
    BadCredentials,
    /// The password was right, but an admin has disabled the account.
    #[error("the account is disabled")]
    Disabled,
    /// The refresh token is none of ours, was used before, or its session has ended.
    #[error("the refresh token is not valid")]
    BadRefreshToken,
    /// The account of the access token is gone, or may not act any more.
    #[error("the account is gone")]
    AccountGone,
    /// It has to be shown again that the caller knows the password.
    #[error("the current password is another one")]
    WrongPassword,
    /// The token that was mailed is none of ours, was used, is too old, or a newer one was mailed.
    #[error("the token is not valid")]
    TokenNotValid,
    /// The caller has no such session.
    #[error("there is no such session")]
    NoSuchSession,
    /// There is no such account.
    #[error("there is no such account")]
    NoSuchPerson,
    /// Who asks is no active admin.
    #[error("this takes an active admin")]
    NotAnAdmin,
    /// Without this admin there would be none.
    #[error("it is the last active admin")]
    LastAdmin,
    /// What the account is does not allow it.
    #[error("the account is {}", views::status_name(*.0))]
    NotPossible(UserStatus),
    /// Somebody was faster.
    #[error(transparent)]
    Version(#[from] VersionMismatch),
    /// The password could not be hashed or compared.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// Too many have asked for the same at once.
    #[error("too many are waiting")]
    Busy,
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbErr),
}
