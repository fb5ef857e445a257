//! One connection to the server under load.
//!
//! hyper wants a connection to be driven by a task of its own. Here the task that waits for an
//! answer drives it: on a load generator, a switch between tasks costs as much as parsing does.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Either, Empty, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use std::borrow::Cow;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use tokio::net::TcpStream;

use super::Call;

/// Where requests go.
#[derive(Debug, Clone)]
pub struct Address {
    /// `host:port`.
    authority: String,
    host: HeaderValue,
}

/// An open connection.
pub struct Connection {
    sender: SendRequest<RequestBody>,
    driver: Driver,
    host: HeaderValue,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub entity_tag: Option<HeaderValue>,
    pub body: Bytes,
}

type RequestBody = Either<Full<Bytes>, Empty<Bytes>>;
type Driver = http1::Connection<TokioIo<TcpStream>, RequestBody>;

impl Address {
    /// Of `http://host:port`.
    pub fn parse(base_url: &str) -> Result<Self> {
        let uri: Uri = base_url
            .trim_end_matches('/')
            .parse()
            .with_context(|| format!("{base_url} is not an address"))?;
        ensure!(
            uri.scheme_str() == Some("http") && matches!(uri.path(), "" | "/"),
            "{base_url} is not of the form http://host:port"
        );
        let authority = uri.authority().context("the address names no host")?;
        let host = HeaderValue::from_str(authority.as_str())?;
        let port = authority.port_u16().unwrap_or(80);
        Ok(Self {
            authority: format!("{}:{port}", authority.host()),
            host,
        })
    }

    /// Those of a list separated by commas.
    pub fn parse_list(base_urls: &str) -> Result<Vec<Self>> {
        base_urls
            .split(',')
            .map(|url| Self::parse(url.trim()))
            .collect()
    }
}

impl Connection {
    /// Connects.
    pub async fn open(address: &Address) -> Result<Self> {
        let stream = TcpStream::connect(&address.authority)
            .await
            .with_context(|| format!("failed to connect to {}", address.authority))?;
        stream.set_nodelay(true)?;
        let (sender, driver) = http1::Builder::new()
            // One small write instead of a gathering one.
            .writev(false)
            .handshake(TokioIo::new(stream))
            .await?;
        Ok(Self {
            sender,
            driver,
            host: address.host.clone(),
        })
    }

    /// Sends a request and reads its answer. After an error the connection is of no more use.
    pub async fn send(
        &mut self,
        call: &Call,
        known_entity_tag: Option<HeaderValue>,
    ) -> Result<Answer> {
        let request = self.request(call, known_entity_tag)?;
        let response = self.sender.send_request(request);
        let response = drive(&mut self.driver, response).await??;
        let entity_tag = match call.method {
            Method::GET => response.headers().get(header::ETAG).cloned(),
            _ => None,
        };
        let (status, body) = split(response);
        let body = drive(&mut self.driver, body.collect()).await??.to_bytes();
        // The connection notices only now that the answer is at its end.
        drive(&mut self.driver, self.sender.ready()).await??;
        Ok(Answer {
            status,
            entity_tag,
            body,
        })
    }

    fn request(
        &self,
        call: &Call,
        known_entity_tag: Option<HeaderValue>,
    ) -> Result<Request<RequestBody>> {
        let path = match &call.path {
            Cow::Borrowed(path) => Bytes::from_static(path.as_bytes()),
            Cow::Owned(path) => Bytes::copy_from_slice(path.as_bytes()),
        };
        let uri = Uri::from_maybe_shared(path)?;
        let body = match &call.body {
            Some(body) => Either::Left(Full::new(body.clone())),
            None => Either::Right(Empty::new()),
        };
        let mut request = Request::new(body);
        *request.method_mut() = call.method.clone();
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(header::HOST, self.host.clone());
        if let Some(bearer) = &call.bearer {
            headers.insert(header::AUTHORIZATION, bearer.0.clone());
        }
        if call.body.is_some() {
            headers.insert(header::CONTENT_TYPE, JSON);
        }
        if let Some(tag) = known_entity_tag {
            headers.insert(header::IF_NONE_MATCH, tag);
        }
        Ok(request)
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

fn split(response: Response<Incoming>) -> (StatusCode, Incoming) {
    let (head, body) = response.into_parts();
    (head.status, body)
}

/// Waits for something of the connection while driving it.
async fn drive<T>(driver: &mut Driver, wanted: impl Future<Output = T>) -> Result<T> {
    let mut wanted = pin!(wanted);
    let mut driver = pin!(driver);
    poll_fn(|context| {
        if let Poll::Ready(done) = wanted.as_mut().poll(context) {
            return Poll::Ready(Ok(done));
        }
        let ended = driver.as_mut().poll(context);
        // What the driver has just read is what is waited for.
        if let Poll::Ready(done) = wanted.as_mut().poll(context) {
            return Poll::Ready(Ok(done));
        }
        match ended {
            Poll::Ready(Ok(())) => Poll::Ready(Err(anyhow::anyhow!("the server has hung up"))),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        let address = Address::parse("http://127.0.0.1:8080/").unwrap();
        assert_eq!(address.authority, "127.0.0.1:8080");
        assert_eq!(
            Address::parse("http://localhost").unwrap().authority,
            "localhost:80"
        );
        assert_eq!(
            Address::parse_list("http://a:1, http://b:2").unwrap().len(),
            2
        );
        for wrong in ["https://a", "127.0.0.1:80", "http://a/api", ""] {
            assert!(Address::parse(wrong).is_err(), "{wrong}");
        }
    }
}
