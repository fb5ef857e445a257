//! `POST /api/auth/register`, `POST /api/auth/login`, `GET /api/me`.

use poem_openapi::payload::Json;
use poem_openapi::types::Example;
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde::Deserialize;
use uuid::Uuid;

use super::{NewUser, find_caller, issue_token, log_in, register};
use crate::auth::{SignedIn, role_name};
use crate::body::Body;
use crate::entity::user::{self, Role};
use crate::problem::{PUBLIC_WITH_BODY, Problem, Problems, Refused, SIGNED_IN, Slug};
use crate::state::App;
use crate::tags::Tags;

/// The calls about people.
pub struct IdentityApi {
    /// The application.
    pub app: App,
}

/// A new account.
#[derive(Debug, Deserialize, Object)]
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
#[derive(Debug, Deserialize, Object)]
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

/// Somebody who is signed in.
#[derive(Debug, Object)]
#[oai(example)]
pub struct Session {
    /// Send it as `Authorization: Bearer <access_token>`.
    access_token: String,
    /// Always `Bearer`.
    token_type: String,
    /// Seconds until the access token expires.
    expires_in: u32,
    /// Whose it is.
    user: User,
}

/// A person with an account.
#[derive(Debug, Object)]
#[oai(example)]
pub struct User {
    /// The account.
    id: Uuid,
    /// For display.
    name: String,
    /// As typed.
    email: String,
    /// `customer`, `staff` or `admin`.
    role: String,
}

/// The account was created.
#[derive(ApiResponse)]
pub enum Registered {
    /// The account exists and is signed in.
    #[oai(status = 201)]
    Created(Json<Session>),
}

/// What registering can be refused for.
pub struct RegisterProblems;

impl Problems for RegisterProblems {
    fn slugs() -> Vec<Slug> {
        [PUBLIC_WITH_BODY, &[Slug::EmailTaken]].concat()
    }
}

/// What logging in can be refused for.
pub struct LoginProblems;

impl Problems for LoginProblems {
    fn slugs() -> Vec<Slug> {
        [PUBLIC_WITH_BODY, &[Slug::Unauthenticated]].concat()
    }
}

/// What reading one's own account can be refused for.
pub struct MeProblems;

impl Problems for MeProblems {
    fn slugs() -> Vec<Slug> {
        SIGNED_IN.to_vec()
    }
}

#[OpenApi(prefix_path = "/api", tag = "Tags::Identity")]
impl IdentityApi {
    /// Register
    ///
    /// Creates an account with the role `customer` and signs it in.
    #[oai(path = "/auth/register", method = "post", operation_id = "register")]
    async fn register(
        &self,
        body: Body<Registration>,
    ) -> Result<Registered, Refused<RegisterProblems>> {
        let Body(registration) = body;
        let new = NewUser {
            name: registration.name,
            email: registration.email,
            password: registration.password,
            role: Role::Customer,
        };
        let user = register(&self.app, new).await?;
        Ok(Registered::Created(Json(self.session(user)?)))
    }

    /// Log in
    ///
    /// An unknown e-mail and a wrong password get the same answer.
    #[oai(path = "/auth/login", method = "post", operation_id = "login")]
    async fn log_in(
        &self,
        body: Body<Credentials>,
    ) -> Result<Json<Session>, Refused<LoginProblems>> {
        let Body(credentials) = body;
        let user = log_in(&self.app, &credentials.email, credentials.password).await?;
        Ok(Json(self.session(user)?))
    }

    /// Who am I
    ///
    /// The account of the access token.
    #[oai(path = "/me", method = "get", operation_id = "me")]
    async fn me(&self, caller: SignedIn) -> Result<Json<User>, Refused<MeProblems>> {
        let user = find_caller(&self.app, caller.0)
            .await?
            .ok_or_else(|| Problem::new(Slug::Unauthenticated, "The account is gone."))?;
        Ok(Json(user.into()))
    }

    fn session(&self, user: user::Model) -> Result<Session, Problem> {
        Ok(Session {
            access_token: issue_token(&self.app, &user)?,
            token_type: "Bearer".to_owned(),
            expires_in: self.app.config.access_token_ttl_secs,
            user: user.into(),
        })
    }
}

impl From<user::Model> for User {
    fn from(user: user::Model) -> Self {
        Self {
            id: user.id,
            name: user.name,
            email: user.email,
            role: role_name(user.role).to_owned(),
        }
    }
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

impl Example for Session {
    fn example() -> Self {
        Self {
            access_token: "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9...".into(),
            token_type: "Bearer".into(),
            expires_in: 3600,
            user: User::example(),
        }
    }
}

impl Example for User {
    fn example() -> Self {
        Self {
            id: Uuid::from_u128(0x6d3c_9f0e_2b1a_4c5d_8e7f_0a1b_2c3d_4e5f),
            name: "Ada Lovelace".into(),
            email: "ada@example.com".into(),
            role: "customer".into(),
        }
    }
}
