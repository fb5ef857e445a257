//! What routes are called: to the router, in the OpenAPI document and in metrics.

use poem::PathPattern;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// The routes as the OpenAPI document names them. `poem_openapi` numbers path parameters, so that
/// `/api/events/{event_id}` is `/api/events/:param0` to the router.
pub struct RouteNames {
    by_pattern: HashMap<String, RouteName>,
}

#[derive(Debug, Clone)]
struct RouteName {
    path: String,
    parameters: Vec<String>,
    methods: String,
}

impl RouteNames {
    /// Of an OpenAPI document.
    pub fn new(document: &Value) -> Self {
        let paths = document["paths"].as_object().into_iter().flatten();
        let operations = paths.filter_map(|(path, of)| Some((path, of.as_object()?)));
        Self {
            by_pattern: operations
                .map(|(path, operations)| route_name(path, operations))
                .collect(),
        }
    }

    /// As a metric label: never a path as it was asked for, of which there is no end.
    pub fn label(&self, pattern: Option<&str>) -> String {
        match pattern {
            Some(pattern) => self
                .by_pattern
                .get(pattern)
                .map_or_else(|| pattern.to_owned(), |name| name.path.clone()),
            None => UNROUTED.to_owned(),
        }
    }

    /// The methods that a route takes, as in the header `Allow`.
    pub fn methods(&self, pattern: Option<&PathPattern>) -> &str {
        pattern
            .and_then(|pattern| self.by_pattern.get(pattern.0.as_ref()))
            // The pages are not in the document, and are read only.
            .map_or("GET, HEAD", |name| &name.methods)
    }

    /// The name of a path parameter that the router calls `param<n>`.
    pub fn parameter(&self, pattern: Option<&PathPattern>, numbered: &str) -> String {
        let number = numbered
            .strip_prefix("param")
            .and_then(|n| n.parse::<usize>().ok());
        pattern
            .and_then(|pattern| self.by_pattern.get(pattern.0.as_ref()))
            .zip(number)
            .and_then(|(name, number)| name.parameters.get(number).cloned())
            .unwrap_or_else(|| numbered.to_owned())
    }
}

fn route_name(path: &str, operations: &Map<String, Value>) -> (String, RouteName) {
    let mut parameters = Vec::new();
    let segments: Vec<_> = path
        .split('/')
        .map(|segment| {
            match segment
                .strip_prefix('{')
                .and_then(|name| name.strip_suffix('}'))
            {
                Some(name) => {
                    parameters.push(name.to_owned());
                    format!(":param{}", parameters.len() - 1)
                }
                None => segment.to_owned(),
            }
        })
        .collect();
    let mut methods: Vec<_> = operations.keys().map(|name| name.to_uppercase()).collect();
    // The router answers HEAD as it answers GET.
    if operations.contains_key("get") {
        methods.push("HEAD".to_owned());
    }
    let name = RouteName {
        path: path.to_owned(),
        parameters,
        methods: methods.join(", "),
    };
    (segments.join("/"), name)
}

/// The label of what was answered before it came to a route.
const UNROUTED: &str = "none";

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_route_is_named_as_in_the_document() {
        let path = "/api/tickets/{ticket_id}/reserve";
        let names = RouteNames::new(&json!({ "paths": { path: { "post": {} } } }));
        let pattern = PathPattern("/api/tickets/:param0/reserve".into());
        assert_eq!(names.label(Some(&pattern.0)), path);
        assert_eq!(names.parameter(Some(&pattern), "param0"), "ticket_id");
        assert_eq!(names.label(None), "none");
    }

    #[test]
    fn a_route_tells_which_methods_it_takes() {
        let names = RouteNames::new(&json!({ "paths": {
            "/api/venues": { "get": {}, "post": {} },
            "/api/auth/login": { "post": {} },
        } }));
        for (pattern, methods) in [
            ("/api/venues", "GET, POST, HEAD"),
            ("/api/auth/login", "POST"),
            ("/docs", "GET, HEAD"),
        ] {
            assert_eq!(names.methods(Some(&PathPattern(pattern.into()))), methods);
        }
    }
}
