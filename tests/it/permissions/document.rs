//! The operations of the OpenAPI document, and requests that it would call whole.

use poem::http::Method;
use serde_json::Value;

/// No row has this number.
const NOBODYS_NUMBER: &str = "999999999";

/// No row has this id.
const NOBODYS_ID: &str = "3f2a9d10-5b77-4e0c-9a41-c6d8e0f12233";

/// An operation as it is documented.
#[derive(Debug)]
pub struct Operation {
    pub id: String,
    pub method: Method,
    template: String,
    /// Of the path, by name, each with an id that nobody has.
    pub parameters: Vec<(String, String)>,
    /// What the document gives as an example of the body.
    pub body: Option<Value>,
    pub schemes: Vec<String>,
    pub is_sign_in_optional: bool,
    descriptions: Vec<String>,
}

impl Operation {
    /// The path with an id for each parameter: the one that is known for it, or nobody's.
    pub fn path(&self, id_of: impl Fn(&str) -> Option<String>) -> String {
        let fill = |path: String, (name, nobodys): &(String, String)| {
            let id = id_of(name).unwrap_or_else(|| nobodys.clone());
            path.replace(&format!("{{{name}}}"), &id)
        };
        self.parameters.iter().fold(self.template.clone(), fill)
    }

    /// Whether one of its answers is this problem.
    pub fn declares(&self, slug: &str) -> bool {
        let named = format!("`{slug}`:");
        self.descriptions.iter().any(|it| it.contains(&named))
    }
}

/// All of them.
pub fn operations(document: &Value) -> Vec<Operation> {
    let of_each = |(path, method, it): (&str, &str, &Value)| operation(document, path, method, it);
    each(document).map(of_each).collect()
}

/// All of them as they stand there, each with its path and method.
pub fn each(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(move |(method, it)| (path.as_str(), method.as_str(), it))
    })
}

/// A schema, or the one that it refers to.
pub fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    }
}

fn operation(document: &Value, path: &str, method: &str, it: &Value) -> Operation {
    let id = it["operationId"].as_str();
    let security = it["security"].as_array().into_iter().flatten();
    let security: Vec<_> = security.map(|it| it.as_object().unwrap()).collect();
    let parameters = it["parameters"].as_array().into_iter().flatten();
    let in_path = parameters.filter(|parameter| parameter["in"] == "path");
    let body = &it["requestBody"]["content"]["application/json"]["schema"];
    let answers = it["responses"].as_object().unwrap().values();
    Operation {
        id: id
            .unwrap_or_else(|| panic!("{method} {path} has no id"))
            .to_owned(),
        method: method.to_uppercase().parse().unwrap(),
        template: path.to_owned(),
        parameters: in_path.map(parameter).collect(),
        body: body.is_object().then(|| example(document, body)),
        schemes: security.iter().flat_map(|it| it.keys().cloned()).collect(),
        is_sign_in_optional: security.iter().any(|it| it.is_empty()),
        descriptions: answers.map(|it| it["description"].to_string()).collect(),
    }
}

fn parameter(parameter: &Value) -> (String, String) {
    let nobodys = match parameter["schema"]["type"].as_str() {
        Some("integer") => NOBODYS_NUMBER,
        _ => NOBODYS_ID,
    };
    (
        parameter["name"].as_str().unwrap().to_owned(),
        nobodys.to_owned(),
    )
}

/// # Panics
/// Where the document gives no example.
fn example(document: &Value, schema: &Value) -> Value {
    let schema = resolve(document, schema);
    let example = schema.get("example").cloned();
    example.unwrap_or_else(|| panic!("no example of {schema}"))
}
