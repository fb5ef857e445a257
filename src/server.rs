//! The server: what answers on which address, what runs in the background, and how it all ends.

mod background;
mod edge;

use metrics_exporter_prometheus::PrometheusHandle;
use poem::endpoint::make_sync;
use poem::listener::TcpAcceptor;
use poem::web::{Html, Redirect};
use poem::{Endpoint, EndpointExt, IntoEndpoint, Response, Route, Server, get};
use poem_openapi::OpenApiService;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::health::HealthApi;
use crate::openapi;
use crate::reservations::BoxOffice;
use crate::state::App;
use crate::telemetry;

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
/// Readiness turns false first, and can be watched on the metrics listener to the end.
pub async fn run(
    app: App,
    metrics: PrometheusHandle,
    listeners: Listeners,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let stop = CancellationToken::new();
    let office = BoxOffice::open(&app);
    let background = background::start(&office, &metrics, &stop);
    let drain = Duration::from_secs(app.config.drain_secs.into());

    let operators = tokio::spawn(server(listeners.metrics)?.run_with_graceful_shutdown(
        operator_routes(&app, metrics),
        stop.clone().cancelled_owned(),
        Some(Duration::from_secs(1)),
    ));
    let draining = app.clone();
    let shutdown = async move {
        shutdown.await;
        tracing::info!("shutting down: finishing what is in flight");
        draining.start_draining();
        ::metrics::gauge!(telemetry::DRAINING).set(1.0);
    };
    let served = server(listeners.api)?
        .run_with_graceful_shutdown(public_routes(&app, &office), shutdown, Some(drain))
        .await;

    finish(&app, drain).await;
    stop.cancel();
    background.await;
    if let Ok(Err(err)) = operators.await {
        tracing::warn!(error = %err, "the metrics listener failed");
    }
    served
}

/// What the public may call.
pub fn public_routes(app: &App, office: &BoxOffice) -> impl Endpoint + use<> {
    let service = openapi::service(app, office);
    let document = openapi::document(&service);
    let page = openapi::swagger_ui(&service, &document);
    let names = edge::RouteNames::new(&document);
    let document = document.to_string();
    let calls = Arc::new(service.into_endpoint());
    let routes = Route::new()
        .at("/", get(make_sync(|_| Redirect::see_other("/docs"))))
        .at("/docs", get(make_sync(move |_| Html(page.clone()))))
        .at(
            "/openapi.json",
            get(make_sync(move |_| {
                Response::builder()
                    .content_type("application/json")
                    .body(document.clone())
            })),
        )
        // Each below its own prefix: nested at "/" they would hide what is there.
        .nest_no_strip("/api", calls.clone())
        .nest_no_strip("/health", calls);
    edge::guard(app, routes, names)
}

fn operator_routes(app: &App, metrics: PrometheusHandle) -> impl Endpoint + use<> {
    let probes = OpenApiService::new(HealthApi { app: app.clone() }, "Holdfast probes", "1");
    let routes = Route::new()
        .at(
            "/metrics",
            make_sync(move |_| {
                Response::builder()
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

fn server(listener: TcpListener) -> io::Result<Server<std::convert::Infallible, TcpAcceptor>> {
    let acceptor = TcpAcceptor::from_tokio(listener)?;
    // Longer than the load balancer keeps an idle connection, so that it closes first.
    let idle = Duration::from_secs(75);
    Ok(Server::new_with_acceptor(acceptor).idle_timeout(idle))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::config::Cli;
    use clap::Parser;
    use poem::Request;
    use poem::http::Method;

    #[tokio::test]
    async fn pages_and_calls_do_not_hide_each_other() {
        let config = Cli::try_parse_from(["holdfast"]).unwrap().config;
        let app = App::disconnected(config, Clock::default());
        let routes = public_routes(&app, &BoxOffice::closed(&app));
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
            let request = Request::builder().method(method).uri_str(path).finish();
            let response = routes.get_response(request).await;
            assert_eq!(response.status().as_u16(), status, "{path}");
        }
    }
}
