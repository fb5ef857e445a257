//! Finding people, for admins.

use sea_orm::DbErr;
use uuid::Uuid;

use super::store::people::{self, Wanted};
use super::words::words_wanted;
use crate::entity::account_event;
use crate::entity::user::{self, Role, UserStatus};
use crate::ids::UserId;
use crate::page::Cursor;
use crate::state::App;

/// Who is looked for.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// Beginnings of words of the name or address; all of them must be there.
    pub text: Option<String>,
    pub role: Option<Role>,
    /// Everybody but who was erased, where absent.
    pub status: Option<UserStatus>,
}

/// Of a word that no more people than this have, the people are looked up; for a more common one it
/// is asked person by person, the newest first, since a page of those who have it is found soon.
const FEW: u64 = 10_000;

/// People, the newest first; one more than `limit`.
pub async fn find_people(
    app: &App,
    search: Search,
    after: Option<Cursor<Uuid>>,
    limit: u64,
) -> Result<Vec<user::Model>, DbErr> {
    let mut wanted = Wanted {
        role: search.role,
        status: search.status,
        ..Wanted::default()
    };
    if let Some(text) = search.text {
        let words = words_wanted(&text);
        if words.is_empty() {
            return Ok(Vec::new());
        }
        for word in words {
            if people::have_more_than(&app.db, &word, FEW).await? {
                wanted.common_words.push(word);
            } else {
                wanted.rare_words.push(word);
            }
        }
    }
    people::newest(&app.db, wanted, after, limit).await
}

/// Somebody, and the latest that was done to their account.
pub async fn find_person(
    app: &App,
    id: UserId,
) -> Result<Option<(user::Model, Vec<account_event::Model>)>, DbErr> {
    let Some(user) = super::store::user_by_id(&app.db, id).await? else {
        return Ok(None);
    };
    let events = people::latest_events(&app.db, id, MOST_EVENTS).await?;
    Ok(Some((user, events)))
}

const MOST_EVENTS: u64 = 50;
