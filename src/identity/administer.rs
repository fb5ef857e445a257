//! What admins do to accounts.

use sea_orm::DbErr;

use super::IdentityError;
use super::store::{self, people, tokens};
use super::work::{Work, transact};
use crate::auth::Caller;
use crate::entity::account_event::AccountAction;
use crate::entity::user::{self, Role, UserStatus};
use crate::ids::UserId;
use crate::precondition::Expected;
use crate::state::App;

/// What is to be done to an account.
#[derive(Debug, Clone)]
pub enum Action {
    /// Another role, for tokens that were issued as well.
    ChangeRole(Role),
    /// Its holder is signed out everywhere and cannot sign in.
    Disable { reason: String },
    /// Its holder can sign in again.
    Enable,
    /// Everything personal goes, for good; the row stays and holds what was bought.
    Erase,
}

/// Does something to an account, and writes down who did. What is done already changes nothing.
///
/// The admins there are are locked first, by id: of two who take each other's role at the same time
/// the second finds that they are none any more.
pub async fn administer(
    app: &App,
    admin: Caller,
    id: UserId,
    expected: Expected,
    action: Action,
) -> Result<user::Model, IdentityError> {
    transact(app, move |work| {
        Box::pin(async move {
            let locked = people::lock_with_admins(&work.tx, id).await?;
            if !locked
                .iter()
                .any(|user| user.id == admin.id.0 && is_active_admin(user))
            {
                return Err(IdentityError::NotAnAdmin);
            }
            let others = locked.iter().filter(|user| user.id != id.0);
            let is_last = !others.into_iter().any(is_active_admin);
            let user = locked.iter().find(|user| user.id == id.0).cloned();
            let user = user.ok_or(IdentityError::NoSuchPerson)?;
            expected.check(user.version)?;
            if action.is_done(&user) {
                return Ok(user);
            }
            if user.status == UserStatus::Erased {
                return Err(IdentityError::NotPossible(user.status));
            }
            if is_last && is_active_admin(&user) && action.takes_an_admin() {
                return Err(IdentityError::LastAdmin);
            }
            action
                .execute(work, admin.id, user)
                .await
                .map_err(Into::into)
        })
    })
    .await
}

fn is_active_admin(user: &user::Model) -> bool {
    user.role == Role::Admin && user.status == UserStatus::Active
}

impl Action {
    fn is_done(&self, user: &user::Model) -> bool {
        match self {
            Self::ChangeRole(role) => user.role == *role && user.status != UserStatus::Erased,
            Self::Disable { .. } => user.status == UserStatus::Disabled,
            Self::Enable => user.status == UserStatus::Active,
            Self::Erase => user.status == UserStatus::Erased,
        }
    }

    /// Whether an admin it is done to is none afterwards. One who is enabled, or made an admin, was
    /// no active admin before.
    fn takes_an_admin(&self) -> bool {
        match self {
            Self::ChangeRole(role) => *role != Role::Admin,
            Self::Disable { .. } | Self::Erase => true,
            Self::Enable => false,
        }
    }

    async fn execute(
        self,
        work: &mut Work,
        admin: UserId,
        user: user::Model,
    ) -> Result<user::Model, DbErr> {
        let id = UserId(user.id);
        let (user, event) = match self {
            Self::ChangeRole(role) => {
                let user = store::set_role(&work.tx, user, role).await?;
                work.note_account(&user, false).await?;
                (user, (AccountAction::ChangeRole, Some(role), None))
            }
            Self::Disable { reason } => {
                let user = store::set_status(&work.tx, user, UserStatus::Disabled).await?;
                tokens::void(&work.tx, id).await?;
                work.end_sessions(&user, None).await?;
                (user, (AccountAction::Disable, None, Some(reason)))
            }
            Self::Enable => {
                let user = store::set_status(&work.tx, user, UserStatus::Active).await?;
                work.note_account(&user, false).await?;
                (user, (AccountAction::Enable, None, None))
            }
            Self::Erase => {
                let email = user.email.clone();
                let user = store::erase_user(&work.tx, user).await?;
                work.end_sessions(&user, None).await?;
                people::delete_traces(&work.tx, id, email).await?;
                (user, (AccountAction::Erase, None, None))
            }
        };
        people::insert_event(&work.tx, work.now, id.0, Some(admin), event).await?;
        Ok(user)
    }
}
