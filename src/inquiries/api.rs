//! Calls about inquiries.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::NaiveDate;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::drafts::{DecisionDraft, InquiryDraft, Status, check_day};
use super::problems::{
    DecideProblems, ListProblems, OwnListProblems, OwnProblems, ReadProblems, SendProblems,
};
use super::store::{self, Wanted};
use super::views::{Inquiry, Receipt, ReceivedInquiry};
use super::{Applicant, Decision, InquiryError, NewInquiry, decide_inquiry, send_inquiry};
use crate::auth::{AdminOnly, MaybeSignedIn, SignedIn};
use crate::body::Body;
use crate::entity::inquiry;
use crate::idempotency::{Answer, Key, commit_once};
use crate::ids::{InquiryId, UserId};
use crate::page::{self, Cursor};
use crate::precondition::{Edited, Expected, entity_tag};
use crate::problem::{Problem, Refused, Slug};
use crate::state::App;
use crate::tags::Tags;

/// The calls about inquiries.
pub struct InquiriesApi {
    /// The application.
    pub app: App,
}

/// A page of inquiries.
#[derive(Debug, Object)]
pub struct InquiryList {
    /// The inquiries, newest first.
    items: Vec<Inquiry>,
    /// The cursor of the next page; null on the last.
    #[oai(nullable)]
    next: Option<String>,
}

/// A page of inquiries as admins see them.
#[derive(Debug, Object)]
pub struct ReceivedInquiryList {
    /// The inquiries, newest first.
    items: Vec<ReceivedInquiry>,
    /// The cursor of the next page; null on the last.
    #[oai(nullable)]
    next: Option<String>,
}

/// The inquiry was taken.
#[derive(ApiResponse)]
pub enum InquirySent {
    /// Somebody will look at it.
    #[oai(status = 201)]
    Created(
        Json<Receipt>,
        /// Where the applicant finds it, if signed in.
        #[oai(header = "Location")]
        Option<String>,
        /// Present and `true` when this is the kept answer of an earlier request with the same key.
        #[oai(header = "Idempotency-Replayed")]
        Option<String>,
    ),
}

#[OpenApi(prefix_path = "/api", tag = "Tags::Inquiries")]
impl InquiriesApi {
    /// Ask to sell here
    ///
    /// Anybody may. Sent with an access token it is the account's, and found among its inquiries;
    /// otherwise answers go to the address only.
    #[oai(path = "/inquiries", method = "post", operation_id = "create_inquiry")]
    async fn create_inquiry(
        &self,
        applicant: MaybeSignedIn,
        /// Makes it safe to ask twice: the same key and body gives the same answer.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        body: Body<InquiryDraft>,
    ) -> Result<InquirySent, Refused<SendProblems>> {
        let user = applicant.0.map(|caller| caller.id);
        let key = Key::read(key.0, user.unwrap_or(NOBODY), "create_inquiry", &body.0)?;
        let new = NewInquiry::try_from(body.0)?;
        let sent = match user {
            Some(user) => self.send(key, Applicant::Account(user), new).await?,
            None => self.send_by_nobody(key, new).await?,
        };
        let location = format!("/api/me/inquiries/{}", sent.value.id);
        let replayed = sent.replayed_header();
        Ok(InquirySent::Created(
            Json(sent.value),
            user.map(|_| location),
            replayed,
        ))
    }

    /// List my inquiries
    ///
    /// Those that the caller sent while signed in, newest first.
    #[oai(
        path = "/me/inquiries",
        method = "get",
        operation_id = "list_my_inquiries"
    )]
    async fn list_my_inquiries(
        &self,
        applicant: SignedIn,
        /// How many at the most.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u64>>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<InquiryList>, Refused<OwnListProblems>> {
        let wanted = Wanted {
            applicant: Some(applicant.0.id),
            ..Wanted::default()
        };
        let (items, next) = self.page(wanted, limit, cursor).await?;
        Ok(Json(InquiryList { items, next }))
    }

    /// Read my inquiry
    ///
    /// With what was decided; somebody else's is not found.
    #[oai(
        path = "/me/inquiries/:inquiry_id",
        method = "get",
        operation_id = "get_my_inquiry"
    )]
    async fn get_my_inquiry(
        &self,
        applicant: SignedIn,
        /// The inquiry.
        inquiry_id: Path<Uuid>,
    ) -> Result<Json<Inquiry>, Refused<OwnProblems>> {
        let id = InquiryId(inquiry_id.0);
        let found = store::own_inquiry(&self.app.db, applicant.0.id, id).await?;
        let inquiry = Inquiry::from(found.ok_or(InquiryError::NoSuchInquiry(id))?);
        let changes = store::changes(self.app.db.reader(), id).await?;
        Ok(Json(inquiry.with_history(changes)))
    }

    /// Look through inquiries
    ///
    /// Newest first; those that are all of what is asked for.
    #[oai(
        path = "/admin/inquiries",
        method = "get",
        operation_id = "list_inquiries"
    )]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the call")]
    async fn list_inquiries(
        &self,
        _admin: AdminOnly,
        /// Only those in this state.
        status: Query<Option<Status>>,
        /// Only this category, whatever its case and accents.
        #[oai(validator(max_length = "50"))]
        category: Query<Option<String>>,
        /// Only this city, whatever its case and accents.
        #[oai(validator(max_length = "100"))]
        city: Query<Option<String>>,
        /// Words that occur in it, or their beginnings, whatever their case and accents.
        #[oai(validator(max_length = "200"))]
        q: Query<Option<String>>,
        /// Only those planned for this day or a later one.
        from: Query<Option<NaiveDate>>,
        /// Only those planned for this day or an earlier one.
        to: Query<Option<NaiveDate>>,
        /// How many at the most.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u64>>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ReceivedInquiryList>, Refused<ListProblems>> {
        for (field, day) in [("from", from.0), ("to", to.0)] {
            day.map_or(Ok(()), |day| check_day(field, day))?;
        }
        let wanted = Wanted {
            applicant: None,
            status: status.0.map(Into::into),
            category: category.0,
            city: city.0,
            q: q.0,
            from: from.0,
            to: to.0,
        };
        let (items, next) = self.page(wanted, limit, cursor).await?;
        Ok(Json(ReceivedInquiryList { items, next }))
    }

    /// Read an inquiry
    ///
    /// With what was decided, when and by whom.
    #[oai(
        path = "/admin/inquiries/:inquiry_id",
        method = "get",
        operation_id = "get_inquiry"
    )]
    async fn get_inquiry(
        &self,
        _admin: AdminOnly,
        /// The inquiry.
        inquiry_id: Path<Uuid>,
    ) -> Result<Edited<ReceivedInquiry>, Refused<ReadProblems>> {
        let id = InquiryId(inquiry_id.0);
        let found = store::inquiry(&self.app.db, id).await?;
        let inquiry = ReceivedInquiry::from(found.ok_or(InquiryError::NoSuchInquiry(id))?);
        let changes = store::changes(self.app.db.reader(), id).await?;
        Ok(edited(inquiry.with_history(changes)))
    }

    /// Decide an inquiry
    ///
    /// `pending` becomes `reviewed`, which becomes `approved` or `rejected`. The applicant gets a mail.
    #[oai(
        path = "/admin/inquiries/:inquiry_id/status",
        method = "put",
        operation_id = "decide_inquiry"
    )]
    async fn decide_inquiry(
        &self,
        admin: AdminOnly,
        /// The inquiry.
        inquiry_id: Path<Uuid>,
        /// The `ETag` of the inquiry that the caller has read.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<DecisionDraft>,
    ) -> Result<Edited<ReceivedInquiry>, Refused<DecideProblems>> {
        let (admin, id) = (admin.0.id, InquiryId(inquiry_id.0));
        let expected = Expected::read(if_match.0)?;
        let decision = Decision::from(body.0);
        let decided = commit_once(&self.app, None, move |tx, now| {
            Box::pin(async move {
                let (inquiry, changes) =
                    decide_inquiry(tx, now, admin, id, expected, decision).await?;
                Ok::<_, InquiryError>(ReceivedInquiry::from(inquiry).with_history(changes))
            })
        })
        .await?;
        Ok(edited(decided.value))
    }

    async fn send(
        &self,
        key: Option<Key>,
        applicant: Applicant,
        new: NewInquiry,
    ) -> Result<Answer<Receipt>, Problem> {
        commit_once(&self.app, key, move |tx, now| {
            Box::pin(async move {
                let inquiry = send_inquiry(tx, now, applicant, new).await?;
                Ok::<_, InquiryError>(Receipt { id: inquiry.id })
            })
        })
        .await
    }

    /// Keys belong to accounts. Nobody's is kept with the inquiry, and told apart by its address.
    async fn send_by_nobody(
        &self,
        key: Option<Key>,
        new: NewInquiry,
    ) -> Result<Answer<Receipt>, Problem> {
        let request_key = key.map(|key| request_key(&key, &new.email));
        let applicant = Applicant::Nobody {
            request_key: request_key.clone(),
        };
        let sent = self.send(None, applicant, new.clone()).await;
        let refused = match (sent, request_key) {
            (Err(refused), Some(key)) if refused.slug() == Slug::IdempotencyKeyReused => {
                (refused, key)
            }
            (sent, _) => return sent,
        };
        let (refused, key) = refused;
        match store::inquiry_by_key(&self.app.db, &key).await? {
            Some(known) if is_same(&known, &new) => Ok(Answer {
                value: Receipt { id: known.id },
                replayed: true,
            }),
            _ => Err(refused),
        }
    }

    async fn page<T: From<inquiry::Model>>(
        &self,
        wanted: Wanted,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<(Vec<T>, Option<String>), Problem> {
        let limit = limit.0.unwrap_or(page::DEFAULT_LIMIT);
        let after = Cursor::read(cursor.0)?;
        let found = store::inquiries(&self.app.db, wanted, after, limit).await?;
        let (found, next) = page::cut(found, limit, |inquiry| Cursor {
            at: inquiry.created_at,
            id: inquiry.id,
        });
        Ok((found.into_iter().map(Into::into).collect(), next))
    }
}

/// Nobody has the account of this id.
const NOBODY: UserId = UserId(Uuid::nil());

fn request_key(key: &Key, email: &str) -> String {
    let hash = Sha256::new()
        .chain_update(email.to_lowercase())
        .chain_update([0])
        .chain_update(key.id().1)
        .finalize();
    URL_SAFE_NO_PAD.encode(hash)
}

fn is_same(known: &inquiry::Model, new: &NewInquiry) -> bool {
    let known = NewInquiry {
        organiser: known.organiser.clone(),
        email: known.email.clone(),
        category: known.category.clone(),
        expected_attendance: known.expected_attendance,
        contact_name: known.contact_name.clone(),
        phone: known.phone.clone(),
        city: known.city.clone(),
        date: known.date,
        proposal: known.proposal.clone(),
    };
    known == *new
}

fn edited(inquiry: ReceivedInquiry) -> Edited<ReceivedInquiry> {
    let tag = entity_tag(inquiry.inquiry.version);
    Edited::Now(Json(inquiry), tag)
}
