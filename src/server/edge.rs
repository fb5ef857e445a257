//! The edge: what happens to every request before a slice sees it and to every answer after.
//!
//! ```text
//!   request ──> id ──> too many in flight? ──> key readable? ──> route ──> handler
//!   answer  <── id, instance <── counted, logged <── problem document <── error or panic
//! ```

use poem::endpoint::BoxEndpoint;
use poem::error::{MethodNotAllowedError, NotFoundError};
use poem::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, EndpointExt, IntoResponse, PathPattern, Request, Response, Result, Route};
use poem_openapi::error::{AuthorizationError, ParseParamError, ParsePathError};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;
use tokio::time::timeout;
use tracing::Instrument;
use uuid::Uuid;

use crate::body;
use crate::idempotency;
use crate::problem::{Problem, Slug};
use crate::state::App;
use crate::telemetry::{HTTP_DURATION, HTTP_IN_FLIGHT, HTTP_REQUESTS, HTTP_SHED};

/// Puts the edge around some routes.
pub fn guard(app: &App, routes: Route, names: RouteNames) -> impl Endpoint + use<> {
    Edge {
        app: app.clone(),
        routes: routes.data(app.clone()).map_to_response().boxed(),
        names,
        in_flight: AtomicU32::new(0),
    }
}

struct Edge {
    app: App,
    routes: BoxEndpoint<'static>,
    names: RouteNames,
    in_flight: AtomicU32,
}

impl Endpoint for Edge {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let started = Instant::now();
        let id = request_id(request.headers());
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let span = tracing::info_span!("request", request_id = %id, method = %method, path);

        let (mut response, route) = self.answer(request).instrument(span.clone()).await;
        self.finish(&mut response, &id);

        let status = response.status().as_u16();
        let took = started.elapsed();
        record(&method, route, status, took.as_secs_f64());
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

impl Edge {
    /// The answer, and the pattern of the route that gave it.
    async fn answer(&self, request: Request) -> (Response, String) {
        // A probe that is shed would have the instance restarted for being busy.
        let is_probe = request.uri().path().starts_with("/health/");
        let place = self.enter();
        if place.is_none() && !is_probe {
            metrics::counter!(HTTP_SHED).increment(1);
            let problem = Problem::unavailable("Too many requests are in flight.");
            return (problem.into_response(), UNROUTED.to_owned());
        }
        if let Err(problem) = idempotency::check_header(request.headers()) {
            return (problem.into_response(), UNROUTED.to_owned());
        }
        let routed = AssertUnwindSafe(self.routes.call(request));
        let routed = futures_util::FutureExt::catch_unwind(routed);
        // What writes is detached and runs to its end; only the wait for it is given up.
        let Ok(answered) = timeout(self.app.config.request_timeout(), routed).await else {
            let problem = Problem::unavailable("It took too long; ask again with the same key.");
            return (problem.into_response(), UNROUTED.to_owned());
        };
        match answered {
            Ok(Ok(response)) => {
                let route = self.names.label(response.data());
                (response, route)
            }
            Ok(Err(err)) => {
                let route = self.names.label(err.data());
                (self.answer_error(err), route)
            }
            // The panic hook has logged where.
            Err(_) => (
                Problem::internal("a handler panicked").into_response(),
                UNROUTED.to_owned(),
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
        let place = InFlight(&self.in_flight);
        metrics::gauge!(HTTP_IN_FLIGHT).increment(1);
        (before < self.app.config.max_in_flight).then_some(place)
    }

    /// Gives the answer its id and instance, and a problem its body.
    fn finish(&self, response: &mut Response, id: &str) {
        if let Some(problem) = response.extensions_mut().remove::<Problem>() {
            response.set_body(problem.document(id));
            response.headers_mut().insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/problem+json"),
            );
        }
        let headers = response.headers_mut();
        for (name, value) in [(REQUEST_ID, id), (SERVED_BY, &self.app.instance)] {
            if let Ok(value) = HeaderValue::from_str(value) {
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
struct InFlight<'a>(&'a AtomicU32);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
        metrics::gauge!(HTTP_IN_FLIGHT).decrement(1);
    }
}

/// The routes as the OpenAPI document names them. `poem_openapi` numbers path parameters, so that
/// `/api/events/{event_id}` is `/api/events/:param0` to the router.
pub struct RouteNames {
    by_pattern: HashMap<String, RouteName>,
}

#[derive(Debug, Clone)]
struct RouteName {
    path: String,
    parameters: Vec<String>,
    methods: String,
}

impl RouteNames {
    /// Of an OpenAPI document.
    pub fn new(document: &Value) -> Self {
        let paths = document["paths"].as_object().into_iter().flatten();
        let operations = paths.filter_map(|(path, of)| Some((path, of.as_object()?)));
        Self {
            by_pattern: operations
                .map(|(path, operations)| route_name(path, operations))
                .collect(),
        }
    }

    /// As a metric label: never a path as it was asked for, of which there is no end.
    fn label(&self, pattern: Option<&PathPattern>) -> String {
        match pattern.map(|pattern| pattern.0.as_ref()) {
            Some(pattern) => self
                .by_pattern
                .get(pattern)
                .map_or_else(|| pattern.to_owned(), |name| name.path.clone()),
            None => UNROUTED.to_owned(),
        }
    }

    /// The methods that a route takes, as in the header `Allow`.
    fn methods(&self, pattern: Option<&PathPattern>) -> &str {
        pattern
            .and_then(|pattern| self.by_pattern.get(pattern.0.as_ref()))
            // The pages are not in the document, and are read only.
            .map_or("GET, HEAD", |name| &name.methods)
    }

    /// The name of a path parameter that the router calls `param<n>`.
    fn parameter(&self, pattern: Option<&PathPattern>, numbered: &str) -> String {
        let number = numbered
            .strip_prefix("param")
            .and_then(|n| n.parse::<usize>().ok());
        pattern
            .and_then(|pattern| self.by_pattern.get(pattern.0.as_ref()))
            .zip(number)
            .and_then(|(name, number)| name.parameters.get(number).cloned())
            .unwrap_or_else(|| numbered.to_owned())
    }
}

fn route_name(path: &str, operations: &Map<String, Value>) -> (String, RouteName) {
    let mut parameters = Vec::new();
    let segments: Vec<_> = path
        .split('/')
        .map(|segment| {
            match segment
                .strip_prefix('{')
                .and_then(|name| name.strip_suffix('}'))
            {
                Some(name) => {
                    parameters.push(name.to_owned());
                    format!(":param{}", parameters.len() - 1)
                }
                None => segment.to_owned(),
            }
        })
        .collect();
    let mut methods: Vec<_> = operations.keys().map(|name| name.to_uppercase()).collect();
    // The router answers HEAD as it answers GET.
    if operations.contains_key("get") {
        methods.push("HEAD".to_owned());
    }
    let name = RouteName {
        path: path.to_owned(),
        parameters,
        methods: methods.join(", "),
    };
    (segments.join("/"), name)
}

/// The label of what was answered before it came to a route.
const UNROUTED: &str = "none";

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

fn record(method: &Method, route: String, status: u16, took_secs: f64) {
    let method = method_label(method);
    metrics::histogram!(HTTP_DURATION, "route" => route.clone(), "method" => method)
        .record(took_secs);
    metrics::counter!(
        HTTP_REQUESTS,
        "route" => route,
        "method" => method,
        "status" => status.to_string()
    )
    .increment(1);
}

/// The method as a label of few values, whatever a client makes up.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_route_is_named_as_in_the_document() {
        let path = "/api/tickets/{ticket_id}/reserve";
        let names = RouteNames::new(&json!({ "paths": { path: { "post": {} } } }));
        let pattern = PathPattern("/api/tickets/:param0/reserve".into());
        assert_eq!(names.label(Some(&pattern)), path);
        assert_eq!(names.parameter(Some(&pattern), "param0"), "ticket_id");
        assert_eq!(names.label(None), "none");
    }

    #[test]
    fn a_route_tells_which_methods_it_takes() {
        let names = RouteNames::new(&json!({ "paths": {
            "/api/venues": { "get": {}, "post": {} },
            "/api/auth/login": { "post": {} },
        } }));
        for (pattern, methods) in [
            ("/api/venues", "GET, POST, HEAD"),
            ("/api/auth/login", "POST"),
            ("/docs", "GET, HEAD"),
        ] {
            assert_eq!(names.methods(Some(&PathPattern(pattern.into()))), methods);
        }
    }

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
