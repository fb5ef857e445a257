//! The edge: what happens to every request before a slice sees it and to every answer after.
//!
//! ```text
//!   request ──> id ──> too many in flight? ──> key readable? ──> route ──> handler
//!   answer  <── id, instance <── counted, logged <── problem document <── error or panic
//! ```

use futures_util::FutureExt;
use poem::error::{MethodNotAllowedError, NotFoundError};
use poem::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, IntoResponse, PathPattern, Request, Response};
use poem_openapi::error::{AuthorizationError, ParseParamError, ParsePathError};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;
use tokio::time::timeout;
use tracing::{Instrument, Span};
use uuid::Uuid;

use super::names::RouteNames;
use super::tally::{Kind, Tally, method_label};
use crate::auth;
use crate::body;
use crate::idempotency;
use crate::problem::{Problem, Slug};
use crate::state::App;
use crate::telemetry::HTTP_SHED;

/// The edge around some routes.
pub struct Edge<R> {
    app: App,
    served_by: Option<HeaderValue>,
    routes: R,
    names: RouteNames,
    in_flight: AtomicU32,
    tally: Tally,
}

impl<R> Edge<R> {
    /// Puts it around them.
    pub fn new(app: &App, routes: R, names: RouteNames) -> Self {
        Self {
            app: app.clone(),
            served_by: HeaderValue::from_str(&app.instance).ok(),
            routes,
            names,
            in_flight: AtomicU32::new(0),
            tally: Tally::default(),
        }
    }

    /// Lets a request in, unless too many are in flight or it could not be done only once.
    pub(super) fn admit(
        &self,
        visit: &Visit,
        headers: &HeaderMap,
    ) -> Result<InFlight<'_>, Problem> {
        let before = self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.tally.in_flight.increment(1);
        let place = InFlight {
            count: &self.in_flight,
            tally: &self.tally,
        };
        // A probe that is shed would have the instance restarted for being busy.
        if before >= self.app.config.max_in_flight && !visit.is_probe {
            metrics::counter!(HTTP_SHED).increment(1);
            return Err(Problem::unavailable("Too many requests are in flight."));
        }
        idempotency::check_header(headers)?;
        Ok(place)
    }

    /// Does what a request asks for, but no longer than the settings give it.
    pub(super) async fn attend<T>(
        &self,
        visit: &Visit,
        work: impl Future<Output = T>,
    ) -> Result<T, Problem> {
        let work = AssertUnwindSafe(work).catch_unwind();
        let work = timeout(self.app.config.request_timeout(), work);
        match work.instrument(visit.span.clone()).await {
            Ok(Ok(done)) => Ok(done),
            // The panic hook has logged where.
            Ok(Err(_)) => Err(visit
                .span
                .in_scope(|| Problem::internal("a handler panicked"))),
            // What writes is detached and runs to its end; only the wait for it is given up.
            Err(_) => Err(Problem::unavailable(
                "It took too long; ask again with the same key.",
            )),
        }
    }

    /// Counts and logs an answer that a route has given, or none; gives the answer its id and instance.
    pub(super) fn finish(
        &self,
        visit: Visit,
        route: Option<Arc<str>>,
        status: StatusCode,
        headers: &mut HeaderMap,
    ) {
        let took = visit.started.elapsed();
        let status = status.as_u16();
        let kind = Kind {
            pattern: route,
            method: visit.method,
            status,
        };
        self.tally.count(&self.names, kind, took);
        let ms = took.as_secs_f64() * 1e3;
        // Every request has its metrics, and the load balancer its log; a line each costs sales.
        visit.span.in_scope(|| {
            if status < 500 {
                tracing::debug!(status, ms, "answered");
            } else {
                tracing::warn!(status, ms, "answered");
            }
        });
        let id = HeaderValue::try_from(visit.id).ok();
        for (name, value) in [(REQUEST_ID, id), (SERVED_BY, self.served_by.clone())] {
            if let Some(value) = value {
                headers.insert(name, value);
            }
        }
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        headers
            .entry(header::CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
    }
}

/// A request, from when it came.
pub(super) struct Visit {
    started: Instant,
    /// The caller's id for it, or a new one.
    pub id: String,
    method: &'static str,
    is_probe: bool,
    span: Span,
}

impl Visit {
    /// One has just come.
    pub fn begin(method: &Method, path: &str, headers: &HeaderMap) -> Self {
        let started = Instant::now();
        let id = request_id(headers);
        let span = tracing::info_span!("request", request_id = %id, %method, path);
        Self {
            started,
            id,
            method: method_label(method),
            is_probe: path.starts_with("/health/"),
            span,
        }
    }
}

impl<R: Endpoint<Output = Response>> Endpoint for Edge<R> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let visit = Visit::begin(request.method(), request.uri().path(), request.headers());
        let answered = async {
            let _place = self.admit(&visit, request.headers())?;
            request.set_data(self.app.clone());
            self.attend(&visit, self.routes.call(request)).await
        };
        let (mut response, pattern) = match answered.await {
            Ok(Ok(response)) => {
                let pattern = response.data().cloned();
                (response, pattern)
            }
            Ok(Err(err)) => {
                let pattern = err.data().cloned();
                (self.answer_error(err), pattern)
            }
            Err(problem) => (problem.into_response(), None),
        };
        if let Some(problem) = response.extensions_mut().remove::<Problem>() {
            response.set_body(problem.document(&visit.id));
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, PROBLEM_JSON);
        }
        let route = pattern.map(|PathPattern(pattern)| pattern);
        let status = response.status();
        self.finish(visit, route, status, response.headers_mut());
        Ok(response)
    }
}

impl<R> Edge<R> {
    /// The problem document of an error that poem made before or after a handler.
    fn answer_error(&self, err: poem::Error) -> Response {
        if err.is_from_response() {
            return err.into_response();
        }
        if let Some(parameter) = err.downcast_ref::<ParsePathError>() {
            let name = self.names.parameter(err.data(), parameter.name);
            return Problem::invalid(&name, parameter.reason.clone()).into_response();
        }
        let mut response = problem_of(&err).into_response();
        if response.status() == StatusCode::METHOD_NOT_ALLOWED
            && let Ok(allowed) = HeaderValue::from_str(self.names.methods(err.data()))
        {
            response.headers_mut().insert(header::ALLOW, allowed);
        }
        response
    }
}

/// A request in flight, for as long as it lives.
pub(super) struct InFlight<'a> {
    count: &'a AtomicU32,
    tally: &'a Tally,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
        self.tally.in_flight.decrement(1);
    }
}

/// The media type of problem documents.
pub(super) const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SERVED_BY: HeaderName = HeaderName::from_static("x-served-by");

/// The caller's id for the request where it is sane, otherwise a new one.
fn request_id(headers: &HeaderMap) -> String {
    let is_sane = |id: &&str| {
        (1..=64).contains(&id.len())
            && id
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    headers
        .get(REQUEST_ID)
        .and_then(|id| id.to_str().ok())
        .filter(is_sane)
        .map_or_else(new_id, ToOwned::to_owned)
}

fn new_id() -> String {
    let id = Uuid::new_v4().simple();
    id.encode_lower(&mut Uuid::encode_buffer()).to_owned()
}

fn problem_of(err: &poem::Error) -> Problem {
    if let Some(err) = err.downcast_ref::<ParseParamError>() {
        return Problem::invalid(err.name, body::bound(&err.reason));
    }
    if err.is::<AuthorizationError>() {
        return auth::no_token();
    }
    if err.is::<NotFoundError>() {
        return Problem::not_found("address");
    }
    if err.is::<MethodNotAllowedError>() {
        return Problem::new(Slug::MethodNotAllowed, "The path takes other methods.");
    }
    match err.status() {
        StatusCode::NOT_FOUND => Problem::not_found("address"),
        StatusCode::METHOD_NOT_ALLOWED => {
            Problem::new(Slug::MethodNotAllowed, "The path takes other methods.")
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            Problem::new(Slug::UnsupportedMediaType, err.to_string())
        }
        status if status.is_client_error() => Problem::invalid("request", err.to_string()),
        _ => Problem::internal(err),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sane_request_id_is_taken_over() {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, HeaderValue::from_static("abc-123"));
        assert_eq!(request_id(&headers), "abc-123");
        headers.insert(REQUEST_ID, HeaderValue::from_static("a b\"c"));
        assert_ne!(request_id(&headers), "a b\"c");
        assert_ne!(request_id(&HeaderMap::new()), request_id(&HeaderMap::new()));
    }
}
