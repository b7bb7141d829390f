//! Fenced blocks, as CommonMark has them and as models write them.
//!
//! A fence is a line of three or more backticks or tildes, indented as it may be; it ends a block if it is of
//! the same kind and at least as long as the one that began it. Also taken: a fence with a tag at the end of
//! a line of text, a fence at the end of the last line of a program, special tokens and tags around a fence,
//! prose behind the one that ends a block, a block on one line, a block that the next one begins, and one
//! that is never closed. A fence within a Python text in triple quotes, which a docstring may have, ends
//! nothing. A response whose first fence only closes goes on with a block that the prompt opened.
//!
//! In: a text. Out: its blocks, first to last.

use std::ops::Range;

use super::shape::{self, Scanner};
use super::special;
use crate::language::{self, Language};

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
    /// Whether its lines have the mark of a quotation before them.
    is_quotation: bool,
    start: usize,
    text: String,
    scanner: Scanner,
    /// Up to here, fences stand in a quoted text.
    quoted_to: usize,
}

/// The blocks of a text. A block that the prompt opened has the name of the language as its tag.
pub(super) fn blocks(text: &str, language: &Language) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open = goes_on_with_a_block(text, language);
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        if open.as_ref().is_some_and(|block| block.start > start) {
            start = end; // the line that names the language of a block that the prompt opened
            continue;
        }
        match &mut open {
            None => match on_one_line(line, start) {
                Some(block) => blocks.push(block),
                None => open = opened(line, end),
            },
            Some(block) => match block.closes(line) {
                Some(before) if !block.is_quoted(text, start) => {
                    let before = before.to_owned();
                    let mut done = open.take().expect("the block is open");
                    done.text.push_str(done.dedented(&before));
                    blocks.push(done.block(start + before.len()));
                }
                None if block.is_left_open(line) && !block.is_quoted(text, start) => {
                    let next = opened(line, end);
                    blocks.extend(std::mem::replace(&mut open, next).map(|done| done.block(start)));
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
    let lead = &line[..at];
    let tag = line[at..].trim_start_matches(mark);
    let length = line.len() - at - tag.len();
    let is_alone = is_lead(lead);
    let is_tag = !tag.is_empty() && tag.chars().all(|c| c.is_ascii_alphanumeric() || "+#-_".contains(c));
    let is_announced = tag.is_empty() && lead.trim_end().ends_with([':', '：']);
    let fits = if is_alone { !tag.contains(mark) } else { is_tag || is_announced };
    let is_indented =
        is_alone && lead.is_ascii() && special::without_tokens(lead).len() == lead.trim_end().len();
    fits.then(|| Open {
        tag: tag.trim(),
        mark,
        length,
        indent: if is_indented { at } else { 0 },
        is_quotation: lead.trim_start().starts_with('>'),
        start,
        text: String::new(),
        scanner: Scanner::default(),
        quoted_to: 0,
    })
}

/// A block whose two fences and program stand on one line: `` ```python f = lambda x: x``` ``.
fn on_one_line(line: &str, start: usize) -> Option<Block> {
    let lead = line.len() - line.trim_start().len();
    let code = special::without_tokens(line)[lead.min(line.trim_end().len())..].trim_end();
    let inside = code.strip_prefix("```")?.strip_suffix("```").filter(|inside| !inside.contains('`'))?;
    let (tag, program) = inside.split_once(char::is_whitespace)?;
    let at = start + lead + 3 + tag.len() + 1;
    let is_there = language::is_tag(tag) && !program.trim().is_empty();
    is_there.then(|| Block { tag: tag.to_owned(), text: program.to_owned(), place: at..at + program.len() })
}

/// Whether nothing but white space, special tokens, or what begins an item of a list or a quotation, stands
/// before a fence.
fn is_lead(text: &str) -> bool {
    let text = text.trim();
    let number = text.trim_start_matches(|c: char| c.is_ascii_digit());
    matches!(text, "" | "-" | "*" | "+" | ">")
        || (number.len() < text.len() && matches!(number, "." | ")"))
        || special::without_tokens(text).len() < text.len()
}

/// The block that a text goes on with, if its first fence has no tag and all before it is a program; or if
/// its first line is no more than the language's name, which follows a fence.
fn goes_on_with_a_block<'a>(text: &str, language: &'a Language) -> Option<Open<'a>> {
    let mut block = Open {
        tag: language.name(),
        mark: '`',
        length: 3,
        indent: 0,
        is_quotation: false,
        start: 0,
        text: String::new(),
        scanner: Scanner::default(),
        quoted_to: 0,
    };
    let first = text.lines().next().unwrap_or_default();
    if !first.trim().is_empty() && language.is_tagged(first) == Some(true) && language::is_tag(first.trim()) {
        block.start = text.find('\n')? + 1;
    }
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        block.mark = if line.contains("~~~") { '~' } else { '`' };
        if let (Some(before), true) = (block.closes(line), start >= block.start) {
            if !block.is_quoted(text, start) {
                let program = &text[block.start..start + before.len()];
                block.text.clear();
                block.scanner = Scanner::default();
                block.quoted_to = 0;
                return shape::is_program(program, language).then_some(block);
            }
        } else if opened(line, end).is_some() {
            return None;
        }
        if start >= block.start {
            block.push(line);
        }
        start = end;
    }
    None
}

impl Open<'_> {
    /// What stands before the fence that ends this block, if the line has one.
    fn closes<'t>(&self, line: &'t str) -> Option<&'t str> {
        let line = self.unquoted(line);
        let whole = special::without_tokens(line);
        let before = whole.trim_end_matches(self.mark);
        if whole.len() - before.len() >= self.length {
            return Some(if before.trim().is_empty() { "" } else { before });
        }
        let rest = line.trim().trim_start_matches(self.mark);
        let has_prose = rest.len() + self.length <= line.trim().len() && is_behind_a_fence(rest);
        has_prose.then_some("")
    }

    /// Whether a line begins the next block, though nothing has ended this one.
    fn is_left_open(&self, line: &str) -> bool {
        let next = opened(self.unquoted(line), 0);
        next.is_some_and(|next| {
            (next.mark, next.length) == (self.mark, self.length)
                && next.indent <= self.indent
                && language::is_known(next.tag)
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
        let line = self.unquoted(line);
        let space = line.len() - line.trim_start_matches([' ', '\t']).len();
        &line[space.min(if self.is_quotation { 0 } else { self.indent })..]
    }

    /// A line without the mark of a quotation, if the block stands in one.
    fn unquoted<'t>(&self, line: &'t str) -> &'t str {
        let inner = line.trim_start().strip_prefix('>').filter(|_| self.is_quotation);
        inner.map_or(line, |inner| inner.strip_prefix(' ').unwrap_or(inner))
    }

    fn block(self, end: usize) -> Block {
        Block { tag: self.tag.to_owned(), text: self.text, place: self.start..end.max(self.start) }
    }
}

/// Whether what stands behind a fence is not a tag, but punctuation or prose.
fn is_behind_a_fence(rest: &str) -> bool {
    let is_punctuation = !rest.is_empty() && rest.chars().all(|c| ".,;:!)".contains(c));
    let words = rest.split_whitespace().count();
    is_punctuation
        || (rest.starts_with(' ')
            && words > 1
            && !rest.contains(['=', '{', '`'])
            && !language::is_known(rest))
}
