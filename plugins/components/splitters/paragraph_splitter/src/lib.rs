//! Step splitter `paragraph_splitter`: a step ends with a blank line. TokenSqueeze, section 3.2.
//!
//! A separator is a run of spaces, tabs and line breaks with at least two line breaks in it. The whole run
//! belongs to the step that it ends, the indentation of what follows included. A run at the beginning of the
//! text belongs to the first step. `\r\n` breaks lines as `\n` does.
//!
//! In: a text. Out: byte ranges that tile it. Numbered lists, headings and other structure are ignored.
//!
//! The laws of `wit/step-splitter.wit`: where a step starts depends on the text up to its first character and
//! on nothing after that, so what is split stays split, and an end shows with the first character that
//! follows.

use ts_plugin_sdk::{
    Description, Plugin, Settings, Span, StepSplitter, description, export_step_splitter, tile,
};

/// Splits at blank lines.
struct ParagraphSplitter;

impl Plugin for ParagraphSplitter {
    fn describe() -> Description {
        let summary = "A step ends with a blank line; the blank line belongs to the step that it ends.";
        description("paragraph_splitter", env!("CARGO_PKG_VERSION"), summary, vec![])
    }

    fn configure(_: &Settings) -> Result<Self, String> {
        Ok(ParagraphSplitter)
    }
}

impl StepSplitter for ParagraphSplitter {
    fn split(&self, text: &str) -> Result<Vec<Span>, String> {
        Ok(tile(text, boundaries(text)))
    }
}

/// Where a separator ends and text follows.
fn boundaries(text: &str) -> impl Iterator<Item = usize> {
    const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];
    let mut rest = 0;
    std::iter::from_fn(move || {
        loop {
            let gap = rest + text[rest..].find(SPACE)?;
            let end = gap + text[gap..].find(|c| !SPACE.contains(&c))?;
            rest = end;
            let line_breaks = text[gap..end].bytes().filter(|byte| *byte == b'\n').count();
            if gap > 0 && line_breaks > 1 {
                return Some(end);
            }
        }
    })
}

export_step_splitter!(ParagraphSplitter);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn steps(text: &str) -> Vec<&str> {
        let spans = ParagraphSplitter.split(text).unwrap();
        spans.iter().map(|span| &text[span.start as usize..span.end as usize]).collect()
    }

    #[test]
    fn a_separator_belongs_to_the_step_that_it_ends() {
        assert_eq!(steps("a\nb\n\nc\n\n\nd"), ["a\nb\n\n", "c\n\n\n", "d"]);
        assert_eq!(steps("a\r\n \r\nb"), ["a\r\n \r\n", "b"]);
    }

    #[test]
    fn edges() {
        assert!(steps("").is_empty());
        assert_eq!(steps("\n\n"), ["\n\n"]);
        assert_eq!(steps("\n\na\n\n"), ["\n\na\n\n"]);
        assert_eq!(steps("a\n\n  b"), ["a\n\n  ", "b"]);
    }

    proptest! {
        #[test]
        fn steps_tile_stay_and_show_at_once(text in "[ab\n\r\t π]{0,40}") {
            let whole = steps(&text);
            prop_assert_eq!(whole.concat(), text.clone());
            prop_assert!(whole.iter().all(|step| !step.is_empty()));
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
