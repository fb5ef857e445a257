//! The OpenAPI document: all calls together, and examples of every problem.

use poem_openapi::{ExtraHeader, LicenseObject, OpenApiService};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use std::fmt;

use crate::applications::admin::ReceivedApplicationsApi;
use crate::applications::api::ApplicationsApi;
use crate::catalog::api::CatalogApi;
use crate::catalog::events::api::EventsApi;
use crate::catalog::layout::api::LayoutApi;
use crate::catalog::seats::api::SeatsApi;
use crate::catalog::venues::api::VenuesApi;
use crate::catalog::zones::api::ZonesApi;
use crate::codes::api::CodesApi;
use crate::health::HealthApi;
use crate::identity::api::{IdentityApi, MeApi, PeopleApi};
use crate::inquiries::api::InquiriesApi;
use crate::mail::api::MailApi;
use crate::problem::Slug;
use crate::problem::document::example;
use crate::reservations::BoxOffice;
use crate::reservations::api::ReservationsApi;
use crate::reviews::api::ReviewsApi;
use crate::state::App;

/// Every call of the API.
pub type Calls = (People, Catalogue, Sale, Words, Operations);

type People = (IdentityApi, MeApi, PeopleApi);
type Catalogue = (
    VenuesApi,
    EventsApi,
    CatalogApi,
    LayoutApi,
    ZonesApi,
    SeatsApi,
);
type Sale = (CodesApi, ReservationsApi);
type Words = (
    ReviewsApi,
    InquiriesApi,
    ApplicationsApi,
    ReceivedApplicationsApi,
);
type Operations = (MailApi, HealthApi);

/// The calls of a running application.
pub fn service(app: &App, office: &BoxOffice) -> OpenApiService<Calls, ()> {
    let app = || app.clone();
    let office = || office.clone();
    let people = (
        IdentityApi { app: app() },
        MeApi { app: app() },
        PeopleApi { app: app() },
    );
    let catalogue = (
        VenuesApi { app: app() },
        EventsApi { app: app() },
        CatalogApi { app: app() },
        LayoutApi { app: app() },
        ZonesApi { app: app() },
        SeatsApi { app: app() },
    );
    let sale = (
        CodesApi { app: app() },
        ReservationsApi { office: office() },
    );
    let words = (
        ReviewsApi { app: app() },
        InquiriesApi { app: app() },
        ApplicationsApi { app: app() },
        ReceivedApplicationsApi { office: office() },
    );
    let operations = (MailApi { app: app() }, HealthApi { app: app() });
    let calls = (people, catalogue, sale, words, operations);
    OpenApiService::new(calls, "Holdfast", env!("CARGO_PKG_VERSION"))
        .description(DESCRIPTION)
        .license(LicenseObject::new("MIT OR Apache-2.0"))
        .extra_response_header::<String, _>(
            ExtraHeader::new("X-Request-Id").description(
                "Finds this request in the logs; taken from the request if it has one.",
            ),
        )
        .extra_response_header::<String, _>(
            ExtraHeader::new("X-Served-By").description("The instance that answered."),
        )
}

/// The document, with examples of every problem.
pub fn document(service: &OpenApiService<Calls, ()>) -> Value {
    let mut document = read(&service.spec());
    add_problem_examples(&mut document);
    document
}

/// Reads what the library writes: a path once for each set of calls that has it, of which a reader of
/// JSON keeps the last.
fn read(spec: &str) -> Value {
    #[derive(Deserialize)]
    struct Document {
        paths: Paths,
        #[serde(flatten)]
        others: Map<String, Value>,
    }
    let document: Document = serde_json::from_str(spec).expect("the library writes JSON");
    let mut members = document.others;
    members.insert("paths".to_owned(), Value::Object(document.paths.0));
    Value::Object(members)
}

/// Paths with all their operations, wherever those stand.
struct Paths(Map<String, Value>);

impl<'de> Deserialize<'de> for Paths {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PathsVisitor)
    }
}

struct PathsVisitor;

impl<'de> Visitor<'de> for PathsVisitor {
    type Value = Paths;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("paths with operations")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Paths, A::Error> {
        let mut paths = Map::new();
        while let Some((path, operations)) = map.next_entry::<String, Map<String, Value>>()? {
            let known = paths.entry(path).or_insert_with(|| json!({}));
            if let Value::Object(known) = known {
                known.extend(operations);
            }
        }
        Ok(Paths(paths))
    }
}

/// Swagger UI over the document, in one page that needs no other server.
pub fn swagger_ui(service: &OpenApiService<Calls, ()>, document: &Value) -> String {
    service
        .swagger_ui_html()
        .replacen(&service.spec(), &document.to_string(), 1)
        .replacen(
            "<html charset=\"UTF-8\">",
            "<!doctype html>\n<html lang=\"en\">",
            1,
        )
        .replacen("<title>Swagger UI</title>", HEAD, 1)
}

const HEAD: &str = "<title>Holdfast API</title>\n    \
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">";

const DESCRIPTION: &str = "Sells tickets that exist once, without ever selling one twice.\n\n\
    Register or log in, send the `access_token` as `Authorization: Bearer <token>`, reserve, and \
    confirm before `expires_at`. Times are RFC 3339 in UTC, money is in minor units. Errors are \
    problem documents (RFC 9457) whose `type` ends in a stable slug. Bodies are read strictly: \
    an unknown member is refused. POSTs that create or move something take an \
    `Idempotency-Key`, 1 to 255 printable ASCII characters, so that they are safe to repeat.";

/// Adds to each problem response one example for each kind of problem its description names.
fn add_problem_examples(document: &mut Value) {
    for operations in members(document, "paths") {
        let Some(operations) = operations.as_object_mut() else {
            continue;
        };
        for operation in operations.values_mut() {
            for response in members(operation, "responses") {
                add_examples(response);
            }
        }
    }
}

fn members<'a>(value: &'a mut Value, name: &str) -> Vec<&'a mut Value> {
    value
        .get_mut(name)
        .and_then(Value::as_object_mut)
        .map(|object| object.values_mut().collect())
        .unwrap_or_default()
}

fn add_examples(response: &mut Value) {
    let description = response["description"].as_str().unwrap_or_default();
    let examples: Map<_, _> = Slug::ALL
        .iter()
        .filter(|slug| description.contains(&format!("`{}`:", slug.as_str())))
        .map(|slug| {
            let entry = json!({ "summary": slug.title(), "value": example(*slug) });
            (slug.as_str().to_owned(), entry)
        })
        .collect();
    if let Some(media) = response.pointer_mut("/content/application~1problem+json") {
        media["examples"] = Value::Object(examples);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_that_share_a_path_are_all_in_the_document() {
        let spec = r#"{"openapi": "3", "paths": {"/a": {"get": 1}, "/b": {}, "/a": {"post": 2}}}"#;
        let document = json!({
            "openapi": "3", "paths": { "/a": { "get": 1, "post": 2 }, "/b": {} },
        });
        assert_eq!(read(spec), document);
    }
}
