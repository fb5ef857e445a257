//! The server: what answers on which address, what runs in the background, and how it all ends.

mod background;
mod connections;
mod edge;
mod idle;
mod names;
mod rush;
mod tally;

use hyper::body::Incoming;
use hyper::{Request, Response};
use metrics_exporter_prometheus::PrometheusHandle;
use poem::endpoint::{BoxEndpoint, make_sync};
use poem::web::{Html, Redirect};
use poem::{Endpoint, EndpointExt, IntoEndpoint, PathPattern, Route, get};
use poem_openapi::OpenApiService;
use std::future::Future;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use self::connections::{AnswerBody, Peer, Service, answer_by};
use self::edge::Edge;
use self::names::RouteNames;
use self::rush::Rush;
use crate::health::HealthApi;
use crate::openapi;
use crate::reservations::BoxOffice;
use crate::state::App;
use crate::telemetry::{self, OkOrLog};

/// Where the server listens.
pub struct Listeners {
    /// For everybody.
    pub api: TcpListener,
    /// For operators: metrics and probes.
    pub metrics: TcpListener,
}

/// Serves until `shutdown` resolves, then finishes what is in flight within the bound that the
/// settings give.
///
/// Readiness turns false first, and can be watched on the metrics listener to the end. `committing` is
/// the runtime of the committer.
pub async fn run(
    app: App,
    metrics: PrometheusHandle,
    listeners: Listeners,
    committing: &Handle,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let stop = CancellationToken::new();
    let office = BoxOffice::open(&app, committing);
    let background = background::start(&office, &metrics, &stop);
    let drain = Duration::from_secs(app.config.drain_secs.into());

    let operators = tokio::spawn(connections::serve(
        listeners.metrics,
        Operators(operator_routes(&app, metrics)),
        stop.clone().cancelled_owned(),
        Duration::from_secs(1),
    ));
    let draining = app.clone();
    let shutdown = async move {
        shutdown.await;
        tracing::info!("shutting down: finishing what is in flight");
        draining.start_draining();
        ::metrics::gauge!(telemetry::DRAINING).set(1.0);
    };
    connections::serve(listeners.api, public(&app, &office), shutdown, drain).await;

    finish(&app, drain).await;
    stop.cancel();
    background.await;
    operators.await.ok_or_log("serving operators");
}

/// What the public may call.
pub fn public(app: &App, office: &BoxOffice) -> Public {
    let service = openapi::service(app, office);
    let document = openapi::document(&service);
    let page = openapi::swagger_ui(&service, &document);
    let names = RouteNames::new(&document);
    let document = document.to_string();
    let pages = Route::new()
        .at("/", get(make_sync(|_| Redirect::see_other("/docs"))))
        .at("/docs", get(make_sync(move |_| Html(page.clone()))))
        .at(
            "/openapi.json",
            get(make_sync(move |_| {
                poem::Response::builder()
                    .content_type("application/json")
                    .body(document.clone())
            })),
        );
    let calls = service.into_endpoint();
    Public {
        rush: Rush::new(office),
        others: Edge::new(app, Routes { pages, calls }, names),
    }
}

/// What the public is answered with.
pub struct Public {
    rush: Rush,
    others: Edge<Routes>,
}

impl Service for Public {
    async fn answer(&self, request: Request<Incoming>, peer: Peer) -> Response<AnswerBody> {
        if Rush::takes(&request) {
            let ip = peer.remote.ip();
            return self.rush.answer(&self.others, ip, request).await;
        }
        // On the heap, so that the rush need not carry so much around.
        Box::pin(answer_by(&self.others, request, peer)).await
    }
}

/// The calls, each below a prefix, and the pages. Nested in one another's routes, every call would be
/// routed twice.
struct Routes {
    pages: Route,
    calls: BoxEndpoint<'static>,
}

impl Endpoint for Routes {
    type Output = poem::Response;

    async fn call(&self, request: poem::Request) -> poem::Result<poem::Response> {
        let Some(prefix) = prefix_of_calls(request.uri().path()) else {
            return self.pages.call(request).await;
        };
        self.calls.call(request).await.map_err(|mut err| {
            if err.data::<PathPattern>().is_none() {
                err.set_data(PathPattern(prefix.into()));
            }
            err
        })
    }
}

/// The prefix of a path below which there are calls only.
fn prefix_of_calls(path: &str) -> Option<&'static str> {
    let is_below = |prefix: &&str| {
        let rest = path.strip_prefix(*prefix);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    ["/api", "/health"].into_iter().find(is_below)
}

/// What operators are answered with.
struct Operators<E>(E);

impl<E: Endpoint + 'static> Service for Operators<E> {
    async fn answer(&self, request: Request<Incoming>, peer: Peer) -> Response<AnswerBody> {
        answer_by(&self.0, request, peer).await
    }
}

fn operator_routes(app: &App, metrics: PrometheusHandle) -> impl Endpoint + use<> {
    let probes = OpenApiService::new(HealthApi { app: app.clone() }, "Holdfast probes", "1");
    let routes = Route::new()
        .at(
            "/metrics",
            make_sync(move |_| {
                poem::Response::builder()
                    .content_type("text/plain; version=0.0.4; charset=utf-8")
                    .body(metrics.render())
            }),
        )
        .nest_no_strip("/", probes);
    // Operators get bare statuses.
    routes.catch_all_error(|err: poem::Error| async move { err.status() })
}

async fn finish(app: &App, within: Duration) {
    if tokio::time::timeout(within, app.finish_tasks())
        .await
        .is_err()
    {
        tracing::warn!("gave up waiting for what was in flight");
    }
    app.coordinator.drain(Duration::from_secs(2)).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::config::Cli;
    use clap::Parser;
    use poem::http::Method;

    #[tokio::test]
    async fn pages_and_calls_do_not_hide_each_other() {
        let config = Cli::try_parse_from(["holdfast"]).unwrap().config;
        let app = App::disconnected(config, Clock::default());
        let routes = public(&app, &BoxOffice::closed(&app)).others;
        for (method, path, status) in [
            (Method::GET, "/", 303),
            (Method::GET, "/docs", 200),
            (Method::GET, "/openapi.json", 200),
            (Method::GET, "/health/live", 200),
            (Method::GET, "/api/me", 401),
            (Method::POST, "/docs", 405),
            (Method::POST, "/api/me", 405),
            (Method::GET, "/api/nowhere", 404),
            (Method::GET, "/nowhere", 404),
        ] {
            let request = poem::Request::builder()
                .method(method)
                .uri_str(path)
                .finish();
            let response = routes.get_response(request).await;
            assert_eq!(response.status().as_u16(), status, "{path}");
        }
    }
}
