//! `If-Match`: whoever changes something says which version of it they have seen, so that of two
//! who edit at once the second is told, and nobody's change is lost (RFC 9110, section 13.1.1).
//!
//! Whatever can be edited has a `version`, and its `ETag` begins with it: `"7"`, or `"7.<more>"` where
//! the answer also shows what changes without an edit. Both are taken, and `*` for whichever it is.
//!
//! `If-None-Match`: whoever has read something is told in few bytes that it is still the same
//! ([`Cacheable`]).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use poem_openapi::ApiResponse;
use poem_openapi::payload::Json;
use poem_openapi::types::{ParseFromJSON, ToJSON};
use sha2::{Digest, Sha256};

use crate::problem::{Problem, Slug};

/// The version that a caller has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// This one.
    Version(i64),
    /// Whichever it is.
    Any,
}

impl Expected {
    /// Reads the header `If-Match` of an edit, which must be there.
    pub fn read(header: Option<String>) -> Result<Self, Problem> {
        let header = header.ok_or_else(|| {
            Problem::new(
                Slug::PreconditionRequired,
                "Read it first, and send its ETag as If-Match.",
            )
        })?;
        Self::parse(header.trim()).ok_or_else(|| {
            Problem::invalid("If-Match", "must be one ETag as it was answered, or *")
        })
    }

    /// Reads the header `If-Match` where it may be left out.
    pub fn read_optional(header: Option<String>) -> Result<Self, Problem> {
        match header {
            Some(header) => Self::read(Some(header)),
            None => Ok(Self::Any),
        }
    }

    /// Refuses what has moved on from the version that the caller has seen.
    pub fn check(self, version: i64) -> Result<(), VersionMismatch> {
        match self {
            Self::Version(expected) if expected != version => Err(VersionMismatch { version }),
            _ => Ok(()),
        }
    }

    fn parse(header: &str) -> Option<Self> {
        if header == "*" {
            return Some(Self::Any);
        }
        // A load balancer that compresses an answer weakens its tag.
        let tag = header.strip_prefix("W/").unwrap_or(header);
        let tag = tag.strip_prefix('"')?.strip_suffix('"')?;
        let version = tag.split_once('.').map_or(tag, |(version, _)| version);
        let is_number = version.bytes().all(|byte| byte.is_ascii_digit());
        let version = is_number.then(|| version.parse().ok())??;
        Some(Self::Version(version))
    }
}

/// It has moved on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is at version {version}")]
pub struct VersionMismatch {
    /// What it is at.
    pub version: i64,
}

impl From<VersionMismatch> for Problem {
    fn from(err: VersionMismatch) -> Self {
        Self::new(
            Slug::VersionMismatch,
            "Somebody changed it meanwhile; read it again.",
        )
        .with("version", err.version)
    }
}

/// The entity tag of a version.
pub fn entity_tag(version: i64) -> String {
    format!("\"{version}\"")
}

/// Whether the header `If-None-Match` names this tag. A proxy that compresses an answer weakens it.
pub fn names(known: &str, tag: &str) -> bool {
    let mut known = known.split(',').map(str::trim);
    known.any(|known| known.trim_start_matches("W/") == tag)
}

/// Something that can be edited, as it is.
#[derive(ApiResponse)]
pub enum Edited<T: ToJSON + ParseFromJSON> {
    /// As it is now.
    #[oai(status = 200)]
    Now(
        Json<T>,
        /// For `If-Match` of the next edit.
        #[oai(header = "ETag")]
        String,
    ),
}

/// Something that everybody sees alike, for caches to keep for a moment.
#[derive(ApiResponse)]
pub enum Cacheable<T: ToJSON + ParseFromJSON> {
    /// As it is.
    #[oai(status = 200)]
    Now(
        Json<T>,
        /// Changes exactly when the answer does.
        #[oai(header = "ETag")]
        String,
        /// For how many seconds it may be shown without asking again.
        #[oai(header = "Cache-Control")]
        String,
    ),
    /// Nothing has changed since the `ETag` in `If-None-Match`.
    #[oai(status = 304)]
    Unchanged(
        /// As the caller knows it.
        #[oai(header = "ETag")]
        String,
        /// For how many seconds it may be shown without asking again.
        #[oai(header = "Cache-Control")]
        String,
    ),
}

impl<T: ToJSON + ParseFromJSON> Cacheable<T> {
    /// Tells it, unless the caller knows it by this tag.
    pub fn tagged(tag: String, known: Option<&str>, max_age_secs: u32, value: T) -> Self {
        let cache = format!("public, max-age={max_age_secs}");
        if known.is_some_and(|known| names(known, &tag) || names(known, "*")) {
            return Self::Unchanged(tag, cache);
        }
        Self::Now(Json(value), tag, cache)
    }

    /// The same for what has no version.
    pub fn of_content(value: T, known: Option<&str>, max_age_secs: u32) -> Self {
        let tag = format!("\"{}\"", digest(&value));
        Self::tagged(tag, known, max_age_secs, value)
    }

    /// The same for what has one, and shows more than an edit changes.
    pub fn of_version(version: i64, value: T, known: Option<&str>, max_age_secs: u32) -> Self {
        let tag = format!("\"{version}.{}\"", digest(&value));
        Self::tagged(tag, known, max_age_secs, value)
    }
}

/// The same on every instance that answers the same.
fn digest(value: &impl ToJSON) -> String {
    let digest = Sha256::digest(value.to_json_string());
    URL_SAFE_NO_PAD.encode(&digest[..12])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_knows_it_is_told_that_it_is_the_same() {
        let answer = |known: Option<&str>| Cacheable::of_version(7, "text".to_owned(), known, 1);
        let Cacheable::Now(_, tag, cache) = answer(None) else {
            panic!("nobody knows it yet");
        };
        assert_eq!(cache, "public, max-age=1");
        let version = Expected::read(Some(tag.clone())).unwrap();
        assert_eq!(version, Expected::Version(7));
        for known in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
            assert!(matches!(answer(Some(&known)), Cacheable::Unchanged(same, _) if same == tag));
        }
        assert!(matches!(answer(Some("\"7.x\"")), Cacheable::Now(..)));
    }

    #[test]
    fn an_entity_tag_tells_the_version_it_was_made_of() {
        for (header, expected) in [
            ("\"7\"", Expected::Version(7)),
            ("W/\"7\"", Expected::Version(7)),
            ("\"7.x_-9\"", Expected::Version(7)),
            ("*", Expected::Any),
        ] {
            assert_eq!(Expected::read(Some(header.into())).unwrap(), expected);
        }
        for header in [
            "7",
            "\"\"",
            "\"x\"",
            "\"7\", \"8\"",
            "\"+7\"",
            "\"99999999999999999999\"",
        ] {
            let refused = Expected::read(Some(header.into())).unwrap_err();
            assert_eq!(refused.slug(), Slug::ValidationFailed, "{header}");
        }
        let refused = Expected::read(None).unwrap_err();
        assert_eq!(refused.slug(), Slug::PreconditionRequired);
    }

    #[test]
    fn only_another_version_is_a_mismatch() {
        assert!(Expected::Version(2).check(2).is_ok());
        assert!(Expected::Any.check(2).is_ok());
        assert_eq!(
            Expected::Version(1).check(2),
            Err(VersionMismatch { version: 2 })
        );
    }
}
