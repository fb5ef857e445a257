//! Nothing that is taken is without a bound, and no list is told whole: asked of the document, so that
//! a new field or list without one is found.

use std::collections::BTreeSet;

use kit::App;
use serde_json::Value;

use crate::permissions::document::{each, resolve};

kit::stories! { on [SqliteEmbedded];
    every_text_and_array_that_is_taken_has_a_bound,
    every_list_is_told_in_pages,
}

/// Those of which each item is checked by itself: that it is a URL, or a short label.
const CHECKED_ONE_BY_ONE: [&str; 4] = [
    "EventDraft.gallery[]",
    "EventEdit.gallery[]",
    "ReviewDraft.pictures[]",
    "Row.labels[]",
];

async fn every_text_and_array_that_is_taken_has_a_bound(app: &App) {
    let document = app.get("/openapi.json").await.expect(200).body;
    let mut look = Look {
        document: &document,
        seen: BTreeSet::new(),
        boundless: BTreeSet::new(),
    };
    for (path, _, operation) in each(&document) {
        let contents = operation["requestBody"]["content"].as_object();
        for content in contents.into_iter().flat_map(|it| it.values()) {
            look.at(&content["schema"], path);
        }
        for parameter in parameters(operation) {
            let name = parameter["name"].as_str().unwrap();
            // A cursor is made here, and read strictly. Headers are bounded together.
            if parameter["in"] == "query" && name != "cursor" {
                look.at(&parameter["schema"], &format!("{path}?{name}"));
            }
        }
    }
    assert!(look.seen.len() > 20, "{:?}", look.seen);
    let boundless: Vec<_> = look.boundless.iter().map(String::as_str).collect();
    assert_eq!(boundless, CHECKED_ONE_BY_ONE);
}

async fn every_list_is_told_in_pages(app: &App) {
    let document = app.get("/openapi.json").await.expect(200).body;
    let mut lists = 0;
    for (path, _, operation) in each(&document) {
        let contents = operation["responses"]["200"]["content"].as_object();
        let mut contents = contents.into_iter().flat_map(|it| it.values());
        let Some(told) = contents.next() else {
            continue;
        };
        let told = resolve(&document, &told["schema"]);
        if told["properties"]["next"].is_null() {
            let items = &told["properties"]["items"];
            assert!(items.is_null(), "{path} lists without a next page");
            continue;
        }
        lists += 1;
        let limit = parameters(operation).find(|it| it["name"] == "limit");
        let most = limit.and_then(|it| it["schema"]["maximum"].as_f64());
        assert!(most.is_some_and(|most| most <= 1000.0), "{path}: {most:?}");
        assert!(parameters(operation).any(|it| it["name"] == "cursor"));
    }
    assert!(lists >= 10, "{lists}");
}

/// A walk through what is taken.
struct Look<'a> {
    document: &'a Value,
    seen: BTreeSet<String>,
    boundless: BTreeSet<String>,
}

impl Look<'_> {
    fn at(&mut self, schema: &Value, path: &str) {
        if let Some(name) = schema["$ref"].as_str().and_then(|it| it.rsplit('/').next()) {
            if self.seen.insert(name.to_owned()) {
                let document = self.document;
                self.at(resolve(document, schema), name);
            }
            return;
        }
        for together in ["allOf", "anyOf", "oneOf"] {
            for one in schema[together].as_array().into_iter().flatten() {
                self.at(one, path);
            }
        }
        let has = |key: &str| !schema[key].is_null();
        let is_bounded = match schema["type"].as_str() {
            Some("string") => {
                let is_of_a_kind = |it| ["date-time", "naive-date", "uuid"].contains(&it);
                ["maxLength", "pattern", "enum"].into_iter().any(has)
                    || schema["format"].as_str().is_some_and(is_of_a_kind)
            }
            Some("array") => has("maxItems"),
            _ => true,
        };
        if !is_bounded {
            self.boundless.insert(path.to_owned());
        }
        if has("items") {
            self.at(&schema["items"], &format!("{path}[]"));
        }
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            self.at(property, &format!("{path}.{name}"));
        }
    }
}

fn parameters(operation: &Value) -> impl Iterator<Item = &Value> {
    operation["parameters"].as_array().into_iter().flatten()
}
