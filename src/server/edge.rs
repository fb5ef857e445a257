//! The edge: what happens to every request before a slice sees it and to every answer after.
//!
//! ```text
//!   request ──> id ──> too many in flight? ──> key readable? ──> route ──> handler
//!   answer  <── id, instance <── counted, logged <── problem document <── error or panic
//! ```

use poem::error::{MethodNotAllowedError, NotFoundError};
use poem::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use poem::{Endpoint, IntoResponse, PathPattern, Request, Response, Result};
use poem_openapi::error::{AuthorizationError, ParseParamError, ParsePathError};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;
use tokio::time::timeout;
use tracing::Instrument;
use uuid::Uuid;

use super::names::RouteNames;
use super::tally::{Kind, Tally, method_label};
use crate::body;
use crate::idempotency;
use crate::problem::{Problem, Slug};
use crate::state::App;
use crate::telemetry::HTTP_SHED;

/// Puts the edge around some routes.
pub fn guard<R>(app: &App, routes: R, names: RouteNames) -> impl Endpoint + use<R>
where
    R: Endpoint<Output = Response>,
{
    Edge {
        app: app.clone(),
        served_by: HeaderValue::from_str(&app.instance).ok(),
        routes,
        names,
        in_flight: AtomicU32::new(0),
        tally: Tally::default(),
    }
}

struct Edge<R> {
    app: App,
    served_by: Option<HeaderValue>,
    routes: R,
    names: RouteNames,
    in_flight: AtomicU32,
    tally: Tally,
}

impl<R: Endpoint<Output = Response>> Endpoint for Edge<R> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let started = Instant::now();
        let id = request_id(request.headers());
        let span = tracing::info_span!(
            "request",
            request_id = %id,
            method = %request.method(),
            path = request.uri().path(),
        );
        let method = method_label(request.method());

        let (mut response, pattern) = self.answer(request).instrument(span.clone()).await;
        self.finish(&mut response, id);

        let status = response.status().as_u16();
        let took = started.elapsed();
        let kind = Kind {
            pattern: pattern.map(|PathPattern(pattern)| pattern),
            method,
            status,
        };
        self.tally.count(&self.names, kind, took);
        let ms = took.as_secs_f64() * 1e3;
        // Every request has its metrics, and the load balancer its log; a line each costs sales.
        if status < 500 {
            span.in_scope(|| tracing::debug!(status, ms, "answered"));
        } else {
            span.in_scope(|| tracing::warn!(status, ms, "answered"));
        }
        Ok(response)
    }
}

impl<R: Endpoint<Output = Response>> Edge<R> {
    /// The answer, and the pattern of the route that gave it.
    async fn answer(&self, mut request: Request) -> (Response, Option<PathPattern>) {
        // A probe that is shed would have the instance restarted for being busy.
        let is_probe = request.uri().path().starts_with("/health/");
        let place = self.enter();
        if place.is_none() && !is_probe {
            metrics::counter!(HTTP_SHED).increment(1);
            let problem = Problem::unavailable("Too many requests are in flight.");
            return (problem.into_response(), None);
        }
        if let Err(problem) = idempotency::check_header(request.headers()) {
            return (problem.into_response(), None);
        }
        request.set_data(self.app.clone());
        let routed = AssertUnwindSafe(self.routes.call(request));
        let routed = futures_util::FutureExt::catch_unwind(routed);
        // What writes is detached and runs to its end; only the wait for it is given up.
        let Ok(answered) = timeout(self.app.config.request_timeout(), routed).await else {
            let problem = Problem::unavailable("It took too long; ask again with the same key.");
            return (problem.into_response(), None);
        };
        match answered {
            Ok(Ok(response)) => {
                let pattern = response.data().cloned();
                (response, pattern)
            }
            Ok(Err(err)) => {
                let pattern = err.data().cloned();
                (self.answer_error(err), pattern)
            }
            // The panic hook has logged where.
            Err(_) => (
                Problem::internal("a handler panicked").into_response(),
                None,
            ),
        }
    }

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

    fn enter(&self) -> Option<InFlight<'_>> {
        let before = self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.tally.in_flight.increment(1);
        let place = InFlight {
            count: &self.in_flight,
            tally: &self.tally,
        };
        (before < self.app.config.max_in_flight).then_some(place)
    }

    /// Gives the answer its id and instance, and a problem its body.
    fn finish(&self, response: &mut Response, id: String) {
        if let Some(problem) = response.extensions_mut().remove::<Problem>() {
            response.set_body(problem.document(&id));
            response.headers_mut().insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/problem+json"),
            );
        }
        let headers = response.headers_mut();
        let id = HeaderValue::try_from(id).ok();
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

/// A request in flight, for as long as it lives.
struct InFlight<'a> {
    count: &'a AtomicU32,
    tally: &'a Tally,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
        self.tally.in_flight.decrement(1);
    }
}

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
        .map_or_else(|| Uuid::new_v4().simple().to_string(), ToOwned::to_owned)
}

fn problem_of(err: &poem::Error) -> Problem {
    if let Some(err) = err.downcast_ref::<ParseParamError>() {
        return Problem::invalid(err.name, body::bound(&err.reason));
    }
    if err.is::<AuthorizationError>() {
        return Problem::new(
            Slug::Unauthenticated,
            "Send Authorization: Bearer <access_token>.",
        );
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
