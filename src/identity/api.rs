//! `/api/auth`: registering, signing in and out, and a new password.

mod me;
mod people;

use poem::Request;
use poem::http::header;
use poem_openapi::payload::Json;
use poem_openapi::types::Example;
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde::Deserialize;

use super::NewUser;
use super::problems::{
    ConfirmProblems, ForgotProblems, LoginProblems, MeProblems, RefreshProblems, RegisterProblems,
    ResetProblems,
};
use super::profile::confirm_email;
use super::recover::{ask_for_password, reset_password};
use super::register::register;
use super::sessions::{log_in, log_out, log_out_everywhere, refresh};
use super::views::Session;
use crate::auth::SignedIn;
use crate::body::Body;
use crate::entity::user::Role;
use crate::limits::{self, Client};
use crate::problem::Refused;
use crate::state::App;
use crate::tags::Tags;

pub use me::MeApi;
pub use people::PeopleApi;

/// The calls about signing in.
pub struct IdentityApi {
    /// The application.
    pub app: App,
}

/// A new account.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, example)]
pub struct Registration {
    /// For display.
    #[oai(validator(min_length = "1", max_length = "100"))]
    name: String,
    /// Compared without regard to case.
    #[oai(validator(max_length = "254", pattern = r"^[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+$"))]
    email: String,
    /// At least 10 characters.
    #[oai(validator(min_length = "10", max_length = "200"))]
    password: String,
}

/// An e-mail and a password.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, example)]
pub struct Credentials {
    /// Compared without regard to case.
    #[oai(validator(max_length = "254"))]
    email: String,
    /// As registered.
    #[oai(validator(max_length = "200"))]
    password: String,
}

/// A refresh token.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, example)]
pub struct RefreshToken {
    /// As it was answered last.
    #[oai(validator(min_length = "1", max_length = "100"))]
    refresh_token: String,
}

/// An e-mail.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, example)]
pub struct Address {
    /// Compared without regard to case.
    #[oai(validator(min_length = "1", max_length = "254"))]
    email: String,
}

/// A new password, and what was mailed for it.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, example)]
pub struct PasswordReset {
    /// As it was mailed.
    #[oai(validator(min_length = "1", max_length = "100"))]
    token: String,
    /// At least 10 characters.
    #[oai(validator(min_length = "10", max_length = "200"))]
    new_password: String,
}

/// What was mailed to a new address.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, example)]
pub struct MailedToken {
    /// As it was mailed.
    #[oai(validator(min_length = "1", max_length = "100"))]
    token: String,
}

/// The account was created.
#[derive(ApiResponse)]
pub enum Registered {
    /// The account exists and is signed in.
    #[oai(status = 201)]
    Created(Json<Session>),
}

/// It is done, and there is nothing to say about it.
#[derive(ApiResponse)]
pub enum Done {
    /// Done.
    #[oai(status = 204)]
    Done,
}

/// It will be done.
#[derive(ApiResponse)]
pub enum Accepted {
    /// A mail is on its way, if there is anybody to send it to.
    #[oai(status = 202)]
    Accepted,
}

#[OpenApi(prefix_path = "/api/auth", tag = "Tags::Identity")]
impl IdentityApi {
    /// Register
    ///
    /// Creates an account with the role `customer` and signs it in.
    #[oai(path = "/register", method = "post", operation_id = "register")]
    async fn register(
        &self,
        client: Client,
        request: &Request,
        body: Body<Registration>,
    ) -> Result<Registered, Refused<RegisterProblems>> {
        limits::attempt_registration(&self.app, client).await?;
        let Body(registration) = body;
        let new = NewUser {
            name: registration.name,
            email: registration.email,
            password: registration.password,
            role: Role::Customer,
        };
        let opened = register(&self.app, new, user_agent(request)).await?;
        Ok(Registered::Created(Json(Session::new(&self.app, opened)?)))
    }

    /// Log in
    ///
    /// Begins a session. An unknown e-mail and a wrong password get the same answer; that an account
    /// is disabled is told to who knows its password. A person has at most 100 sessions: the one that
    /// was used longest ago makes room.
    #[oai(path = "/login", method = "post", operation_id = "login")]
    async fn log_in(
        &self,
        client: Client,
        request: &Request,
        body: Body<Credentials>,
    ) -> Result<Json<Session>, Refused<LoginProblems>> {
        let Credentials { email, password } = body.0;
        let attempt = limits::attempt_login(&self.app, &email, client).await?;
        let opened = log_in(&self.app, &email, password, user_agent(request)).await?;
        attempt.succeeded(&self.app).await;
        Ok(Json(Session::new(&self.app, opened)?))
    }

    /// Stay signed in
    ///
    /// Exchanges a refresh token for a new access token and the next refresh token. Each refresh token
    /// is good for one exchange. One that comes a second time ends the session, with all its tokens,
    /// because nobody can say which of the two is its owner; also where both come at once, so that
    /// programs that share a session take turns.
    #[oai(path = "/refresh", method = "post", operation_id = "refresh")]
    async fn refresh(
        &self,
        body: Body<RefreshToken>,
    ) -> Result<Json<Session>, Refused<RefreshProblems>> {
        let opened = refresh(&self.app, &body.0.refresh_token).await?;
        Ok(Json(Session::new(&self.app, opened)?))
    }

    /// Log out
    ///
    /// Ends the session of the access token: neither it nor the refresh token is good for anything any
    /// more, on this instance at once, on the others within a second.
    #[oai(path = "/logout", method = "post", operation_id = "logout")]
    async fn log_out(&self, caller: SignedIn) -> Result<Done, Refused<MeProblems>> {
        log_out(&self.app, caller.0).await?;
        Ok(Done::Done)
    }

    /// Log out everywhere
    ///
    /// Ends every session of the caller, this one included.
    #[oai(
        path = "/logout-everywhere",
        method = "post",
        operation_id = "logout_everywhere"
    )]
    async fn log_out_everywhere(&self, caller: SignedIn) -> Result<Done, Refused<MeProblems>> {
        log_out_everywhere(&self.app, caller.0).await?;
        Ok(Done::Done)
    }

    /// Forgot the password
    ///
    /// Mails a token, good for an hour and for one new password, if the address has an account; an
    /// older one is not good any more. The answer is the same, and takes as long, where it has none.
    #[oai(
        path = "/password/forgot",
        method = "post",
        operation_id = "forgot_password"
    )]
    async fn forgot_password(
        &self,
        client: Client,
        body: Body<Address>,
    ) -> Result<Accepted, Refused<ForgotProblems>> {
        limits::attempt_reset(&self.app, body.0.email.as_str(), client).await?;
        ask_for_password(&self.app, body.0.email)?;
        Ok(Accepted::Accepted)
    }

    /// Set a new password
    ///
    /// With the token that was mailed. Ends every session of the account.
    #[oai(
        path = "/password/reset",
        method = "post",
        operation_id = "reset_password"
    )]
    async fn reset_password(
        &self,
        client: Client,
        body: Body<PasswordReset>,
    ) -> Result<Done, Refused<ResetProblems>> {
        let PasswordReset {
            token,
            new_password,
        } = body.0;
        limits::attempt_reset(&self.app, token.as_str(), client).await?;
        reset_password(&self.app, &token, new_password).await?;
        Ok(Done::Done)
    }

    /// Confirm an address
    ///
    /// With the token that was mailed to it: from now on it is the account's. Whether somebody else has
    /// the address is found out here.
    #[oai(
        path = "/email/confirm",
        method = "post",
        operation_id = "confirm_email"
    )]
    async fn confirm_email(
        &self,
        client: Client,
        body: Body<MailedToken>,
    ) -> Result<Done, Refused<ConfirmProblems>> {
        limits::attempt_reset(&self.app, body.0.token.as_str(), client).await?;
        confirm_email(&self.app, &body.0.token).await?;
        Ok(Done::Done)
    }
}

/// What the caller's device says it is.
fn user_agent(request: &Request) -> Option<String> {
    let agent = request.headers().get(header::USER_AGENT)?.to_str().ok()?;
    Some(agent.to_owned())
}

impl Example for Registration {
    fn example() -> Self {
        Self {
            name: "Ada Lovelace".into(),
            email: "ada@example.com".into(),
            password: "a long passphrase".into(),
        }
    }
}

impl Example for Credentials {
    fn example() -> Self {
        Self {
            email: "ada@example.com".into(),
            password: "a long passphrase".into(),
        }
    }
}

impl Example for RefreshToken {
    fn example() -> Self {
        Self {
            refresh_token: "mYb9Yx2jS1cK...".into(),
        }
    }
}

impl Example for Address {
    fn example() -> Self {
        Self {
            email: "ada@example.com".into(),
        }
    }
}

impl Example for PasswordReset {
    fn example() -> Self {
        Self {
            token: "mYb9Yx2jS1cK...".into(),
            new_password: "another long passphrase".into(),
        }
    }
}

impl Example for MailedToken {
    fn example() -> Self {
        Self {
            token: "mYb9Yx2jS1cK...".into(),
        }
    }
}
