//! The secret that signs access tokens.

use rand::RngExt;
use rand::distr::Alphanumeric;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;

use crate::config::{Config, MIN_SECRET_BYTES};

/// The secret of the settings, or the one kept in the data directory, made at the first start.
pub fn read_or_make(config: &Config) -> io::Result<Vec<u8>> {
    if let Some(secret) = &config.jwt_secret {
        return Ok(secret.clone().into_bytes());
    }
    let path = config.data_dir.join("jwt-secret");
    match fs::read(&path) {
        Ok(secret) if secret.len() >= MIN_SECRET_BYTES => return Ok(secret),
        Ok(_) => {
            let message = format!("{} is shorter than 32 bytes", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Err(err) if err.kind() == io::ErrorKind::NotFound => {}
        Err(err) => return Err(err),
    }
    let secret: Vec<u8> = rand::rng().sample_iter(Alphanumeric).take(64).collect();
    // Nobody but its owner may read it.
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    file.write_all(&secret)?;
    file.sync_all()?;
    Ok(secret)
}
