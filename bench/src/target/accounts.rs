//! Accounts and their access tokens, as Holdfast signs them.

use anyhow::{Context, Result};
use chrono::{TimeDelta, Utc};
use futures_util::{StreamExt, TryStreamExt, stream};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use sea_orm::sea_query::{Alias, Query};
use sea_orm::{ConnectionTrait, DatabaseConnection, TransactionTrait};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Api;
use crate::load::Bearer;

/// Signs a token that is valid for a day.
pub fn sign(secret: &str, account: Uuid, role: &'static str) -> Result<Bearer> {
    let now = Utc::now();
    let claims = Claims {
        iss: "holdfast",
        aud: "holdfast-api",
        sub: account,
        role,
        iat: now.timestamp(),
        exp: (now + TimeDelta::days(1)).timestamp(),
    };
    let key = EncodingKey::from_secret(secret.as_bytes());
    let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)?;
    Bearer::new(&token)
}

/// The token of somebody who has an account.
pub async fn log_in(api: &Api, email: &str, password: &str) -> Result<Bearer> {
    let account = json!({ "email": email, "password": password });
    let session = api.post("/api/auth/login", None, Some(&account)).await?;
    token_of(&session.expect(200)?)
}

/// Makes accounts through the API, a few at a time.
pub async fn register(api: &Api, count: usize) -> Result<Vec<Bearer>> {
    if count > MANY {
        eprintln!(
            "registering {count} buyers, some 20 ms of hashing each; --database-url and --jwt-secret spare that"
        );
    }
    stream::iter(0..count)
        .map(|_| async {
            let account = json!({
                "name": "Load Buyer",
                "email": new_email(),
                "password": Uuid::new_v4().to_string(),
            });
            let session = api.post("/api/auth/register", None, Some(&account)).await?;
            token_of(&session.expect(201)?)
        })
        .buffer_unordered(4)
        .try_collect()
        .await
}

/// Makes accounts past the API; nobody can sign in to them with a password.
pub async fn insert(
    database: &DatabaseConnection,
    secret: &str,
    count: usize,
) -> Result<Vec<Bearer>> {
    let ids: Vec<Uuid> = (0..count).map(|_| Uuid::new_v4()).collect();
    let transaction = database.begin().await?;
    for some in ids.chunks(ROWS_PER_STATEMENT) {
        let mut insert = Query::insert();
        insert
            .into_table(Alias::new("users"))
            .columns(COLUMNS.map(Alias::new));
        for id in some {
            let email = new_email();
            insert.values([
                (*id).into(),
                "Load Buyer".into(),
                email.as_str().into(),
                email.as_str().into(),
                NO_PASSWORD.into(),
                "customer".into(),
                Utc::now().into(),
            ])?;
        }
        transaction
            .execute(&insert)
            .await
            .context("failed to insert accounts")?;
    }
    transaction.commit().await?;
    ids.iter().map(|id| sign(secret, *id, "customer")).collect()
}

/// A well-formed hash that no known password has.
pub const NO_PASSWORD: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The columns of an account.
pub const COLUMNS: [&str; 7] = [
    "id",
    "name",
    "email",
    "email_lower",
    "password_hash",
    "role",
    "created_at",
];

/// SQLite takes 32,766 values in a statement.
const ROWS_PER_STATEMENT: usize = 1000;

/// From this number on, it is worth saying that registering takes time.
const MANY: usize = 100;

#[derive(Serialize)]
struct Claims {
    iss: &'static str,
    aud: &'static str,
    sub: Uuid,
    role: &'static str,
    iat: i64,
    exp: i64,
}

fn new_email() -> String {
    format!("load-{}@example.com", Uuid::new_v4().simple())
}

fn token_of(session: &Value) -> Result<Bearer> {
    let token = session["access_token"].as_str();
    Bearer::new(token.context("a session without an access token")?)
}
