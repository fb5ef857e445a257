//! The command line: serve, migrate, admin, openapi, verify.

use anyhow::{Context, Result, bail};
use clap::Parser;
use clap::error::ErrorKind;
use holdfast::clock::Clock;
use holdfast::config::{AdminAction, Cli, Command, Config, LogFormat, Switch};
use holdfast::coordination::{Coordinator, Embedded, Redis, RedisConfig};
use holdfast::db::Db;
use holdfast::reservations::BoxOffice;
use holdfast::server::Listeners;
use holdfast::state::App;
use holdfast::{demo, identity, openapi, schema, secret, server, telemetry, verify};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::thread;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

// The system's allocator was a fifth of an instance's work in a sale.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(err) => return show_usage(&err),
    };
    let outcome = cli
        .config
        .validate()
        .map_err(Into::into)
        .and_then(|()| in_runtime(cli));
    match outcome {
        Ok(code) => code,
        Err(err) => {
            eprintln!("holdfast: {err:#}");
            ExitCode::FAILURE
        }
    }
}

/// Help and version as they are; a wrong setting as one line.
fn show_usage(err: &clap::Error) -> ExitCode {
    if matches!(
        err.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        print!("{err}");
        return ExitCode::SUCCESS;
    }
    let text = err.to_string();
    let line = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage") && !line.starts_with("For more"))
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    eprintln!(
        "holdfast: {}",
        without_passwords(line.trim_start_matches("error: "))
    );
    ExitCode::from(2)
}

/// The text without what stands between `://` and `@` in the URLs it quotes.
fn without_passwords(text: &str) -> String {
    let mut parts = text.split("://");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |shown, part| {
        let end = part.find(['\'', ' ']).unwrap_or(part.len());
        let kept = part[..end].rfind('@').map_or(part, |at| &part[at..]);
        let hidden = if kept.len() < part.len() { "***" } else { "" };
        format!("{shown}://{hidden}{kept}")
    })
}

fn in_runtime(cli: Cli) -> Result<ExitCode> {
    let mut serving = Builder::new_multi_thread();
    if let Some(threads) = cli.config.worker_threads {
        serving.worker_threads(threads.into());
    }
    let serving = build(&mut serving)?;
    if cli.config.commit_thread == Switch::Off {
        return serving.block_on(run(cli, serving.handle()));
    }
    let committing = build(&mut Builder::new_current_thread())?;
    let handle = committing.handle().clone();
    let ended = CancellationToken::new();
    let end = ended.clone().drop_guard();
    let thread = thread::Builder::new()
        .name("committing".to_owned())
        .spawn(move || committing.block_on(ended.cancelled()))
        .context("failed to start a thread")?;
    let outcome = serving.block_on(run(cli, &handle));
    drop(end);
    // Where it panicked, it has said so.
    let _ = thread.join();
    outcome
}

fn build(runtime: &mut Builder) -> Result<Runtime> {
    let runtime = runtime.enable_all().build();
    runtime.context("failed to start the runtime")
}

/// `committing` is the runtime of the committer: its own, or the one that serves.
async fn run(cli: Cli, committing: &Handle) -> Result<ExitCode> {
    let config = cli.config;
    telemetry::install_logs(&config).context("invalid value for '--log'")?;
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => serve(config, committing).await?,
        Command::Migrate => schema::migrate(&connect(&config, committing).await?).await?,
        Command::Admin {
            action: AdminAction::Create,
        } => create_admin(config, committing).await?,
        Command::Openapi => print_openapi(config)?,
        Command::Verify => return run_verify(&config, committing).await,
    }
    Ok(ExitCode::SUCCESS)
}

async fn serve(config: Config, committing: &Handle) -> Result<()> {
    // First of all, so that nothing is measured in vain.
    let metrics = telemetry::install_metrics();
    // Before anything else is touched: a port in use is the commonest mistake.
    let listeners = Listeners {
        api: listen(config.listen, "--listen")?,
        metrics: listen(config.metrics_listen, "--metrics-listen")?,
    };
    let app = start(config, committing).await?;
    telemetry::record_build(app.db.product(), app.config.uses_redis());
    ensure_admin(&app).await?;
    if app.config.wants_demo() {
        demo::create_if_empty(&app).await?;
    }
    // Before serving: tokens that were issued may be good for nothing any more.
    app.access
        .read_changes()
        .await
        .context("failed to read who may still act")?;
    greet(&app);
    server::run(app.clone(), metrics, listeners, committing, terminated()?).await;
    app.db.clone().close().await;
    tracing::info!("stopped");
    Ok(())
}

/// Connects to everything and brings the schema up to date.
async fn start(config: Config, committing: &Handle) -> Result<App> {
    let db = connect(&config, committing).await?;
    schema::migrate(&db).await?;
    let secret = secret::read_or_make(&config)?;
    let coordinator = coordinator(&config, committing).await?;
    Ok(App::new(config, Clock::default(), db, coordinator, secret))
}

async fn connect(config: &Config, committing: &Handle) -> Result<Db> {
    if config.is_sqlite() {
        std::fs::create_dir_all(&config.data_dir).with_context(|| {
            format!(
                "invalid value '{}' for '--data-dir'",
                config.data_dir.display()
            )
        })?;
    }
    Db::connect(config, committing)
        .await
        .context("failed to connect to the database of '--database-url'")
}

async fn coordinator(config: &Config, committing: &Handle) -> Result<Coordinator> {
    if !config.uses_redis() {
        return Ok(Coordinator::Embedded(Embedded::default()));
    }
    let redis = Redis::connect(RedisConfig {
        redis_url: config.redis_url.clone(),
        lock_urls: config.lock_redis_urls.clone(),
        lock_ttl: config.lock_ttl(),
    });
    let redis = committing.spawn(redis).await?;
    let redis = redis.context("invalid value for '--redis-url' or '--lock-redis-urls'")?;
    Ok(Coordinator::Redis(redis))
}

fn listen(address: SocketAddr, setting: &str) -> Result<TcpListener> {
    let bind = || {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    bind().with_context(|| format!("invalid value '{address}' for '{setting}'"))
}

/// Connections that may wait to be accepted. The usual 128 overflow when a sale opens, and the
/// load balancer then takes the instance for dead.
const BACKLOG: u32 = 4096;

async fn ensure_admin(app: &App) -> Result<()> {
    let Some(email) = &app.config.admin_email else {
        return Ok(());
    };
    identity::ensure_admin(app, email, app.config.admin_password.as_deref())
        .await
        .with_context(|| format!("failed to make '{email}' of '--admin-email' an admin"))
}

/// Says where to click, and in a log for machines no more than that it serves.
fn greet(app: &App) {
    let url = format!("http://{}", app.config.listen);
    tracing::info!(instance = %app.instance, %url, database = app.db.product(), "serving");
    if app.config.log_format() == LogFormat::Json {
        return;
    }
    eprintln!("\n  Holdfast is ready.\n\n    API explorer   {url}/docs");
    if app.config.wants_demo() {
        eprintln!(
            "    events         {url}/api/events\n    \
             buyer          {} / {}\n    \
             admin          {}",
            demo::BUYER_EMAIL,
            demo::BUYER_PASSWORD,
            admin_login(&app.config),
        );
    }
    eprintln!();
}

fn admin_login(config: &Config) -> String {
    match &config.admin_email {
        Some(email) => format!("{email} / as in --admin-password"),
        None => format!("{} / {}", demo::ADMIN_EMAIL, demo::ADMIN_PASSWORD),
    }
}

fn terminated() -> Result<impl Future<Output = ()> + Send + 'static> {
    let mut term = signal(SignalKind::terminate()).context("failed to listen for SIGTERM")?;
    let mut int = signal(SignalKind::interrupt()).context("failed to listen for SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    })
}

async fn create_admin(config: Config, committing: &Handle) -> Result<()> {
    if config.admin_email.is_none() {
        bail!("invalid value '' for '--admin-email': required with admin create");
    }
    let app = start(config, committing).await?;
    ensure_admin(&app).await?;
    println!(
        "{} is an admin",
        app.config.admin_email.as_deref().unwrap_or_default()
    );
    Ok(())
}

fn print_openapi(config: Config) -> Result<()> {
    let app = App::disconnected(config, Clock::default());
    let document = openapi::document(&openapi::service(&app, &BoxOffice::closed(&app)));
    println!("{}", serde_json::to_string_pretty(&document)?);
    Ok(())
}

async fn run_verify(config: &Config, committing: &Handle) -> Result<ExitCode> {
    let db = connect(config, committing).await?;
    let violations = verify::find_violations(&db).await?;
    for violation in &violations {
        println!("BROKEN  {}", violation.rule);
        for example in &violation.examples {
            println!("        {example}");
        }
    }
    println!(
        "{} rules checked, {} broken",
        verify::count_checks(),
        violations.len()
    );
    Ok(if violations.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use super::without_passwords;

    #[test]
    fn a_password_is_not_shown() {
        assert_eq!(
            without_passwords(
                "value 'mysql://ada:p@ss@db/x' for '--database-url': postgres://user"
            ),
            "value 'mysql://***@db/x' for '--database-url': postgres://user"
        );
        assert_eq!(without_passwords("no address"), "no address");
    }
}
