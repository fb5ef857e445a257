//! A request, and what comes back.

use std::{
    fmt::{self, Write},
    future::IntoFuture,
    ops::Index,
    pin::Pin,
    time::Duration,
};

use anyhow::{Context, Result};
use reqwest::{Method, RequestBuilder, header::HeaderMap};
use serde_json::Value;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::{people::Person, system::System};

/// A request that is sent when it is awaited: `app.post("/api/venues").by(&admin).json(..).await`.
#[derive(Debug)]
#[must_use = "a call is sent when it is awaited"]
pub struct Call {
    request: RequestBuilder,
}

/// Status, headers and body of an answer; `answer["status"]` is a member of its JSON.
#[derive(Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// The JSON, or null where there is none.
    pub body: Value,
    /// The body as it came.
    pub text: String,
    /// From sending the request to having read the answer.
    pub took: Duration,
}

impl System {
    pub fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    pub fn post(&self, path: &str) -> Call {
        self.call(Method::POST, path)
    }

    pub fn put(&self, path: &str) -> Call {
        self.call(Method::PUT, path)
    }

    pub fn delete(&self, path: &str) -> Call {
        self.call(Method::DELETE, path)
    }

    /// A request to a path, or to a whole address such as that of one instance of a cluster.
    pub fn call(&self, method: Method, path: &str) -> Call {
        let address = if path.starts_with('/') {
            format!("{}{path}", self.base_url())
        } else {
            path.to_owned()
        };
        Call {
            request: self.client.request(method, address),
        }
    }
}

impl Call {
    /// Signed in as this person.
    pub fn by(self, person: &Person) -> Self {
        self.header("authorization", format!("Bearer {}", person.token))
    }

    /// With an `Idempotency-Key`.
    pub fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    /// With an `If-Match` for this version.
    pub fn if_match(self, version: i64) -> Self {
        self.header("if-match", format!("\"{version}\""))
    }

    pub fn header(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        Self {
            request: self.request.header(name, value.as_ref()),
        }
    }

    pub fn json(self, body: &Value) -> Self {
        Self {
            request: self.request.json(body),
        }
    }

    /// A body as it is, for what is not JSON.
    pub fn body(self, body: impl Into<reqwest::Body>) -> Self {
        Self {
            request: self.request.body(body),
        }
    }

    pub fn timeout(self, timeout: Duration) -> Self {
        Self {
            request: self.request.timeout(timeout),
        }
    }

    /// Sends the request; fails where no answer comes, which awaiting it would panic at.
    pub async fn attempt(self) -> Result<Answer> {
        let since = std::time::Instant::now();
        let response = self.request.send().await?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await?;
        Ok(Answer {
            status,
            headers,
            body: serde_json::from_str(&text).unwrap_or_default(),
            text,
            took: since.elapsed(),
        })
    }

    /// Sends the whole request and resets the connection a little later, wherever the system is by then:
    /// it may not have begun, be in the middle, or have answered.
    pub async fn hang_up(self, after: Duration) -> Result<()> {
        let request = self.request.build()?;
        let url = request.url();
        let host = url.host_str().context("no host")?;
        let port = url.port_or_known_default().context("no port")?;
        let body = request
            .body()
            .and_then(reqwest::Body::as_bytes)
            .unwrap_or_default();

        let method = request.method();
        let query = url
            .query()
            .map(|query| format!("?{query}"))
            .unwrap_or_default();
        let target = format!("{}{query}", url.path());
        let mut wire = format!("{method} {target} HTTP/1.1\r\nhost: {host}:{port}\r\n");
        for (name, value) in request.headers() {
            write!(wire, "{name}: {}\r\n", value.to_str()?)?;
        }
        write!(wire, "content-length: {}\r\n\r\n", body.len())?;

        let mut stream = TcpStream::connect((host, port)).await?;
        stream.write_all(&[wire.as_bytes(), body].concat()).await?;
        stream.set_zero_linger()?;
        tokio::time::sleep(after).await;
        Ok(())
    }
}

impl IntoFuture for Call {
    type Output = Answer;
    type IntoFuture = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async {
            let answer = self.attempt().await;
            answer.unwrap_or_else(|error| panic!("no answer: {error:#}"))
        })
    }
}

impl Answer {
    /// # Panics
    /// When the status is another one, with the body.
    #[track_caller]
    #[expect(
        clippy::return_self_not_must_use,
        reason = "the status alone may be the point"
    )]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "the answer is {self:?}");
        self
    }

    /// Expects a problem document with this slug and status.
    ///
    /// # Panics
    /// When the answer is another one, with the body.
    #[track_caller]
    #[expect(
        clippy::return_self_not_must_use,
        reason = "the slug alone may be the point"
    )]
    pub fn expect_problem(self, status: u16, slug: &str) -> Self {
        assert_eq!(
            (self.status, self.slug()),
            (status, slug),
            "the answer is {self:?}"
        );
        let kind = self.header("content-type").unwrap_or_default();
        assert!(
            kind.starts_with("application/problem+json"),
            "the answer is {self:?}"
        );
        assert_eq!(self.body["status"], status, "the answer is {self:?}");
        self
    }

    /// The last part of the problem's type: `ticket-taken`; empty when it is no problem document.
    pub fn slug(&self) -> &str {
        let kind = self.body["type"].as_str().unwrap_or_default();
        kind.rsplit('/').next().unwrap_or_default()
    }

    /// The member `id`, a number or a text, as it stands in a path.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn id(&self) -> String {
        match &self.body["id"] {
            Value::String(id) => id.clone(),
            Value::Number(id) => id.to_string(),
            _ => panic!("no id in {self:?}"),
        }
    }

    /// The ids of the tickets of a reservation.
    pub fn tickets(&self) -> Vec<i64> {
        let tickets = self.body["tickets"].as_array().into_iter().flatten();
        tickets.filter_map(|ticket| ticket["id"].as_i64()).collect()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Is true when the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl Index<&str> for Answer {
    type Output = Value;

    fn index(&self, member: &str) -> &Value {
        &self.body[member]
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.text)
    }
}
