//! Cutting a text into the pieces in which byte pairs are merged.
//!
//! In: the `pre_tokenizer` of a `tokenizer.json`. Out: steps, each of which cuts the pieces of the step
//! before. Those of the `tokenizers` crate whose work is linear in the text run there. Patterns are matched
//! here: that of a `Split`, which a stranger wrote, and that of a `ByteLevel`, for which the crate would take
//! an engine with limits of its own.
//!
//! `FixedLength`, which belongs to other kinds of vocabularies, is refused.

use serde::Deserialize;
use serde_json::Value;
use tokenizers::pattern::Invert;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{PreTokenizedString, PreTokenizer, PreTokenizerWrapper, SplitDelimiterBehavior};

use super::pattern::{MAX_INSTRUCTIONS, Program, WrittenPattern};

/// Most steps. Real tokenizers have up to seven.
const MAX_STEPS: usize = 32;

/// The steps of the `tokenizers` crate that are taken.
const LIBRARY: &[&str] = &[
    "BertPreTokenizer",
    "CharDelimiterSplit",
    "Digits",
    "Metaspace",
    "Punctuation",
    "UnicodeScripts",
    "Whitespace",
    "WhitespaceSplit",
];

/// GPT-2's cut into words, which a `ByteLevel` makes unless it says otherwise.
const WORDS: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

/// Steps, in their order.
#[derive(Clone, Debug)]
pub(super) struct Steps(Vec<Step>);

#[derive(Clone, Debug)]
enum Step {
    Split(Split),
    Bytes(Bytes),
    Library(Box<PreTokenizerWrapper>),
}

impl Steps {
    /// Reads a `pre_tokenizer`; absent or null, it has no steps.
    ///
    /// # Errors
    /// What of it is not understood, or is more than this host takes.
    pub(super) fn read(section: &Value) -> Result<Self, String> {
        let mut steps = Vec::new();
        add_steps(section, &mut steps)?;
        let lengthens = |step: &&Step| match step {
            Step::Bytes(_) => true,
            Step::Library(step) => matches!(**step, PreTokenizerWrapper::Metaspace(_)),
            Step::Split(_) => false,
        };
        if steps.iter().filter(lengthens).count() > 1 {
            return Err(
                "pre_tokenizer: more than one ByteLevel or Metaspace, each of which lengthens a text".into(),
            );
        }
        let instructions = |step: &Step| match step {
            Step::Split(split) => split.pattern.n_instructions(),
            Step::Bytes(_) | Step::Library(_) => 0,
        };
        if steps.iter().map(instructions).sum::<usize>() > MAX_INSTRUCTIONS {
            return Err(format!(
                "pre_tokenizer: its patterns take more than {MAX_INSTRUCTIONS} instructions together"
            ));
        }
        Ok(Self(steps))
    }
}

impl PreTokenizer for Steps {
    fn pre_tokenize(&self, text: &mut PreTokenizedString) -> tokenizers::Result<()> {
        self.0.iter().try_for_each(|step| match step {
            Step::Split(Split { pattern, behavior, invert: false }) => {
                text.split(|_, piece| piece.split(pattern, *behavior))
            }
            Step::Split(Split { pattern, behavior, invert: true }) => {
                text.split(|_, piece| piece.split(Invert(pattern), *behavior))
            }
            Step::Bytes(step) => step.pre_tokenize(text),
            Step::Library(step) => step.pre_tokenize(text),
        })
    }
}

fn add_steps(section: &Value, steps: &mut Vec<Step>) -> Result<(), String> {
    let bad = |reason: String| Err(format!("pre_tokenizer: {reason}"));
    if section.is_null() {
        return Ok(());
    }
    let kind = section.get("type").and_then(Value::as_str).unwrap_or_default();
    match kind {
        "Sequence" => {
            let inner = section.get("pretokenizers").and_then(Value::as_array);
            for section in inner.into_iter().flatten() {
                // JSON is 128 deep at most, and so is this.
                add_steps(section, steps)?;
            }
            return Ok(());
        }
        "Split" => match Split::read(section) {
            Ok(split) => steps.push(Step::Split(split)),
            Err(reason) => return bad(reason),
        },
        "ByteLevel" => match Bytes::read(section) {
            Ok(bytes) => steps.push(Step::Bytes(bytes)),
            Err(reason) => return bad(reason),
        },
        kind if LIBRARY.contains(&kind) => match PreTokenizerWrapper::deserialize(section) {
            Ok(step) => steps.push(Step::Library(Box::new(step))),
            Err(error) => return bad(format!("{kind}: {error}")),
        },
        kind => return bad(format!("{kind:?} is not implemented")),
    }
    if steps.len() > MAX_STEPS { bad(format!("more than {MAX_STEPS} steps")) } else { Ok(()) }
}

/// Cuts where a pattern matches, or where it does not.
#[derive(Clone, Debug)]
struct Split {
    pattern: Program,
    behavior: SplitDelimiterBehavior,
    invert: bool,
}

/// A `Split` as it is written.
#[derive(Deserialize)]
struct SplitSection {
    pattern: WrittenPattern,
    behavior: SplitDelimiterBehavior,
    invert: bool,
}

impl Split {
    fn read(section: &Value) -> Result<Self, String> {
        let SplitSection { pattern, behavior, invert } =
            SplitSection::deserialize(section).map_err(|error| format!("Split: {error}"))?;
        Ok(Self { pattern: pattern.program()?, behavior, invert })
    }
}

/// Writes every byte as a character, and cuts into words before that.
#[derive(Clone, Debug)]
struct Bytes {
    /// What words are; none if nothing is cut.
    words: Option<Program>,
    add_prefix_space: bool,
    /// Only writes.
    library: ByteLevel,
}

impl Bytes {
    fn read(section: &Value) -> Result<Self, String> {
        let failed = |error: &dyn std::fmt::Display| format!("ByteLevel: {error}");
        let read = ByteLevel::deserialize(section).map_err(|error| failed(&error))?;
        let words = read.use_regex.then(|| Program::parse(WORDS)).transpose();
        Ok(Self {
            words: words.map_err(|reason| failed(&reason))?,
            add_prefix_space: read.add_prefix_space,
            library: read.add_prefix_space(false).use_regex(false),
        })
    }
}

impl PreTokenizer for Bytes {
    fn pre_tokenize(&self, text: &mut PreTokenizedString) -> tokenizers::Result<()> {
        text.split(|_, mut piece| {
            if self.add_prefix_space && !piece.get().starts_with(' ') {
                piece.prepend(" ");
            }
            match &self.words {
                Some(words) => piece.split(words, SplitDelimiterBehavior::Isolated),
                None => Ok(vec![piece]),
            }
        })?;
        self.library.pre_tokenize(text)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokenizers::{OffsetReferential, OffsetType};

    use super::*;

    fn cut(step: &impl PreTokenizer, text: &str) -> Vec<String> {
        let mut text = PreTokenizedString::from(text);
        step.pre_tokenize(&mut text).unwrap();
        let pieces = text.get_splits(OffsetReferential::Original, OffsetType::Byte);
        pieces.into_iter().map(|(piece, _, _)| piece.to_owned()).collect()
    }

    #[test]
    fn cuts_as_the_library_does() {
        let split = |pattern: Value, behavior: &str, invert: bool| json!({"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert});
        for behavior in ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"] {
            for invert in [false, true] {
                for pattern in [json!({"Regex": r"\p{N}{1,2}|\s*"}), json!({"String": "(3)"})] {
                    let section = json!({"type": "Sequence", "pretokenizers": [split(pattern, behavior, invert), {"type": "Digits", "individual_digits": true}]});
                    let theirs = PreTokenizerWrapper::deserialize(&section).unwrap();
                    for text in ["a (3)  12345\nb", "", "  ", "(3)"] {
                        assert_eq!(
                            cut(&Steps::read(&section).unwrap(), text),
                            cut(&theirs, text),
                            "{section} {text:?}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn writes_bytes_as_the_library_does() {
        for (add_prefix_space, use_regex) in [(false, false), (false, true), (true, false), (true, true)] {
            let section = json!({"type": "ByteLevel", "add_prefix_space": add_prefix_space, "trim_offsets": true, "use_regex": use_regex});
            let digits = json!({"type": "Digits", "individual_digits": true});
            for section in [section.clone(), json!({"type": "Sequence", "pretokenizers": [digits, section]})]
            {
                let theirs = PreTokenizerWrapper::deserialize(&section).unwrap();
                for text in ["It's  12\n\n x ü漢", "", " ", " a", "\u{a0}½?!  "] {
                    assert_eq!(
                        cut(&Steps::read(&section).unwrap(), text),
                        cut(&theirs, text),
                        "{section} {text:?}"
                    );
                }
            }
        }
        let absent = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true});
        assert_eq!(cut(&Steps::read(&absent).unwrap(), "a b"), ["a", "Ġb"]);
    }

    /// The crate's own engine would stop at the millionth space.
    #[test]
    fn no_run_of_spaces_is_too_long_for_the_words() {
        let section = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true});
        let pieces = cut(&Steps::read(&section).unwrap(), &(" ".repeat(1 << 21) + "x y"));
        assert_eq!(
            pieces.iter().map(|piece| piece.chars().count()).collect::<Vec<_>>(),
            [(1 << 21) - 1, 2, 2]
        );
    }

    #[test]
    fn more_than_this_host_takes_is_refused() {
        let byte_level =
            json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
        let split = json!({"type": "Split", "pattern": {"Regex": "(?:a?){300}"}, "behavior": "Isolated", "invert": false});
        let sequence =
            |step: &Value, n: usize| json!({"type": "Sequence", "pretokenizers": vec![step.clone(); n]});
        let digits = json!({"type": "Digits", "individual_digits": false});
        for (section, why) in [
            (sequence(&byte_level, 2), "ByteLevel"),
            (sequence(&split, 2), "instructions together"),
            (sequence(&digits, 33), "32 steps"),
            (
                json!({"type": "Sequence", "pretokenizers": [{"type": "Metaspace", "replacement": "▁"}, byte_level]}),
                "lengthens",
            ),
            (json!({"type": "FixedLength", "length": 5}), "\"FixedLength\""),
            (
                json!({"type": "Split", "pattern": {"Regex": "(?<=a*)b"}, "behavior": "Isolated", "invert": false}),
                "looking behind",
            ),
            (json!(3), "\"\""),
        ] {
            let reason = Steps::read(&section).unwrap_err();
            assert!(reason.contains(why), "{section}: {reason}");
        }
    }
}
