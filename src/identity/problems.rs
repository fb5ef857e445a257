//! What calls about people can be refused for, and the problem document of each error.

use super::views::status_name;
use super::{IdentityError, PasswordError};
use crate::problem::{PUBLIC_WITH_BODY, Problem, Problems, SIGNED_IN, SIGNED_IN_WITH_BODY, Slug};

macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident = $shared:expr, [$($slug:ident),*];)+) => {
        $(
            $(#[$doc])*
            pub struct $name;

            impl Problems for $name {
                fn slugs() -> Vec<Slug> {
                    [$shared, &[$(Slug::$slug),*]].concat()
                }
            }
        )+
    };
}

problems! {
    /// What registering can be refused for.
    RegisterProblems = PUBLIC_WITH_BODY, [EmailTaken, RateLimited];
    /// What logging in can be refused for.
    LoginProblems = PUBLIC_WITH_BODY, [Unauthenticated, AccountDisabled, RateLimited];
    /// What exchanging a refresh token can be refused for.
    RefreshProblems = PUBLIC_WITH_BODY, [Unauthenticated];
    /// What asking for a new password can be refused for.
    ForgotProblems = PUBLIC_WITH_BODY, [RateLimited];
    /// What setting a new password with a token can be refused for.
    ResetProblems = PUBLIC_WITH_BODY, [TokenNotValid, RateLimited];
    /// What confirming an address can be refused for.
    ConfirmProblems = PUBLIC_WITH_BODY, [TokenNotValid, EmailTaken, RateLimited];
    /// What reading and leaving one's own account can be refused for.
    MeProblems = SIGNED_IN, [];
    /// What ending one of one's sessions can be refused for.
    EndSessionProblems = SIGNED_IN, [NotFound];
    /// What editing one's own account can be refused for.
    EditMeProblems = SIGNED_IN_WITH_BODY, [VersionMismatch, PreconditionRequired];
    /// What needs the current password can be refused for.
    ChangeMeProblems = SIGNED_IN_WITH_BODY, [RateLimited];
    /// What listing people can be refused for.
    ListPeopleProblems = SIGNED_IN, [Forbidden];
    /// What reading an account can be refused for.
    ReadPersonProblems = SIGNED_IN, [Forbidden, NotFound];
    /// What changing somebody's role can be refused for.
    ChangeRoleProblems = SIGNED_IN_WITH_BODY,
        [Forbidden, NotFound, VersionMismatch, PreconditionRequired, InvalidTransition, LastAdmin];
    /// What disabling an account can be refused for.
    DisableProblems = SIGNED_IN_WITH_BODY,
        [Forbidden, NotFound, VersionMismatch, InvalidTransition, LastAdmin];
    /// What enabling an account can be refused for.
    EnableProblems = SIGNED_IN, [Forbidden, NotFound, VersionMismatch, InvalidTransition];
    /// What erasing an account can be refused for.
    EraseProblems = SIGNED_IN, [Forbidden, NotFound, VersionMismatch, LastAdmin];
}

impl From<IdentityError> for Problem {
    fn from(err: IdentityError) -> Self {
        let unauthenticated = |detail| Self::new(Slug::Unauthenticated, detail);
        match err {
            IdentityError::EmailTaken => {
                Self::new(Slug::EmailTaken, "Log in with it, or take another address.")
            }
            IdentityError::BadCredentials => {
                unauthenticated("The e-mail and password do not match.")
            }
            IdentityError::Disabled => {
                Self::new(Slug::AccountDisabled, "Ask the organisers about it.")
            }
            IdentityError::BadRefreshToken => {
                unauthenticated("The refresh token is not valid any more; log in.")
            }
            IdentityError::AccountGone => unauthenticated("The account is gone."),
            IdentityError::WrongPassword => {
                Self::invalid("current_password", "is not the password of the account")
            }
            IdentityError::TokenNotValid => Self::new(Slug::TokenNotValid, "Ask for another one."),
            IdentityError::NoSuchSession => Self::not_found("session"),
            IdentityError::NoSuchPerson => Self::not_found("account"),
            IdentityError::NotAnAdmin => Self::new(Slug::Forbidden, "This takes the role admin."),
            IdentityError::LastAdmin => {
                Self::new(Slug::LastAdmin, "Make somebody else an admin first.")
            }
            IdentityError::NotPossible(status) => {
                Self::new(Slug::InvalidTransition, "The account cannot be changed.")
                    .with("current_status", status_name(status))
            }
            IdentityError::Version(err) => err.into(),
            IdentityError::Password(PasswordError::Busy) => {
                Self::unavailable("Too many people are signing in.")
            }
            IdentityError::Password(err) => Self::internal(err),
            IdentityError::Busy => Self::unavailable("Too many people are asking."),
            IdentityError::Db(err) => err.into(),
        }
    }
}
