//! Serving HTTP/1.1 on connections, until told to stop.
//!
//! The HTTP library has a server of its own, which finds out for each connection which version of HTTP
//! it speaks, and keeps several watches over it: half of what a short answer costs, beside the kernel's
//! part. Load balancers speak HTTP/1.1 to what is behind them, and browsers to what is not encrypted.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use poem::http::Request;
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use super::idle::IdleStream;

/// How long a connection may be idle: longer than the load balancer keeps one, so that it closes first.
const MOST_IDLE: Duration = Duration::from_secs(75);

/// After an accept that failed: mostly because files are used up, until connections end.
const PAUSE: Duration = Duration::from_millis(50);

/// Answers requests with `endpoint` until `stop` resolves, then finishes what is in flight, but takes no
/// longer than `within` for it.
pub async fn serve(
    listener: TcpListener,
    endpoint: impl Endpoint + 'static,
    stop: impl Future<Output = ()>,
    within: Duration,
) {
    let endpoint = Arc::new(endpoint);
    let connections = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, remote)) => {
                let served = serve_connection(stream, remote, Arc::clone(&endpoint), &connections);
                match served {
                    Ok(served) => drop(tokio::spawn(served)),
                    Err(err) => tracing::debug!(error = %err, "a connection was gone at once"),
                }
            }
            Err(err) => {
                tracing::warn!(error = %err, "a connection could not be accepted");
                sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    if timeout(within, connections.shutdown()).await.is_err() {
        tracing::warn!("gave up waiting for connections to end");
    }
}

fn serve_connection<E: Endpoint + 'static>(
    stream: TcpStream,
    remote: SocketAddr,
    endpoint: Arc<E>,
    connections: &GracefulShutdown,
) -> io::Result<impl Future<Output = ()> + Send + use<E>> {
    stream.set_nodelay(true)?;
    let local = LocalAddr(Addr::from(stream.local_addr()?));
    let remote = RemoteAddr(Addr::from(remote));
    let service = service_fn(move |request: Request<Incoming>| {
        let endpoint = Arc::clone(&endpoint);
        let request = (request, local.clone(), remote.clone(), Scheme::HTTP).into();
        async move { Ok::<_, Infallible>(endpoint.get_response(request).await.into()) }
    });
    let stream = TokioIo::new(IdleStream::new(stream, MOST_IDLE));
    let connection = http1::Builder::new().serve_connection(stream, service);
    let watched = connections.watch(connection);
    Ok(async move {
        if let Err(err) = watched.await {
            tracing::debug!(error = %err, "a connection broke");
        }
    })
}
