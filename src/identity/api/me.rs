//! `/api/me`: one's own account and sessions.

use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::types::Example;
use poem_openapi::{Object, OpenApi};
use serde::Deserialize;
use uuid::Uuid;

use super::{Accepted, Done};
use crate::auth::SignedIn;
use crate::body::Body;
use crate::identity::problems::{ChangeMeProblems, EditMeProblems, EndSessionProblems, MeProblems};
use crate::identity::profile::{ask_for_email, change_password, find_caller, rename};
use crate::identity::sessions::end_session;
use crate::identity::store::sessions;
use crate::identity::views::{LiveSession, SessionList, User};
use crate::ids::SessionId;
use crate::limits::{self, Client};
use crate::page::{self, Cursor};
use crate::precondition::{Edited, Expected, entity_tag};
use crate::problem::Refused;
use crate::state::App;
use crate::tags::Tags;

/// The calls about one's own account.
pub struct MeApi {
    /// The application.
    pub app: App,
}

/// What one's own account is to be.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, example)]
pub struct Profile {
    /// For display.
    #[oai(validator(min_length = "1", max_length = "100"))]
    name: String,
}

/// A password and the one before it.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, example)]
pub struct PasswordChange {
    /// As it is.
    #[oai(validator(max_length = "200"))]
    current_password: String,
    /// At least 10 characters.
    #[oai(validator(min_length = "10", max_length = "200"))]
    new_password: String,
}

/// A new address.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, example)]
pub struct EmailChange {
    /// Compared without regard to case.
    #[oai(validator(max_length = "254", pattern = r"^[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+$"))]
    new_email: String,
    /// As it is.
    #[oai(validator(max_length = "200"))]
    current_password: String,
}

#[OpenApi(prefix_path = "/api/me", tag = "Tags::Identity")]
impl MeApi {
    /// Who am I
    ///
    /// The account of the access token.
    #[oai(path = "/", method = "get", operation_id = "me")]
    async fn me(&self, caller: SignedIn) -> Result<Edited<User>, Refused<MeProblems>> {
        let user = find_caller(&self.app, caller.0).await?;
        Ok(edited(user.into()))
    }

    /// Change one's name
    #[oai(path = "/", method = "put", operation_id = "edit_me")]
    async fn edit_me(
        &self,
        caller: SignedIn,
        /// The `ETag` of what was read.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<Profile>,
    ) -> Result<Edited<User>, Refused<EditMeProblems>> {
        let expected = Expected::read(if_match.0)?;
        let user = rename(&self.app, caller.0, expected, body.0.name).await?;
        Ok(edited(user.into()))
    }

    /// Change one's password
    ///
    /// Ends every other session of the caller, and voids what was mailed before. A mail tells.
    #[oai(path = "/password", method = "post", operation_id = "change_password")]
    async fn change_password(
        &self,
        caller: SignedIn,
        client: Client,
        body: Body<PasswordChange>,
    ) -> Result<Done, Refused<ChangeMeProblems>> {
        limits::attempt_reset(&self.app, caller.0.id, client).await?;
        let PasswordChange {
            current_password,
            new_password,
        } = body.0;
        change_password(&self.app, caller.0, current_password, new_password).await?;
        Ok(Done::Done)
    }

    /// Change one's address
    ///
    /// Mails a token to the new address, good for a day, and a notice to the one the account has; it
    /// changes with `POST /api/auth/email/confirm`. Whether somebody else has the address is not told.
    #[oai(path = "/email", method = "post", operation_id = "change_email")]
    async fn change_email(
        &self,
        caller: SignedIn,
        client: Client,
        body: Body<EmailChange>,
    ) -> Result<Accepted, Refused<ChangeMeProblems>> {
        limits::attempt_reset(&self.app, caller.0.id, client).await?;
        let EmailChange {
            new_email,
            current_password,
        } = body.0;
        ask_for_email(&self.app, caller.0, new_email, current_password).await?;
        Ok(Accepted::Accepted)
    }

    /// List one's sessions
    ///
    /// Where the caller is signed in, the newest first.
    #[oai(path = "/sessions", method = "get", operation_id = "list_sessions")]
    async fn list_sessions(
        &self,
        caller: SignedIn,
        /// How many at the most.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u64>>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<SessionList>, Refused<MeProblems>> {
        let limit = limit.0.unwrap_or(page::DEFAULT_LIMIT);
        let after = Cursor::read(cursor.0)?;
        let live = sessions::live(&self.app.db, caller.0.id, after, limit).await?;
        let (live, next) = page::cut(live, limit, |session| Cursor {
            at: session.created_at,
            id: session.id,
        });
        let view = |session| LiveSession::new(session, caller.0.session);
        let items = live.into_iter().map(view).collect();
        Ok(Json(SessionList { items, next }))
    }

    /// End one of one's sessions
    ///
    /// Signs a device out.
    #[oai(
        path = "/sessions/:session_id",
        method = "delete",
        operation_id = "end_session"
    )]
    async fn end_session(
        &self,
        caller: SignedIn,
        /// The session.
        session_id: Path<Uuid>,
    ) -> Result<Done, Refused<EndSessionProblems>> {
        end_session(&self.app, caller.0.id, SessionId(session_id.0)).await?;
        Ok(Done::Done)
    }
}

fn edited(user: User) -> Edited<User> {
    let tag = entity_tag(user.version);
    Edited::Now(Json(user), tag)
}

impl Example for Profile {
    fn example() -> Self {
        Self {
            name: "Ada King".into(),
        }
    }
}

impl Example for PasswordChange {
    fn example() -> Self {
        Self {
            current_password: "a long passphrase".into(),
            new_password: "another long passphrase".into(),
        }
    }
}

impl Example for EmailChange {
    fn example() -> Self {
        Self {
            new_email: "ada@example.org".into(),
            current_password: "a long passphrase".into(),
        }
    }
}
