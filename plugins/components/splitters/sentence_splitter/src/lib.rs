//! Step splitter `sentence_splitter`: a step ends with a sentence. TokenSqueeze, section 3.2, with finer
//! steps than paragraphs.
//!
//! A sentence ends with `.`, `!` or `?` (several, and closing quotes or brackets, may follow) and white
//! space; the white space belongs to it. A line break that leaves a blank line behind ends a sentence too. A
//! full stop ends none after an abbreviation of [`ABBREVIATIONS`] or after a single letter (an initial, as in
//! `J. Doe`). A decimal such as `3.5` is safe, because no white space follows its point.
//!
//! In: a text. Out: byte ranges that tile it. There is no model of language: `in 5. Then` is two sentences,
//! and so is an item number `1. First`.
//!
//! The laws of `wit/step-splitter.wit`: where a step starts depends on the text up to its first character and
//! on nothing after that, so what is split stays split, and an end shows with the first character that
//! follows.

use ts_plugin_sdk::{
    Description, Plugin, Settings, Span, StepSplitter, description, export_step_splitter, tile,
};

/// Words after which a full stop ends no sentence, lower case, without the full stop.
const ABBREVIATIONS: [&str; 15] =
    ["approx", "cf", "dr", "e.g", "eq", "eqs", "etc", "fig", "i.e", "mr", "mrs", "ms", "resp", "st", "vs"];

/// Splits after sentences.
struct SentenceSplitter;

impl Plugin for SentenceSplitter {
    fn describe() -> Description {
        let summary = "A step ends with a sentence: after . ! or ? and white space, or at a blank line.";
        description("sentence_splitter", env!("CARGO_PKG_VERSION"), summary, vec![])
    }

    fn configure(_: &Settings) -> Result<Self, String> {
        Ok(SentenceSplitter)
    }
}

impl StepSplitter for SentenceSplitter {
    fn split(&self, text: &str) -> Result<Vec<Span>, String> {
        Ok(tile(text, boundaries(text)))
    }
}

/// Where a sentence ends and text follows: the ends of white space after the end of a sentence.
fn boundaries(text: &str) -> impl Iterator<Item = usize> {
    let mut rest = 0;
    std::iter::from_fn(move || {
        loop {
            let gap = rest + text[rest..].find(char::is_whitespace)?;
            let end = gap + text[gap..].find(|c: char| !c.is_whitespace())?;
            rest = end;
            let has_blank_line = text[gap..end].bytes().filter(|byte| *byte == b'\n').count() > 1;
            if gap > 0 && (has_blank_line || ends_sentence(&text[..gap])) {
                return Some(end);
            }
        }
    })
}

/// Whether the last word of a text ends a sentence.
fn ends_sentence(text: &str) -> bool {
    let word = text.rsplit(char::is_whitespace).next().unwrap_or(text);
    let word = word.trim_end_matches(['"', '\'', ')', ']', '}', '*', '”', '’']);
    if word.ends_with(['!', '?']) {
        return true;
    }
    let Some(bare) = word.strip_suffix('.') else {
        return false;
    };
    let bare = bare.trim_start_matches(['"', '\'', '(', '[', '*', '“', '‘']);
    let is_initial = bare.len() == 1 && bare.bytes().all(|byte| byte.is_ascii_alphabetic());
    !is_initial && !ABBREVIATIONS.contains(&bare.to_lowercase().as_str())
}

export_step_splitter!(SentenceSplitter);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn steps(text: &str) -> Vec<&str> {
        let spans = SentenceSplitter.split(text).unwrap();
        spans.iter().map(|span| &text[span.start as usize..span.end as usize]).collect()
    }

    #[test]
    fn sentences_keep_their_white_space() {
        assert_eq!(
            steps("It is 3.5. So what? \"Yes.\" Done!"),
            ["It is 3.5. ", "So what? ", "\"Yes.\" ", "Done!"]
        );
    }

    #[test]
    fn abbreviations_and_initials_end_nothing() {
        assert_eq!(steps("See Fig. 2, e.g. by J. Doe. Next."), ["See Fig. 2, e.g. by J. Doe. ", "Next."]);
    }

    #[test]
    fn a_blank_line_ends_a_sentence_and_a_line_break_does_not() {
        assert_eq!(steps("x = 1\ny = 2\n\nz = 3"), ["x = 1\ny = 2\n\n", "z = 3"]);
    }

    #[test]
    fn edges() {
        assert!(steps("").is_empty());
        assert_eq!(steps(" \n\n a."), [" \n\n a."]);
        assert_eq!(steps("a.  "), ["a.  "]);
    }

    proptest! {
        #[test]
        fn steps_tile_stay_and_show_at_once(text in "[ab.!?\") \n1π]{0,40}") {
            let whole = steps(&text);
            prop_assert_eq!(whole.concat(), text.clone());
            for (cut, _) in text.char_indices() {
                let before = steps(&text[..cut]);
                let fixed = before.len().saturating_sub(1);
                prop_assert_eq!(&before[..fixed], &whole[..fixed], "what is split moved at {}", cut);
                let last = text[..cut].char_indices().next_back().map_or(0, |(at, _)| at);
                let ends = whole.iter().scan(0, |end, step| { *end += step.len(); Some(*end) });
                let due = ends.take_while(|end| *end <= last).count();
                prop_assert!(before.len() > due || cut == 0, "an end did not show at {}", cut);
            }
        }
    }
}
