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

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use poem::http::uri::Scheme;
use poem::http::{Request, Response};
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use super::idle::IdleStream;

/// How long a connection may be idle: longer than the load balancer keeps one, so that it closes first.
const MOST_IDLE: Duration = Duration::from_secs(75);

/// After an accept that failed: mostly because files are used up, until connections end.
const PAUSE: Duration = Duration::from_millis(50);

/// What answers requests.
pub trait Service: Send + Sync + 'static {
    /// Answers one, which `peer` has sent.
    fn answer(
        &self,
        request: Request<Incoming>,
        peer: Peer,
    ) -> impl Future<Output = Response<AnswerBody>> + Send;
}

/// Who is at the other end of a connection, and where this end is.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    pub remote: SocketAddr,
    local: SocketAddr,
}

/// The body of an answer: bytes, or whatever the HTTP library makes of it.
pub type AnswerBody = Either<Full<Bytes>, BoxBody<Bytes, io::Error>>;

/// Answers with an endpoint of the HTTP library.
pub async fn answer_by(
    endpoint: &impl Endpoint,
    request: Request<Incoming>,
    peer: Peer,
) -> Response<AnswerBody> {
    let local = LocalAddr(Addr::from(peer.local));
    let remote = RemoteAddr(Addr::from(peer.remote));
    let request = (request, local, remote, Scheme::HTTP).into();
    let response: Response<BoxBody<_, _>> = endpoint.get_response(request).await.into();
    response.map(Either::Right)
}

/// Has requests answered until `stop` resolves, then finishes what is in flight, but takes no longer
/// than `within` for it.
pub async fn serve(
    listener: TcpListener,
    service: impl Service,
    stop: impl Future<Output = ()>,
    within: Duration,
) {
    let service = Arc::new(service);
    let connections = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, remote)) => {
                let served = serve_connection(stream, remote, Arc::clone(&service), &connections);
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

fn serve_connection<S: Service>(
    stream: TcpStream,
    remote: SocketAddr,
    service: Arc<S>,
    connections: &GracefulShutdown,
) -> io::Result<impl Future<Output = ()> + Send + use<S>> {
    stream.set_nodelay(true)?;
    let local = stream.local_addr()?;
    let peer = Peer { remote, local };
    let service = service_fn(move |request| {
        let service = Arc::clone(&service);
        async move { Ok::<_, Infallible>(service.answer(request, peer).await) }
    });
    let stream = TokioIo::new(IdleStream::new(stream, MOST_IDLE));
    let connection = http1::Builder::new()
        // Whoever asks may have sent all that it will. Otherwise each request that is waited for costs a
        // read that finds nothing.
        .half_close(true)
        .serve_connection(stream, service);
    let watched = connections.watch(connection);
    Ok(async move {
        if let Err(err) = watched.await {
            tracing::debug!(error = %err, "a connection broke");
        }
    })
}
