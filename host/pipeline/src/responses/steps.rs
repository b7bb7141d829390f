//! From a response's text to steps of tokens. TokenSqueeze, section 3.2: steps tile the reasoning.
//!
//! A response is reasoning, then the text that ends it (`</think>`) and everything after: the tail. The step
//! splitter sees the reasoning's text and answers in bytes; the model works in tokens. A token that crosses a
//! step's end belongs to the side that has more of its bytes, so that a space at a word's front goes with its
//! word. A response without the ending text is all reasoning.

use std::ops::Range;

use ts_model::tokenizer::TextTokenizer;
use ts_plugin::StepSplitter;

use crate::Error;

/// A response cut into steps and a tail, as ranges of tokens that tile it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Steps {
    /// The reasoning's steps, none empty.
    pub(crate) steps: Vec<Range<usize>>,
    /// From the text that ends the reasoning on; empty if the response never got there.
    pub(crate) tail: Range<usize>,
}

impl Steps {
    /// Cuts a response.
    pub(crate) fn of(
        tokens: &[u32],
        tokenizer: &TextTokenizer,
        splitter: &StepSplitter,
        reasoning_end: &str,
        problem: &str,
    ) -> Result<Self, Error> {
        let (text, ends) = tokenizer.token_ends(tokens)?;
        let reasoning = reasoning_of(&text, reasoning_end);
        let spans = splitter.split(problem, reasoning)?.value;
        Ok(Self::snap(&ends, reasoning.len(), spans.iter().map(|span| span.end)))
    }

    /// Turns ends in bytes into ends in tokens; `token_ends[i]` is where token `i` ends, in bytes.
    fn snap(token_ends: &[usize], reasoning: usize, step_ends: impl Iterator<Item = usize>) -> Self {
        let tail_start = match token_ends.last() {
            Some(&all) if reasoning < all => tokens_to(token_ends, reasoning),
            _ => token_ends.len(),
        };
        let mut steps = Vec::new();
        let mut start = 0;
        for end in step_ends {
            let end = tokens_to(token_ends, end).min(tail_start);
            if end > start {
                steps.push(start..end);
                start = end;
            }
        }
        if let Some(last) = steps.last_mut() {
            last.end = tail_start;
        }
        let tail_start = steps.last().map_or(0, |last| last.end);
        Self { steps, tail: tail_start..token_ends.len() }
    }

    /// Tokens in all steps together.
    pub(crate) fn reasoning_tokens(&self) -> usize {
        self.tail.start
    }
}

/// The part of a response that a step splitter sees: all up to the text that ends the reasoning.
pub(crate) fn reasoning_of<'a>(text: &'a str, reasoning_end: &str) -> &'a str {
    text.split_once(reasoning_end).map_or(text, |(reasoning, _)| reasoning)
}

/// How many tokens reach byte `at`: the boundary between tokens that is nearest, the later one of two.
pub(crate) fn tokens_to(token_ends: &[usize], at: usize) -> usize {
    let before = token_ends.partition_point(|&end| end < at);
    let start = before.checked_sub(1).map_or(0, |last| token_ends[last]);
    match token_ends.get(before) {
        Some(&end) if end - at <= at - start => before + 1,
        _ => before,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_tail_tile_the_tokens() {
        // bytes: "ab.\n\ncd.\n\n" then "</think>" then "x"; tokens end at 2, 5, 7, 10, 18, 19.
        let cut = Steps::snap(&[2, 5, 7, 10, 18, 19], 10, [5, 10].into_iter());
        assert_eq!(cut.steps, [0..2, 2..4]);
        assert_eq!(cut.tail, 4..6);
        assert_eq!(cut.reasoning_tokens(), 4);
    }

    #[test]
    fn a_token_across_a_steps_end_belongs_to_the_side_with_more_of_it() {
        // The second token spans bytes 3..8; a step ends after its first byte, or before its last.
        assert_eq!(Steps::snap(&[3, 8, 11], 11, [4, 11].into_iter()).steps, [0..1, 1..3]);
        assert_eq!(Steps::snap(&[3, 8, 11], 11, [7, 11].into_iter()).steps, [0..2, 2..3]);
    }

    #[test]
    fn the_nearest_boundary() {
        let reach = |at| tokens_to(&[3, 8, 8, 11], at);
        assert_eq!([0, 1, 2, 3, 4, 5, 6, 8, 11].map(reach), [0, 0, 1, 1, 1, 1, 2, 2, 4]);
        assert_eq!(tokens_to(&[], 0), 0);
    }

    #[test]
    fn a_step_within_one_token_joins_its_neighbour() {
        let cut = Steps::snap(&[6, 9], 9, [2, 4, 9].into_iter());
        assert_eq!(cut.steps, [0..1, 1..2]);
    }

    #[test]
    fn no_reasoning_is_no_steps() {
        assert_eq!(Steps::snap(&[8, 9], 0, std::iter::empty()), Steps { steps: vec![], tail: 0..2 });
        assert_eq!(Steps::snap(&[], 0, std::iter::empty()), Steps { steps: vec![], tail: 0..0 });
    }
}
