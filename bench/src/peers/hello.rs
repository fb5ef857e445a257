//! What the HTTP library can do at most: a constant JSON document, declared as Holdfast declares its own.
//!
//! It guarantees nothing; it is the ceiling for requests that need neither the database nor Redis.

use poem::{IntoEndpoint, Route};
use poem_openapi::{Object, OpenApi, OpenApiService, payload::Json};

/// The address of the document.
pub const PATH: &str = "/hello";

pub fn routes() -> impl IntoEndpoint {
    Route::new().nest("/", OpenApiService::new(Hello, "Hello", "1"))
}

struct Hello;

#[derive(Object)]
struct Greeting {
    message: String,
}

#[expect(clippy::unused_async, reason = "the library wants it")]
#[OpenApi]
impl Hello {
    #[oai(path = "/hello", method = "get")]
    async fn hello(&self) -> Json<Greeting> {
        Json(Greeting {
            message: "hello".to_owned(),
        })
    }
}
