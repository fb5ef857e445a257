//! What must not be of people.

use kit::App;
use serde_json::json;

use super::{Violation, violation};

/// Three people: one who has signed in, one who is disabled, and one who was erased.
pub async fn violations(app: &App) -> Vec<Violation> {
    let admin = app.admin().await;
    let active = app.buyer().await;
    let [disabled, erased] = [app.buyer().await, app.buyer().await];
    let path = |person: &kit::Person| format!("/api/admin/users/{}", person.id.as_str().unwrap());
    let disable = app
        .post(&format!("{}/disable", path(&disabled)))
        .by(&admin)
        .json(&json!({ "reason": "a test" }));
    disable.await.expect(200);
    app.delete(&path(&erased)).by(&admin).await.expect(204);

    let id_of = |email: &str| format!("(SELECT id FROM users WHERE email = '{email}')");
    let (active_id, disabled_id) = (id_of(&active.email), id_of(&disabled.email));
    let session = format!("(SELECT id FROM sessions WHERE user_id = {active_id})");
    let token = |hash: &str, of: &str, used: &str| {
        format!(
            "INSERT INTO one_time_tokens (hash, user_id, purpose, created_at, expires_at, used_at) \
             SELECT '{hash}', {of}, 'password', created_at, created_at, {used} FROM users WHERE id = {of}"
        )
    };
    let later = "'2999-01-01T00:00:00.000+00:00'";
    vec![
        violation(
            MAY_NOT_ACT,
            format!("UPDATE sessions SET ended_at = NULL, user_id = {disabled_id} WHERE id = {session}"),
            format!("UPDATE sessions SET user_id = {active_id} WHERE user_id = {disabled_id} AND ended_at IS NULL"),
        ),
        violation(
            MAY_NOT_ACT,
            token("x", &disabled_id, "NULL"),
            "DELETE FROM one_time_tokens".to_owned(),
        ),
        violation(
            ONE_REFRESH_TOKEN,
            format!("UPDATE refresh_tokens SET used_at = created_at WHERE session_id = {session}"),
            format!("UPDATE refresh_tokens SET used_at = NULL WHERE session_id = {session}"),
        ),
        violation(
            ONE_REFRESH_TOKEN,
            format!("UPDATE sessions SET ended_at = created_at WHERE id = {session}"),
            format!("UPDATE sessions SET ended_at = NULL WHERE id = {session}"),
        ),
        violation(
            MAILED_TOKEN,
            token("x", &active_id, later),
            "DELETE FROM one_time_tokens".to_owned(),
        ),
        violation(
            MAILED_TOKEN,
            format!(
                "DROP INDEX one_open_token_per_purpose; {}; {}",
                token("x", &active_id, "NULL"),
                token("y", &active_id, "NULL")
            ),
            "DELETE FROM one_time_tokens; CREATE UNIQUE INDEX one_open_token_per_purpose \
                 ON one_time_tokens (user_id, purpose) WHERE used_at IS NULL"
                .to_owned(),
        ),
        violation(
            ERASED,
            "UPDATE users SET name = 'Ada' WHERE status = 'erased'".to_owned(),
            "UPDATE users SET name = '' WHERE status = 'erased'".to_owned(),
        ),
        violation(
            ERASED,
            "INSERT INTO user_words (user_id, word) SELECT id, 'ada' FROM users WHERE status = 'erased'"
                .to_owned(),
            "DELETE FROM user_words WHERE word = 'ada'".to_owned(),
        ),
        violation(
            LAST_EVENT,
            "UPDATE users SET status = 'active' WHERE status = 'disabled'".to_owned(),
            format!("UPDATE users SET status = 'disabled' WHERE id = {disabled_id}"),
        ),
    ]
}

const MAY_NOT_ACT: &str =
    "somebody who may not act has no live session and no token that is good for anything";
const ONE_REFRESH_TOKEN: &str =
    "a live session has exactly one refresh token that was not used, an ended one has none";
const MAILED_TOKEN: &str =
    "a token that was mailed is used while it is good, and of each kind the newest only";
const ERASED: &str = "nothing personal is left of who was erased";
const LAST_EVENT: &str = "an account is what admins last made it";
