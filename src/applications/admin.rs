//! Calls of organisers: what they ask of those who apply, and what they decide.

use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use uuid::Uuid;

use super::api::{Reader, read_form};
use super::drafts::{FormDraft, GrantRequest, RejectionRequest, Status};
use super::grant::grant_applications;
use super::problems::{AdminListProblems, AdminReadProblems, ChangeFormProblems, DecideProblems};
use super::store::{self, Filter};
use super::views::{ApplicationForm, Decisions, ReceivedApplication};
use super::{NewForm, change_form, reject};
use crate::auth::AdminOnly;
use crate::body::Body;
use crate::idempotency::{Answer, Key, commit_once, once};
use crate::ids::{ApplicationId, EventId, ZoneId};
use crate::page::{self, Cursor};
use crate::precondition::{Edited, Expected, entity_tag};
use crate::problem::{Problem, Refused};
use crate::reservations::BoxOffice;
use crate::tags::Tags;
use crate::texts;

/// The calls of organisers about applications.
pub struct ReceivedApplicationsApi {
    /// Where the places are given away.
    pub office: BoxOffice,
}

/// A page of applications, as organisers see them.
#[derive(Debug, Object)]
pub struct ReceivedApplicationList {
    /// The applications, newest first.
    items: Vec<ReceivedApplication>,
    /// The cursor of the next page; null on the last.
    #[oai(nullable)]
    next: Option<String>,
}

/// It was decided.
#[derive(ApiResponse)]
pub enum Decided {
    /// What came of it.
    #[oai(status = 200)]
    Decided(
        Json<Decisions>,
        /// Present and `true` when this is the kept answer of an earlier request with the same key.
        #[oai(header = "Idempotency-Replayed")]
        Option<String>,
    ),
}

#[OpenApi(prefix_path = "/api", tag = "Tags::Applications")]
impl ReceivedApplicationsApi {
    /// Read the application form of any event
    ///
    /// That of a draft too.
    #[oai(
        path = "/admin/events/:event_id/application-form",
        method = "get",
        operation_id = "get_any_application_form"
    )]
    async fn get_any_application_form(
        &self,
        _admin: AdminOnly,
        /// The event.
        event_id: Path<i64>,
    ) -> Result<Edited<ApplicationForm>, Refused<AdminReadProblems>> {
        let form = read_form(&self.office, EventId(event_id.0), Reader::Organiser).await?;
        Ok(edited(form))
    }

    /// Change an application form
    ///
    /// Replaces it. Before it is made its version is 0, and the event takes no applications.
    #[oai(
        path = "/events/:event_id/application-form",
        method = "put",
        operation_id = "change_application_form"
    )]
    async fn change_application_form(
        &self,
        _admin: AdminOnly,
        /// The event.
        event_id: Path<i64>,
        /// The `ETag` of the form as the caller has seen it.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<FormDraft>,
    ) -> Result<Edited<ApplicationForm>, Refused<ChangeFormProblems>> {
        let id = EventId(event_id.0);
        let expected = Expected::read(if_match.0)?;
        let new = NewForm::try_from(body.0)?;
        let form = commit_once(&self.office, None, move |tx, now| {
            Box::pin(async move { change_form(tx, now, id, expected, new).await })
        })
        .await?;
        Ok(edited(form.value))
    }

    /// List applications
    ///
    /// Everybody's, newest first.
    #[oai(
        path = "/admin/applications",
        method = "get",
        operation_id = "list_applications"
    )]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the call")]
    async fn list_applications(
        &self,
        _admin: AdminOnly,
        /// Of this event only.
        event_id: Query<Option<i64>>,
        /// Of this zone only.
        zone_id: Query<Option<i64>>,
        /// Only those in this state.
        status: Query<Option<Status>>,
        /// A part of the applicant's name or e-mail address.
        #[oai(validator(max_length = "200"))]
        q: Query<Option<String>>,
        /// How many at the most.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u64>>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ReceivedApplicationList>, Refused<AdminListProblems>> {
        let limit = limit.0.unwrap_or(page::DEFAULT_LIMIT);
        let after = Cursor::read(cursor.0)?;
        let filter = Filter {
            event: event_id.0.map(EventId),
            zone: zone_id.0.map(ZoneId),
            status: status.0.map(Into::into),
            search: q.0.map(|q| texts::fold(&q)).filter(|q| !q.is_empty()),
        };
        let found = store::all_applications(&self.office.db, filter, after, limit).await?;
        let (found, next) = page::cut(found, limit, store::Found::position);
        let items = found.into_iter().map(ReceivedApplication::try_from);
        let items = items.collect::<Result<_, _>>().map_err(Problem::internal)?;
        Ok(Json(ReceivedApplicationList { items, next }))
    }

    /// Read an application
    ///
    /// With who made it, and what has happened to it.
    #[oai(
        path = "/admin/applications/:application_id",
        method = "get",
        operation_id = "get_received_application"
    )]
    async fn get_received_application(
        &self,
        _admin: AdminOnly,
        /// The application.
        application_id: Path<Uuid>,
    ) -> Result<Json<ReceivedApplication>, Refused<AdminReadProblems>> {
        let id = ApplicationId(application_id.0);
        let found = store::application(self.office.db.reader(), id).await?;
        let found = found.ok_or_else(|| Problem::not_found("application"))?;
        Ok(Json(found.try_into().map_err(Problem::internal)?))
    }

    /// Grant applications
    ///
    /// In the order in which they are named, each with all its places or not at all. The answer says
    /// of each what came of it.
    #[oai(
        path = "/admin/applications/grant",
        method = "post",
        operation_id = "grant_applications"
    )]
    async fn grant_applications(
        &self,
        admin: AdminOnly,
        /// Makes it safe to ask twice: the same key and body gives the same answer.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        body: Body<GrantRequest>,
    ) -> Result<Decided, Refused<DecideProblems>> {
        let admin = admin.0.id;
        let key = Key::read(key.0, admin, "grant_applications", &body.0)?;
        let ids = body.0.ids()?;
        let key = key.as_ref();
        // Not detached: what must not be cut off is in the committer's hands.
        let work = Box::pin(grant_applications(&self.office, admin, &ids, key));
        Ok(decided(once(&self.office, key, work).await?))
    }

    /// Reject applications
    ///
    /// Those that are pending. The answer says of each what came of it.
    #[oai(
        path = "/admin/applications/reject",
        method = "post",
        operation_id = "reject_applications"
    )]
    async fn reject_applications(
        &self,
        admin: AdminOnly,
        /// Makes it safe to ask twice: the same key and body gives the same answer.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        body: Body<RejectionRequest>,
    ) -> Result<Decided, Refused<DecideProblems>> {
        let admin = admin.0.id;
        let key = Key::read(key.0, admin, "reject_applications", &body.0)?;
        let (ids, reason) = body.0.parts()?;
        let rejected = commit_once(&self.office, key, move |tx, now| {
            Box::pin(async move { reject(tx, now, admin, ids, reason).await })
        })
        .await?;
        Ok(decided(rejected))
    }
}

fn decided(answer: Answer<Decisions>) -> Decided {
    let replayed = answer.replayed_header();
    Decided::Decided(Json(answer.value), replayed)
}

fn edited(form: ApplicationForm) -> Edited<ApplicationForm> {
    let tag = entity_tag(form.version);
    Edited::Now(Json(form), tag)
}
