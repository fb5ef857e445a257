//! What is counted of requests.

use metrics::{Counter, Gauge, Histogram};
use poem::http::Method;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use super::names::RouteNames;
use crate::telemetry::{HTTP_DURATION, HTTP_IN_FLIGHT, HTTP_REQUESTS, Kept};

/// The metrics of requests and their answers.
pub struct Tally {
    /// Requests being worked on.
    pub in_flight: LazyLock<Gauge>,
    kept: Kept<Kind, (Histogram, Counter)>,
}

/// By what answers are told apart. Of each there are few values, whatever clients make up.
#[derive(PartialEq, Eq, Hash)]
pub struct Kind {
    /// The router's pattern; none of what never came to a route.
    pub pattern: Option<Arc<str>>,
    pub method: &'static str,
    pub status: u16,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            in_flight: LazyLock::new(|| metrics::gauge!(HTTP_IN_FLIGHT)),
            kept: Kept::default(),
        }
    }
}

impl Tally {
    /// Counts an answer, and what it took.
    pub fn count(&self, names: &RouteNames, answer: Kind, took: Duration) {
        let find = |kind: &Kind| find(names, kind);
        self.kept.tell(answer, find, |(durations, requests)| {
            durations.record(took.as_secs_f64());
            requests.increment(1);
        });
    }
}

fn find(names: &RouteNames, kind: &Kind) -> (Histogram, Counter) {
    let Kind { method, status, .. } = *kind;
    let route = names.label(kind.pattern.as_deref());
    let durations =
        metrics::histogram!(HTTP_DURATION, "route" => route.clone(), "method" => method);
    let requests = metrics::counter!(
        HTTP_REQUESTS,
        "route" => route,
        "method" => method,
        "status" => status.to_string()
    );
    (durations, requests)
}

/// The method as a label of few values, whatever a client makes up.
pub fn method_label(method: &Method) -> &'static str {
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
