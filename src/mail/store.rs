//! Every query about mails.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, LockBehavior, LockType};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseTransaction, DbErr, EntityTrait,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};

use super::Mail;
use crate::db::{self, Db};
use crate::entity::mail::{ActiveModel, Column, Entity, MailStatus, Model, is_waiting};
use crate::state::App;

pub async fn insert(tx: &DatabaseTransaction, now: DateTime<Utc>, mail: Mail) -> Result<(), DbErr> {
    let mail = ActiveModel {
        recipient: Set(mail.to),
        subject: Set(one_line(&mail.subject)),
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

/// A line break would begin another header. Longer than its column, it would undo what it tells of.
fn one_line(subject: &str) -> String {
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    subject.chars().map(visible).take(LONGEST_SUBJECT).collect()
}

const LONGEST_SUBJECT: usize = 300;
const LONGEST_ERROR: usize = 500;

/// Takes mails that are due for as long as the lease is; nobody else is given them until then. Their
/// attempts tell whose turn it is (see [`end`]).
pub async fn claim(app: &App, most: u64, lease: TimeDelta) -> Result<Vec<Model>, DbErr> {
    let due = |now: Expr| {
        Entity::find()
            .filter(is_waiting())
            .filter(Expr::col(Column::DueAt).lte(now))
    };
    // Mostly there is nothing to do, which takes no transaction to see.
    let waiting = due(app.db.now()).limit(1).count(app.db.reader()).await?;
    if waiting == 0 {
        return Ok(Vec::new());
    }
    let db = app.db.clone();
    app.detached(async move {
        let tx = db.begin().await?;
        let now = db::read_time(&tx).await?;
        let mut mails = due(Expr::val(now))
            .order_by_asc(Column::DueAt)
            .order_by_asc(Column::Id)
            .limit(most)
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
            .all(&tx)
            .await?;
        Entity::update_many()
            .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
            .col_expr(Column::DueAt, Expr::val(now + lease))
            .filter(Column::Id.is_in(mails.iter().map(|mail| mail.id)))
            .exec(&tx)
            .await?;
        tx.commit().await?;
        for mail in &mut mails {
            mail.attempts += 1;
        }
        Ok(mails)
    })
    .await
}

/// How the turn of a mail ended.
#[derive(Debug, Clone)]
pub enum Ended {
    Sent,
    PutOff { by: TimeDelta, error: String },
    GivenUp { error: String },
}

/// Notes how a turn ended; false where the mail has been given to somebody else meanwhile.
pub async fn end(app: &App, mail: &Model, ended: Ended) -> Result<bool, DbErr> {
    let db = app.db.clone();
    let turn = Column::Id
        .eq(mail.id)
        .and(Column::Attempts.eq(mail.attempts))
        .and(is_waiting());
    app.detached(async move {
        let tx = db.begin().await?;
        let now = db::read_time(&tx).await?;
        let finally = |status: MailStatus, error: Option<String>| {
            let fields = ActiveModel {
                status: Set(status),
                ended_at: Set(Some(now)),
                error: Set(error),
                ..Default::default()
            };
            Entity::update_many().set(fields)
        };
        let update = match ended {
            Ended::Sent => finally(MailStatus::Sent, None),
            Ended::GivenUp { error } => finally(MailStatus::Failed, Some(cut(&error))),
            Ended::PutOff { by, error } => Entity::update_many().set(ActiveModel {
                due_at: Set(now + by),
                error: Set(Some(cut(&error))),
                ..Default::default()
            }),
        };
        let done = update.filter(turn).exec(&tx).await?;
        tx.commit().await?;
        Ok(done.rows_affected == 1)
    })
    .await
}

fn cut(error: &str) -> String {
    error.chars().take(LONGEST_ERROR).collect()
}

/// Removes mails that ended so many days ago.
pub async fn delete_ended(app: &App, days: i64) -> Result<u64, DbErr> {
    let db = app.db.clone();
    app.detached(async move {
        let tx = db.begin().await?;
        let limit = db::read_time(&tx).await? - TimeDelta::days(days);
        let done = Entity::delete_many()
            .filter(Column::EndedAt.lt(limit))
            .exec(&tx)
            .await?;
        tx.commit().await?;
        Ok(done.rows_affected)
    })
    .await
}

/// How many mails wait, and for how long the oldest of them has.
pub async fn waiting(db: &Db) -> Result<(u64, TimeDelta), DbErr> {
    let waiting = || Entity::find().filter(is_waiting());
    let count = waiting().count(db.reader()).await?;
    let oldest = waiting()
        .order_by_asc(Column::CreatedAt)
        .one(db.reader())
        .await?;
    let Some(oldest) = oldest else {
        return Ok((count, TimeDelta::zero()));
    };
    Ok((count, db.read_time().await? - oldest.created_at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_one_line_that_fits() {
        assert_eq!(
            one_line("Sold\r\nBcc: x@example.com\t\u{7f}"),
            "Sold  Bcc: x@example.com  "
        );
        assert_eq!(one_line(&"é".repeat(400)).chars().count(), 300);
    }
}
