//! `/api/admin/users`: what admins do about people.

use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::types::Example;
use poem_openapi::{Object, OpenApi};
use serde::Deserialize;
use uuid::Uuid;

use super::Done;
use crate::auth::AdminOnly;
use crate::body::Body;
use crate::identity::administer::{Action, administer};
use crate::identity::people::{Search, find_people, find_person};
use crate::identity::problems::{
    ChangeRoleProblems, DisableProblems, EnableProblems, EraseProblems, ListPeopleProblems,
    ReadPersonProblems,
};
use crate::identity::views::{Account, AccountList, RoleName, StatusName};
use crate::ids::UserId;
use crate::page::{self, Cursor};
use crate::precondition::{Edited, Expected, entity_tag};
use crate::problem::{Problem, Refused};
use crate::state::App;
use crate::tags::Tags;

/// The calls about people, for admins.
pub struct PeopleApi {
    /// The application.
    pub app: App,
}

/// What somebody may do from now on.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, example)]
pub struct NewRole {
    /// The role.
    role: RoleName,
}

/// Why somebody may not sign in any more.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, example)]
pub struct Disabling {
    /// For other admins.
    #[oai(validator(min_length = "1", max_length = "500"))]
    reason: String,
}

#[OpenApi(prefix_path = "/api/admin/users", tag = "Tags::Identity")]
impl PeopleApi {
    /// List people
    ///
    /// The newest first.
    #[oai(path = "/", method = "get", operation_id = "list_users")]
    async fn list_users(
        &self,
        _admin: AdminOnly,
        /// Words of the name or the e-mail address, or their beginnings, without regard to case and
        /// accents; all of them must be there.
        #[oai(validator(min_length = "1", max_length = "200"))]
        q: Query<Option<String>>,
        /// Only people with this role.
        role: Query<Option<RoleName>>,
        /// Only accounts with this status; all but the erased ones where absent.
        status: Query<Option<StatusName>>,
        /// How many at the most.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u64>>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<AccountList>, Refused<ListPeopleProblems>> {
        let limit = limit.0.unwrap_or(page::DEFAULT_LIMIT);
        let search = Search {
            text: q.0,
            role: role.0.map(Into::into),
            status: status.0.map(Into::into),
        };
        let after = Cursor::read(cursor.0)?;
        let people = find_people(&self.app, search, after, limit).await?;
        let (people, next) = page::cut(people, limit, |user| Cursor {
            at: user.created_at,
            id: user.id,
        });
        let items = people.into_iter().map(Into::into).collect();
        Ok(Json(AccountList { items, next }))
    }

    /// Read an account
    ///
    /// With what admins did to it.
    #[oai(path = "/:user_id", method = "get", operation_id = "get_user")]
    async fn get_user(
        &self,
        _admin: AdminOnly,
        /// The account.
        user_id: Path<Uuid>,
    ) -> Result<Edited<Account>, Refused<ReadPersonProblems>> {
        let (user, events) = find_person(&self.app, UserId(user_id.0))
            .await?
            .ok_or_else(|| Problem::not_found("account"))?;
        let mut account = Account::from(user);
        account.events = Some(events.into_iter().map(Into::into).collect());
        Ok(edited(account))
    }

    /// Change somebody's role
    ///
    /// For tokens that they have as well: on this instance at once, on the others within a second.
    #[oai(path = "/:user_id/role", method = "put", operation_id = "change_role")]
    async fn change_role(
        &self,
        admin: AdminOnly,
        /// The account.
        user_id: Path<Uuid>,
        /// The `ETag` of what was read.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<NewRole>,
    ) -> Result<Edited<Account>, Refused<ChangeRoleProblems>> {
        let expected = Expected::read(if_match.0)?;
        let action = Action::ChangeRole(body.0.role.into());
        let user = administer(&self.app, admin.0, UserId(user_id.0), expected, action).await?;
        Ok(edited(user.into()))
    }

    /// Disable an account
    ///
    /// Ends all its sessions, and nobody can sign in to it. Disabling what is disabled changes nothing.
    #[oai(
        path = "/:user_id/disable",
        method = "post",
        operation_id = "disable_user"
    )]
    async fn disable_user(
        &self,
        admin: AdminOnly,
        /// The account.
        user_id: Path<Uuid>,
        /// The `ETag` of what was read, if it matters.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<Disabling>,
    ) -> Result<Edited<Account>, Refused<DisableProblems>> {
        let expected = Expected::read_optional(if_match.0)?;
        let action = Action::Disable {
            reason: body.0.reason,
        };
        let user = administer(&self.app, admin.0, UserId(user_id.0), expected, action).await?;
        Ok(edited(user.into()))
    }

    /// Enable an account
    ///
    /// Its holder can sign in again. Enabling what is active changes nothing.
    #[oai(
        path = "/:user_id/enable",
        method = "post",
        operation_id = "enable_user"
    )]
    async fn enable_user(
        &self,
        admin: AdminOnly,
        /// The account.
        user_id: Path<Uuid>,
        /// The `ETag` of what was read, if it matters.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<Edited<Account>, Refused<EnableProblems>> {
        let expected = Expected::read_optional(if_match.0)?;
        let id = UserId(user_id.0);
        let user = administer(&self.app, admin.0, id, expected, Action::Enable).await?;
        Ok(edited(user.into()))
    }

    /// Erase an account
    ///
    /// Its name, address, password, sessions, tokens and mails go, for good. What it bought stays with
    /// an account that is nobody's.
    #[oai(path = "/:user_id", method = "delete", operation_id = "erase_user")]
    async fn erase_user(
        &self,
        admin: AdminOnly,
        /// The account.
        user_id: Path<Uuid>,
        /// The `ETag` of what was read, if it matters.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<Done, Refused<EraseProblems>> {
        let expected = Expected::read_optional(if_match.0)?;
        let id = UserId(user_id.0);
        administer(&self.app, admin.0, id, expected, Action::Erase).await?;
        Ok(Done::Done)
    }
}

fn edited(account: Account) -> Edited<Account> {
    let tag = entity_tag(account.version);
    Edited::Now(Json(account), tag)
}

impl Example for NewRole {
    fn example() -> Self {
        Self {
            role: RoleName::Staff,
        }
    }
}

impl Example for Disabling {
    fn example() -> Self {
        Self {
            reason: "Resells tickets".into(),
        }
    }
}
