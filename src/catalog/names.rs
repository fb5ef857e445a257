//! What rows and seats are called, and what is said of a seat.
//!
//! A ticket has the *numbers* of its row and seat, which say where it is: seats whose numbers follow
//! each other are side by side, and an aisle is a number left out. What is printed on it is a *name*:
//! a label of its own or, without one, the letters of the row's number and the number of the seat.

/// A bit of a ticket's traits: a wheelchair finds room there.
pub const ACCESSIBLE: i32 = 1;
/// Beside one: for somebody who comes along.
pub const COMPANION: i32 = 2;
/// Something stands before it.
pub const RESTRICTED_VIEW: i32 = 4;

/// The name of a row; none of a standing place.
pub fn row_name(number: Option<i32>, label: Option<&str>) -> Option<String> {
    number.map(|number| label.map_or_else(|| row_label(number), str::to_owned))
}

/// The name of a seat; none of a standing place.
pub fn seat_name(number: Option<i32>, label: Option<&str>) -> Option<String> {
    number.map(|number| label.map_or_else(|| number.to_string(), str::to_owned))
}

/// The names of a ticket's traits.
pub fn trait_names(traits: i32) -> Vec<String> {
    let all = [
        (ACCESSIBLE, "accessible"),
        (COMPANION, "companion"),
        (RESTRICTED_VIEW, "restricted_view"),
    ];
    let has = all.iter().filter(|(bit, _)| traits & bit != 0);
    has.map(|(_, name)| (*name).to_owned()).collect()
}

/// The name of a row that has none of its own: A to Z, then AA, AB and so on, as on a theatre's plan.
pub fn row_label(row_number: i32) -> String {
    let mut label = Vec::new();
    let mut rest = row_number.max(1);
    while rest > 0 {
        let letter = u8::try_from((rest - 1) % 26).expect("a remainder of 26 is small");
        label.push(b'A' + letter);
        rest = (rest - 1) / 26;
    }
    label.reverse();
    String::from_utf8(label).expect("letters are UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_named_as_on_a_plan() {
        for (number, label) in [(1, "A"), (26, "Z"), (27, "AA"), (52, "AZ"), (703, "AAA")] {
            assert_eq!(row_label(number), label);
        }
    }

    #[test]
    fn a_label_goes_before_the_number_and_a_standing_place_has_neither() {
        assert_eq!(row_name(Some(2), None).as_deref(), Some("B"));
        assert_eq!(row_name(Some(2), Some("Box")).as_deref(), Some("Box"));
        assert_eq!(seat_name(Some(7), None).as_deref(), Some("7"));
        assert_eq!(seat_name(Some(7), Some("6")).as_deref(), Some("6"));
        assert_eq!(seat_name(None, None), None);
    }
}
