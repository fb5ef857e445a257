//! Who is calling: access tokens, and the security schemes that handlers take as arguments.
//!
//! Identity comes from the token alone. A handler that takes [`AdminOnly`] needs no check of its
//! own: without the role it is never called.

use chrono::TimeDelta;
use foldhash::fast::RandomState;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use poem::http::HeaderMap;
use poem::http::header::AUTHORIZATION;
use poem::web::headers::{Authorization, HeaderMapExt, authorization};
use poem::{Request, RequestBody};
use poem_openapi::auth::Bearer;
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions, SecurityScheme};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{LazyLock, MutexGuard, PoisonError};
use uuid::Uuid;

use crate::entity::user::Role;
use crate::ids::{SessionId, UserId};
use crate::problem::{Problem, Slug};
use crate::state::{App, CheckedToken};

/// Somebody with a valid access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub id: UserId,
    /// What they may do.
    pub role: Role,
    /// The session that the token is of; none where a tool has signed it.
    pub session: Option<SessionId>,
}

/// An access token from `POST /api/auth/login`, sent as `Authorization: Bearer <token>`.
pub struct SignedIn(pub Caller);

/// What the library would derive, but that nothing else of the request is made ready for it: every
/// reservation begins with this.
impl<'a> ApiExtractor<'a> for SignedIn {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        registry.create_security_scheme(
            ACCESS_TOKEN,
            MetaSecurityScheme {
                ty: "http",
                description: Some(
                    "An access token from `POST /api/auth/login`, sent as `Authorization: Bearer <token>`.",
                ),
                name: None,
                key_in: None,
                scheme: Some("bearer"),
                bearer_format: Some("JWT"),
                flows: None,
                openid_connect_url: None,
            },
        );
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![ACCESS_TOKEN]
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        Ok(Self(caller(app_of(request), request.headers())?))
    }
}

const ACCESS_TOKEN: &str = "access_token";

/// Who is calling, by the token that a request brings.
pub fn caller(app: &App, headers: &HeaderMap) -> Result<Caller, Problem> {
    let bearer = headers.typed_get::<Authorization<authorization::Bearer>>();
    let bearer = bearer.ok_or_else(no_token)?;
    read_token(app, bearer.token())
}

/// A request brings no token.
pub fn no_token() -> Problem {
    unauthenticated("Send Authorization: Bearer <access_token>.")
}

/// An access token of an account with the role `admin`.
#[derive(SecurityScheme)]
#[oai(
    ty = "bearer",
    rename = "admin_access_token",
    bearer_format = "JWT",
    checker = "check_admin"
)]
pub struct AdminOnly(pub Caller);

/// Whoever sends an access token, or nobody: the account may be left out, but a token that is not
/// valid is refused like anywhere else, so that nobody takes part as nobody without knowing.
pub struct MaybeSignedIn(pub Option<Caller>);

impl<'a> ApiExtractor<'a> for MaybeSignedIn {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        SignedIn::register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        SignedIn::security_schemes()
    }

    fn has_security_fallback() -> bool {
        true
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        if !request.headers().contains_key(AUTHORIZATION) {
            return Ok(Self(None));
        }
        let SignedIn(caller) = SignedIn::from_request(request, body, options).await?;
        Ok(Self(Some(caller)))
    }
}

/// Signs an access token for a session of an account.
pub fn issue_token(
    app: &App,
    id: UserId,
    role: Role,
    session: SessionId,
) -> Result<String, Problem> {
    let now = app.clock.now();
    let ttl = TimeDelta::seconds(app.config.access_token_ttl_secs.into());
    let claims = Claims {
        iss: ISSUER.to_owned(),
        aud: AUDIENCE.to_owned(),
        sub: id.0,
        sid: Some(session.0),
        role: role_name(role).to_owned(),
        iat: now.timestamp(),
        exp: (now + ttl).timestamp(),
    };
    let key = EncodingKey::from_secret(&app.token_secret);
    jsonwebtoken::encode(&Header::new(ALGORITHM), &claims, &key).map_err(Problem::internal)
}

/// The name of a role in tokens and answers.
pub fn role_name(role: Role) -> &'static str {
    match role {
        Role::Customer => "customer",
        Role::Staff => "staff",
        Role::Admin => "admin",
    }
}

const ISSUER: &str = "holdfast";
const AUDIENCE: &str = "holdfast-api";
// Fixed: a token cannot choose how it is checked (RFC 8725, section 3.1).
const ALGORITHM: Algorithm = Algorithm::HS256;

static VALIDATION: LazyLock<Validation> = LazyLock::new(|| {
    let mut validation = Validation::new(ALGORITHM);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    // The library reads the machine's clock; ours is compared with the claim.
    validation.validate_exp = false;
    validation
});

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: Uuid,
    /// The session. What a tool has signed with the secret has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sid: Option<Uuid>,
    role: String,
    iat: i64,
    exp: i64,
}

#[expect(
    clippy::unused_async,
    reason = "the security scheme macro awaits its checker"
)]
async fn check_admin(request: &Request, bearer: Bearer) -> poem::Result<Caller> {
    let caller = read_token(app_of(request), &bearer.token)?;
    if caller.role == Role::Admin {
        return Ok(caller);
    }
    Err(Problem::new(Slug::Forbidden, "This takes the role admin.").into())
}

fn app_of(request: &Request) -> &App {
    request
        .data::<App>()
        .expect("the server puts the application into every request")
}

/// Who a token speaks for. Its time is compared each time; its signature, of which the check was a
/// ninth of an instance's work while refusing a crowd, once; and whether its holder may still act
/// whenever anybody's access has changed.
fn read_token(app: &App, token: &str) -> Result<Caller, Problem> {
    // Before the look, so that a change in between is looked for the next time.
    let generation = app.access.generation();
    let known = checked_tokens(app).get(token).copied();
    let checked = match known {
        Some(checked) if checked.as_of == generation => checked,
        Some(checked) => remember(app, token, checked, generation),
        None => remember(app, token, check_signature(app, token)?, generation),
    };
    if checked.expires_at <= app.clock.now().timestamp() {
        return Err(unauthenticated("The access token has expired."));
    }
    let role = checked
        .acts_as
        .ok_or_else(|| unauthenticated("The session has ended."))?;
    Ok(Caller {
        id: checked.user,
        role,
        session: checked.session,
    })
}

/// Decides as what the holder of a token may act, and keeps that until somebody's access changes.
fn remember(app: &App, token: &str, checked: CheckedToken, generation: u64) -> CheckedToken {
    let checked = CheckedToken {
        acts_as: app
            .access
            .judge(checked.user, checked.session, checked.role),
        as_of: generation,
        ..checked
    };
    let mut tokens = checked_tokens(app);
    if tokens.len() >= MOST_CHECKED_TOKENS {
        tokens.clear();
    }
    tokens.insert(token.to_owned(), checked);
    checked
}

/// Some 400 bytes each.
const MOST_CHECKED_TOKENS: usize = 32_768;

fn checked_tokens(app: &App) -> MutexGuard<'_, HashMap<String, CheckedToken, RandomState>> {
    app.checked_tokens
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

fn check_signature(app: &App, token: &str) -> Result<CheckedToken, Problem> {
    let key = DecodingKey::from_secret(&app.token_secret);
    let claims = jsonwebtoken::decode::<Claims>(token, &key, &VALIDATION)
        .map_err(|_| unauthenticated("The access token is not valid."))?
        .claims;
    let role = role_named(&claims.role)
        .ok_or_else(|| unauthenticated("The access token is not valid."))?;
    Ok(CheckedToken {
        user: UserId(claims.sub),
        session: claims.sid.map(SessionId),
        role,
        expires_at: claims.exp,
        acts_as: None,
        as_of: 0,
    })
}

fn role_named(name: &str) -> Option<Role> {
    [Role::Customer, Role::Staff, Role::Admin]
        .into_iter()
        .find(|role| role_name(*role) == name)
}

fn unauthenticated(detail: &'static str) -> Problem {
    Problem::new(Slug::Unauthenticated, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Account, Change, What};
    use crate::clock::Clock;
    use crate::config::Cli;
    use clap::Parser;

    fn app() -> (App, Clock) {
        let args = [
            "holdfast",
            "--jwt-secret",
            "0123456789abcdef0123456789abcdef",
        ];
        let config = Cli::try_parse_from(args).unwrap().config;
        let clock = Clock::default();
        (App::disconnected(config, clock.clone()), clock)
    }

    #[test]
    fn a_token_tells_who_and_what_until_its_time_is_over() {
        let (app, clock) = app();
        let (id, session) = (UserId::random(), SessionId::random());
        let token = issue_token(&app, id, Role::Staff, session).unwrap();

        clock.advance_secs(3599);
        let caller = read_token(&app, &token).unwrap();
        let role = Role::Staff;
        let session = Some(session);
        assert_eq!(caller, Caller { id, role, session });

        clock.advance_secs(2);
        let refused = read_token(&app, &token).unwrap_err();
        assert_eq!(refused.slug(), Slug::Unauthenticated);
    }

    #[test]
    fn what_has_changed_counts_for_tokens_that_were_checked_before() {
        let (app, _) = app();
        let (user, session) = (UserId::random(), SessionId::random());
        let token = issue_token(&app, user, Role::Customer, session).unwrap();
        assert_eq!(read_token(&app, &token).unwrap().role, Role::Customer);

        let at = app.clock.now();
        let account = Account {
            role: Role::Admin,
            is_active: true,
            all_ended: false,
        };
        let learn = |id, what| app.access.learn(&[Change { id, at, user, what }]);
        learn(1, What::Account(account));
        assert_eq!(read_token(&app, &token).unwrap().role, Role::Admin);

        learn(2, What::SessionEnded(session));
        let refused = read_token(&app, &token).unwrap_err();
        assert_eq!(refused.slug(), Slug::Unauthenticated);
    }
}
