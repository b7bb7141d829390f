//! Cutting a text into the pieces in which byte pairs are merged.
//!
//! In: the `pre_tokenizer` of a `tokenizer.json`. Out: steps, each of which cuts the pieces of the step before. Those of the
//! `tokenizers` crate whose work is linear in the text run there; `Split`, whose pattern a stranger wrote, runs here.
//!
//! Left out on purpose: `FixedLength`, which belongs to other kinds of vocabularies.

use serde::Deserialize;
use serde_json::Value;
use tokenizers::pattern::Invert;
use tokenizers::{PreTokenizedString, PreTokenizer, PreTokenizerWrapper, SplitDelimiterBehavior};

use super::pattern::{MAX_INSTRUCTIONS, Program, WrittenPattern};

/// Most steps. Real tokenizers have up to seven.
const MAX_STEPS: usize = 32;

/// The steps of the `tokenizers` crate that are taken.
const LIBRARY: &[&str] = &[
    "BertPreTokenizer",
    "ByteLevel",
    "CharDelimiterSplit",
    "Digits",
    "Metaspace",
    "Punctuation",
    "UnicodeScripts",
    "Whitespace",
    "WhitespaceSplit",
];

/// Steps, in their order.
#[derive(Clone, Debug)]
pub(super) struct Steps(Vec<Step>);

#[derive(Clone, Debug)]
enum Step {
    Split(Split),
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
        let lengthens = |step: &&Step| matches!(step, Step::Library(step) if matches!(**step, PreTokenizerWrapper::ByteLevel(_) | PreTokenizerWrapper::Metaspace(_)));
        if steps.iter().filter(lengthens).count() > 1 {
            return Err(
                "pre_tokenizer: more than one ByteLevel or Metaspace, each of which lengthens a text".into(),
            );
        }
        let instructions = |step: &Step| match step {
            Step::Split(split) => split.pattern.n_instructions(),
            Step::Library(_) => 0,
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
