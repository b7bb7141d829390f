//! What each token's bytes are.
//!
//! In: the `decoder` of a `tokenizer.json`. Out: from a token as the vocabulary writes it to the bytes it
//! stands for. Two kinds are known. Byte-level vocabularies write each byte as a character. Those that come
//! from SentencePiece write a space as `▁`, and bytes that no token has as `<0x0A>`.
//!
//! SentencePiece drops the first space of a text; this does not. A response goes on where a prompt ended, so
//! its first space is one that the model wrote. Refused by name: decoders by which a token's text depends on
//! its neighbours.

use std::collections::HashMap;

use serde_json::Value;

/// Most steps. Llama 2 has four.
const MAX_STEPS: usize = 16;

/// How tokens are written in a vocabulary.
pub(super) enum Decoder {
    /// A character for each byte: which byte each character stands for.
    ByteLevel(HashMap<char, u8>),
    /// Text, in which `marker` stands for `meaning`.
    Marked { marker: String, meaning: String, byte_fallback: bool },
}

impl Decoder {
    /// Reads a `decoder`.
    ///
    /// # Errors
    /// What of it is not understood.
    pub(super) fn read(section: &Value) -> Result<Self, String> {
        let mut steps = Vec::new();
        flatten(section, &mut steps)?;
        if let [step] = steps[..]
            && kind(step) == "ByteLevel"
        {
            return Ok(Self::ByteLevel(byte_level_alphabet()));
        }
        let text = |step: &Value, field: &str| step.get(field).and_then(Value::as_str).map(str::to_owned);
        let mut marked = None;
        let (mut byte_fallback, mut is_fused) = (false, false);
        for step in steps {
            let mark = match kind(step) {
                "Fuse" => {
                    is_fused = true;
                    continue;
                }
                "ByteFallback" if !is_fused => {
                    byte_fallback = true;
                    continue;
                }
                // Of the whole text, its first space.
                "Strip" if is_fused && step["content"] == " " && step["stop"] == 0 => continue,
                "Replace" if !is_fused => {
                    step["pattern"]["String"].as_str().map(str::to_owned).zip(text(step, "content"))
                }
                "Metaspace" if !is_fused => text(step, "replacement").map(|marker| (marker, " ".to_owned())),
                kind => return Err(format!("decoder: {kind:?} is not implemented here")),
            };
            let (marker, meaning) = mark
                .filter(|(marker, meaning)| !marker.is_empty() && meaning.len() <= marker.len())
                .ok_or("decoder: only a text that becomes a text no longer is implemented")?;
            if marked.replace((marker, meaning)).is_some() {
                return Err("decoder: replaces more than one text".into());
            }
        }
        let (marker, meaning) = marked.ok_or("decoder: neither byte-level nor one that marks spaces")?;
        Ok(Self::Marked { marker, meaning, byte_fallback })
    }

    /// The bytes that a vocabulary entry stands for.
    pub(super) fn bytes(&self, token: &str) -> Vec<u8> {
        match self {
            // One with a character outside the alphabet (an added token) stands for itself.
            Self::ByteLevel(alphabet) => {
                let bytes: Option<Vec<u8>> = token.chars().map(|c| alphabet.get(&c).copied()).collect();
                bytes.unwrap_or_else(|| token.as_bytes().to_vec())
            }
            Self::Marked { marker, meaning, byte_fallback } => match fallback_byte(token) {
                Some(byte) if *byte_fallback => vec![byte],
                _ => token.replace(marker, meaning).into_bytes(),
            },
        }
    }
}

fn kind(section: &Value) -> &str {
    section.get("type").and_then(Value::as_str).unwrap_or_default()
}

fn flatten<'a>(section: &'a Value, steps: &mut Vec<&'a Value>) -> Result<(), String> {
    if kind(section) == "Sequence" {
        let inner = section.get("decoders").and_then(Value::as_array);
        return inner.into_iter().flatten().try_for_each(|section| flatten(section, steps));
    }
    if !section.is_null() {
        steps.push(section);
    }
    if steps.len() > MAX_STEPS { Err(format!("decoder: more than {MAX_STEPS} steps")) } else { Ok(()) }
}

/// The byte of `<0x0A>`.
fn fallback_byte(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    let is_byte = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u8::from_str_radix(digits, 16).ok().filter(|_| is_byte)
}

/// The byte that each character of a byte-level vocabulary stands for.
///
/// Printable bytes stand for themselves; the others, in order, take the characters from U+0100 on (GPT-2's
/// scheme).
pub(super) fn byte_level_alphabet() -> HashMap<char, u8> {
    let printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let mut substitutes = (0x100..).filter_map(char::from_u32);
    (0..=u8::MAX)
        .filter_map(|byte| {
            let character = if printable(byte) { Some(char::from(byte)) } else { substitutes.next() };
            character.map(|character| (character, byte))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sequence(steps: &[Value]) -> Value {
        json!({"type": "Sequence", "decoders": steps})
    }

    #[test]
    fn tokens_of_both_kinds_have_their_bytes() {
        let byte_level = Decoder::read(&sequence(&[json!({"type": "ByteLevel"})])).unwrap();
        assert_eq!(byte_level.bytes("Ġa"), b" a");
        assert_eq!(byte_level.bytes("<｜a｜>"), "<｜a｜>".as_bytes());

        let replace = json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "});
        let (fallback, fuse) = (json!({"type": "ByteFallback"}), json!({"type": "Fuse"}));
        let strip = json!({"type": "Strip", "content": " ", "start": 1, "stop": 0});
        let llama = Decoder::read(&sequence(&[replace.clone(), fallback, fuse, strip])).unwrap();
        for (token, bytes) in [
            ("▁▁a", &b"  a"[..]),
            ("<0xE2>", b"\xe2"),
            ("<0x+A>", b"<0x+A>"),
            ("<0xé>", "<0xé>".as_bytes()),
            ("<s>", b"<s>"),
        ] {
            assert_eq!(llama.bytes(token), bytes, "{token}");
        }
        let metaspace =
            Decoder::read(&json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first"}));
        assert_eq!(metaspace.unwrap().bytes("▁a"), b" a");
        assert_eq!(Decoder::read(&replace).unwrap().bytes("<0x41>"), b"<0x41>");
    }

    #[test]
    fn what_depends_on_neighbours_is_refused_by_name() {
        let replace =
            |from: &str, to: &str| json!({"type": "Replace", "pattern": {"String": from}, "content": to});
        let strip = json!({"type": "Strip", "content": " ", "start": 1, "stop": 0});
        for (section, why) in [
            (json!(null), "neither"),
            (json!({"type": "WordPiece", "prefix": "##", "cleanup": true}), "WordPiece"),
            (sequence(&[replace("▁", " "), strip]), "Strip"),
            (sequence(&[replace("a", "b"), replace("b", "c")]), "more than one"),
            (replace("a", "bb"), "no longer"),
            (json!({"type": "Replace", "pattern": {"Regex": "(a*)*b"}, "content": ""}), "no longer"),
            (sequence(&[json!({"type": "Fuse"}), replace("▁", " ")]), "Replace"),
            (sequence(&vec![json!({"type": "Fuse"}); 17]), "16 steps"),
        ] {
            let reason = Decoder::read(&section).err().unwrap_or_default();
            assert!(reason.contains(why), "{section}: {reason}");
        }
    }
}
