//! The designs that Holdfast is compared with, each a small server of its own.
//!
//! Each sells the same numbered seats over the same tables in the same PostgreSQL, through the same
//! HTTP library and the same database driver as Holdfast. `POST /reserve/{seat}` answers 201 or 409.
//! They are *modelled*: nobody's product, but the best small version of a design that is often written
//! about. In their favour: nobody signs in, nothing expires, there is no ledger, no foreign key and no
//! idempotency, one Redis node stands for several, and what a design calls its transaction is one
//! statement wherever one can say it, hence one round trip.

mod bitmap_and_queue;
mod gate_then_row;
mod hello;
mod lock_then_write;
pub mod tables;
mod waiting_lock;

pub use hello::PATH as HELLO_PATH;

use std::{future::Future, net::SocketAddr};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use poem::{
    Endpoint, EndpointExt, IntoEndpoint, Request, Response, Route, Server, endpoint::make,
    http::StatusCode, listener::TcpAcceptor, post,
};
use redis::aio::MultiplexedConnection;
use sea_orm::sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::{
    net::{TcpListener, TcpSocket},
    runtime::Builder,
};

/// What can be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Peer {
    Hello,
    LockThenWrite,
    GateThenRow,
    WaitingLock,
    BitmapAndQueue,
}

/// Serves one peer until it is killed.
#[derive(Debug, Args)]
pub struct PeerArgs {
    name: Peer,
    #[arg(long, value_name = "ADDR:PORT")]
    listen: SocketAddr,
    /// Required by every peer but hello, like the next.
    #[arg(long, default_value = "", value_name = "URL")]
    database_url: String,
    #[arg(long, default_value = "", value_name = "URL")]
    redis_url: String,
    /// Connections to the database.
    #[arg(long, default_value_t = 16)]
    pool: u32,
    /// Threads that serve requests.
    #[arg(long, default_value_t = 1)]
    threads: usize,
}

/// What a peer says to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Sold,
    Taken,
}

/// A way of selling a seat to one of many who want it.
trait Design: Send + Sync + 'static {
    fn reserve(&self, seat: i64) -> impl Future<Output = Result<Answer>> + Send;
}

/// What every design works over.
#[derive(Clone)]
struct Stores {
    database: PgPool,
    /// Shared by all requests, which travel on it together.
    redis: MultiplexedConnection,
}

/// Serves until it is killed, on a runtime of its own.
pub fn serve(args: &PeerArgs) -> Result<()> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(args.threads)
        .enable_all()
        .build()?;
    runtime.block_on(run(args))
}

async fn run(args: &PeerArgs) -> Result<()> {
    match args.name {
        Peer::Hello => listen(args, hello::routes()).await,
        Peer::LockThenWrite => {
            let design = lock_then_write::LockThenWrite::new(Stores::connect(args).await?);
            listen(args, routes(design)).await
        }
        Peer::GateThenRow => {
            let design = gate_then_row::GateThenRow::new(Stores::connect(args).await?).await?;
            listen(args, routes(design)).await
        }
        Peer::WaitingLock => {
            let design = waiting_lock::WaitingLock::new(Stores::connect(args).await?);
            listen(args, routes(design)).await
        }
        Peer::BitmapAndQueue => {
            let design =
                bitmap_and_queue::BitmapAndQueue::new(Stores::connect(args).await?).await?;
            listen(args, routes(design)).await
        }
    }
}

impl Stores {
    async fn connect(args: &PeerArgs) -> Result<Self> {
        let database = PgPoolOptions::new()
            .max_connections(args.pool)
            .min_connections(args.pool)
            .test_before_acquire(false)
            .connect(&args.database_url)
            .await
            .context("failed to connect to --database-url")?;
        let client = redis::Client::open(args.redis_url.as_str())?;
        let redis = client
            .get_multiplexed_async_connection()
            .await
            .context("failed to connect to --redis-url")?;
        Ok(Self { database, redis })
    }
}

async fn listen<E>(args: &PeerArgs, routes: E) -> Result<()>
where
    E: IntoEndpoint,
    E::Endpoint: 'static,
{
    let listener = bind(args.listen).context("invalid value for '--listen'")?;
    println!("listening on {}", args.listen);
    let acceptor = TcpAcceptor::from_tokio(listener)?;
    Server::new_with_acceptor(acceptor).run(routes).await?;
    Ok(())
}

/// With the backlog that Holdfast has: the usual one overflows when hundreds connect at once.
fn bind(address: SocketAddr) -> Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket.listen(4096)?)
}

fn routes<D: Design>(design: D) -> impl Endpoint {
    let design = std::sync::Arc::new(design);
    let reserve = make(move |request: Request| {
        let design = std::sync::Arc::clone(&design);
        async move {
            let seat = request.path_params::<i64>()?;
            // In a task of its own, as Holdfast does: a client that goes away must not cut a sale in two.
            let reserved = tokio::spawn(async move { design.reserve(seat).await }).await;
            Ok::<Response, poem::Error>(answer(seat, reserved.map_err(Into::into).flatten()))
        }
    });
    Route::new().at("/reserve/:seat", post(reserve.boxed()))
}

fn answer(seat: i64, reserved: Result<Answer>) -> Response {
    let (status, state) = match reserved {
        Ok(Answer::Sold) => (StatusCode::CREATED, "sold"),
        Ok(Answer::Taken) => (StatusCode::CONFLICT, "taken"),
        Err(error) => {
            eprintln!("seat {seat}: {error:#}");
            (StatusCode::SERVICE_UNAVAILABLE, "unknown")
        }
    };
    Response::builder()
        .status(status)
        .content_type("application/json")
        .body(format!(r#"{{"seat":{seat},"state":"{state}"}}"#))
}
