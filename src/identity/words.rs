//! The words that people are found by.

use std::collections::BTreeSet;

use crate::texts;

/// Most words of a search that count.
const MOST_WORDS: usize = 8;
/// A word counts by its beginning.
const MOST_CHARS: usize = 40;

/// The words of an account: of its name, and of its address.
pub fn words_of(name: &str, email: &str) -> BTreeSet<String> {
    let texts = [texts::fold(name), texts::fold(email)];
    let words = texts.iter().flat_map(|text| text.split(' '));
    words.filter(|word| !word.is_empty()).map(short).collect()
}

/// The words that somebody looks for; each must be the beginning of one of the account's.
pub fn words_wanted(search: &str) -> Vec<String> {
    let folded = texts::fold(search);
    let words = folded.split(' ').filter(|word| !word.is_empty());
    let distinct: BTreeSet<_> = words.map(short).collect();
    distinct.into_iter().take(MOST_WORDS).collect()
}

/// What every word that begins like this one comes before: no letter or digit comes after `{`.
pub fn end_of(beginning: &str) -> String {
    format!("{beginning}{{")
}

/// Folded words have one byte a character.
fn short(word: &str) -> String {
    word.chars().take(MOST_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_found_by_the_words_of_their_name_and_address() {
        let words = words_of("Žofie Nováková", "zofie.n@example.com");
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        assert_eq!(words, ["com", "example", "n", "novakova", "zofie"]);
        assert_eq!(words_wanted("  NOVÁK, zof zof"), ["novak", "zof"]);
        assert!(words_wanted("***").is_empty());
        let end = end_of("novak");
        assert!("novakova" > "novak" && "novakova" < end.as_str());
        assert!("novalis" > end.as_str());
    }
}
