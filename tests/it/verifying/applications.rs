//! What breaks the rules about applications.

use kit::{App, Zone};

use super::{Violation, violation};

/// Makes an application that is granted and one that is pending, and breaks what holds of them.
pub async fn violations(app: &App) -> Vec<Violation> {
    let zones = [
        Zone::standing("Guests", 4, 0).by_application(),
        Zone::standing("Floor", 4, 900),
    ];
    let event = app.by_application(&zones).await;
    let guests = event.zone("Guests").id;
    let ids = app.applicants(2, &event, guests).await;
    let granted = app.grant(&app.admin().await, &ids[..1]).await.expect(200);
    assert_eq!(granted.outcomes(), ["granted"]);

    let order = "(SELECT reservation_id FROM applications WHERE status = 'granted')";
    let applicants = "(SELECT user_id FROM applications WHERE status = 'granted')";
    let granted_one = "a granted application has a confirmed or refunded reservation, its applicant's, \
                       with its places";
    let set = |set: &str| format!("UPDATE applications SET {set} WHERE status = 'granted'");
    let owner =
        |owner: &str| format!("UPDATE reservations SET user_id = {owner} WHERE id = {order}");
    let pending_applicant = "(SELECT user_id FROM applications WHERE status = 'pending')";
    vec![
        violation(granted_one, set("quantity = 2"), set("quantity = 1")),
        violation(
            granted_one,
            set(&format!("zone_id = {}", event.zone("Floor").id)),
            set(&format!("zone_id = {guests}")),
        ),
        violation(granted_one, owner(pending_applicant), owner(applicants)),
        // The last one to need the pending application, which goes with it.
        violation(
            "a person has one application to an event that is pending or granted",
            format!(
                "DROP INDEX one_active_application_per_person; \
                 UPDATE applications SET user_id = {applicants} WHERE status = 'pending'"
            ),
            "DELETE FROM applications WHERE status = 'pending'; \
             CREATE UNIQUE INDEX one_active_application_per_person \
                 ON applications (user_id, event_id) WHERE status IN ('pending', 'granted')"
                .to_owned(),
        ),
        violation(
            "places given away by application are had only by those to whom they were granted",
            format!(
                "UPDATE zones SET price_amount = 0, by_application = TRUE \
                 WHERE id = (SELECT MIN(zone_id) FROM tickets WHERE status = 'sold' \
                             AND zone_id <> {guests})"
            ),
            format!(
                "UPDATE zones SET price_amount = 1500, by_application = FALSE \
                 WHERE id = (SELECT MIN(zone_id) FROM tickets WHERE status = 'sold' \
                             AND zone_id <> {guests})"
            ),
        ),
    ]
}
