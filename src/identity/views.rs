//! People as the API shows them.

use chrono::{DateTime, TimeDelta, Utc};
use poem_openapi::types::Example;
use poem_openapi::{Enum, Object};
use serde::Deserialize;
use uuid::Uuid;

use super::sessions::Opened;
use crate::auth::{issue_token, role_name};
use crate::entity::account_event::{self, AccountAction};
use crate::entity::session;
use crate::entity::user::{self, Role, UserStatus};
use crate::ids::{SessionId, UserId};
use crate::problem::Problem;
use crate::state::App;

/// Somebody who is signed in.
#[derive(Object)]
#[oai(example)]
pub struct Session {
    /// Send it as `Authorization: Bearer <access_token>`.
    access_token: String,
    /// Always `Bearer`.
    token_type: String,
    /// Seconds until the access token expires.
    expires_in: u32,
    /// Good for one exchange at `POST /api/auth/refresh`; keep it safe, and never use it twice.
    refresh_token: String,
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
    /// Raised with every change.
    pub version: i64,
}

/// A device that somebody is signed in on.
#[derive(Debug, Object)]
#[oai(example)]
pub struct LiveSession {
    /// The session.
    id: Uuid,
    /// When it began.
    created_at: DateTime<Utc>,
    /// When its tokens were last exchanged.
    last_used_at: DateTime<Utc>,
    /// When it ends unless its tokens are exchanged before.
    expires_at: DateTime<Utc>,
    /// What the device said it is when it signed in.
    #[oai(nullable)]
    user_agent: Option<String>,
    /// Whether it is the one that asks.
    current: bool,
}

/// A page of sessions.
#[derive(Debug, Object)]
#[oai(example)]
pub struct SessionList {
    /// The sessions.
    pub items: Vec<LiveSession>,
    /// The cursor of the next page; null on the last.
    #[oai(nullable)]
    pub next: Option<String>,
}

/// An account as admins see it.
#[derive(Debug, Object)]
#[oai(example)]
pub struct Account {
    /// The account.
    id: Uuid,
    /// For display; null where it was erased.
    #[oai(nullable)]
    name: Option<String>,
    /// As typed; null where it was erased.
    #[oai(nullable)]
    email: Option<String>,
    /// `customer`, `staff` or `admin`.
    role: String,
    /// `active`, `disabled` or `erased`.
    status: String,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// The last 50 things that admins did to it, the latest first; left out of lists and edits.
    #[oai(skip_serializing_if_is_none)]
    pub events: Option<Vec<AccountEvent>>,
    /// Raised with every change.
    pub version: i64,
}

/// Something that an admin did to an account.
#[derive(Debug, Object)]
pub struct AccountEvent {
    /// When.
    at: DateTime<Utc>,
    /// `change_role`, `disable`, `enable` or `erase`.
    action: String,
    /// The account of the admin; null where it was done on the command line.
    #[oai(nullable)]
    actor_id: Option<Uuid>,
    /// The new role, where that is what was done.
    #[oai(nullable)]
    role: Option<String>,
    /// Why, where that was said.
    #[oai(nullable)]
    reason: Option<String>,
}

/// A page of accounts.
#[derive(Debug, Object)]
#[oai(example)]
pub struct AccountList {
    /// The accounts.
    pub items: Vec<Account>,
    /// The cursor of the next page; null on the last.
    #[oai(nullable)]
    pub next: Option<String>,
}

/// What a person may do.
#[derive(Debug, Clone, Copy, Deserialize, Enum)]
#[serde(rename_all = "snake_case")]
#[oai(rename_all = "snake_case")]
pub enum RoleName {
    /// Buys tickets.
    Customer,
    /// Checks tickets at the door.
    Staff,
    /// Organises events.
    Admin,
}

/// What has become of an account.
#[derive(Debug, Clone, Copy, Enum)]
#[oai(rename_all = "snake_case")]
pub enum StatusName {
    /// May sign in.
    Active,
    /// May not, until an admin says otherwise.
    Disabled,
    /// Nobody's any more.
    Erased,
}

/// The name of a status in answers.
pub fn status_name(status: UserStatus) -> &'static str {
    match status {
        UserStatus::Active => "active",
        UserStatus::Disabled => "disabled",
        UserStatus::Erased => "erased",
    }
}

fn action_name(action: AccountAction) -> &'static str {
    match action {
        AccountAction::ChangeRole => "change_role",
        AccountAction::Disable => "disable",
        AccountAction::Enable => "enable",
        AccountAction::Erase => "erase",
    }
}

impl Session {
    /// What somebody who has signed in is given.
    pub fn new(app: &App, opened: Opened) -> Result<Self, Problem> {
        let user = opened.user;
        Ok(Self {
            access_token: issue_token(app, UserId(user.id), user.role, opened.session)?,
            token_type: "Bearer".to_owned(),
            expires_in: app.config.access_token_ttl_secs,
            refresh_token: opened.refresh_token,
            user: user.into(),
        })
    }
}

impl LiveSession {
    /// A session, as the caller sees it who is signed in with `current`.
    pub fn new(session: session::Model, current: Option<SessionId>) -> Self {
        Self {
            id: session.id,
            created_at: session.created_at,
            last_used_at: session.last_used_at,
            expires_at: session.expires_at,
            user_agent: session.user_agent,
            current: current == Some(SessionId(session.id)),
        }
    }
}

impl From<user::Model> for User {
    fn from(user: user::Model) -> Self {
        Self {
            id: user.id,
            name: user.name,
            email: user.email,
            role: role_name(user.role).to_owned(),
            version: user.version,
        }
    }
}

impl From<user::Model> for Account {
    fn from(user: user::Model) -> Self {
        let unless_erased = |text| (user.status != UserStatus::Erased).then_some(text);
        Self {
            id: user.id,
            name: unless_erased(user.name),
            email: unless_erased(user.email),
            role: role_name(user.role).to_owned(),
            status: status_name(user.status).to_owned(),
            created_at: user.created_at,
            events: None,
            version: user.version,
        }
    }
}

impl From<account_event::Model> for AccountEvent {
    fn from(event: account_event::Model) -> Self {
        Self {
            at: event.at,
            action: action_name(event.action).to_owned(),
            actor_id: event.actor_id,
            role: event.role.map(|role| role_name(role).to_owned()),
            reason: event.reason,
        }
    }
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Customer => Self::Customer,
            RoleName::Staff => Self::Staff,
            RoleName::Admin => Self::Admin,
        }
    }
}

impl From<StatusName> for UserStatus {
    fn from(name: StatusName) -> Self {
        match name {
            StatusName::Active => Self::Active,
            StatusName::Disabled => Self::Disabled,
            StatusName::Erased => Self::Erased,
        }
    }
}

impl Example for Session {
    fn example() -> Self {
        Self {
            access_token: "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9...".into(),
            token_type: "Bearer".into(),
            expires_in: 3600,
            refresh_token: "mYb9Yx2jS1cK...".into(),
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
            version: 1,
        }
    }
}

impl Example for LiveSession {
    fn example() -> Self {
        let created_at = DateTime::from_timestamp(1_795_255_200, 0).unwrap_or_default();
        Self {
            id: Uuid::from_u128(0x01a0_9f0e_2b1a_7c5d_8e7f_0a1b_2c3d_4e5f),
            created_at,
            last_used_at: created_at + TimeDelta::hours(2),
            expires_at: created_at + TimeDelta::days(30),
            user_agent: Some("Mozilla/5.0 (X11; Linux x86_64)".into()),
            current: true,
        }
    }
}

impl Example for SessionList {
    fn example() -> Self {
        Self {
            items: vec![LiveSession::example()],
            next: None,
        }
    }
}

impl Example for Account {
    fn example() -> Self {
        let user = User::example();
        Self {
            id: user.id,
            name: Some(user.name),
            email: Some(user.email),
            role: user.role,
            status: "active".into(),
            created_at: DateTime::from_timestamp(1_795_255_200, 0).unwrap_or_default(),
            events: None,
            version: 1,
        }
    }
}

impl Example for AccountList {
    fn example() -> Self {
        Self {
            items: vec![Account::example()],
            next: None,
        }
    }
}
