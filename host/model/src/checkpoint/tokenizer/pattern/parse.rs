//! From a pattern to a [`Program`]; see [`super`].
//!
//! In: the pattern's text. Out: instructions, as many as [`MAX_INSTRUCTIONS`] at most, or what of it is not
//! understood. Sets in brackets and classes such as `\p{L}` are read by `regex-syntax`, whose notation for
//! them is Oniguruma's.

use regex_syntax::hir::{Class as HirClass, ClassUnicode, ClassUnicodeRange, HirKind};

use super::{Class, Instruction, MAX_INSTRUCTIONS, Program};

/// How deep groups may lie in each other.
const MAX_DEPTH: usize = 32;

/// Most bytes of a pattern.
const MAX_PATTERN_BYTES: usize = 1 << 16;

type Parsed<T> = Result<T, String>;

/// A pattern as a tree.
#[derive(Clone, Debug)]
enum Node {
    Class(usize),
    Sequence(Vec<Node>),
    Either(Vec<Node>),
    Repeat { node: Box<Node>, least: usize, most: Option<usize>, greedy: bool },
    Look { node: Box<Node>, negative: bool },
    Back { n_chars: usize },
    Edge { class: usize, negative: bool },
    LineStart,
    LineEnd,
}

impl Node {
    /// The characters of whatever it matches, if that is always as many.
    fn n_chars(&self) -> Option<usize> {
        match self {
            Self::Class(_) => Some(1),
            Self::Look { .. } | Self::Edge { .. } | Self::LineStart | Self::LineEnd => Some(0),
            Self::Sequence(nodes) => {
                nodes.iter().try_fold(0_usize, |sum, node| sum.checked_add(node.n_chars()?))
            }
            Self::Either(nodes) => {
                let first = nodes.first()?.n_chars();
                first.filter(|_| nodes.iter().all(|node| node.n_chars() == first))
            }
            Self::Repeat { node, least, most, .. } if *most == Some(*least) => {
                node.n_chars()?.checked_mul(*least)
            }
            Self::Repeat { .. } | Self::Back { .. } => None,
        }
    }
}

impl Program {
    /// The program of this pattern.
    ///
    /// # Errors
    /// What of it is not understood, or is too large.
    pub(in super::super) fn parse(pattern: &str) -> Parsed<Self> {
        if pattern.len() > MAX_PATTERN_BYTES {
            return Err(format!("has {} bytes, {MAX_PATTERN_BYTES} at most are read", pattern.len()));
        }
        let mut parser = Parser { rest: pattern, depth: 0, classes: Vec::new() };
        let node = parser.alternatives(false)?;
        if !parser.rest.is_empty() {
            return Err("has a `)` that closes nothing".into());
        }
        let mut program = Self { instructions: Vec::new(), classes: parser.classes, n_forks: 0, n_looks: 0 };
        program.add(&node)?;
        program.push(Instruction::Match)?;
        Ok(program)
    }

    /// How many instructions there are.
    pub(in super::super) fn n_instructions(&self) -> usize {
        self.instructions.len()
    }

    fn push(&mut self, instruction: Instruction) -> Parsed<usize> {
        if self.instructions.len() == MAX_INSTRUCTIONS {
            return Err(format!("takes more than {MAX_INSTRUCTIONS} instructions"));
        }
        self.instructions.push(instruction);
        Ok(self.instructions.len() - 1)
    }

    fn here(&self) -> usize {
        self.instructions.len()
    }

    /// A fork whose ways are set later.
    fn fork(&mut self) -> Parsed<usize> {
        self.n_forks += 1;
        self.push(Instruction::Fork { first: 0, second: 0, fork: self.n_forks - 1 })
    }

    /// Sets where a fork goes: into what follows it and then out, or out and then in.
    fn set_fork(&mut self, at: usize, out: usize, greedy: bool) {
        if let Instruction::Fork { first, second, .. } = &mut self.instructions[at] {
            (*first, *second) = if greedy { (at + 1, out) } else { (out, at + 1) };
        }
    }

    fn add(&mut self, node: &Node) -> Parsed<()> {
        match node {
            Node::Class(class) => self.push(Instruction::One { class: *class }).map(drop),
            Node::Sequence(nodes) => nodes.iter().try_for_each(|node| self.add(node)),
            &Node::Back { n_chars } => self.push(Instruction::Back { n_chars }).map(drop),
            &Node::Edge { class, negative } => self.push(Instruction::Edge { class, negative }).map(drop),
            Node::LineStart => self.push(Instruction::LineStart).map(drop),
            Node::LineEnd => self.push(Instruction::LineEnd).map(drop),
            Node::Either(nodes) => self.add_either(nodes),
            Node::Look { node, negative } => {
                let look = self.n_looks;
                self.n_looks += 1;
                let at = self.push(Instruction::LineStart)?;
                self.add(node)?;
                self.push(Instruction::Match)?;
                self.instructions[at] = Instruction::Look { negative: *negative, next: self.here(), look };
                Ok(())
            }
            Node::Repeat { node, least, most, greedy } => self.add_repeat(node, *least, *most, *greedy),
        }
    }

    fn add_either(&mut self, nodes: &[Node]) -> Parsed<()> {
        let mut jumps = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            if index + 1 == nodes.len() {
                self.add(node)?;
                continue;
            }
            let fork = self.fork()?;
            self.add(node)?;
            jumps.push(self.push(Instruction::Jump { to: 0 })?);
            self.set_fork(fork, self.here(), true);
        }
        let out = self.here();
        jumps.into_iter().for_each(|jump| self.instructions[jump] = Instruction::Jump { to: out });
        Ok(())
    }

    fn add_repeat(&mut self, node: &Node, least: usize, most: Option<usize>, greedy: bool) -> Parsed<()> {
        // Whatever is repeated takes an instruction, or this would go on for as long as a stranger says.
        let count = most.unwrap_or(least).max(least);
        if count > MAX_INSTRUCTIONS {
            return Err(format!(
                "repeats {count} times, which takes more than {MAX_INSTRUCTIONS} instructions"
            ));
        }
        for _ in 0..least {
            self.add(node)?;
        }
        let Some(most) = most else {
            let fork = self.fork()?;
            self.add(node)?;
            self.push(Instruction::Jump { to: fork })?;
            self.set_fork(fork, self.here(), greedy);
            return Ok(());
        };
        let mut forks = Vec::new();
        for _ in least..most {
            forks.push(self.fork()?);
            self.add(node)?;
        }
        let out = self.here();
        forks.into_iter().for_each(|fork| self.set_fork(fork, out, greedy));
        Ok(())
    }
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
    classes: Vec<Class>,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn eat(&mut self, prefix: &str) -> bool {
        match self.rest.strip_prefix(prefix) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Up to the `)` of the group, which stays, or the end.
    fn alternatives(&mut self, mut ignore_case: bool) -> Parsed<Node> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("has groups more than {MAX_DEPTH} deep"));
        }
        let mut all = Vec::new();
        let mut sequence = Vec::new();
        while let Some(c) = self.peek() {
            match c {
                ')' => break,
                '|' => {
                    self.next();
                    all.push(Node::Sequence(std::mem::take(&mut sequence)));
                }
                _ if self.eat("(?i)") => ignore_case = true,
                _ => {
                    let atom = self.atom(ignore_case)?;
                    sequence.push(self.repeats(atom)?);
                }
            }
        }
        self.depth -= 1;
        all.push(Node::Sequence(sequence));
        Ok(if all.len() == 1 { all.remove(0) } else { Node::Either(all) })
    }

    fn atom(&mut self, ignore_case: bool) -> Parsed<Node> {
        let before = self.rest;
        let Some(c) = self.next() else { return Err("ends too early".into()) };
        Ok(match c {
            '(' => return self.group(ignore_case),
            '[' => {
                let length = set_length(before)?;
                let set = &before[..length];
                if let Some(operator) = ["--", "~~"].iter().find(|&&operator| set.contains(operator)) {
                    return Err(format!("has `{operator}` in a set, which engines read in different ways"));
                }
                self.rest = &before[length..];
                self.class(class(set, ignore_case)?)
            }
            '.' => self.class(class(".", false)?),
            '^' => Node::LineStart,
            '$' => Node::LineEnd,
            '*' | '+' | '?' => return Err(format!("has `{c}` with nothing to repeat before it")),
            '\\' => return self.escape(ignore_case),
            c => self.literal(c, ignore_case)?,
        })
    }

    fn group(&mut self, ignore_case: bool) -> Parsed<Node> {
        let look = |node, negative| Node::Look { node: Box::new(node), negative };
        let node = if self.eat("?:") {
            self.alternatives(ignore_case)?
        } else if self.eat("?i:") {
            self.alternatives(true)?
        } else if self.eat("?-i:") {
            self.alternatives(false)?
        } else if self.eat("?=") {
            look(self.alternatives(ignore_case)?, false)
        } else if self.eat("?!") {
            look(self.alternatives(ignore_case)?, true)
        } else if self.eat("?<=") {
            look(behind(self.alternatives(ignore_case)?)?, false)
        } else if self.eat("?<!") {
            look(behind(self.alternatives(ignore_case)?)?, true)
        } else if self.eat("?>") {
            return Err("has `(?>`, a group that cannot be re-entered, which is not implemented".into());
        } else if self.eat("?<") {
            return Err("has a named group, which is not implemented".into());
        } else if self.eat("?") {
            return Err("has an option that is not implemented after `(?`".into());
        } else {
            self.alternatives(ignore_case)?
        };
        if self.eat(")") { Ok(node) } else { Err("has a `(` that nothing closes".into()) }
    }

    fn escape(&mut self, ignore_case: bool) -> Parsed<Node> {
        let before = self.rest;
        let Some(c) = self.next() else { return Err("ends in a backslash".into()) };
        let literal = match c {
            's' | 'S' | 'd' | 'D' | 'w' | 'W' => {
                return Ok(self.class(class(&format!("\\{c}"), ignore_case)?));
            }
            'b' | 'B' => {
                let class = self.class_index(class(r"\w", false)?);
                return Ok(Node::Edge { class, negative: c == 'B' });
            }
            'p' | 'P' => {
                let end = before.find('}').filter(|_| self.eat("{"));
                let end = end.ok_or("has a `\\p` without `{…}`")?;
                self.rest = &before[end + 1..];
                return Ok(self.class(class(&format!("\\{}", &before[..=end]), ignore_case)?));
            }
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'f' => '\u{c}',
            'v' => '\u{b}',
            'a' => '\u{7}',
            'e' => '\u{1b}',
            'x' => self
                .hexadecimal(2)
                .filter(char::is_ascii)
                .ok_or("has a `\\x` that is not an ASCII character")?,
            'u' => self.hexadecimal(4).ok_or("has a `\\u` that is not a character")?,
            c if c.is_ascii_punctuation() || c == ' ' => c,
            c => return Err(format!("has `\\{c}`, which is not implemented")),
        };
        self.literal(literal, ignore_case)
    }

    fn hexadecimal(&mut self, n_digits: usize) -> Option<char> {
        let digits =
            self.rest.get(..n_digits).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        let c = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
        self.rest = &self.rest[n_digits..];
        c
    }

    fn literal(&mut self, c: char, ignore_case: bool) -> Parsed<Node> {
        let mut set = ClassUnicode::new([ClassUnicodeRange::new(c, c)]);
        if ignore_case {
            set.try_case_fold_simple().map_err(|error| error.to_string())?;
        }
        Ok(self.class(set))
    }

    fn class(&mut self, set: ClassUnicode) -> Node {
        Node::Class(self.class_index(set))
    }

    fn class_index(&mut self, set: ClassUnicode) -> usize {
        let known = self.classes.iter().position(|class| class.set == set);
        known.unwrap_or_else(|| {
            self.classes.push(Class::new(set));
            self.classes.len() - 1
        })
    }

    /// `node` with the repeats that follow it.
    fn repeats(&mut self, mut node: Node) -> Parsed<Node> {
        let mut n_repeats = 0;
        loop {
            let (least, most, is_interval) = if self.eat("*") {
                (0, None, false)
            } else if self.eat("+") {
                (1, None, false)
            } else if self.eat("?") {
                (0, Some(1), false)
            } else if let Some((least, most, length)) = interval(self.rest)? {
                self.rest = &self.rest[length..];
                (least, most, true)
            } else {
                return Ok(node);
            };
            n_repeats += 1;
            if n_repeats > MAX_DEPTH {
                return Err(format!("repeats a repeat more than {MAX_DEPTH} times"));
            }
            let possessive = !is_interval && self.eat("+");
            // Oniguruma reads `{3}?` as "three times, or not at all", and `{1,3}?` as "as few times as
            // possible".
            let is_exact = is_interval && most == Some(least);
            let lazy = !possessive && !is_exact && self.eat("?");
            let repeated = |node| Node::Repeat { node: Box::new(node), least, most, greedy: !lazy };
            node = if possessive { once_taken_kept(node, repeated, most)? } else { repeated(node) };
        }
    }
}

/// What a look behind looks at from where it stands: each way goes back by its own length, and so ends there
/// again.
fn behind(node: Node) -> Parsed<Node> {
    let ways = match node {
        Node::Either(ways) => ways,
        only => vec![only],
    };
    let from_here = |way: Node| {
        let n_chars =
            way.n_chars().ok_or("looks behind: looking behind at no fixed length is not implemented")?;
        Ok(Node::Sequence(vec![Node::Back { n_chars }, way]))
    };
    Ok(Node::Either(ways.into_iter().map(from_here).collect::<Parsed<_>>()?))
}

/// A possessive repeat of one character: after it comes none that it could have taken too.
fn once_taken_kept(node: Node, repeated: impl Fn(Node) -> Node, most: Option<usize>) -> Parsed<Node> {
    let Node::Class(_) = node else {
        return Err("has a possessive repeat of more than a character, which is not implemented".into());
    };
    let no_more = Node::Look { node: Box::new(node.clone()), negative: true };
    Ok(match most {
        None => Node::Sequence(vec![repeated(node), no_more]),
        Some(_) => Node::Either(vec![node, no_more]),
    })
}

/// `{2}`, `{2,}`, `{2,3}` or `{,3}` at the beginning of a text: its numbers, and its length. Anything else
/// that a brace begins is a text.
fn interval(text: &str) -> Parsed<Option<(usize, Option<usize>, usize)>> {
    let Some((inside, _)) = text.strip_prefix('{').and_then(|rest| rest.split_once('}')) else {
        return Ok(None);
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (low, high) = inside.split_once(',').unwrap_or((inside, inside));
    if !digits(low) || !digits(high) || (low.is_empty() && high.is_empty()) {
        return Ok(None);
    }
    let number = |text: &str, absent| match text {
        "" => Ok(absent),
        text => text
            .parse()
            .map(Some)
            .map_err(|_| format!("repeats {text} times, which takes too many instructions")),
    };
    let least = number(low, Some(0))?.unwrap_or(0);
    let most: Option<usize> = number(high, None)?;
    if most.is_some_and(|most| most < least) {
        return Err(format!("repeats at least {least} and at most {high} times"));
    }
    Ok(Some((least, most, inside.len() + 2)))
}

/// Bytes of the set in brackets that a text begins with.
fn set_length(text: &str) -> Parsed<usize> {
    let (mut depth, mut escaped) = (0, false);
    let mut just_opened = false;
    for (at, c) in text.char_indices() {
        let first = std::mem::take(&mut just_opened);
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' => {
                depth += 1;
                just_opened = true;
            }
            '^' if first => just_opened = true,
            // A bracket that comes first is one of the set.
            ']' if !first => {
                depth -= 1;
                if depth == 0 {
                    return Ok(at + 1);
                }
            }
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(format!("has sets more than {MAX_DEPTH} deep"));
        }
    }
    Err("has a `[` that nothing closes".into())
}

/// What Oniguruma takes for a word's character in a set: no joiners; and outside of sets, also some digits of
/// Latin-1.
const WORD: &str = r"[\w&&[^\x{200C}\x{200D}]]";
const NO_WORD: &str = r"[\W\x{200C}\x{200D}]";
const LONE_WORD: &str = r"[[\w\xB2\xB3\xB9\xBC-\xBE]&&[^\x{200C}\x{200D}]]";
const LONE_NO_WORD: &str = r"[[^\w\xB2\xB3\xB9\xBC-\xBE]\x{200C}\x{200D}]";

/// The characters of a set in brackets, a class or a dot.
fn class(text: &str, ignore_case: bool) -> Parsed<ClassUnicode> {
    let mut ours = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            (_, Some('w')) => ours.push_str(if ours.is_empty() { LONE_WORD } else { WORD }),
            (_, Some('W')) => ours.push_str(if ours.is_empty() { LONE_NO_WORD } else { NO_WORD }),
            (c, escaped) => ours.extend([c].into_iter().chain(escaped)),
        }
    }
    let parsed = regex_syntax::ParserBuilder::new()
        .case_insensitive(ignore_case)
        .nest_limit(2 * MAX_DEPTH as u32)
        .build()
        .parse(&ours)
        .map_err(|_| format!("has the class `{text}`, which is not understood"))?;
    match parsed.into_kind() {
        HirKind::Class(HirClass::Unicode(set)) => Ok(set),
        HirKind::Literal(literal) => {
            let chars = str::from_utf8(&literal.0).unwrap_or_default().chars();
            Ok(ClassUnicode::new(chars.map(|c| ClassUnicodeRange::new(c, c))))
        }
        _ => Err(format!("has the class `{text}`, which is not understood")),
    }
}
