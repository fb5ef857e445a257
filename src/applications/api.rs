//! Calls of those who apply.

use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use uuid::Uuid;

use super::drafts::ApplicationDraft;
use super::problems::{ApplyProblems, FormProblems, ListProblems, ReadProblems, WithdrawProblems};
use super::views::{Application, ApplicationForm};
use super::{NewApplication, apply, store, withdraw};
use crate::auth::SignedIn;
use crate::body::Body;
use crate::catalog::store as catalogue;
use crate::entity::event::EventStatus;
use crate::idempotency::{Key, commit_once};
use crate::ids::{ApplicationId, EventId};
use crate::page::{self, Cursor};
use crate::precondition::{Edited, Expected, entity_tag};
use crate::problem::{Problem, Refused};
use crate::state::App;
use crate::tags::Tags;

/// The calls of those who apply for free places.
pub struct ApplicationsApi {
    /// The application.
    pub app: App,
}

/// A page of applications.
#[derive(Debug, Object)]
pub struct ApplicationList {
    /// The applications, newest first.
    items: Vec<Application>,
    /// The cursor of the next page; null on the last.
    #[oai(nullable)]
    next: Option<String>,
}

/// The application was made.
#[derive(ApiResponse)]
pub enum Applied {
    /// The application as it was made.
    #[oai(status = 201)]
    Created(
        Json<Application>,
        /// Where it is.
        #[oai(header = "Location")]
        String,
        /// Present and `true` when this is the kept answer of an earlier request with the same key.
        #[oai(header = "Idempotency-Replayed")]
        Option<String>,
    ),
}

#[OpenApi(prefix_path = "/api", tag = "Tags::Applications")]
impl ApplicationsApi {
    /// Read an application form
    ///
    /// What the event asks of those who apply for free places, and whether they may now. Its `ETag` is
    /// for `If-Match` of its next change.
    #[oai(
        path = "/events/:event_id/application-form",
        method = "get",
        operation_id = "get_application_form"
    )]
    async fn get_application_form(
        &self,
        /// The event.
        event_id: Path<i64>,
    ) -> Result<Edited<ApplicationForm>, Refused<FormProblems>> {
        let form = read_form(&self.app, EventId(event_id.0), Reader::Anybody).await?;
        let tag = entity_tag(form.version);
        Ok(Edited::Now(Json(form), tag))
    }

    /// Apply for free places
    ///
    /// Of a zone that is given away by application. One has one application to an event that is
    /// pending or granted.
    #[oai(
        path = "/events/:event_id/applications",
        method = "post",
        operation_id = "create_application"
    )]
    async fn create_application(
        &self,
        applicant: SignedIn,
        /// The event.
        event_id: Path<i64>,
        /// Makes it safe to ask twice: the same key and body gives the same answer.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        body: Body<ApplicationDraft>,
    ) -> Result<Applied, Refused<ApplyProblems>> {
        let (applicant, event) = (applicant.0.id, EventId(event_id.0));
        let arguments = (event, &body.0);
        let key = Key::read(key.0, applicant, "create_application", &arguments)?;
        let new = NewApplication::from(body.0);
        let made = commit_once(&self.app, key, move |tx, now| {
            Box::pin(async move { apply(tx, now, applicant, event, new).await })
        })
        .await?;
        let location = format!("/api/applications/{}", made.value.id);
        let replayed = made.replayed_header();
        Ok(Applied::Created(Json(made.value), location, replayed))
    }

    /// List my applications
    ///
    /// The caller's own, newest first.
    #[oai(
        path = "/me/applications",
        method = "get",
        operation_id = "list_my_applications"
    )]
    async fn list_my_applications(
        &self,
        applicant: SignedIn,
        /// How many at the most.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u64>>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ApplicationList>, Refused<ListProblems>> {
        let limit = limit.0.unwrap_or(page::DEFAULT_LIMIT);
        let after = Cursor::read(cursor.0)?;
        let own = store::own_applications(&self.app.db, applicant.0.id, after, limit).await?;
        let (own, next) = page::cut(own, limit, store::Found::position);
        let items = own.into_iter().map(Application::try_from);
        let items = items.collect::<Result<_, _>>().map_err(Problem::internal)?;
        Ok(Json(ApplicationList { items, next }))
    }

    /// Read my application
    ///
    /// One of the caller's own; somebody else's is not found.
    #[oai(
        path = "/applications/:application_id",
        method = "get",
        operation_id = "get_application"
    )]
    async fn get_application(
        &self,
        applicant: SignedIn,
        /// The application.
        application_id: Path<Uuid>,
    ) -> Result<Edited<Application>, Refused<ReadProblems>> {
        let id = ApplicationId(application_id.0);
        let found = store::application(self.app.db.reader(), id).await?;
        let found = found.filter(|found| found.application.user_id == applicant.0.id.0);
        let found = found.ok_or_else(|| Problem::not_found("application"))?;
        Ok(edited(found.try_into().map_err(Problem::internal)?))
    }

    /// Withdraw my application
    ///
    /// While it is pending. Asking again is answered the same.
    #[oai(
        path = "/applications/:application_id",
        method = "delete",
        operation_id = "withdraw_application"
    )]
    async fn withdraw_application(
        &self,
        applicant: SignedIn,
        /// The application.
        application_id: Path<Uuid>,
        /// The `ETag` of the application as the caller has seen it.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<Edited<Application>, Refused<WithdrawProblems>> {
        let (applicant, id) = (applicant.0.id, ApplicationId(application_id.0));
        let expected = Expected::read_optional(if_match.0)?;
        let withdrawn = commit_once(&self.app, None, move |tx, now| {
            Box::pin(async move { withdraw(tx, now, applicant, id, expected).await })
        })
        .await?;
        Ok(edited(withdrawn.value))
    }
}

/// Who reads a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// Does not know of drafts.
    Anybody,
    Organiser,
}

/// The form of an event as it is now.
pub(super) async fn read_form(
    app: &App,
    id: EventId,
    reader: Reader,
) -> Result<ApplicationForm, Problem> {
    let event = catalogue::event(app.db.reader(), id).await?;
    let event = event
        .filter(|event| reader == Reader::Organiser || event.status != EventStatus::Draft)
        .ok_or_else(|| Problem::not_found("event"))?;
    let form = store::form(app.db.reader(), id).await?;
    let now = app.db.read_time().await?;
    ApplicationForm::new(&event, form, now).map_err(Problem::internal)
}

fn edited(application: Application) -> Edited<Application> {
    let tag = entity_tag(application.version);
    Edited::Now(Json(application), tag)
}
