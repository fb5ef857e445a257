//! The rush: what a crowd sends when a sale opens, answered without the layers of the HTTP library.
//!
//! Each of those moves a request, allocates for it and looks something up, all of it together as much
//! work as refusing somebody is. The call is the one in the OpenAPI document; what is said to it, and
//! what happens at the edge, is the same either way.

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::Body;
use poem::http::header::{CONTENT_TYPE, LOCATION};
use poem::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;

use super::connections::AnswerBody;
use super::edge::{Edge, PROBLEM_JSON, Visit};
use crate::auth;
use crate::body;
use crate::idempotency::{self, Answer};
use crate::limits::Client;
use crate::problem::Problem;
use crate::reservations::api::{RESERVATIONS, ReservationsApi, location_of};
use crate::reservations::{BoxOffice, Reservation, ReservationRequest};

/// The call of the rush.
pub struct Rush {
    calls: ReservationsApi,
    route: Arc<str>,
}

impl Rush {
    /// At a box office.
    pub fn new(office: &BoxOffice) -> Self {
        Self {
            calls: ReservationsApi {
                office: office.clone(),
            },
            route: RESERVATIONS.into(),
        }
    }

    /// Whether a request is part of it.
    pub fn takes<B>(request: &Request<B>) -> bool {
        request.method() == Method::POST && request.uri().path() == RESERVATIONS
    }

    /// Answers a request that is.
    pub async fn answer<R, B>(
        &self,
        edge: &Edge<R>,
        peer: IpAddr,
        request: Request<B>,
    ) -> Response<AnswerBody>
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>>,
    {
        let (head, body) = request.into_parts();
        let visit = Visit::begin(&head.method, RESERVATIONS, &head.headers);
        let answered = async {
            let _place = edge.admit(&visit, &head.headers)?;
            // On the heap: each layer around it would have it twice, where it is made and where it is
            // waited for.
            let work = Box::pin(self.reserve(peer, &head.headers, body));
            edge.attend(&visit, work).await?
        };
        let (status, mut headers, body) = match answered.await {
            Ok(answer) => held(&answer),
            Err(problem) => refused(&problem, &visit.id),
        };
        edge.finish(visit, Some(Arc::clone(&self.route)), status, &mut headers);
        let mut response = Response::new(Either::Left(Full::new(body.into())));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }

    async fn reserve<B>(
        &self,
        peer: IpAddr,
        headers: &HeaderMap,
        body: B,
    ) -> Result<Answer<Reservation>, Problem>
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>>,
    {
        let app = &self.calls.office;
        let buyer = auth::caller(app, headers)?.id;
        let client = Client::of(app, peer, headers);
        let key = idempotency::header(headers);
        let request = body::read_plain(headers, body, ReservationRequest::is_plain).await?;
        self.calls.reserve(buyer, client, key, request).await
    }
}

/// The parts of an answer.
type Parts = (StatusCode, HeaderMap, Vec<u8>);

/// Room for what stands here, and for what the edge and the connection add.
const HEADERS: usize = 12;

/// Room for a reservation of one ticket.
const HELD: usize = 512;

fn held(answer: &Answer<Reservation>) -> Parts {
    let mut headers = HeaderMap::with_capacity(HEADERS);
    headers.insert(CONTENT_TYPE, JSON);
    let location = location_of(&answer.value).try_into();
    headers.insert(LOCATION, location.expect("a path is printable"));
    if answer.replayed {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    let mut body = Vec::with_capacity(HELD);
    let written = serde_json::to_writer(&mut body, &answer.value);
    written.expect("texts and numbers can be written as JSON");
    (StatusCode::CREATED, headers, body)
}

fn refused(problem: &Problem, request_id: &str) -> Parts {
    let mut headers = HeaderMap::with_capacity(HEADERS);
    headers.insert(CONTENT_TYPE, PROBLEM_JSON);
    headers.extend(problem.headers());
    (problem.status(), headers, problem.document(request_id))
}

/// As the HTTP library says it.
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::issue_token;
    use crate::clock::Clock;
    use crate::config::Cli;
    use crate::entity::user::Role;
    use crate::ids::{SessionId, UserId};
    use crate::server::{Public, public};
    use crate::state::App;
    use clap::Parser;
    use http_body_util::BodyExt;
    use poem::Endpoint;
    use std::net::Ipv4Addr;

    #[tokio::test]
    async fn it_is_answered_as_by_the_layers_that_it_goes_around() {
        let config = Cli::try_parse_from(["holdfast"]).unwrap().config;
        let app = App::disconnected(config, Clock::default());
        let public = public(&app, &BoxOffice::closed(&app));
        let token = issue_token(&app, UserId::random(), Role::Customer, SessionId::random());
        let signed_in = format!("Bearer {}", token.unwrap());
        let json = ("content-type", "application/json");
        let authorization = ("authorization", signed_in.as_str());
        let long = format!(r#"{{"code": "{}"}}"#, "x".repeat(body::MAX_BYTES));
        for (headers, body, status) in [
            (vec![json], "{}", 401),
            (vec![json, ("authorization", "Bearer nonsense")], "{}", 401),
            (vec![authorization], "{}", 415),
            (
                vec![authorization, ("content-type", "text/plain")],
                "{}",
                415,
            ),
            (vec![authorization, json], "", 400),
            (vec![authorization, json], "{}", 400),
            (
                vec![authorization, json],
                r#"{"event_id": 1, "tip": 1}"#,
                400,
            ),
            (
                vec![authorization, json],
                r#"{"event_id": 1, "quantity": 51}"#,
                400,
            ),
            (
                vec![authorization, json],
                r#"{"event_id": 1, "ticket_ids": [2, 2]}"#,
                400,
            ),
            (vec![authorization, json], &long, 413),
            (
                vec![authorization, json, ("idempotency-key", "")],
                r#"{"event_id": 1}"#,
                400,
            ),
            (
                vec![authorization, json, ("idempotency-key", "\u{e9}")],
                "{}",
                400,
            ),
        ] {
            let rushed = rushed(&public, &headers, body).await;
            assert_eq!(rushed.0, status, "{headers:?} {body}");
            assert_eq!(rushed, routed(&public, &headers, body).await);
        }
    }

    /// Its status, headers and body.
    type Answered = (u16, Vec<(String, String)>, String);

    async fn rushed(public: &Public, headers: &[(&str, &str)], body: &str) -> Answered {
        let request = request(headers, Full::from(body.to_owned()));
        assert!(Rush::takes(&request));
        let peer = Ipv4Addr::LOCALHOST.into();
        let answer = public.rush.answer(&public.others, peer, request).await;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        answered(head.status, &head.headers, &body)
    }

    async fn routed(public: &Public, headers: &[(&str, &str)], body: &str) -> Answered {
        let (head, body) = request(headers, body.to_owned()).into_parts();
        let mut request = poem::Request::builder()
            .method(head.method)
            .uri(head.uri)
            .body(body);
        request.headers_mut().extend(head.headers);
        let answer = public.others.get_response(request).await;
        let (head, body) = answer.into_parts();
        let body = body.into_vec().await.unwrap();
        answered(head.status, &head.headers, &body)
    }

    fn request<B>(headers: &[(&str, &str)], body: B) -> Request<B> {
        let mut request = Request::post(RESERVATIONS).header("x-request-id", "7");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(body).unwrap()
    }

    fn answered(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Answered {
        let header = |(name, value): (&HeaderName, &HeaderValue)| {
            (name.to_string(), value.to_str().unwrap().to_owned())
        };
        let mut headers: Vec<_> = headers.iter().map(header).collect();
        headers.sort();
        let body = String::from_utf8(body.to_vec()).unwrap();
        (status.as_u16(), headers, body)
    }
}
