//! SHA-256, as registries and recipes write it.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

/// What a digest begins with where its kind is said.
pub(crate) const SHA256: &str = "sha256:";

/// A SHA-256: 64 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest(String);

impl Digest {
    /// That of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(ts_text::hexadecimal(&Sha256::digest(bytes)))
    }

    /// Its digits, as recipes write it.
    pub fn hex(&self) -> &str {
        &self.0
    }
}

/// As registries write it: `sha256:DIGITS`.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SHA256}{}", self.0)
    }
}

/// Reads 64 hexadecimal digits, perhaps with `sha256:` before them. An error says what it must be.
impl FromStr for Digest {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix(SHA256).unwrap_or(text);
        match digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            true => Ok(Self(digits.to_ascii_lowercase())),
            false => Err("a digest is `sha256:` and 64 hexadecimal digits"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_reads_back_and_nothing_else_is_one() {
        let digest = Digest::of(b"abc");
        assert_eq!(digest.hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(digest.to_string().parse(), Ok(digest.clone()));
        assert_eq!(digest.hex().to_uppercase().parse(), Ok(digest.clone()));
        let long = format!("{digest}0");
        for text in ["", "sha256:", "sha256:../../x", "sha512:ab", &digest.hex()[1..], long.as_str()] {
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }
}
