//! Texts that people type: what is allowed in them, and how they are compared.
//!
//! Texts are kept as they were typed and never hold markup: whoever shows one escapes it.

use crate::problem::Problem;

/// The longest URL that is kept, in characters.
pub const MAX_URL: usize = 500;

/// A text as it is searched for: lower case, in Latin letters without accents, its words separated
/// by single spaces.
pub fn fold(text: &str) -> String {
    let latin = deunicode::deunicode_with_tofu(text, " ").to_lowercase();
    let words = latin.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// Refuses a text in which nothing is said: one of white space alone. Also U+0000, which no database
/// can be relied upon to keep, and which only bodies are searched for.
pub fn check_said(field: &str, text: &str) -> Result<(), Problem> {
    if text.trim().is_empty() {
        return Err(Problem::invalid(field, "must not be blank"));
    }
    if text.contains('\0') {
        return Err(Problem::invalid(field, "must not contain U+0000"));
    }
    Ok(())
}

/// Refuses a URL that a browser should not be sent to: anything but an absolute http or https one.
pub fn check_url(field: &str, text: &str) -> Result<(), Problem> {
    let is_absolute = |scheme: &str| {
        let (start, rest) = text.split_at_checked(scheme.len()).unwrap_or(("", ""));
        start.eq_ignore_ascii_case(scheme) && !rest.is_empty() && !rest.starts_with('/')
    };
    let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && !"<>\"\\^`{|}".contains(c);
    if text.chars().count() > MAX_URL {
        let message = format!("must have at most {MAX_URL} characters");
        return Err(Problem::invalid(field, message));
    }
    if (is_absolute("https://") || is_absolute("http://")) && text.chars().all(is_plain) {
        return Ok(());
    }
    Err(Problem::invalid(field, "must be an http or https URL"))
}

/// [`check_url`] for each of a list; the field is named with its position.
pub fn check_urls(field: &str, texts: &[String]) -> Result<(), Problem> {
    let mut numbered = texts.iter().enumerate();
    numbered.try_for_each(|(index, text)| check_url(&format!("{field}[{index}]"), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_without_its_accents_case_and_signs() {
        for (text, folded) in [
            ("Émilie Simon – Žižkov", "emilie simon zizkov"),
            ("  STRASSE/Straße ", "strasse strasse"),
            ("Ørsted & Łódź", "orsted lodz"),
            ("", ""),
        ] {
            assert_eq!(fold(text), folded);
        }
    }

    #[test]
    fn a_text_says_something() {
        for text in ["x", "  x\n", "<b>x</b>", "\u{1f600}"] {
            assert!(check_said("text", text).is_ok(), "{text:?}");
        }
        for text in ["", " ", "\n\t\u{a0}\u{3000}", "x\0"] {
            assert!(check_said("text", text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_url_leads_to_the_web_and_nowhere_else() {
        for url in [
            "https://example.com/a.jpg?x=1#y",
            "HTTP://example.com",
            "http://[::1]:80/",
        ] {
            assert!(check_url("picture", url).is_ok(), "{url}");
        }
        let long = format!("https://example.com/{}", "x".repeat(MAX_URL));
        for url in [
            "",
            "javascript:alert(1)",
            "data:text/html,x",
            "ftp://example.com",
            "//example.com",
            "/a.jpg",
            "https://",
            "https:///x",
            "https://a b",
            "https://a\"onload=x",
            &long,
        ] {
            assert!(check_url("picture", url).is_err(), "{url}");
        }
    }
}
