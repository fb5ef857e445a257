//! Which problems an operation can answer with, so that the OpenAPI document tells.

use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;
use std::collections::BTreeMap;
use std::marker::PhantomData;

use super::{Problem, ProblemDocument, Slug};

/// The problems that one operation can answer with.
pub trait Problems: Send + Sync + 'static {
    /// Each kind; see [`PUBLIC`] and its siblings for what all operations of a sort share.
    fn slugs() -> Vec<Slug>;
}

/// What an operation without sign-in and without a body can answer with.
pub const PUBLIC: &[Slug] = &[Slug::ValidationFailed, Slug::Unavailable, Slug::Internal];

/// What an operation without sign-in but with a body can answer with.
pub const PUBLIC_WITH_BODY: &[Slug] = &[
    Slug::ValidationFailed,
    Slug::BodyTooLarge,
    Slug::UnsupportedMediaType,
    Slug::Unavailable,
    Slug::Internal,
];

/// What an operation for signed-in people without a body can answer with.
pub const SIGNED_IN: &[Slug] = &[
    Slug::ValidationFailed,
    Slug::Unauthenticated,
    Slug::Unavailable,
    Slug::Internal,
];

/// What an operation for signed-in people with a body can answer with.
pub const SIGNED_IN_WITH_BODY: &[Slug] = &[
    Slug::ValidationFailed,
    Slug::Unauthenticated,
    Slug::BodyTooLarge,
    Slug::UnsupportedMediaType,
    Slug::Unavailable,
    Slug::Internal,
];

/// What an operation that takes an `Idempotency-Key` can answer with, too.
pub const KEYED: &[Slug] = &[Slug::IdempotencyKeyReused, Slug::IdempotencyKeyInFlight];

/// A problem, as the answer of an operation that can answer with `P`.
#[derive(Debug)]
pub struct Refused<P> {
    problem: Problem,
    operation: PhantomData<fn() -> P>,
}

impl<P> Refused<P> {
    /// The kind of the problem.
    pub fn slug(&self) -> Slug {
        self.problem.slug()
    }
}

impl<P: Problems, E: Into<Problem>> From<E> for Refused<P> {
    fn from(err: E) -> Self {
        let problem = err.into();
        debug_assert!(
            P::slugs().contains(&problem.slug()),
            "{} is not documented for this operation",
            problem.slug().as_str()
        );
        Self {
            problem,
            operation: PhantomData,
        }
    }
}

impl<P> From<Refused<P>> for poem::Error {
    fn from(refused: Refused<P>) -> Self {
        refused.problem.into()
    }
}

impl<P: Problems> ApiResponse for Refused<P> {
    fn meta() -> MetaResponses {
        let mut by_status: BTreeMap<u16, Vec<Slug>> = BTreeMap::new();
        for slug in P::slugs() {
            by_status.entry(slug.status()).or_default().push(slug);
        }
        MetaResponses {
            responses: by_status.into_iter().map(response).collect(),
        }
    }

    fn register(registry: &mut Registry) {
        ProblemDocument::register(registry);
    }
}

fn response((status, slugs): (u16, Vec<Slug>)) -> MetaResponse {
    let lines: Vec<_> = slugs
        .iter()
        .map(|slug| format!("`{}`: {}", slug.as_str(), slug.when()))
        .collect();
    MetaResponse {
        // The registry wants a static text. The document is made once, so nothing grows.
        description: lines.join("\n\n").leak(),
        status: Some(status),
        status_range: None,
        content: vec![MetaMediaType {
            content_type: "application/problem+json",
            schema: ProblemDocument::schema_ref(),
        }],
        headers: headers(status),
    }
}

/// What a problem's response adds to its document.
fn headers(status: u16) -> Vec<MetaHeader> {
    const RETRY_AFTER: (&str, &str) = ("Retry-After", "Seconds after which to try again.");
    let headers: &[(&str, &str)] = match status {
        401 => &[("WWW-Authenticate", "Always `Bearer`.")],
        429 => &[
            RETRY_AFTER,
            (
                "RateLimit-Policy",
                "The limit: its name, its quota `q`, and in how many seconds `w` that is whole again.",
            ),
            (
                "RateLimit",
                "How the limit stands: `r` attempts are left, and in `t` seconds there is one more.",
            ),
        ],
        503 => &[RETRY_AFTER],
        _ => &[],
    };
    let header = |(name, description): &(&str, &str)| MetaHeader {
        name: (*name).to_owned(),
        description: Some((*description).to_owned()),
        required: true,
        deprecated: false,
        schema: String::schema_ref(),
    };
    headers.iter().map(header).collect()
}
