//! What is checked of the settings, one by one and together.

use std::net::SocketAddr;

use super::Config;

/// A combination of settings that cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("invalid value '{given}' for '{setting}': {allowed}")]
pub struct ConfigError {
    setting: &'static str,
    given: String,
    allowed: &'static str,
}

impl Config {
    /// Checks what no single setting shows by itself.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.hold_max_secs < self.hold_ttl_secs {
            return Err(ConfigError {
                setting: "--hold-max-secs",
                given: self.hold_max_secs.to_string(),
                allowed: "at least --hold-ttl-secs",
            });
        }
        if self.lock_wait_ms > self.lock_ttl_ms / 2 {
            return Err(ConfigError {
                setting: "--lock-wait-ms",
                given: self.lock_wait_ms.to_string(),
                allowed: "at most half of --lock-ttl-ms",
            });
        }
        if self.refresh_token_ttl_secs < self.access_token_ttl_secs {
            return Err(ConfigError {
                setting: "--refresh-token-ttl-secs",
                given: self.refresh_token_ttl_secs.to_string(),
                allowed: "at least --access-token-ttl-secs",
            });
        }
        if self.mail.smtp_url.is_some() && self.mail.mail_from.is_none() {
            return Err(ConfigError {
                setting: "--mail-from",
                given: String::new(),
                allowed: "required with --smtp-url, as in Holdfast <tickets@example.com>",
            });
        }
        match &self.jwt_secret {
            Some(secret) if secret.len() < MIN_SECRET_BYTES => Err(ConfigError {
                setting: "--jwt-secret",
                given: format!("{} bytes", secret.len()),
                allowed: "at least 32 bytes",
            }),
            None if !self.is_sqlite() => Err(ConfigError {
                setting: "--jwt-secret",
                given: String::new(),
                allowed: "required with PostgreSQL, at least 32 bytes, the same on every instance",
            }),
            _ => self.validate_admin(),
        }
    }

    fn validate_admin(&self) -> Result<(), ConfigError> {
        match (&self.admin_email, &self.admin_password) {
            (None, Some(_)) => Err(ConfigError {
                setting: "--admin-email",
                given: String::new(),
                allowed: "required with --admin-password",
            }),
            (Some(email), _) if !email.contains('@') => Err(ConfigError {
                setting: "--admin-email",
                given: email.clone(),
                allowed: "an e-mail address",
            }),
            (_, Some(password)) if password.chars().count() < MIN_PASSWORD_CHARS => {
                Err(ConfigError {
                    setting: "--admin-password",
                    given: format!("{} characters", password.chars().count()),
                    allowed: "at least 10 characters",
                })
            }
            _ => Ok(()),
        }
    }
}

/// HMAC-SHA-256 keys shorter than the hash weaken it (RFC 7518, section 3.2).
pub const MIN_SECRET_BYTES: usize = 32;

/// The shortest password an account may have.
pub const MIN_PASSWORD_CHARS: usize = 10;

pub fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse()
        .map_err(|_| "expected an address and a port, as in 127.0.0.1:8080")
}

pub fn database_url(text: &str) -> Result<String, &'static str> {
    if ["postgres://", "postgresql://", "sqlite:"]
        .iter()
        .any(|scheme| text.starts_with(scheme))
    {
        Ok(text.to_owned())
    } else {
        Err("expected postgres://user:password@host/database or sqlite://path")
    }
}

pub fn redis_url(text: &str) -> Result<String, &'static str> {
    if redis::parse_redis_url(text).is_some_and(|url| url.scheme() == "redis") {
        Ok(text.to_owned())
    } else {
        Err("expected redis://host:port")
    }
}

pub fn public_url(text: &str) -> Result<String, &'static str> {
    let is_plain = |c: char| c.is_ascii_graphic() && !"<>\"#?".contains(c);
    let rest = ["https://", "http://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    match rest {
        Some(rest) if !rest.is_empty() && text.chars().all(is_plain) => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err("expected http://host or https://host, with or without a path"),
    }
}

pub fn instance_name(text: &str) -> Result<String, &'static str> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if (1..=64).contains(&text.len()) && text.chars().all(is_allowed) {
        Ok(text.to_owned())
    } else {
        Err("expected 1 to 64 letters, digits, '-', '_' or '.'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Cli;
    use clap::Parser;

    fn config(args: &[&str]) -> Result<Config, String> {
        let cli =
            Cli::try_parse_from([&["holdfast"], args].concat()).map_err(|err| err.to_string())?;
        cli.config
            .validate()
            .map(|()| cli.config)
            .map_err(|err| err.to_string())
    }

    #[test]
    fn nothing_but_defaults_is_one_node_on_sqlite() {
        let config = config(&[]).unwrap();
        assert!(config.is_sqlite() && !config.uses_redis() && config.wants_demo());
    }

    #[test]
    fn a_wrong_setting_says_which_what_and_what_is_allowed() {
        for (args, setting, allowed) in [
            (
                &["--listen", "8080"][..],
                "--listen",
                "an address and a port",
            ),
            (&["--hold-ttl-secs", "0"], "--hold-ttl-secs", "1..=86400"),
            (
                &["--redis-url", "http://x"],
                "--redis-url",
                "redis://host:port",
            ),
            (
                &["--database-url", "mysql://x"],
                "--database-url",
                "postgres://",
            ),
            (
                &["--lock-wait-ms", "4000"],
                "--lock-wait-ms",
                "half of --lock-ttl-ms",
            ),
            (
                &["--hold-max-secs", "1"],
                "--hold-max-secs",
                "--hold-ttl-secs",
            ),
            (
                &["--jwt-secret", "short"],
                "--jwt-secret",
                "at least 32 bytes",
            ),
            (
                &["--without-locks", "maybe"],
                "--without-locks",
                "continue, refuse",
            ),
        ] {
            let message = config(args).unwrap_err();
            assert!(message.contains(setting), "{message}");
            assert!(message.contains(allowed), "{message}");
            assert!(
                message.contains(args[1]) || setting == "--jwt-secret",
                "{message}"
            );
        }
    }

    #[test]
    fn a_cluster_needs_a_shared_secret() {
        let cluster = ["--database-url", "postgres://localhost/holdfast"];
        assert!(config(&cluster).unwrap_err().contains("--jwt-secret"));
        let secret = "0123456789abcdef0123456789abcdef";
        let config = config(&[&cluster[..], &["--jwt-secret", secret]].concat()).unwrap();
        assert!(!config.wants_demo());
    }
}
