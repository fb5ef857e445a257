//! `If-Match`: whoever changes something says which version of it they have seen, so that of two
//! who edit at once the second is told, and nobody's change is lost (RFC 9110, section 13.1.1).
//!
//! Whatever can be edited has a `version`, and its `ETag` begins with it: `"7"`, or `"7.<more>"` where
//! the answer also shows what changes without an edit. Both are taken, and `*` for whichever it is.

use poem_openapi::ApiResponse;
use poem_openapi::payload::Json;
use poem_openapi::types::{ParseFromJSON, ToJSON};

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

#[cfg(test)]
mod tests {
    use super::*;

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
