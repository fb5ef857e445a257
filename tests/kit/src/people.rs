//! Who calls.

use serde_json::{Value, json};

use crate::system::{ADMIN_EMAIL, ADMIN_PASSWORD, System};

/// The password of every buyer of the kit.
pub const BUYER_PASSWORD: &str = "a password of the tests";

/// Somebody who has signed in.
#[derive(Debug, Clone)]
pub struct Person {
    pub id: Value,
    pub email: String,
    pub(crate) token: String,
    pub(crate) refresh_token: String,
}

impl Person {
    /// Somebody with this access token, valid or not.
    pub fn with_token(token: &str) -> Self {
        Self {
            id: Value::Null,
            email: String::new(),
            token: token.to_owned(),
            refresh_token: String::new(),
        }
    }

    pub fn token(&self) -> &str {
        &self.token
    }

    /// What the access token can be renewed with, once.
    pub fn refresh_token(&self) -> &str {
        &self.refresh_token
    }
}

impl System {
    /// A buyer with a fresh account.
    pub async fn buyer(&self) -> Person {
        let email = format!("buyer-{}@example.com", uuid::Uuid::new_v4().simple());
        let account = json!({ "name": "Buyer", "email": email, "password": BUYER_PASSWORD });
        let answer = self
            .post("/api/auth/register")
            .json(&account)
            .await
            .expect(201);
        signed_in(&answer.body)
    }

    /// Several buyers, each with a fresh account.
    pub async fn buyers(&self, count: usize) -> Vec<Person> {
        futures_util::future::join_all((0..count).map(|_| self.buyer())).await
    }

    /// The admin, who signs in once.
    pub async fn admin(&self) -> Person {
        let admin = self
            .admin
            .get_or_init(async || self.login(ADMIN_EMAIL, ADMIN_PASSWORD).await);
        admin.await.clone()
    }

    /// Somebody with a fresh account of this role: `customer`, `staff` or `admin`.
    pub async fn person_of_role(&self, role: &str) -> Person {
        let person = self.buyer().await;
        let promote = format!(
            "UPDATE users SET role = '{role}' WHERE email_lower = '{}'",
            person.email
        );
        assert_eq!(self.execute(&promote).await, 1, "{promote}");
        // A token tells the role that its account had when it was issued.
        self.login(&person.email, BUYER_PASSWORD).await
    }

    /// Somebody who has an account.
    pub async fn login(&self, email: &str, password: &str) -> Person {
        let account = json!({ "email": email, "password": password });
        let answer = self
            .post("/api/auth/login")
            .json(&account)
            .await
            .expect(200);
        signed_in(&answer.body)
    }
}

/// Who an answer of register, log in or refresh is about.
///
/// # Panics
/// When it is none of them.
pub fn signed_in(body: &Value) -> Person {
    let text = |value: &Value| {
        value
            .as_str()
            .unwrap_or_else(|| panic!("{body}"))
            .to_owned()
    };
    Person {
        id: body["user"]["id"].clone(),
        email: text(&body["user"]["email"]),
        token: text(&body["access_token"]),
        refresh_token: text(&body["refresh_token"]),
    }
}
