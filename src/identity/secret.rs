//! Secrets that are handed out once: refresh tokens, and the tokens in mails.
//!
//! 256 random bits, of which the database has the SHA-256 only, so that who reads the database can
//! use none of them. They are found by that hash: how long the look takes tells of the hash of a
//! guess, and a hash leads nowhere.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::RngExt;
use sha2::{Digest, Sha256};

/// A fresh secret: its text, and what the database may know of it.
pub struct Secret {
    pub text: String,
    pub hash: Vec<u8>,
}

/// Makes one up.
pub fn make() -> Secret {
    let bytes: [u8; 32] = rand::rng().random();
    let text = URL_SAFE_NO_PAD.encode(bytes);
    let hash = hash_of(&text);
    Secret { text, hash }
}

/// What the database knows of a secret.
pub fn hash_of(text: &str) -> Vec<u8> {
    Sha256::digest(text).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_256_bits_and_is_known_by_its_hash() {
        let [one, other] = [make(), make()];
        assert_eq!(URL_SAFE_NO_PAD.decode(&one.text).unwrap().len(), 32);
        assert_eq!(one.hash, hash_of(&one.text));
        assert_ne!(one.hash, other.hash);
    }
}
