//! The seal of a record: a checksum at the end of its line that shows whether anything in the line changed.
//!
//! A sealed line is the record's JSON object with one more field, the last one:
//!
//! ```text
//! {"problem":"p1","draw":0,…,"check":"9f86d081884c7d65"}
//! ```
//!
//! The checksum is the start of SHA-256 over a key that is not a secret and the line before the field. The
//! key is the digest of all that decides the artefact, so a line of another run, which was made from
//! something else, is not taken for one of this run.

use sha2::{Digest, Sha256};
use ts_text::hexadecimal;

/// Bytes of SHA-256 that are kept: two lines agree by chance once in 2^64.
const CHECK_BYTES: usize = 8;
const FIELD: &[u8] = b",\"check\":\"";
const END: &[u8] = b"\"}\n";
/// Bytes that the seal takes at the end of a line, the line feed included.
const SEAL_BYTES: usize = FIELD.len() + 2 * CHECK_BYTES + END.len();

/// What the lines of one artefact are sealed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    key: String,
}

impl Seal {
    /// The seal of an artefact that these things decide, in a form that two equal runs write alike.
    pub fn of(what_decides: &str) -> Self {
        Self { key: what_decides.to_owned() }
    }

    /// A JSON object as a sealed line.
    pub(crate) fn seal(&self, mut object: Vec<u8>) -> Vec<u8> {
        debug_assert_eq!(object.last(), Some(&b'}'));
        object.pop();
        let check = self.check(&object);
        for part in [FIELD, check.as_bytes(), END] {
            object.extend_from_slice(part);
        }
        object
    }

    /// Whether this is a sealed line, and whole.
    pub(crate) fn holds(&self, line: &[u8]) -> bool {
        let Some(at) = line.len().checked_sub(SEAL_BYTES) else { return false };
        let (object, seal) = line.split_at(at);
        let check = seal.strip_prefix(FIELD).and_then(|rest| rest.strip_suffix(END));
        check == Some(self.check(object).as_bytes())
    }

    fn check(&self, object: &[u8]) -> String {
        let hasher = Sha256::new_with_prefix(&self.key).chain_update([0]).chain_update(object);
        hexadecimal(&hasher.finalize()[..CHECK_BYTES])
    }
}

/// A text with a line at its end that shows whether anything in it changed.
pub fn seal_text(text: &str) -> String {
    format!("{text}{TEXT_SEAL}{}\n", hexadecimal(&Sha256::digest(text)))
}

/// The text that was sealed; none if anything in it changed.
pub fn unseal_text(sealed: &str) -> Option<&str> {
    let (text, check) = sealed.rsplit_once(TEXT_SEAL)?;
    (check.strip_suffix('\n')? == hexadecimal(&Sha256::digest(text))).then_some(text)
}

/// How the last line of a sealed text begins.
const TEXT_SEAL: &str = "# sha256 of all above: ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_byte_that_changes_is_seen() {
        let seal = Seal::of("this run");
        let line = seal.seal(br#"{"problem":"p1","draw":0}"#.to_vec());
        assert!(line.starts_with(br#"{"problem":"p1","draw":0,"check":""#) && line.ends_with(b"\"}\n"));
        assert!(seal.holds(&line));
        for at in 0..line.len() {
            for flipped in [1, 0x20, 0x80] {
                let mut other = line.clone();
                other[at] ^= flipped;
                assert!(!seal.holds(&other), "byte {at}");
            }
            assert!(!seal.holds(&line[..at]) && !seal.holds(&line[at + 1..]));
        }
    }

    #[test]
    fn another_run_s_line_is_not_ours() {
        let line = Seal::of("another run").seal(b"{\"step\":1}".to_vec());
        assert!(!Seal::of("this run").holds(&line));
    }

    #[test]
    fn a_text_that_changed_is_not_believed() {
        let sealed = seal_text("a = 1\n");
        assert_eq!(unseal_text(&sealed), Some("a = 1\n"));
        for at in 0..sealed.len() {
            let mut bytes = sealed.clone().into_bytes();
            bytes[at] ^= 1;
            assert_eq!(unseal_text(&String::from_utf8(bytes).unwrap()), None, "byte {at}");
        }
    }
}
