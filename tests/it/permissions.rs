//! Every operation of the document, called as everybody: who may is let through, who may not is told
//! so, and nobody finds somebody else's things.
//!
//! A new operation needs a line in `rules`.

use kit::{Answer, App, Person};
use poem::http::Method;
use serde_json::json;

use document::{Operation, operations};
use rules::{RULES, Rule, rule_of};
use things::{Things, one_of};

pub mod document;
mod rules;
mod things;

kit::stories! { on [SqliteEmbedded];
    every_operation_has_a_rule_and_every_rule_an_operation,
    the_document_tells_who_may,
}

kit::stories! {
    who_may_not_is_refused_and_who_may_is_not,
    somebody_elses_things_are_not_found,
    somebody_elses_words_are_not_theirs_to_change,
}

async fn every_operation_has_a_rule_and_every_rule_an_operation(app: &App) {
    let mut found: Vec<_> = all(app).await.into_iter().map(|it| it.id).collect();
    found.sort();
    let ruled: Vec<_> = RULES.iter().map(|(id, _)| (*id).to_owned()).collect();
    assert!(ruled.is_sorted(), "the rules stand in order");
    let without = found.iter().filter(|id| !ruled.contains(id));
    let without: Vec<_> = without.collect();
    assert!(
        without.is_empty(),
        "without a rule in rules.rs: {without:?}"
    );
    assert_eq!(found, ruled, "a rule is left over, or is there twice");
}

async fn the_document_tells_who_may(app: &App) {
    for operation in all(app).await {
        let (id, rule) = (&operation.id, rule_of(&operation.id));
        let schemes: Vec<_> = operation.schemes.iter().map(String::as_str).collect();
        assert_eq!(schemes, rule.schemes(), "{id} is {rule:?}");
        let may_do_without = rule == Rule::Optional;
        assert_eq!(operation.is_sign_in_optional, may_do_without, "{id}");

        let takes_sign_in = !matches!(rule, Rule::Public);
        let declares = |slug| operation.declares(slug);
        assert_eq!(
            declares("unauthenticated"),
            takes_sign_in,
            "{id} is {rule:?}"
        );
        let by_role = matches!(rule, Rule::Author | Rule::Staff | Rule::Admin);
        assert_eq!(declares("forbidden"), by_role, "{id} is {rule:?}");
        if rule == Rule::Owner {
            assert!(declares("not-found"), "{id} is {rule:?}");
        }
    }
}

async fn who_may_not_is_refused_and_who_may_is_not(app: &App) {
    let things = Things::new(app).await;
    let mut crew = Crew::new(app).await;
    for operation in all(app).await {
        let rule = rule_of(&operation.id);
        let existing = operation.path(|parameter| things.id_of(parameter));
        let nobodys = operation.path(|_| None);
        // Those who may come last: they may end what is there.
        for path in [&existing, &nobodys] {
            refuses(app, &operation, path, &crew, rule).await;
        }
        let somebodys = matches!(rule, Rule::Owner | Rule::Author);
        let paths = if somebodys {
            vec![&nobodys]
        } else {
            vec![&nobodys, &existing]
        };
        for path in paths {
            lets_through(app, &operation, path, &mut crew, rule).await;
        }
    }
}

async fn somebody_elses_things_are_not_found(app: &App) {
    let operations = all(app).await.into_iter();
    for operation in operations.filter(|it| rule_of(&it.id) == Rule::Owner) {
        let [owner, stranger] = [app.buyer().await, app.buyer().await];
        let path = path_of_owned(app, &operation, &owner).await;
        let theirs = ask(app, &operation, &path, Some(&stranger)).await;
        let nobodys = operation.path(|_| None);
        let nobodys = ask(app, &operation, &nobodys, Some(&stranger)).await;
        for refused in [&theirs, &nobodys] {
            let is_not_found = (refused.status, refused.slug()) == (404, "not-found");
            assert!(is_not_found, "{}: {refused:?}", operation.id);
        }
        assert_eq!(theirs["detail"], nobodys["detail"], "{}", operation.id);
        let own = ask(app, &operation, &path, Some(&owner)).await;
        assert!(own.is_success(), "{}: {own:?}", operation.id);
    }
}

async fn somebody_elses_words_are_not_theirs_to_change(app: &App) {
    let written = all(app).await.into_iter();
    for operation in written.filter(|it| rule_of(&it.id) == Rule::Author) {
        let [author, stranger] = [app.buyer().await, app.buyer().await];
        let path = path_of_owned(app, &operation, &author).await;
        let refused = ask(app, &operation, &path, Some(&stranger)).await;
        assert_eq!(
            (refused.status, refused.slug()),
            (403, "forbidden"),
            "{}",
            operation.id
        );
        let own = ask(app, &operation, &path, Some(&author)).await;
        assert!(own.is_success(), "{}: {own:?}", operation.id);
    }
}

async fn refuses(app: &App, operation: &Operation, path: &str, crew: &Crew, rule: Rule) {
    let forged = Person::with_token("eyJhbGciOiJub25lIn0.e30.");
    let strangers = match rule {
        Rule::Public | Rule::Credentials => vec![],
        Rule::Optional => vec![Some(&forged)],
        _ => vec![None, Some(&forged)],
    };
    for stranger in strangers {
        let answer = ask(app, operation, path, stranger).await;
        let is_refused = (answer.status, answer.slug()) == (401, "unauthenticated");
        assert!(is_refused, "{} as nobody: {answer:?}", operation.id);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    for (role, person) in crew.members() {
        if !rule.allows(role) {
            let answer = ask(app, operation, path, Some(person)).await;
            let is_refused = (answer.status, answer.slug()) == (403, "forbidden");
            assert!(is_refused, "{} as {role}: {answer:?}", operation.id);
        }
    }
}

async fn lets_through(app: &App, operation: &Operation, path: &str, crew: &mut Crew, rule: Rule) {
    if rule.allows("nobody") {
        let answer = ask(app, operation, path, None).await;
        check_let_through(operation, "nobody", rule, &answer);
    }
    for role in ["customer", "staff", "admin"] {
        if rule.allows(role) {
            let answer = ask(app, operation, path, Some(crew.member(role))).await;
            check_let_through(operation, role, rule, &answer);
            crew.replace_if_gone(app, role).await;
        }
    }
}

/// Whatever else is wrong, it is not who asks.
fn check_let_through(operation: &Operation, who: &str, rule: Rule, answer: &Answer) {
    let denied = match answer.slug() {
        "unauthenticated" => rule != Rule::Credentials,
        "forbidden" => true,
        _ => false,
    };
    assert!(!denied, "{} as {who}: {answer:?}", operation.id);
    assert_ne!(answer.status, 500, "{} as {who}: {answer:?}", operation.id);
}

/// A whole request, so that nothing but who asks can be wrong.
async fn ask(app: &App, operation: &Operation, path: &str, who: Option<&Person>) -> Answer {
    let mut call = app.call(operation.method.clone(), path);
    if let Some(who) = who {
        call = call.by(who);
    }
    if let Some(body) = &operation.body {
        call = call.json(body);
    }
    if operation.method != Method::GET {
        call = call.header("if-match", "*");
    }
    call.await
}

async fn path_of_owned(app: &App, operation: &Operation, owner: &Person) -> String {
    let parameter = operation.parameters.last().map(|(name, _)| name.as_str());
    let parameter = parameter.unwrap_or_else(|| panic!("{} names nothing", operation.id));
    let id = one_of(app, owner, parameter).await;
    operation.path(|name| (name == parameter).then(|| id.clone()))
}

async fn all(app: &App) -> Vec<Operation> {
    let document = app.get("/openapi.json").await.expect(200);
    let operations = operations(&document.body);
    assert!(operations.len() > 30, "the document lists the operations");
    operations
}

/// One of each role.
struct Crew {
    members: [(&'static str, Person); 3],
}

impl Crew {
    async fn new(app: &App) -> Self {
        let staff = app.person_of_role("staff").await;
        let admin = app.person_of_role("admin").await;
        Self {
            members: [
                ("customer", app.buyer().await),
                ("staff", staff),
                ("admin", admin),
            ],
        }
    }

    fn members(&self) -> impl Iterator<Item = (&'static str, &Person)> {
        self.members.iter().map(|(role, person)| (*role, person))
    }

    fn member(&self, role: &str) -> &Person {
        let mut members = self.members();
        members.find(|(it, _)| *it == role).unwrap().1
    }

    /// Some operations end the session or the account of who asks.
    async fn replace_if_gone(&mut self, app: &App, role: &'static str) {
        let me = app.get("/api/me").by(self.member(role)).await;
        if me.status == 200 && me["role"] == json!(role) {
            return;
        }
        let next = app.person_of_role(role).await;
        let member = self.members.iter_mut().find(|(it, _)| *it == role);
        member.unwrap().1 = next;
    }
}
