//! `POST /api/admin/mail/test`.

use lettre::Address;
use poem_openapi::param::Header;
use poem_openapi::types::Example;
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde::{Deserialize, Serialize};

use super::{Mail, post};
use crate::auth::AdminOnly;
use crate::body::Body;
use crate::idempotency::{Key, commit_once};
use crate::problem::{KEYED, Problem, Problems, Refused, SIGNED_IN_WITH_BODY, Slug};
use crate::state::App;
use crate::tags::Tags;

/// The calls about mails.
pub struct MailApi {
    /// The application.
    pub app: App,
}

/// Whom to send a test mail.
#[derive(Debug, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields, example)]
pub struct TestMail {
    /// An e-mail address.
    #[oai(validator(min_length = "3", max_length = "254"))]
    to: String,
}

/// The mail is on its way.
#[derive(ApiResponse)]
pub enum MailPosted {
    /// It is in the outbox, and is sent within seconds if the mail server takes it.
    #[oai(status = 202)]
    Posted(
        /// Present and `true` when this is the kept answer of an earlier request with the same key.
        #[oai(header = "Idempotency-Replayed")]
        Option<String>,
    ),
}

/// What sending a test mail can be refused for.
pub struct TestMailProblems;

impl Problems for TestMailProblems {
    fn slugs() -> Vec<Slug> {
        [SIGNED_IN_WITH_BODY, &[Slug::Forbidden], KEYED].concat()
    }
}

#[OpenApi(prefix_path = "/api/admin", tag = "Tags::Operations")]
impl MailApi {
    /// Send a test mail
    ///
    /// To see that mails arrive. Whether the mail server took it is in the metrics and the log.
    #[oai(path = "/mail/test", method = "post", operation_id = "send_test_mail")]
    async fn send_test_mail(
        &self,
        admin: AdminOnly,
        /// Makes it safe to ask twice: the same key and body sends one mail.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        body: Body<TestMail>,
    ) -> Result<MailPosted, Refused<TestMailProblems>> {
        let key = Key::read(key.0, admin.0.id, "send_test_mail", &body.0)?;
        let to = body.0.to;
        if to.parse::<Address>().is_err() {
            return Err(Problem::invalid("to", "must be an e-mail address").into());
        }
        let mail = Mail {
            to,
            subject: "A test mail from Holdfast".to_owned(),
            text: format!("Mails arrive.\n\nSent from {}.\n", self.app.instance),
        };
        let posted = commit_once(&self.app, key, move |tx, now| {
            Box::pin(async move { post(tx, now, mail).await })
        })
        .await?;
        Ok(MailPosted::Posted(posted.replayed_header()))
    }
}

impl Example for TestMail {
    fn example() -> Self {
        Self {
            to: "operator@example.com".into(),
        }
    }
}
