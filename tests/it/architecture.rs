//! The layout that the crate document promises, checked against the source itself.

use std::fs;
use std::path::{Path, PathBuf};

/// Where queries may be written: the store of each slice, and a few files that say why they are one.
const QUERIES_IN: &[&str] = &[
    "/store.rs",
    "/store/",
    "src/entity/",
    "src/db.rs",
    "src/db/",
    "src/schema.rs",
    "src/verify.rs",
    "src/idempotency.rs",
    "src/demo.rs",
];

/// What any file may have of the database library: an error to pass on, and a transaction to hand
/// to a store.
const HARMLESS: &[&str] = &["DbErr", "DatabaseTransaction"];

const MOST_LINES: usize = 400;

#[test]
fn a_module_imports_only_from_modules_above_it() {
    let order = modules(&read(&root().join("src/lib.rs")));
    assert!(order.len() > 20, "src/lib.rs names its modules: {order:?}");
    for (path, text) in sources("src") {
        let Some(own) = module_of(&path) else {
            continue;
        };
        let wrong = imports_from_below(&order, &own, &text);
        assert!(wrong.is_empty(), "{path} imports from below: {wrong:?}");
        let depth = path.trim_start_matches("src/").split('/').count();
        let depth = depth - usize::from(path.ends_with("/mod.rs"));
        assert!(
            !climbs_to_the_root(depth, &text),
            "{path} reaches the crate's root through `super`, where this test cannot see what it imports"
        );
    }
}

#[test]
fn queries_are_written_in_stores_only() {
    for (path, text) in sources("src") {
        if QUERIES_IN.iter().any(|place| path.contains(place)) {
            continue;
        }
        let queries = query_building(&text);
        assert!(queries.is_empty(), "{path} builds queries: {queries:?}");
    }
}

#[test]
fn a_file_fits_into_a_head() {
    let mut long = Vec::new();
    for directory in ["bench", "migration", "src", "tests"] {
        for (path, text) in sources(directory) {
            let lines = text.lines().count();
            if lines > MOST_LINES {
                long.push(format!("{path} has {lines} lines"));
            }
        }
    }
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn an_import_from_below_is_seen_in_whatever_form() {
    let order = ["clock", "db", "sales", "server"].map(str::to_owned);
    for (text, from) in [
        ("use crate::sales::Order;", "sales"),
        ("use crate::{clock::Clock, server};", "server"),
        (
            "use crate::{clock::{Clock, Tick}, db, sales::{Order}};",
            "sales",
        ),
        ("use crate::{\n    clock,\n    server::run,\n};", "server"),
        ("fn f() { crate::sales::sell() }", "sales"),
        ("pub(in crate::server) fn f() {}", "server"),
        ("let x: Vec<crate::sales::Order> = vec![];", "sales"),
        ("use crate::*;", "*"),
    ] {
        assert_eq!(imports_from_below(&order, "db", text), [from], "{text}");
    }
    for text in [
        "use crate::clock::Clock;",
        "use crate::db::other;",
        "use crate::{clock::Clock, db};",
        "// use crate::sales::Order;",
        "/// See [`crate::sales::Order`].",
        "use other_crate::sales::Order;",
        "pub(crate) fn f() {}",
        "let slug = \"a text // with\"; use crate::clock;",
    ] {
        assert!(imports_from_below(&order, "db", text).is_empty(), "{text}");
    }
    assert_eq!(
        modules("pub mod clock;\n\nmod db;\n// mod x;\nmod tests {\n"),
        ["clock", "db"]
    );
}

#[test]
fn a_climb_to_the_root_is_seen() {
    assert!(climbs_to_the_root(1, "use super::sales::Order;"));
    assert!(climbs_to_the_root(2, "use super::super::sales;"));
    assert!(!climbs_to_the_root(2, "use super::store;"));
    assert!(!climbs_to_the_root(
        1,
        "#[cfg(test)]\nmod tests {\n    use super::*;\n}"
    ));
}

#[test]
fn a_query_outside_a_store_is_seen() {
    for text in [
        "use sea_orm::EntityTrait;",
        "use sea_orm::{DbErr, QueryFilter};",
        "use sea_orm::sea_query::Expr;",
        "fn f() { sea_orm::Statement::from_string(b, s) }",
        "let found = ticket::Entity::find();",
        "tx.execute_unprepared(\"VACUUM\")",
        "let sql = \"SELECT * FROM tickets\";",
    ] {
        assert!(!query_building(text).is_empty(), "{text}");
    }
    for text in [
        "use sea_orm::DbErr;",
        "use sea_orm::{DatabaseTransaction, DbErr};",
        "fn f(tx: &sea_orm::DatabaseTransaction) -> Result<(), sea_orm::DbErr> {}",
        "// SELECT is not used here",
        "use crate::entity::ticket;",
    ] {
        assert!(query_building(text).is_empty(), "{text}");
    }
}

/// The modules that a crate root names, in its order.
fn modules(lib: &str) -> Vec<String> {
    let names = lib.lines().filter_map(|line| {
        let line = line.trim_start_matches("pub ");
        line.strip_prefix("mod ")?.strip_suffix(';')
    });
    names.map(str::to_owned).collect()
}

/// The top-level module that a file belongs to; none for the roots of the library and the binary.
fn module_of(path: &str) -> Option<String> {
    let path = path.strip_prefix("src/")?.strip_suffix(".rs")?;
    let module = path.split('/').next()?;
    (!["lib", "main"].contains(&module)).then(|| module.to_owned())
}

/// The top-level modules that the text names but that do not stand above its own.
fn imports_from_below(order: &[String], own: &str, text: &str) -> Vec<String> {
    let position = |module: &str| order.iter().position(|name| name == module);
    let own_position = position(own).unwrap_or_else(|| panic!("src/lib.rs does not name {own}"));
    let code = without_comments(text);
    let named = paths_from(&code, "crate::").into_iter();
    named
        .filter(|module| position(module).is_none_or(|at| at > own_position))
        .collect()
}

/// The first segment of every path that begins with `root`, of each branch of an import in braces.
fn paths_from(code: &str, root: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices(root) {
        let continues_a_name = code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let path = &code[at + root.len()..];
        if continues_a_name {
            continue;
        }
        match path.strip_prefix('{') {
            Some(group) => found.extend(branches(group)),
            None => found.push(segment(path)),
        }
    }
    found
}

/// The first segment of each branch, up to the brace that closes the group.
fn branches(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut start = 0;
    let mut found = Vec::new();
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                found.push(segment(group[start..at].trim_start()));
                start = at + 1;
                if character == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    found.retain(|name| !name.is_empty());
    found
}

fn segment(path: &str) -> String {
    if path.starts_with('*') {
        return "*".to_owned();
    }
    let is_name = |c: &char| c.is_alphanumeric() || *c == '_';
    path.chars().take_while(is_name).collect()
}

/// Is true when a chain of `super` in a file so deep comes to the root. Unit tests, which stand one
/// module deeper at the end of their file, are left out.
fn climbs_to_the_root(depth: usize, text: &str) -> bool {
    let code = without_comments(text);
    let code = code.split("#[cfg(test)]").next().unwrap_or_default();
    code.contains(&"super::".repeat(depth))
}

/// What in the text builds queries.
fn query_building(text: &str) -> Vec<String> {
    let code = without_comments(text);
    let mut found = paths_from(&code, "sea_orm::");
    found.retain(|name| !HARMLESS.contains(&name.as_str()));
    let marks = [
        "Entity::",
        "_unprepared(",
        "_raw(",
        "SELECT ",
        "INSERT INTO ",
        "UPDATE ",
        "DELETE FROM ",
    ];
    let marks = marks.iter().filter(|mark| code.contains(*mark));
    found.extend(marks.map(|mark| (*mark).to_owned()));
    found
}

/// The text without what follows `//` on a line, unless a text holds it, as an address does.
fn without_comments(text: &str) -> String {
    let code = text.lines().map(|line| {
        let mut comments = line.match_indices("//").map(|(at, _)| at);
        let is_in_a_text = |at: &usize| line[..*at].matches('"').count() % 2 == 1;
        let comment = comments.find(|at| !is_in_a_text(at));
        &line[..comment.unwrap_or(line.len())]
    });
    code.collect::<Vec<_>>().join("\n")
}

/// The Rust files in a directory of the project, each by its path from the root, with its text.
fn sources(directory: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut directories = vec![root().join(directory)];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).unwrap();
                found.push((name.display().to_string(), read(&path)));
            }
        }
    }
    assert!(!found.is_empty(), "there is Rust in {directory}");
    found
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
