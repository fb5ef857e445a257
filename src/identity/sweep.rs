//! What any instance does about people in the background.

use chrono::TimeDelta;

use super::IdentityError;
use super::store::{self, sessions, tokens};
use super::work::transact;
use crate::state::App;

/// How long ended sessions and used tokens are kept, for whoever has to look into something.
const KEPT_HOURS: i64 = 24;

/// Deletes sessions, tokens and changes of access that nothing depends on any more, a limited number
/// at a time. Returns how many rows went.
pub async fn sweep(app: &App) -> Result<u64, IdentityError> {
    let worker = app.clone();
    transact(app, move |work| {
        Box::pin(async move {
            let limit = work.now - TimeDelta::hours(KEPT_HOURS);
            // A token that was exchanged is known for as long as its session could have lasted.
            let used_before = work.now - worker.config.refresh_token_ttl();
            let swept = sessions::delete_old(&work.tx, limit, used_before.min(limit)).await?
                + tokens::delete_old(&work.tx, limit).await?
                + worker.access.forget_old_changes(&work.tx, work.now).await?;
            Ok(swept)
        })
    })
    .await
}

/// Most accounts whose words are written in one transaction.
const AT_ONCE: u64 = 500;

/// Writes down the words of accounts that were not made by the application, so that they are found.
/// Returns how many there were.
pub async fn write_missing_words(app: &App) -> Result<u64, IdentityError> {
    let mut written = 0;
    while store::is_anybody_without_words(&app.db).await? {
        written += transact(app, move |work| {
            Box::pin(async move {
                let people = store::people_without_words(&work.tx, AT_ONCE).await?;
                let count = people.len() as u64;
                store::insert_words(&work.tx, &people).await?;
                store::mark_words_written(&work.tx, &people).await?;
                Ok(count)
            })
        })
        .await?;
        // Others want to write as well.
        tokio::task::yield_now().await;
    }
    Ok(written)
}
