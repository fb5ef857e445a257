//! What a crowd was answered.

use std::collections::BTreeSet;

use kit::{Answer, tally};

/// How often a ticket was given out.
pub fn count_winners(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| answer.status == 201).count()
}

/// The ids of the reservations that were given out.
pub fn reservations(answers: &[Answer]) -> Vec<String> {
    let won = answers.iter().filter(|answer| answer.status == 201);
    won.map(Answer::id).collect()
}

/// The ids of the tickets that were given out.
pub fn tickets(answers: &[Answer]) -> Vec<i64> {
    let won = answers.iter().filter(|answer| answer.status == 201);
    won.flat_map(|answer| answer["tickets"].as_array().into_iter().flatten())
        .filter_map(|ticket| ticket["id"].as_i64())
        .collect()
}

/// Who answered, by name.
pub fn served_by(answers: &[Answer]) -> BTreeSet<&str> {
    answers
        .iter()
        .filter_map(|answer| answer.header("x-served-by"))
        .collect()
}

/// Expects every answer to be a success or one of these problems.
///
/// # Panics
/// When there is another one.
#[track_caller]
pub fn expect_only(slugs: &[&str], answers: &[Answer]) {
    let is_expected = |answer: &&Answer| answer.is_success() || slugs.contains(&answer.slug());
    let other = answers.iter().find(|answer| !is_expected(answer));
    assert!(
        other.is_none(),
        "{:?}, among them {other:?}",
        tally(answers)
    );
}

/// How an attempt to get a certain ticket is refused.
pub const LOST: [&str; 2] = ["ticket-taken", "ticket-contended"];

/// How it ends when an instance dies over it: nobody can say, and Nginx says so.
pub const LOST_OR_UNKNOWN: [&str; 3] = ["ticket-taken", "ticket-contended", "unavailable"];
