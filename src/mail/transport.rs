//! Where mails go: to a mail server, or into files where there is none.

use lettre::message::Mailbox;
use lettre::transport::smtp::response::{Category, Severity};
use lettre::transport::smtp::{self, PoolConfig};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::timeout;

use super::compose::compose;
use crate::config::Config;
use crate::entity::mail;

/// The way that mails leave this instance.
#[derive(Debug, Clone)]
pub struct Transport {
    from: Mailbox,
    way: Way,
}

#[derive(Debug, Clone)]
enum Way {
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    Files(PathBuf),
}

/// Why a mail was not sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// It never will be: the mail itself is refused.
    #[error("{0}")]
    ForGood(String),
    /// It may be later.
    #[error("{0}")]
    ForNow(String),
}

/// How long one step of a conversation with a mail server may take.
const STEP_WITHIN: Duration = Duration::from_secs(10);
/// How long the whole conversation may take.
pub const SEND_WITHIN: Duration = Duration::from_secs(30);
/// How long a connection is kept without a mail to send.
const IDLE: Duration = Duration::from_secs(30);

impl Transport {
    /// The way that the settings name, for at most so many mails at once.
    pub fn new(config: &Config, at_once: u32) -> Result<Self, smtp::Error> {
        let nobody = || "Holdfast <holdfast@localhost>".parse();
        let from = config.mail.mail_from.clone();
        let from = from.unwrap_or_else(|| nobody().expect("it is an address"));
        let way = match &config.mail.smtp_url {
            Some(url) => Way::Smtp(smtp_transport(url, at_once)?),
            None => Way::Files(config.data_dir.join("mail")),
        };
        Ok(Self { from, way })
    }

    /// Sends a mail.
    pub async fn send(&self, mail: &mail::Model) -> Result<(), SendError> {
        let message =
            compose(&self.from, mail).map_err(|err| SendError::ForGood(err.to_string()))?;
        match &self.way {
            Way::Smtp(server) => match timeout(SEND_WITHIN, server.send(message)).await {
                Ok(sent) => sent.map(drop).map_err(|err| smtp_error(&err)),
                Err(_) => Err(SendError::ForNow("the mail server takes too long".into())),
            },
            Way::Files(directory) => write(directory.clone(), mail, message).await,
        }
    }
}

fn smtp_transport(
    url: &str,
    at_once: u32,
) -> Result<AsyncSmtpTransport<Tokio1Executor>, smtp::Error> {
    let pool = PoolConfig::new().max_size(at_once).idle_timeout(IDLE);
    let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)?;
    Ok(builder.timeout(Some(STEP_WITHIN)).pool_config(pool).build())
}

/// A 55x is about this mail: its recipient, its size, its content. Whatever else goes wrong is about
/// the server, its load or our login, and may be mended.
fn smtp_error(err: &smtp::Error) -> SendError {
    let text = with_causes(err);
    let is_about_the_mail = err.status().is_some_and(|code| {
        code.severity == Severity::PermanentNegativeCompletion
            && code.category == Category::MailSystem
    });
    if is_about_the_mail {
        SendError::ForGood(text)
    } else {
        SendError::ForNow(text)
    }
}

fn with_causes(err: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(err.source(), |cause| cause.source());
    causes.fold(err.to_string(), |text, cause| {
        let cause = cause.to_string();
        if text.contains(&cause) {
            text
        } else {
            format!("{text}: {cause}")
        }
    })
}

/// Written beside and renamed: a file is there whole or not at all. Its name is the mail's own, in
/// the order in which mails were posted, so that a repeat replaces what it repeats.
async fn write(directory: PathBuf, mail: &mail::Model, message: Message) -> Result<(), SendError> {
    let posted_at = mail.created_at.format("%Y%m%dT%H%M%S%.3fZ");
    let name = format!("{posted_at}-{:010}.eml", mail.id);
    let written =
        tokio::task::spawn_blocking(move || write_now(&directory, &name, &message.formatted()));
    match written.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(err)) => Err(SendError::ForNow(format!(
            "failed to write the mail: {err}"
        ))),
        Err(err) => Err(SendError::ForNow(err.to_string())),
    }
}

fn write_now(directory: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let unfinished = directory.join(format!(".{name}.{}", std::process::id()));
    let mut file = File::create(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, directory.join(name))
}
