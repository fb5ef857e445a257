//! Every query about mails.

use chrono::{DateTime, Utc};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, DatabaseTransaction, DbErr};

use super::Mail;
use crate::entity::mail::{ActiveModel, MailStatus};

pub async fn insert(tx: &DatabaseTransaction, now: DateTime<Utc>, mail: Mail) -> Result<(), DbErr> {
    let mail = ActiveModel {
        recipient: Set(mail.to),
        // A line break would begin another header.
        subject: Set(mail.subject.replace(['\r', '\n'], " ")),
        body: Set(mail.text),
        status: Set(MailStatus::Waiting),
        created_at: Set(now),
        due_at: Set(now),
        attempts: Set(0),
        ..Default::default()
    };
    mail.insert(tx).await?;
    Ok(())
}
