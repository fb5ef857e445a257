//! Applications: free places of a zone that one applies for, and that an organiser grants.
//!
//! ```text
//!   application   pending ──grant───> granted      its places: available ──grant──> sold
//!                   ├───reject──────> rejected     a confirmed reservation over nothing
//!                   └───withdraw────> withdrawn
//! ```
//!
//! A zone is given away *by application* when it is made so; its places can then be had in no other
//! way. An application is granted all or nothing, by the committer, in one transaction with its
//! reservation, the transitions of its tickets and the mail that tells of it ([`grant`]). Whoever
//! grants places of a zone has locked its row, so that the places are given out one after another
//! by what the database says. A person has one active application to an event, by a unique index.

pub mod admin;
pub mod api;
mod drafts;
mod grant;
mod letters;
mod problems;
mod store;
mod views;

use chrono::{DateTime, Utc};
use sea_orm::{DatabaseTransaction, DbErr};
use std::collections::BTreeMap;

use crate::catalog;
use crate::db;
use crate::entity::application::{self, ApplicationStatus};
use crate::entity::application_form;
use crate::entity::event::{self, EventStatus};
use crate::ids::{ApplicationId, EventId, UserId, ZoneId};
use crate::mail;
use crate::precondition::{Expected, VersionMismatch};
use crate::texts;
use views::{Application, ApplicationForm, Decision, Decisions, GivenAnswer, Outcome, Question};

/// Why an application or a form was not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum ApplicationError {
    /// There is none, or it is somebody else's.
    #[error("there is no such {0}")]
    NoSuch(&'static str),
    /// The event takes no applications now.
    #[error("no applications are taken")]
    Closed { opens_at: Option<DateTime<Utc>> },
    /// The zone is on sale like others.
    #[error("the zone is not given away by application")]
    NotByApplication,
    /// An answer is missing, too long, or was not asked for.
    #[error("answers.{key}: {message}")]
    Answer { key: String, message: String },
    /// The applicant would have more tickets of the event than one customer may.
    #[error("{already} tickets and the wanted ones are more than {limit}")]
    LimitExceeded { limit: u32, already: u32 },
    /// The applicant has an application that is pending or granted.
    #[error("there is an active application already")]
    AlreadyApplied,
    /// It is not pending any more.
    #[error("the application was decided on")]
    NotPending(ApplicationStatus),
    /// It has moved on.
    #[error(transparent)]
    Version(#[from] VersionMismatch),
    /// What is stored cannot be read, or the other way round.
    #[error(transparent)]
    Stored(#[from] serde_json::Error),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbErr),
}

/// What an event is to ask, and when.
#[derive(Debug, Clone)]
pub struct NewForm {
    /// With distinct keys.
    pub questions: Vec<Question>,
    pub opens_at: Option<DateTime<Utc>>,
    pub closes_at: Option<DateTime<Utc>>,
}

/// What somebody applies for.
#[derive(Debug, Clone)]
pub struct NewApplication {
    pub zone: ZoneId,
    pub quantity: u32,
    /// By the key of the question.
    pub answers: BTreeMap<String, String>,
}

/// Replaces what an event asks of those who apply. Who has applied keeps what was asked then.
pub async fn change_form(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    id: EventId,
    expected: Expected,
    new: NewForm,
) -> Result<ApplicationForm, ApplicationError> {
    // Its row is what two who make the first form at once wait for each other at.
    let event = catalog::store::event_for_update(tx, id).await?;
    let event = event.ok_or(ApplicationError::NoSuch("event"))?;
    let known = store::form(tx, id).await?;
    let version = known.as_ref().map_or(0, |form| form.version);
    expected.check(version)?;
    let form = application_form::Model {
        event_id: id.0,
        questions: serde_json::to_string(&new.questions)?,
        opens_at: new.opens_at,
        closes_at: new.closes_at,
        version: version + 1,
    };
    match known {
        Some(_) => store::update_form(tx, form.clone()).await?,
        None => store::insert_form(tx, form.clone()).await?,
    }
    Ok(ApplicationForm::new(&event, Some(form), now)?)
}

/// Applies for places. It is not looked at whether there are as many: the organiser decides.
pub async fn apply(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    applicant: UserId,
    event: EventId,
    new: NewApplication,
) -> Result<Application, ApplicationError> {
    let event = store::event_that_stays(tx, event).await?;
    let event = event.ok_or(ApplicationError::NoSuch("event"))?;
    let form = store::form(tx, EventId(event.id)).await?;
    let form = open_form(&event, form.as_ref(), now)?;
    let zone = store::zone(tx, EventId(event.id), new.zone).await?;
    let zone = zone.ok_or(ApplicationError::NoSuch("zone"))?;
    if !zone.by_application {
        return Err(ApplicationError::NotByApplication);
    }
    let questions: Vec<Question> = serde_json::from_str(&form.questions)?;
    let answers = check_answers(&questions, new.answers)?;
    check_limit(tx, applicant, &event, new.quantity).await?;
    let who = store::person(tx, applicant).await?;
    let (name, email) = who.ok_or(ApplicationError::NoSuch("account"))?;
    let id = ApplicationId::random();
    let application = application::Model {
        id: id.0,
        user_id: applicant.0,
        event_id: event.id,
        zone_id: zone.id,
        quantity: i32::try_from(new.quantity).unwrap_or(i32::MAX),
        answers: serde_json::to_string(&answers)?,
        search: texts::fold(&format!("{name} {email}")),
        status: ApplicationStatus::Pending,
        reservation_id: None,
        reason: None,
        created_at: now,
        ended_at: None,
        decided_by: None,
        version: 1,
    };
    match store::insert(tx, application).await {
        Err(err) if db::is_duplicate(&err) => Err(ApplicationError::AlreadyApplied),
        inserted => {
            inserted?;
            read(tx, id).await
        }
    }
}

/// Withdraws an application that nobody has decided on. Doing it again changes nothing.
pub async fn withdraw(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    applicant: UserId,
    id: ApplicationId,
    expected: Expected,
) -> Result<Application, ApplicationError> {
    let found = store::applications_for_update(tx, &[id]).await?.pop();
    let found = found.filter(|application| application.user_id == applicant.0);
    let found = found.ok_or(ApplicationError::NoSuch("application"))?;
    match found.status {
        ApplicationStatus::Pending => {
            expected.check(found.version)?;
            let ended = application::Model {
                status: ApplicationStatus::Withdrawn,
                ended_at: Some(now),
                version: found.version + 1,
                ..found
            };
            store::update(tx, ended).await?;
        }
        // A DELETE may come twice.
        ApplicationStatus::Withdrawn => {}
        status => return Err(ApplicationError::NotPending(status)),
    }
    read(tx, id).await
}

/// Rejects applications, and tells those who made them why.
pub async fn reject(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    admin: UserId,
    ids: Vec<ApplicationId>,
    reason: Option<String>,
) -> Result<Decisions, ApplicationError> {
    // Locked in one order, answered in the caller's.
    let locked = store::applications_for_update(tx, &ids).await?;
    let mut results = Vec::with_capacity(ids.len());
    for id in ids {
        let found = locked.iter().find(|application| application.id == id.0);
        let outcome = match found.map(|application| application.status) {
            None => Outcome::NotFound,
            Some(ApplicationStatus::Pending) => Outcome::Rejected,
            Some(_) => Outcome::NotPending,
        };
        if let (Some(application), Outcome::Rejected) = (found, outcome) {
            let ended = application::Model {
                status: ApplicationStatus::Rejected,
                ended_at: Some(now),
                decided_by: Some(admin.0),
                reason: reason.clone(),
                version: application.version + 1,
                ..application.clone()
            };
            store::update(tx, ended).await?;
            let found = store::application(tx, id).await?;
            let found = found.ok_or(ApplicationError::NoSuch("application"))?;
            mail::post(tx, now, letters::rejection(&found)).await?;
        }
        results.push(Decision::new(id, outcome));
    }
    Ok(Decisions { results })
}

async fn read(
    tx: &DatabaseTransaction,
    id: ApplicationId,
) -> Result<Application, ApplicationError> {
    let found = store::application(tx, id).await?;
    let found = found.ok_or(ApplicationError::NoSuch("application"))?;
    Ok(found.try_into()?)
}

/// The form of an event that takes applications at that time.
fn open_form<'a>(
    event: &event::Model,
    form: Option<&'a application_form::Model>,
    now: DateTime<Utc>,
) -> Result<&'a application_form::Model, ApplicationError> {
    let closed = |opens_at| ApplicationError::Closed { opens_at };
    let form = form.ok_or(closed(None))?;
    let closes_at = form.closes_at.unwrap_or(event.starts_at);
    if event.status != EventStatus::Published || closes_at <= now {
        return Err(closed(None));
    }
    match form.opens_at.filter(|opens_at| now < *opens_at) {
        Some(opens_at) => Err(closed(Some(opens_at))),
        None => Ok(form),
    }
}

/// The answers with what was asked, in its order.
fn check_answers(
    questions: &[Question],
    mut answers: BTreeMap<String, String>,
) -> Result<Vec<GivenAnswer>, ApplicationError> {
    let mut given = Vec::with_capacity(questions.len());
    for question in questions {
        let off = |message: String| ApplicationError::Answer {
            key: question.key.clone(),
            message,
        };
        let answer = answers.remove(&question.key);
        match answer.filter(|answer| !answer.trim().is_empty()) {
            None if question.required => return Err(off("is required".into())),
            None => {}
            Some(answer) if answer.chars().count() > question.most_characters() => {
                let most = question.max_length;
                return Err(off(format!("must have at most {most} characters")));
            }
            Some(answer) => given.push(GivenAnswer {
                key: question.key.clone(),
                question: question.text.clone(),
                answer,
            }),
        }
    }
    match answers.into_keys().next() {
        Some(key) => Err(ApplicationError::Answer {
            key,
            message: "is not asked for".into(),
        }),
        None => Ok(given),
    }
}

/// A first look; a grant counts again.
async fn check_limit(
    tx: &DatabaseTransaction,
    applicant: UserId,
    event: &event::Model,
    quantity: u32,
) -> Result<(), ApplicationError> {
    let limit = event.limit_per_customer;
    let Some(limit) = limit.and_then(|limit| u32::try_from(limit).ok()) else {
        return Ok(());
    };
    let already = store::count_tickets(tx, applicant, EventId(event.id)).await?;
    if already.saturating_add(quantity) > limit {
        return Err(ApplicationError::LimitExceeded { limit, already });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(key: &str, required: bool, max_length: u32) -> Question {
        Question {
            key: key.into(),
            text: format!("{key}?"),
            required,
            max_length,
        }
    }

    fn answers(given: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = |(key, answer): &(&str, &str)| ((*key).to_owned(), (*answer).to_owned());
        given.iter().map(owned).collect()
    }

    #[test]
    fn answers_are_kept_with_what_was_asked_in_its_order() {
        let questions = [question("why", true, 9), question("age", false, 3)];
        let given = check_answers(&questions, answers(&[("age", "7"), ("why", "because")]));
        let given = given.unwrap();
        let asked: Vec<_> = given.iter().map(|given| given.question.as_str()).collect();
        assert_eq!(asked, ["why?", "age?"]);
        let without = check_answers(&questions, answers(&[("age", " "), ("why", "because")]));
        assert_eq!(without.unwrap().len(), 1);
    }

    #[test]
    fn an_answer_that_is_off_is_named() {
        let questions = [question("why", true, 3), question("age", false, 3)];
        for (given, off) in [
            (vec![], "why"),
            (vec![("why", "  ")], "why"),
            (vec![("why", "ääää")], "why"),
            (vec![("why", "äää"), ("age", "1234")], "age"),
            (vec![("why", "x"), ("shoe", "46")], "shoe"),
        ] {
            match check_answers(&questions, answers(&given)) {
                Err(ApplicationError::Answer { key, .. }) => assert_eq!(key, off, "{given:?}"),
                other => panic!("{given:?}: {other:?}"),
            }
        }
        assert!(check_answers(&questions, answers(&[("why", "äää")])).is_ok());
    }
}
