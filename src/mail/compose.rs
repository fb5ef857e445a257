//! A mail as it goes over the wire (RFC 5322).

use lettre::Address;
use lettre::address::AddressError;
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};

use crate::entity::mail;

/// Why a mail cannot be sent to anybody.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// The recipient is no e-mail address.
    #[error("the recipient is no e-mail address: {0}")]
    Recipient(#[from] AddressError),
    /// The library refused.
    #[error("failed to compose the mail: {0}")]
    Message(#[from] lettre::error::Error),
}

/// Composes a mail. Everything in it, down to its `Message-ID`, is the same however often it is sent.
pub fn compose(from: &Mailbox, mail: &mail::Model) -> Result<Message, ComposeError> {
    let to: Address = mail.recipient.parse()?;
    Ok(Message::builder()
        .from(from.clone())
        .to(to.into())
        .subject(&mail.subject)
        .date(mail.created_at.into())
        .message_id(Some(message_id(from, mail)))
        .header(ContentType::TEXT_PLAIN)
        .header(AutoSubmitted)
        .body(mail.body.clone())?)
}

/// So that nobody's holiday answers it (RFC 3834).
#[derive(Debug, Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// Of the mail's number and time, because numbers begin anew with a new database.
fn message_id(from: &Mailbox, mail: &mail::Model) -> String {
    let micros = mail.created_at.timestamp_micros();
    format!("<{micros}.{}@{}>", mail.id, from.email.domain())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::mail::MailStatus;
    use chrono::DateTime;

    fn composed(to: &str, subject: &str, body: &str) -> Result<String, ComposeError> {
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let mail = mail::Model {
            id: 17,
            recipient: to.into(),
            subject: subject.into(),
            body: body.into(),
            status: MailStatus::Waiting,
            created_at: now,
            due_at: now,
            attempts: 1,
            ended_at: None,
            error: None,
        };
        let from = "Holdfast <tickets@example.com>".parse().unwrap();
        let message = compose(&from, &mail)?;
        Ok(String::from_utf8(message.formatted()).unwrap())
    }

    #[test]
    fn it_has_the_headers_that_mails_have() {
        let text = composed("ada@example.com", "Your seats", "Row B, seat 7.").unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        for line in [
            "From: Holdfast <tickets@example.com>",
            "To: ada@example.com",
            "Subject: Your seats",
            "Date: Wed, 18 Nov 2026 11:06:40 +0000",
            "Message-ID: <1795000000000000.17@example.com>",
            "Content-Type: text/plain; charset=utf-8",
            "Auto-Submitted: auto-generated",
        ] {
            assert!(head.lines().any(|it| it == line), "{line} is not in {head}");
        }
        assert_eq!(body.trim_end(), "Row B, seat 7.");
        assert_eq!(
            composed("ada@example.com", "Your seats", "Row B, seat 7.").unwrap(),
            text
        );
    }

    #[test]
    fn nothing_that_is_typed_becomes_a_header() {
        let injection = "x\r\nBcc: victim@example.com\r\n\r\nbody";
        assert!(composed(injection, "s", "b").is_err());
        for to in [
            "ada@example.com, bob@example.com",
            "Ada <ada@example.com>",
            "ada",
            "",
        ] {
            assert!(composed(to, "s", "b").is_err(), "{to}");
        }
        for subject in [injection, "x\nBcc: y", "x\rBcc: y", "é\r\nBcc: y"] {
            let text = composed("ada@example.com", subject, "the body").unwrap();
            let (head, _) = text.split_once("\r\n\r\n").unwrap();
            assert!(
                head.lines().all(|line| !line.starts_with("Bcc"))
                    && head.contains("Auto-Submitted"),
                "{head}"
            );
        }
    }
}
