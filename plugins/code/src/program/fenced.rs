//! Fenced blocks, as CommonMark has them and as models write them.
//!
//! A fence is a line of three or more backticks or tildes, indented as it may be; it ends a block if it is of the same kind
//! and at least as long as the one that began it. Also taken: a fence with a tag at the end of a line of text, a fence at the
//! end of the last line of a program, and a block that is never closed. A fence within a Python text in triple quotes,
//! which a docstring may have, ends nothing.
//!
//! In: a text. Out: its blocks, first to last. Left out on purpose: what they hold.

use std::ops::Range;

use super::shape::Scanner;

/// A fenced block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// What stands behind the fence that begins it.
    pub(super) tag: String,
    /// Its lines, as far to the left as its fence allows.
    pub(super) text: String,
    /// Where its lines stand.
    pub(super) place: Range<usize>,
}

/// A block that is not closed yet.
struct Open<'a> {
    tag: &'a str,
    mark: char,
    length: usize,
    indent: usize,
    start: usize,
    text: String,
    scanner: Scanner,
    /// Up to here, fences stand in a quoted text.
    quoted_to: usize,
}

/// The blocks of a text.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Open> = None;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        match &mut open {
            None => open = opened(line, end),
            Some(block) => match block.closes(line) {
                Some(before) if !block.is_quoted(text, start) => {
                    let before = before.to_owned();
                    let mut done = open.take().expect("the block is open");
                    done.text.push_str(done.dedented(&before));
                    blocks.push(done.block(start + before.len()));
                }
                _ => block.push(line),
            },
        }
        start = end;
    }
    blocks.extend(open.map(|block| block.block(text.len())));
    blocks
}

/// The block that a line begins, whose text starts at `start`.
fn opened(line: &str, start: usize) -> Option<Open<'_>> {
    let line = line.trim_end();
    let at = line.find("```").into_iter().chain(line.find("~~~")).min()?;
    let mark = if line[at..].starts_with('`') { '`' } else { '~' };
    let tag = line[at..].trim_start_matches(mark);
    let length = line.len() - at - tag.len();
    let is_alone = is_lead(&line[..at]);
    let is_tag = !tag.is_empty() && tag.chars().all(|c| c.is_ascii_alphanumeric() || "+#-_".contains(c));
    let fits = if is_alone { !tag.contains(mark) } else { is_tag };
    let indent = if is_alone { at } else { 0 };
    fits.then(|| Open {
        tag: tag.trim(),
        mark,
        length,
        indent,
        start,
        text: String::new(),
        scanner: Scanner::default(),
        quoted_to: 0,
    })
}

/// Whether nothing but white space, or what begins an item of a list or a quotation, stands before a fence.
fn is_lead(text: &str) -> bool {
    let text = text.trim();
    let number = text.trim_start_matches(|c: char| c.is_ascii_digit());
    matches!(text, "" | "-" | "*" | "+" | ">") || (number.len() < text.len() && matches!(number, "." | ")"))
}

impl Open<'_> {
    /// What stands before the fence that ends this block, if the line has one.
    fn closes<'t>(&self, line: &'t str) -> Option<&'t str> {
        let line = line.trim_end();
        let before = line.trim_end_matches(self.mark);
        (line.len() - before.len() >= self.length).then_some(if before.trim().is_empty() {
            ""
        } else {
            before
        })
    }

    /// Whether a fence at `at` stands in a quoted text that ends, with a fence behind it.
    fn is_quoted(&mut self, text: &str, at: usize) -> bool {
        let Some(quote) = self.scanner.quote() else { return false };
        if at >= self.quoted_to && self.quoted_to < text.len() {
            let fence: String = std::iter::repeat_n(self.mark, self.length).collect();
            let end = text[at..].find(quote).map(|end| at + end);
            let end = end.filter(|end| text[*end..].contains(&fence));
            match end {
                Some(end) => self.quoted_to = end,
                None => return false, // the block ends here, so that no fence is sought twice
            }
        }
        at < self.quoted_to
    }

    fn push(&mut self, line: &str) {
        let line = self.dedented(line).to_owned();
        self.scanner.read(&line);
        self.text.push_str(&line);
    }

    /// A line without the white space that its fence has before it.
    fn dedented<'t>(&self, line: &'t str) -> &'t str {
        let space = line.len() - line.trim_start_matches([' ', '\t']).len();
        &line[space.min(self.indent)..]
    }

    fn block(self, end: usize) -> Block {
        Block { tag: self.tag.to_owned(), text: self.text, place: self.start..end.max(self.start) }
    }
}
