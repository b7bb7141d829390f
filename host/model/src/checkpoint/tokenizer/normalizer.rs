//! What is changed in a text before it is cut.
//!
//! In: the `normalizer` of a `tokenizer.json`. Out: steps in their order, and how many times as long as its
//! input their output can be, by which the longest text is bounded. Those of the `tokenizers` crate whose
//! work is linear in the text run there; `Replace`, whose pattern a stranger wrote, runs on this crate's own
//! engine.
//!
//! `Precompiled` and `BertNormalizer`, which belong to other kinds of vocabularies, are refused by name.

use serde::Deserialize;
use serde_json::Value;
use tokenizers::{NormalizedString, Normalizer, NormalizerWrapper};

use super::pattern::{MAX_INSTRUCTIONS, Program, WrittenPattern};

/// Most steps. Real tokenizers have up to four.
const MAX_STEPS: usize = 16;

/// Most that all steps together may lengthen a text. Llama 2's are at 12.
const MAX_GROWTH: usize = 128;

/// Steps, in their order.
#[derive(Clone, Debug)]
pub(super) struct Normalizers {
    steps: Vec<Step>,
    growth: usize,
}

#[derive(Clone, Debug)]
enum Step {
    Replace { pattern: Program, content: String },
    Library(Box<NormalizerWrapper>),
}

/// A `Replace` as it is written.
#[derive(Deserialize)]
struct ReplaceSection {
    pattern: WrittenPattern,
    content: String,
}

impl Normalizers {
    /// Reads a `normalizer`; absent or null, it has no steps.
    ///
    /// # Errors
    /// What of it is not understood, or is more than this host takes.
    pub(super) fn read(section: &Value) -> Result<Self, String> {
        let mut normalizers = Self { steps: Vec::new(), growth: 1 };
        normalizers.add(section).map_err(|reason| format!("normalizer: {reason}"))?;
        let instructions = |step: &Step| match step {
            Step::Replace { pattern, .. } => pattern.n_instructions(),
            Step::Library(_) => 0,
        };
        if normalizers.steps.iter().map(instructions).sum::<usize>() > MAX_INSTRUCTIONS {
            return Err(format!(
                "normalizer: its patterns take more than {MAX_INSTRUCTIONS} instructions together"
            ));
        }
        Ok(normalizers)
    }

    /// At most how many times as long as its input the output is, in bytes.
    pub(super) fn growth(&self) -> usize {
        self.growth
    }

    fn add(&mut self, section: &Value) -> Result<(), String> {
        if section.is_null() {
            return Ok(());
        }
        let kind = section.get("type").and_then(Value::as_str).unwrap_or_default();
        let library = || {
            let step = NormalizerWrapper::deserialize(section).map_err(|error| format!("{kind}: {error}"))?;
            Ok::<_, String>(Step::Library(Box::new(step)))
        };
        let (step, growth) = match kind {
            "Sequence" => {
                let inner = section.get("normalizers").and_then(Value::as_array);
                // JSON is 128 deep at most, and so is this.
                return inner.into_iter().flatten().try_for_each(|section| self.add(section));
            }
            "Replace" => replace(section)?,
            // At the beginning of each part between added tokens, none of which is empty.
            "Prepend" => {
                (library()?, 1 + section.get("prepend").and_then(Value::as_str).unwrap_or_default().len())
            }
            "Strip" | "StripAccents" => (library()?, 1),
            "Lowercase" => (library()?, 2),
            // Unicode's own bounds, in UTF-8.
            "NFC" | "NFD" => (library()?, 3),
            "NFKC" | "NFKD" => (library()?, 11),
            kind => return Err(format!("{kind:?} is not implemented")),
        };
        self.steps.push(step);
        self.growth = self.growth.saturating_mul(growth);
        if self.steps.len() > MAX_STEPS {
            return Err(format!("more than {MAX_STEPS} steps"));
        }
        if self.growth > MAX_GROWTH {
            return Err(format!("with {kind}, a text could become more than {MAX_GROWTH} times as long"));
        }
        Ok(())
    }
}

/// A `Replace`, and how many times as long a text becomes.
fn replace(section: &Value) -> Result<(Step, usize), String> {
    let ReplaceSection { pattern, content } =
        ReplaceSection::deserialize(section).map_err(|error| format!("Replace: {error}"))?;
    let growth = match &pattern {
        WrittenPattern::String(text) if text.is_empty() => return Err("Replace: replaces nothing".into()),
        WrittenPattern::String(text) => content.len().div_ceil(text.len()).max(1),
        // Between any two bytes, if it matches nothing.
        WrittenPattern::Regex(_) => 1 + content.len(),
    };
    Ok((Step::Replace { pattern: pattern.program()?, content }, growth))
}

impl Normalizer for Normalizers {
    fn normalize(&self, text: &mut NormalizedString) -> tokenizers::Result<()> {
        self.steps.iter().try_for_each(|step| match step {
            Step::Replace { pattern, content } => text.replace(pattern, content),
            Step::Library(step) => step.normalize(text),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn normalized(step: &impl Normalizer, text: &str) -> String {
        let mut text = NormalizedString::from(text);
        step.normalize(&mut text).unwrap();
        text.get().to_owned()
    }

    #[test]
    fn changes_what_the_library_changes_and_no_more_than_it_says() {
        for section in [
            json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"}),
            json!({"type": "Replace", "pattern": {"String": "(a)"}, "content": ""}),
            json!({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}),
            json!({"type": "Replace", "pattern": {"Regex": "\\s+(?=b)"}, "content": "xyz"}),
            json!({"type": "Prepend", "prepend": "▁"}),
            json!({"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
                {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}),
            json!({"type": "Sequence", "normalizers": [{"type": "Lowercase"}, {"type": "NFKC"}]}),
            json!({"type": "Sequence", "normalizers": []}),
            json!({"type": "Strip", "strip_left": true, "strip_right": true}),
        ] {
            let ours = Normalizers::read(&section).unwrap();
            let theirs = NormalizerWrapper::deserialize(&section).unwrap();
            for text in ["", " ", "  a  (a) b\n b ", "ÀÉ \u{FDFA}\u{130}ﬁ", "漢 字", "\u{390}\u{1D160}"]
            {
                let output = normalized(&ours, text);
                assert_eq!(output, normalized(&theirs, text), "{section} {text:?}");
                assert!(output.len() <= ours.growth() * text.len(), "{section} {text:?}");
            }
        }
        let insert = json!({"type": "Replace", "pattern": {"Regex": "b*"}, "content": "xy"});
        let ours = Normalizers::read(&insert).unwrap();
        assert!(normalized(&ours, &"a".repeat(100)).len() <= ours.growth() * 101);
    }

    #[test]
    fn more_than_this_host_takes_is_refused() {
        let replace = |text: &str, content: &str| json!({"type": "Replace", "pattern": {"String": text}, "content": content});
        let sequence =
            |step: &Value, n: usize| json!({"type": "Sequence", "normalizers": vec![step.clone(); n]});
        for (section, why) in [
            (replace("", "x"), "replaces nothing"),
            (replace(" ", &"x".repeat(129)), "128 times as long"),
            (sequence(&replace("a", "aa"), 8), "128 times as long"),
            (sequence(&json!({"type": "Prepend", "prepend": "aaa"}), 4), "128 times as long"),
            (sequence(&json!({"type": "NFKC"}), 3), "128 times as long"),
            (sequence(&replace("a", "b"), 17), "16 steps"),
            (
                sequence(&json!({"type": "Replace", "pattern": {"Regex": "(?:a?){300}"}, "content": ""}), 2),
                "instructions together",
            ),
            (json!({"type": "Replace", "pattern": {"Regex": "(a)\\1"}, "content": ""}), "`\\1`"),
            (json!({"type": "Precompiled", "precompiled_charsmap": ""}), "\"Precompiled\""),
            (json!(3), "\"\""),
        ] {
            let reason = Normalizers::read(&section).unwrap_err();
            assert!(reason.starts_with("normalizer: ") && reason.contains(why), "{section}: {reason}");
        }
    }
}
