//! Bodies: JSON that is read strictly, so that a mistake is named rather than ignored, and JSON that
//! is written without detours.
//!
//! `poem_openapi`'s own JSON payload does not say which field had the wrong type. Here serde
//! reads the body first, with the path it was at when it failed, and then `poem_openapi` checks
//! the bounds that the OpenAPI document states.

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as HttpBody;
use poem::http::header::CONTENT_TYPE;
use poem::http::{HeaderMap, HeaderValue};
use poem::{FromRequest, IntoResponse, Request, RequestBody, Response};
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaResponses, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseFromJSON, ToJSON, Type};
use poem_openapi::{ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::error::Error;

use crate::problem::{Problem, Slug};

/// The largest body that is read, in bytes; Nginx is told the same.
pub const MAX_BYTES: usize = 64 * 1024;

/// A JSON request body.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: Type> Payload for Body<T> {
    const CONTENT_TYPE: &'static str = "application/json";

    fn check_content_type(content_type: &str) -> bool {
        let essence = content_type.split(';').next().unwrap_or_default();
        essence.trim().eq_ignore_ascii_case(Self::CONTENT_TYPE)
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<'a, T: ParseFromJSON + DeserializeOwned> ApiExtractor<'a> for Body<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        <Self as Payload>::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest {
            description: None,
            content: vec![MetaMediaType {
                content_type: Self::CONTENT_TYPE,
                schema: Self::schema_ref(),
            }],
            required: true,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        let body = <poem::Body as FromRequest>::from_request(request, body).await?;
        Ok(Self(read(request.headers(), BoxBody::from(body)).await?))
    }
}

/// A JSON answer that is written straight from its type, where `poem_openapi`'s own payload makes a
/// tree of values first. Its type must say the same to serde as it says to `poem_openapi`.
#[derive(Debug)]
pub struct Reply<T>(pub T);

impl<T: Type> Payload for Reply<T> {
    const CONTENT_TYPE: &'static str = Json::<T>::CONTENT_TYPE;

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Serialize + Send> IntoResponse for Reply<T> {
    fn into_response(self) -> Response {
        poem::web::Json(self.0).into_response()
    }
}

impl<T: ToJSON + Serialize> ApiResponse for Reply<T> {
    fn meta() -> MetaResponses {
        Json::<T>::meta()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// Reads a JSON body, if the headers say that it is one.
pub async fn read<T, B>(headers: &HeaderMap, body: B) -> Result<T, Problem>
where
    T: Type + ParseFromJSON + DeserializeOwned,
    B: HttpBody<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>>,
{
    read_plain(headers, body, |_| false).await
}

/// The same for a body of which most are plain: they keep every bound that the OpenAPI document states,
/// and have no text, so that nothing else has to be looked at.
pub async fn read_plain<T, B>(
    headers: &HeaderMap,
    body: B,
    is_plain: fn(&T) -> bool,
) -> Result<T, Problem>
where
    T: Type + ParseFromJSON + DeserializeOwned,
    B: HttpBody<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>>,
{
    let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::to_str);
    let is_json = content_type.is_some_and(|text| text.is_ok_and(Body::<T>::check_content_type));
    if !is_json {
        return Err(Problem::new(
            Slug::UnsupportedMediaType,
            "Send the body as application/json.",
        ));
    }
    let read = Limited::new(body, MAX_BYTES).collect().await;
    let read = read.map_err(|err| match err.downcast_ref::<LengthLimitError>() {
        Some(_) => {
            let detail = format!("The body may have at most {MAX_BYTES} bytes.");
            Problem::new(Slug::BodyTooLarge, detail)
        }
        None => Problem::invalid("body", "could not be read"),
    });
    parse(&read?.to_bytes(), is_plain)
}

fn parse<T: ParseFromJSON + DeserializeOwned>(
    bytes: &[u8],
    is_plain: fn(&T) -> bool,
) -> Result<T, Problem> {
    match serde_json::from_slice(bytes) {
        Ok(value) if is_plain(&value) => return Ok(value),
        Ok(_) => {}
        // The path is followed only where it is needed, to say where the mistake is.
        Err(_) => check_shape::<T>(bytes)?,
    }
    let value: Value =
        serde_json::from_slice(bytes).map_err(|err| Problem::invalid("body", err.to_string()))?;
    if let Some(path) = path_of_nul(&value) {
        let field = path.strip_prefix('.').unwrap_or(&path);
        return Err(Problem::invalid(field, "must not contain U+0000"));
    }
    T::parse_from_json(Some(value)).map_err(|err| bounds_problem(err.message()))
}

fn check_shape<T: DeserializeOwned>(bytes: &[u8]) -> Result<(), Problem> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize::<_, T>(&mut reader).map_err(|err| shape_problem(&err))?;
    reader
        .end()
        .map_err(|_| Problem::invalid("body", "has something after the JSON value"))
}

/// PostgreSQL cannot store U+0000 in a text, so it is nobody's name.
fn path_of_nul(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => text.contains('\0').then(String::new),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(i, item)| Some(format!("[{i}]{}", path_of_nul(item)?))),
        Value::Object(members) => members
            .iter()
            .find_map(|(name, member)| Some(format!(".{name}{}", path_of_nul(member)?))),
        _ => None,
    }
}

/// The JSON is malformed, or a field is missing, unknown or of the wrong type.
fn shape_problem(err: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let message = err.inner().to_string();
    let message = message.split(" at line ").next().unwrap_or(&message);
    let path = match err.path().to_string() {
        path if path == "." || path == "?" => None,
        path => Some(path),
    };
    let names_field = ["missing field", "unknown field", "duplicate field"]
        .iter()
        .any(|kind| message.starts_with(kind));
    let field = match (path, quoted(message).filter(|_| names_field)) {
        (Some(path), Some(name)) if path != name && !path.ends_with(&format!(".{name}")) => {
            format!("{path}.{name}")
        }
        (Some(path), _) => path,
        (None, Some(name)) => name.to_owned(),
        (None, None) => "body".to_owned(),
    };
    Problem::invalid(&field, message)
}

/// A value is outside what the OpenAPI document allows.
fn bounds_problem(message: &str) -> Problem {
    let message = message.split(" (occurred while").next().unwrap_or(message);
    Problem::invalid(quoted(message).unwrap_or("body"), bound(message))
}

/// What a value must satisfy, of the library's longer sentence about it.
pub fn bound(message: &str) -> String {
    match message.split_once("verification failed. ") {
        Some((_, bound)) => format!("must satisfy {bound}"),
        None => message.to_owned(),
    }
}

fn quoted(message: &str) -> Option<&str> {
    message.split('`').nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Money;

    fn field_of(json: &str) -> String {
        let problem = parse::<Money>(json.as_bytes(), |_| false).unwrap_err();
        assert_eq!(problem.slug(), Slug::ValidationFailed);
        let document: Value = serde_json::from_slice(&problem.document("7")).unwrap();
        document["errors"][0]["field"].as_str().unwrap().to_owned()
    }

    #[test]
    fn what_is_off_is_named() {
        for (json, field) in [
            (r#"{"amount": 1}"#, "currency"),
            (r#"{"amount": "1", "currency": "EUR"}"#, "amount"),
            (r#"{"amount": 1.5, "currency": "EUR"}"#, "amount"),
            (
                r#"{"amount": 99999999999999999999, "currency": "EUR"}"#,
                "amount",
            ),
            (r#"{"amount": -1, "currency": "EUR"}"#, "amount"),
            (r#"{"amount": 1, "currency": "euro"}"#, "currency"),
            (r#"{"amount": 1, "currency": "EUR", "tip": 1}"#, "tip"),
            (r#"{"amount": 1, "currency": "EUR"} x"#, "body"),
            (r#"{"amount": 1, "currency": "E\u0000R"}"#, "currency"),
            ("", "body"),
            ("[]", "body"),
            ("{", "body"),
        ] {
            assert_eq!(field_of(json), field, "{json}");
        }
        assert_eq!(
            parse::<Money>(b"{\"amount\": 1, \"currency\": \"\xff\"}", |_| false)
                .unwrap_err()
                .slug(),
            Slug::ValidationFailed
        );
    }

    #[test]
    fn a_correct_body_is_read() {
        let money = parse::<Money>(br#"{"amount": 4500, "currency": "EUR"}"#, |_| false).unwrap();
        assert_eq!(money, Money::new(4500, "EUR"));
    }
}
