//! Layouts that are refused, and zones that cannot be made of them.

use kit::App;
use serde_json::{Value, json};

use super::{draft, layout, put_layout};

kit::stories! {
    a_layout_is_changed_by_admins_who_have_read_it,
    a_layout_at_odds_with_itself_is_refused_with_the_field_named,
    a_zone_of_no_section_is_refused,
}

async fn a_layout_is_changed_by_admins_who_have_read_it(app: &App) {
    let venue = app.venue().await;
    let path = format!("/api/venues/{venue}/layout");
    let (admin, buyer) = (app.admin().await, app.buyer().await);
    let put = || app.put(&path).json(&layout());
    put().await.expect_problem(401, "unauthenticated");
    put()
        .by(&buyer)
        .if_match(1)
        .await
        .expect_problem(403, "forbidden");
    put()
        .by(&admin)
        .await
        .expect_problem(428, "precondition-required");
    let refused = put().by(&admin).if_match(7).await;
    assert_eq!(
        refused.expect_problem(412, "version-mismatch")["version"],
        1
    );
    put().by(&admin).if_match(1).await.expect(200);
    let outdated = app.delete(&path).by(&admin).if_match(1).await;
    outdated.expect_problem(412, "version-mismatch");
    app.delete(&path)
        .by(&buyer)
        .await
        .expect_problem(403, "forbidden");
    let nowhere = app.put("/api/venues/999999/layout").by(&admin).if_match(1);
    nowhere
        .json(&layout())
        .await
        .expect_problem(404, "not-found");
}

async fn a_layout_at_odds_with_itself_is_refused_with_the_field_named(app: &App) {
    let venue = app.venue().await;
    let row = "/sections/0/rows/1";
    for (pointer, value, field) in [
        ("/sections/1/name", json!("Circle"), "sections[1].name"),
        ("/sections/1/capacity", json!(0), "capacity"),
        ("/sections/1/capacity", json!(1_000_000_000), "capacity"),
        ("/sections/1/capacity", json!(1_000_000), "sections"),
        ("/sections/0/rows", json!([]), "rows"),
        ("/sections/0/kind", json!("flying"), "sections[0].kind"),
        ("/sections/0/position/x", json!(1e9), "x"),
        ("/focal_point/z", json!(1), "focal_point.z"),
        (
            &format!("{row}/label"),
            json!("Box 1"),
            "sections[0].rows[1].label",
        ),
        (
            &format!("{row}/label"),
            json!("a name that is too long"),
            "label",
        ),
        (&format!("{row}/seats"), json!(0), "seats"),
        (&format!("{row}/seats"), json!(501), "seats"),
        (
            &format!("{row}/accessible"),
            json!([7]),
            "sections[0].rows[1].accessible[0]",
        ),
        (
            &format!("{row}/aisles_after"),
            json!([6]),
            "sections[0].rows[1].aisles_after[0]",
        ),
        (
            &format!("{row}/labels"),
            json!(["x"]),
            "sections[0].rows[1].first_label",
        ),
        (
            "/sections/0/rows/0/labels/1",
            json!("1a"),
            "sections[0].rows[0].labels[1]",
        ),
    ] {
        let mut layout = layout();
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        match layout.pointer_mut(parent).unwrap() {
            Value::Array(items) => items[member.parse::<usize>().unwrap()] = value,
            object => object[member] = value,
        }
        let refused = put_layout(app, venue, 1, &layout).await;
        let refused = refused.expect_problem(400, "validation-failed");
        assert_eq!(
            refused["errors"][0]["field"], field,
            "{pointer}: {refused:?}"
        );
    }
    app.get(&format!("/api/venues/{venue}/layout"))
        .await
        .expect(404);
}

async fn a_zone_of_no_section_is_refused(app: &App) {
    let venue = app.venue().await;
    let admin = app.admin().await;
    for sections in [["Circle"], ["Moon"]] {
        let refused = app
            .post("/api/events")
            .by(&admin)
            .json(&draft(venue, &sections))
            .await;
        let refused = refused.expect_problem(400, "validation-failed");
        assert_eq!(refused["errors"][0]["field"], "zones[0].seating.section");
        if sections == ["Circle"] {
            put_layout(app, venue, 1, &layout()).await.expect(200);
        }
    }
    assert_eq!(app.count("SELECT count(*) FROM events").await, 0);
}
