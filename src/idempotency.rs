//! `Idempotency-Key`: the same key and request gives the same answer and does nothing twice.
//!
//! A key belongs to its caller. It is committed in the transaction of what it guards, together
//! with the answer, so that after a crash either both are there or neither. Only answers that
//! changed something are kept: a refusal did nothing, and asking again asks anew.
//!
//! ```text
//! key in work here            -> idempotency-key-in-flight
//! key new                     -> work, committing key and answer with it
//! key known                   -> the work meets it in its transaction, or is refused before, and then
//!    for the same request     -> the kept answer
//!    for another request      -> idempotency-key-reused
//! ```

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use poem::http::{HeaderMap, HeaderValue};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseTransaction, DbErr, EntityTrait,
    QueryFilter,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::sync::MutexGuard;

use crate::db;
use crate::entity::idempotency_key;
use crate::ids::UserId;
use crate::problem::{Problem, Slug};
use crate::state::App;

/// How long a key is remembered.
pub const REMEMBERED_HOURS: i64 = 24;

/// A caller's key, and what it was given for.
#[derive(Debug, Clone)]
pub struct Key {
    user: UserId,
    text: String,
    fingerprint: Vec<u8>,
}

/// An answer, and whether it was given before.
#[derive(Debug)]
pub struct Answer<T> {
    /// The answer.
    pub value: T,
    /// True when it is the kept answer of an earlier request.
    pub replayed: bool,
}

impl<T> Answer<T> {
    /// The value of the header `Idempotency-Replayed`, which only a kept answer has.
    pub fn replayed_header(&self) -> Option<String> {
        self.replayed.then(|| "true".to_owned())
    }
}

impl Key {
    /// Reads the header; the fingerprint tells `operation` and its `arguments` from any other.
    pub fn read(
        header: Option<String>,
        user: UserId,
        operation: &str,
        arguments: &impl Serialize,
    ) -> Result<Option<Self>, Problem> {
        let Some(text) = header else {
            return Ok(None);
        };
        let is_allowed = |c: char| c.is_ascii_graphic() || c == ' ';
        if text.is_empty() || text.len() > 255 || !text.chars().all(is_allowed) {
            return Err(bad_key());
        }
        let arguments = serde_json::to_vec(arguments).map_err(Problem::internal)?;
        let fingerprint = Sha256::new()
            .chain_update(operation)
            .chain_update([0])
            .chain_update(arguments)
            .finalize()
            .to_vec();
        Ok(Some(Self {
            user,
            text,
            fingerprint,
        }))
    }

    /// Whose it is, and its text.
    pub fn id(&self) -> (UserId, String) {
        (self.user, self.text.clone())
    }

    /// The answer as it is kept under this key. It belongs into the transaction of what it answers.
    pub fn keep(&self, at: DateTime<Utc>, answer: &impl Serialize) -> Result<KeptAnswer, DbErr> {
        Ok(KeptAnswer {
            user: self.user,
            key: self.text.clone(),
            fingerprint: self.fingerprint.clone(),
            answer: serde_json::to_string(answer).map_err(|err| DbErr::Json(err.to_string()))?,
            at,
        })
    }
}

/// An answer under its key.
#[derive(Debug, Clone)]
pub struct KeptAnswer {
    pub user: UserId,
    pub key: String,
    pub fingerprint: Vec<u8>,
    /// JSON.
    pub answer: String,
    pub at: DateTime<Utc>,
}

impl KeptAnswer {
    /// Writes it down.
    ///
    /// # Errors
    /// A duplicate (see [`db::is_duplicate`]) where another request with the key committed first.
    async fn insert(self, tx: &DatabaseTransaction) -> Result<(), DbErr> {
        idempotency_key::ActiveModel {
            user_id: Set(self.user.0),
            key: Set(self.key),
            fingerprint: Set(self.fingerprint),
            answer: Set(self.answer),
            created_at: Set(self.at),
        }
        .insert(tx)
        .await?;
        Ok(())
    }
}

/// Refuses a key that is not a text.
///
/// `poem_openapi` takes such a header for an absent one, and the caller, who believes that the
/// request is safe to repeat, would have it done twice.
pub fn check_header(headers: &HeaderMap) -> Result<(), Problem> {
    match headers.get(HEADER).map(HeaderValue::to_str) {
        Some(Err(_)) => Err(bad_key()),
        _ => Ok(()),
    }
}

/// The key that a request brings, where it was checked before.
pub fn header(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(HEADER)?.to_str().ok()?;
    Some(text.to_owned())
}

const HEADER: &str = "Idempotency-Key";

fn bad_key() -> Problem {
    Problem::invalid(HEADER, "must be 1 to 255 printable ASCII characters")
}

/// Runs `work`, or gives the kept answer of its key.
///
/// The work goes first: nearly every key is new, and the transaction of the work finds out by
/// itself when one is not. So `work` must be refused where it commits a key that is known.
pub async fn once<T, E>(
    app: &App,
    key: Option<&Key>,
    work: impl Future<Output = Result<T, E>>,
) -> Result<Answer<T>, Problem>
where
    T: DeserializeOwned,
    E: Into<Problem>,
{
    let fresh = |value| Answer {
        value,
        replayed: false,
    };
    let Some(key) = key else {
        return work.await.map(fresh).map_err(Into::into);
    };
    let _in_flight = InFlight::enter(app, key)?;
    match work.await {
        Ok(value) => Ok(fresh(value)),
        // Whatever stopped the work, its own twin may have been the reason.
        // On the heap, because it is seldom.
        Err(err) => match Box::pin(find(app, key)).await? {
            Some(answer) => Ok(answer),
            None => Err(err.into()),
        },
    }
}

/// Runs `work` in one transaction of its own, together with its key, unless the key was answered
/// before.
pub async fn commit_once<T, E>(
    app: &App,
    key: Option<Key>,
    work: impl for<'tx> FnOnce(&'tx DatabaseTransaction, DateTime<Utc>) -> BoxFuture<'tx, Result<T, E>>
    + Send
    + 'static,
) -> Result<Answer<T>, Problem>
where
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
    E: Into<Problem> + From<DbErr> + Send + 'static,
{
    let worker = app.clone();
    app.detached(async move {
        // This work is long, and seldom: a look first is worth it.
        if let Some(key) = &key
            && let Some(answer) = find(&worker, key).await?
        {
            return Ok(answer);
        }
        once(&worker, key.as_ref(), async {
            let tx = worker.db.begin().await?;
            let now = db::read_time(&tx).await?;
            let value = work(&tx, now).await?;
            if let Some(key) = &key {
                key.keep(now, &value)?.insert(&tx).await?;
            }
            tx.commit().await?;
            Ok::<T, E>(value)
        })
        .await
    })
    .await
}

/// Forgets keys older than [`REMEMBERED_HOURS`]. Returns how many.
pub async fn forget_old_keys(app: &App) -> Result<u64, DbErr> {
    let db = app.db.clone();
    app.detached(async move {
        let tx = db.begin().await?;
        let limit = db::read_time(&tx).await? - TimeDelta::hours(REMEMBERED_HOURS);
        let done = idempotency_key::Entity::delete_many()
            .filter(idempotency_key::Column::CreatedAt.lt(limit))
            .exec(&tx)
            .await?;
        tx.commit().await?;
        Ok(done.rows_affected)
    })
    .await
}

async fn find<T: DeserializeOwned>(app: &App, key: &Key) -> Result<Option<Answer<T>>, Problem> {
    let id = (key.user.0, key.text.clone());
    let Some(known) = idempotency_key::Entity::find_by_id(id)
        .one(app.db.reader())
        .await?
    else {
        return Ok(None);
    };
    if known.fingerprint != key.fingerprint {
        return Err(Problem::new(
            Slug::IdempotencyKeyReused,
            "Take a new key for a new request.",
        ));
    }
    let value = serde_json::from_str(&known.answer).map_err(Problem::internal)?;
    Ok(Some(Answer {
        value,
        replayed: true,
    }))
}

/// Marks a key as in work on this instance for as long as it lives.
struct InFlight<'a> {
    app: &'a App,
    entry: (UserId, String),
}

impl<'a> InFlight<'a> {
    fn enter(app: &'a App, key: &Key) -> Result<Self, Problem> {
        let entry = (key.user, key.text.clone());
        if keys(app).insert(entry.clone()) {
            return Ok(Self { app, entry });
        }
        Err(Problem::new(
            Slug::IdempotencyKeyInFlight,
            "Ask again in a moment for the answer of the first.",
        )
        .with("retry_after_ms", 100))
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        keys(self.app).remove(&self.entry);
    }
}

fn keys(app: &App) -> MutexGuard<'_, HashSet<(UserId, String)>> {
    app.keys_in_flight
        .lock()
        .expect("nothing panics while it holds the set of keys")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_not_a_text_is_not_taken_for_none() {
        let mut headers = HeaderMap::new();
        assert!(check_header(&headers).is_ok());
        headers.insert(HEADER, HeaderValue::from_static("a-key"));
        assert!(check_header(&headers).is_ok());
        headers.insert(HEADER, HeaderValue::from_bytes(b"\xc3\xa9").unwrap());
        assert!(check_header(&headers).is_err());
    }
}
