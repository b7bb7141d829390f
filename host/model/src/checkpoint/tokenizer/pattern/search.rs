//! Running a [`Program`] over a text; see [`super`].
//!
//! In: a text. Out: its matches, from left to right, none within another. The search backtracks, with the
//! ways that are still open on a stack of its own, and remembers of every fork at which bytes it led nowhere,
//! for the whole text; of a look, also where it led to a match.

use tokenizers::Offsets;
use tokenizers::pattern::Pattern;

use super::{Instruction, Program};

/// Most bits that a search may take to remember what it tried: 128 MiB.
const MAX_BITS: usize = 1 << 30;

impl Program {
    /// Where the matches begin and end, in bytes.
    ///
    /// # Errors
    /// If the text is too long for the memory that a search may take.
    pub(in super::super) fn find_all(&self, text: &str) -> Result<Vec<(usize, usize)>, String> {
        Ok(self.find_counting(text)?.0)
    }

    /// The same, and how many instructions it took.
    pub(super) fn find_counting(&self, text: &str) -> Result<(Vec<(usize, usize)>, usize), String> {
        let mut search = Search::new(self, text)?;
        let mut matches = Vec::new();
        let mut start = 0;
        let mut last_end = None;
        while start <= text.len() {
            match search.run(0, start, false) {
                // Right after a match, an empty one does not count.
                Some(end) if end > start || last_end != Some(start) => {
                    matches.push((start, end));
                    last_end = Some(end);
                    start = if end > start { end } else { start + width(text, start) };
                }
                _ => start += width(text, start),
            }
        }
        Ok((matches, search.n_steps))
    }
}

impl Pattern for &Program {
    /// Pieces that cover the text, and whether each is a match.
    fn find_matches(&self, text: &str) -> tokenizers::Result<Vec<(Offsets, bool)>> {
        if text.is_empty() {
            return Ok(vec![((0, 0), false)]);
        }
        let mut pieces = Vec::new();
        let mut end = 0;
        for (start, next_end) in self.find_all(text)? {
            if end != start {
                pieces.push(((end, start), false));
            }
            pieces.push(((start, next_end), true));
            end = next_end;
        }
        if end != text.len() {
            pieces.push(((end, text.len()), false));
        }
        Ok(pieces)
    }
}

/// Bytes of the character there; 1 at the end.
fn width(text: &str, at: usize) -> usize {
    text[at..].chars().next().map_or(1, char::len_utf8)
}

struct Search<'a> {
    program: &'a Program,
    text: &'a str,
    /// Whether a fork at a byte leads to no match, or is being tried there: coming back to it then is going
    /// in a circle.
    failed: Bits,
    /// Whether a fork within a look leads to a match.
    succeeded: Bits,
    /// Whether a look was decided at a byte, and how.
    looked: Bits,
    seen: Bits,
    open: Vec<Way>,
    n_steps: usize,
}

/// A fork that was passed.
struct Way {
    fork: usize,
    at: usize,
    second: usize,
    /// Whether the second way is being tried.
    is_second: bool,
}

impl<'a> Search<'a> {
    fn new(program: &'a Program, text: &'a str) -> Result<Self, String> {
        let n_places = text.len() + 1;
        let bits = |n: usize| {
            let n_bits = n.checked_mul(n_places).filter(|&n_bits| n_bits <= MAX_BITS);
            n_bits.map(|n_bits| Bits { bits: vec![0; n_bits.div_ceil(64)], n_places }).ok_or_else(|| {
                format!("a piece of {} bytes is too long for one of the tokenizer's patterns", text.len())
            })
        };
        let n_looks = program.n_looks;
        let forks_in_looks = if n_looks > 0 { program.n_forks } else { 0 };
        Ok(Self {
            program,
            text,
            failed: bits(program.n_forks)?,
            succeeded: bits(forks_in_looks)?,
            looked: bits(n_looks)?,
            seen: bits(n_looks)?,
            open: Vec::new(),
            n_steps: 0,
        })
    }

    /// Where the match from this place on ends, if there is one. In a look only whether there is one counts.
    fn run(&mut self, mut next: usize, mut at: usize, is_look: bool) -> Option<usize> {
        let base = self.open.len();
        loop {
            self.n_steps += 1;
            let goes_on = match self.program.instructions[next] {
                Instruction::One { class } => {
                    let c = self.text[at..].chars().next();
                    let c = c.filter(|&c| self.program.classes[class].holds(c));
                    at += c.map_or(0, char::len_utf8);
                    next += 1;
                    c.is_some()
                }
                Instruction::Jump { to } => {
                    next = to;
                    true
                }
                // No more of them than the instructions that follow take.
                Instruction::Back { n_chars } => {
                    next += 1;
                    self.n_steps += n_chars;
                    let before = self.text[..at].char_indices().rev();
                    let back =
                        if n_chars == 0 { Some(at) } else { before.map(|(at, _)| at).nth(n_chars - 1) };
                    at = back.unwrap_or(at);
                    back.is_some()
                }
                Instruction::Edge { class, negative } => {
                    next += 1;
                    let holds = |c: Option<char>| c.is_some_and(|c| self.program.classes[class].holds(c));
                    let (before, after) = self.text.split_at(at);
                    (holds(before.chars().next_back()) != holds(after.chars().next())) != negative
                }
                Instruction::LineStart => {
                    next += 1;
                    at == 0 || self.text.as_bytes()[at - 1] == b'\n'
                }
                Instruction::LineEnd => {
                    next += 1;
                    at == self.text.len() || self.text.as_bytes()[at] == b'\n'
                }
                Instruction::Look { negative, next: after, look } => {
                    let holds = self.look(look, next + 1, at) != negative;
                    next = after;
                    holds
                }
                Instruction::Fork { fork, .. } if is_look && self.succeeded.get(fork, at) => {
                    return self.succeed(base, at, is_look);
                }
                Instruction::Fork { first, second, fork } => {
                    let is_new = !self.failed.get(fork, at);
                    if is_new {
                        self.failed.set(fork, at, true);
                        self.open.push(Way { fork, at, second, is_second: false });
                        next = first;
                    }
                    is_new
                }
                Instruction::Match => return self.succeed(base, at, is_look),
            };
            if !goes_on {
                (next, at) = self.go_back(base)?;
            }
        }
    }

    /// The next way that is open.
    fn go_back(&mut self, base: usize) -> Option<(usize, usize)> {
        while self.open.len() > base {
            match self.open.last_mut() {
                Some(way) if !way.is_second => {
                    way.is_second = true;
                    return Some((way.second, way.at));
                }
                _ => drop(self.open.pop()),
            }
        }
        None
    }

    /// The forks that are open led to a match.
    fn succeed(&mut self, base: usize, at: usize, is_look: bool) -> Option<usize> {
        for way in self.open.drain(base..) {
            self.failed.set(way.fork, way.at, false);
            if is_look {
                self.succeeded.set(way.fork, way.at, true);
            }
        }
        Some(at)
    }

    fn look(&mut self, look: usize, body: usize, at: usize) -> bool {
        if !self.seen.get(look, at) {
            let found = self.run(body, at, true).is_some();
            self.seen.set(look, at, true);
            self.looked.set(look, at, found);
        }
        self.looked.get(look, at)
    }
}

/// A bit for each of some things at each byte.
struct Bits {
    bits: Vec<u64>,
    n_places: usize,
}

impl Bits {
    fn get(&self, thing: usize, at: usize) -> bool {
        let index = thing * self.n_places + at;
        self.bits[index / 64] >> (index % 64) & 1 == 1
    }

    fn set(&mut self, thing: usize, at: usize, value: bool) {
        let index = thing * self.n_places + at;
        let bit = 1 << (index % 64);
        if value {
            self.bits[index / 64] |= bit;
        } else {
            self.bits[index / 64] &= !bit;
        }
    }
}
