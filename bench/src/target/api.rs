//! Single calls to the API, for setting up. Each opens a connection of its own: it is not about speed.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::time::Duration;
use tokio::time::timeout;

use crate::load::connection::{Address, Connection};
use crate::load::{Bearer, Call};

/// Where the API answers.
#[derive(Debug, Clone)]
pub struct Api {
    address: Address,
}

/// What it answered.
#[derive(Debug)]
pub struct Answer {
    asked: String,
    status: u16,
    body: Value,
}

impl Api {
    /// The first of several addresses separated by commas.
    pub fn new(base_urls: &str) -> Result<Self> {
        let mut addresses = Address::parse_list(base_urls)?;
        Ok(Self {
            address: addresses.swap_remove(0),
        })
    }

    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.ask(Call::get(path.to_owned())).await
    }

    pub async fn post(
        &self,
        path: &str,
        bearer: Option<&Bearer>,
        body: Option<&Value>,
    ) -> Result<Answer> {
        let mut call = Call::get(path.to_owned());
        call.method = http::Method::POST;
        call.bearer = bearer.cloned();
        call.body = body.map(|body| body.to_string().into());
        self.ask(call).await
    }

    async fn ask(&self, call: Call) -> Result<Answer> {
        let asked = format!("{} {}", call.method, call.path);
        let answer = async {
            let mut connection = Connection::open(&self.address).await?;
            connection.send(&call, None).await
        };
        let answer = timeout(ANSWERS_WITHIN, answer)
            .await
            .with_context(|| format!("{asked} was not answered in {ANSWERS_WITHIN:?}"))?
            .with_context(|| format!("{asked} failed"))?;
        Ok(Answer {
            asked,
            status: answer.status.as_u16(),
            body: serde_json::from_slice(&answer.body).unwrap_or(Value::Null),
        })
    }
}

/// A million tickets take a while to make.
const ANSWERS_WITHIN: Duration = Duration::from_mins(2);

impl Answer {
    /// The body, where the status is the expected one.
    pub fn expect(self, status: u16) -> Result<Value> {
        if self.status != status {
            bail!("{} was answered {}: {}", self.asked, self.status, self.body);
        }
        Ok(self.body)
    }
}
