//! How mails leave.

use clap::Args;
use lettre::message::Mailbox;
use lettre::{AsyncSmtpTransport, Tokio1Executor};

/// How mails leave.
#[derive(Debug, Clone, Args)]
pub struct MailSettings {
    /// The mail server: `smtp://user:password@host:port`, with `?tls=required` for STARTTLS, or `smtps://`; absent: mails are written as .eml files into `mail` in the data directory.
    #[arg(long, env = "HOLDFAST_SMTP_URL", value_parser = smtp_url, value_name = "URL", hide_env_values = true, global = true)]
    pub smtp_url: Option<String>,

    /// Who mails are from, as in `Holdfast <tickets@example.com>`; required with --smtp-url.
    #[arg(long, env = "HOLDFAST_MAIL_FROM", value_parser = mailbox, value_name = "MAILBOX", global = true)]
    pub mail_from: Option<Mailbox>,
}

fn smtp_url(text: &str) -> Result<String, &'static str> {
    match AsyncSmtpTransport::<Tokio1Executor>::from_url(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(
            "expected smtp://host:port or smtps://host:port, with user:password@ before the host",
        ),
    }
}

fn mailbox(text: &str) -> Result<Mailbox, &'static str> {
    text.parse()
        .map_err(|_| "expected an e-mail address, as in Holdfast <tickets@example.com>")
}
