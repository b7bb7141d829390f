//! Tokens to a tree: a recursive descent whose levels are files.
//!
//! | level | file | from loose to tight |
//! |---|---|---|
//! | answers | this one | lists, then prose or a side |
//! | sides | [`side`] | relations, sets, ratios, units |
//! | expressions | [`expression`] | sums, products, powers |
//! | operands | [`primary`] | names, brackets, commands |
//! | numbers | [`number`] | literals, mixed and repeating numbers, bases |
//! | functions | [`function`] | arguments, sums over ranges |
//! | environments | [`environment`] | matrices, systems, functions by cases |
//! | conditions | [`condition`] | `where …`, `if …`, `k \in \mathbb{Z}` beside an answer |
//! | phrases | [`phrase`] | words around values |
//! | words | [`worded`] | words that have a notation too |
//!
//! A comma between digits has three meanings (`1,234`, `1,234` as two answers, `1,5` as a decimal). Each
//! reading is parsed, and [`Node::Either`] holds all of them.
//!
//! In: text. Out: a tree, or a sentence that says what is wrong with the text. Meaning is not checked:
//! `2 + \text{red}` is a sum here.

mod condition;
mod environment;
mod expression;
mod function;
mod number;
mod phrase;
mod primary;
mod side;
mod worded;

use super::names::Command;
use super::node::{Node, Relation};
use super::token::{Placed, Token, tokens};
use expression::is_capitals;

/// Groups may stand this deep in one another.
const MAX_DEPTH: usize = 64;

/// Operators that nest what stands before them (`1/2/3`, `5!!`) may follow this often on one another.
const MAX_LINKS: usize = 24;

/// A tree may be this deep in all.
const MAX_TREE_DEPTH: usize = 160;

/// What is wrong with a text, as a sentence without a full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError(pub String);

type Parsed<T = Node> = Result<T, ParseError>;

fn wrong<T>(what: impl Into<String>) -> Parsed<T> {
    Err(ParseError(what.into()))
}

/// What commas between digits mean.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Commas {
    /// They stand between answers.
    Separate,
    /// They set off thousands.
    Thousands,
    /// One is a decimal point.
    Decimal,
}

/// Reads an answer.
///
/// # Errors
///
/// What is wrong with the text, for people.
pub fn parse(text: &str) -> Result<Node, ParseError> {
    let tokens = scaled(worded::numbered(unlabelled(trimmed(unboxed(tokens(text))))));
    if tokens.is_empty() {
        return wrong("it is empty once its formatting is removed");
    }
    // A relation alone is an answer.
    if let [Placed { token: Token::Command(Command::Relation(sign)), .. }] = &tokens[..] {
        return Ok(Node::Text(format!("{sign:?}")));
    }
    match every_reading(&tokens, 0) {
        Ok(node) if depth(&node) > MAX_TREE_DEPTH => {
            wrong(format!("it is more than {MAX_TREE_DEPTH} operators deep"))
        }
        Ok(node) => Ok(node),
        Err(error) => named_by_what_is_not_read(&tokens).ok_or(error),
    }
}

/// `\lim_{x\to 0} f(x) = 12`: what stands before the last `=` names the value, though it cannot be read.
fn named_by_what_is_not_read(tokens: &[Placed]) -> Option<Node> {
    let mut depth = 0_i32;
    let mut last = None;
    for (at, placed) in tokens.iter().enumerate() {
        match &placed.token {
            Token::Sign('(' | '[' | '{') | Token::Begin(_) | Token::Command(Command::SetOpen) => depth += 1,
            Token::Sign(')' | ']' | '}') | Token::End | Token::Command(Command::SetClose) => depth -= 1,
            Token::Command(Command::Relation(Relation::Equal)) if depth == 0 => last = Some(at),
            _ => {}
        }
    }
    let (name, value) = tokens.split_at(last.filter(|at| *at > 0)?);
    let value = every_reading(&value[1..], 0).ok()?;
    let name: Vec<String> = name.iter().map(|placed| spelled(&placed.token)).collect();
    Some(Node::Relation(vec![Node::name(&name.join(" ")), value], vec![Relation::Equal]))
}

/// Tokens as an answer in each reading that their commas allow.
fn every_reading(tokens: &[Placed], depth: usize) -> Parsed {
    let mut readings: Vec<Node> = Vec::new();
    for commas in readings_of(tokens) {
        let reading = whole(tokens.to_vec(), commas, depth)?;
        if !readings.contains(&reading) {
            readings.push(reading);
        }
    }
    Ok(if readings.len() == 1 { readings.remove(0) } else { Node::Either(readings) })
}

/// Whether two texts are the same tokens, white space and what ends a sentence aside.
pub(crate) fn same_tokens(a: &str, b: &str) -> bool {
    let (a, b) = (trimmed(unboxed(tokens(a))), trimmed(unboxed(tokens(b))));
    !a.is_empty() && a.iter().map(|placed| &placed.token).eq(b.iter().map(|placed| &placed.token))
}

/// Whether anything is left of a text once its formatting is removed.
pub(crate) fn says_something(text: &str) -> bool {
    !trimmed(unboxed(tokens(text))).is_empty()
}

/// How deep a tree is, without recursion.
fn depth(root: &Node) -> usize {
    let mut deepest = 0;
    let mut left = vec![(root, 1)];
    while let Some((node, depth)) = left.pop() {
        deepest = deepest.max(depth);
        left.extend(node.children().into_iter().map(|child| (child, depth + 1)));
    }
    deepest
}

/// Reads all tokens as one answer, with its conditions.
fn whole(tokens: Vec<Placed>, commas: Commas, depth: usize) -> Parsed {
    if depth > MAX_DEPTH {
        return wrong(format!("it nests more than {MAX_DEPTH} levels deep"));
    }
    if let Some(node) = phrase::meaning(&tokens, depth) {
        return Ok(node);
    }
    if let Some(branches) = environment::worded_cases(&tokens) {
        let branches = branches.into_iter().map(|branch| whole(branch, commas, depth + 1));
        return Ok(Node::Cases(branches.collect::<Parsed<Vec<Node>>>()?));
    }
    match condition::split(&tokens) {
        None => plain(tokens, commas, depth),
        Some((main, conditions)) => {
            let main = plain(main, commas, depth)?;
            let mut read = Vec::new();
            for tokens in conditions {
                read.extend(condition::read(tokens, depth + 1)?);
            }
            Ok(condition::with(main, read))
        }
    }
}

/// Reads all tokens as one answer without conditions.
fn plain(tokens: Vec<Placed>, commas: Commas, depth: usize) -> Parsed {
    let mut parser = Parser { tokens, at: 0, commas, depth, links: 0, bars: 0, brackets: 0, bound: vec![] };
    let node = parser.list()?;
    match parser.peek() {
        None => Ok(node),
        Some(token) => wrong(format!("{} is out of place", describe(token))),
    }
}

/// Words that only announce an answer.
const LABELS: &[&str] = &[
    "answer",
    "ans",
    "solution",
    "result",
    "final",
    "exactly",
    "precisely",
    "the",
    "is",
    "are",
    "so",
    "thus",
    "hence",
    "therefore",
    "value",
    "答案",
    "答",
    "答案是",
];

/// Without the words that announce the answer: `Answer: 12`. Words that go on are prose, and stay.
fn unlabelled(mut tokens: Vec<Placed>) -> Vec<Placed> {
    let is_label = |placed: &Placed| match &placed.token {
        Token::Word(word) => LABELS.contains(&&*word.to_lowercase()),
        Token::Text(text) => {
            let words = text.to_lowercase();
            let mut words = words.split([' ', ':', '：', ',']).filter(|word| !word.is_empty());
            words.all(|word| LABELS.contains(&word))
        }
        Token::Sign(':' | ',') => true,
        _ => false,
    };
    let is_word = |placed: &Placed| matches!(placed.token, Token::Word(_) | Token::Text(_));
    let goes_on = |at: usize| tokens.get(at).is_some_and(|next| !is_word(next));
    let labels = tokens.iter().take_while(|placed| is_label(placed)).count();
    if labels > 0 && goes_on(labels) {
        tokens.drain(..labels);
        return tokens;
    }
    // `Number of ways: 12` names its value.
    let words = tokens.iter().take_while(|placed| is_word(placed)).take(8).count();
    let is_lower = |placed: &Placed| spelled(&placed.token).chars().any(char::is_lowercase);
    let after_text = words > 0 && spelled(&tokens[words - 1].token).trim_end().ends_with(':');
    let after_sign = words > 0 && tokens.get(words).is_some_and(|next| next.token == Token::Sign(':'));
    if (after_text && goes_on(words) || after_sign && goes_on(words + 1))
        && tokens[..words].iter().any(is_lower)
    {
        let name = worded::said(&tokens[..words]);
        let name = Token::Text(name.trim_end_matches(':').to_owned());
        let equal = Token::Command(Command::Relation(Relation::Equal));
        let named = [name, equal].map(|token| Placed { token, spaced: true });
        tokens.splice(..words + usize::from(after_sign), named);
    }
    tokens
}

/// Without the full stops and commas that end sentences, and the signs that lead to an answer.
fn trimmed(mut tokens: Vec<Placed>) -> Vec<Placed> {
    let ends = |placed: &Placed| matches!(placed.token, Token::Sign('.' | ',' | ';' | ':') | Token::Row);
    let words = tokens.iter().any(|placed| matches!(placed.token, Token::Letter('m' | 'M')));
    // `**12**`
    let is_emphasis = |placed: &Placed| placed.token == Token::Sign('^');
    while tokens.len() > 1 && tokens.last().is_some_and(is_emphasis) {
        tokens.pop();
    }
    let emphasis = tokens.iter().take_while(|placed| is_emphasis(placed)).count();
    tokens.drain(..emphasis);
    while tokens.last().is_some_and(|last| ends(last) && !(words && last.token == Token::Sign('.'))) {
        tokens.pop();
    }
    while tokens.len() > 1 && tokens.last().is_some_and(decorates) {
        tokens.pop();
    }
    let leads = |placed: &Placed| {
        let sign = Command::Relation;
        ends(placed)
            || decorates(placed)
            || [Relation::Equal, Relation::Approximately, Relation::Arrow]
                .into_iter()
                .any(|relation| placed.token == Token::Command(sign(relation)))
    };
    let start = tokens.iter().take_while(|placed| leads(placed)).count();
    // A sign alone is the answer.
    if start < tokens.len() {
        tokens.drain(..start);
    }
    tokens
}

/// With boxes around one token gone: `\boxed{12} \text{ R } \boxed{5}`.
fn unboxed(mut tokens: Vec<Placed>) -> Vec<Placed> {
    let is_box = |placed: &Placed| placed.token == Token::Command(Command::Boxed);
    let mut at = 0;
    while let Some(next) = tokens.get(at..).and_then(|rest| rest.iter().position(is_box)) {
        at += next;
        let is_one = matches!(
            tokens.get(at + 1..at + 4),
            Some([open, _, close]) if open.token == Token::Sign('{') && close.token == Token::Sign('}')
        );
        if is_one {
            tokens.remove(at + 3);
            tokens.drain(at..at + 2);
        }
        at += 1;
    }
    tokens
}

/// Whether a token only draws the eye: a star, a tick, a hash.
fn decorates(placed: &Placed) -> bool {
    const COMMANDS: [&str; 5] = ["\\star", "\\bigstar", "\\checkmark", "\\blacksquare", "\\square"];
    match &placed.token {
        Token::Sign(sign) => matches!(
            sign,
            '#' | '✅' | '✓' | '✔' | '☑' | '★' | '⭐' | '☆' | '•' | '➡' | '🎉' | '👉' | '\u{fe0f}'
        ),
        Token::Word(word) => COMMANDS.contains(&word.as_str()),
        _ => false,
    }
}

/// With the scale that ends a temperature as a text: `10^\circ C` is not a product.
fn scaled(mut tokens: Vec<Placed>) -> Vec<Placed> {
    if let [.., before, last] = &mut tokens[..]
        && let Token::Letter(scale @ ('C' | 'F')) = last.token
        && matches!(before.token, Token::Command(Command::Degree) | Token::Sign('}'))
    {
        let degree = tokens.iter().rev().skip(1).find(|placed| placed.token != Token::Sign('}'));
        if degree.is_some_and(|placed| placed.token == Token::Command(Command::Degree)) {
            let at = tokens.len() - 1;
            tokens[at].token = Token::Text(scale.to_string());
        }
    }
    tokens
}

/// The readings that the commas of a text allow.
fn readings_of(tokens: &[Placed]) -> Vec<Commas> {
    let mut depth = 0_i32;
    let (mut thousands, mut decimals, mut commas) = (0, 0, 0);
    for at in 0..tokens.len() {
        match &tokens[at].token {
            Token::Sign('(' | '[' | '{') | Token::Command(Command::SetOpen) => depth += 1,
            Token::Sign(')' | ']' | '}') | Token::Command(Command::SetClose) => depth -= 1,
            Token::Sign(',') if depth == 0 => {
                commas += 1;
                match comma_between_digits(tokens, at) {
                    Some(3) => thousands += 1,
                    Some(1) if !measures(tokens.get(at + 2)) => {}
                    Some(_) => decimals += 1,
                    None => {}
                }
            }
            _ => {}
        }
    }
    match (thousands, decimals) {
        (0, 1) if commas == 1 => vec![Commas::Separate, Commas::Decimal],
        (1.., 0) => vec![Commas::Thousands, Commas::Separate],
        _ => vec![Commas::Separate],
    }
}

/// How many digits follow a comma that stands between digits as within a number.
fn comma_between_digits(tokens: &[Placed], at: usize) -> Option<usize> {
    let Token::Number(before) = &tokens[at.checked_sub(1)?].token else { return None };
    let after = tokens.get(at + 1)?;
    let Token::Number(digits) = &after.token else { return None };
    let is_one = !tokens[at].spaced && !after.spaced && !before.contains('.');
    let whole = digits.split('.').next().unwrap_or_default();
    let in_thousands = whole.len() == 3 && before.len() <= 3 && !before.starts_with('0');
    let continues = at >= 2 && tokens[at - 2].token == Token::Sign(',') && before.len() == 3;
    if is_one && (in_thousands || (continues && whole.len() == 3)) {
        Some(3)
    } else {
        (is_one && digits.len() != 3 && !digits.contains('.')).then_some(digits.len())
    }
}

/// Whether a token is a unit: `3,5 kg` is not a list.
fn measures(placed: Option<&Placed>) -> bool {
    match placed.map(|placed| &placed.token) {
        Some(Token::Word(word) | Token::Text(word)) => super::unit::Unit::names(word.trim()),
        Some(Token::Command(Command::Percent | Command::Currency(_))) => true,
        _ => false,
    }
}

struct Parser {
    tokens: Vec<Placed>,
    at: usize,
    commas: Commas,
    depth: usize,
    /// How many operators of the chain around here have nested a node in another.
    links: usize,
    /// How many `|` are open.
    bars: usize,
    /// How many brackets and groups are open.
    brackets: usize,
    /// The running variables of the sums around here.
    bound: Vec<String>,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|placed| &placed.token)
    }

    fn peek_at(&self, ahead: usize) -> Option<&Token> {
        self.tokens.get(self.at + ahead).map(|placed| &placed.token)
    }

    fn spaced(&self) -> bool {
        self.tokens.get(self.at).is_some_and(|placed| placed.spaced)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.peek().cloned();
        self.at += usize::from(token.is_some());
        token
    }

    fn eat(&mut self, token: &Token) -> bool {
        let found = self.peek() == Some(token);
        self.at += usize::from(found);
        found
    }

    fn eat_sign(&mut self, sign: char) -> bool {
        self.eat(&Token::Sign(sign))
    }

    fn eat_command(&mut self, command: Command) -> bool {
        self.eat(&Token::Command(command))
    }

    fn expect(&mut self, sign: char, opened: &str) -> Parsed<()> {
        if self.eat_sign(sign) { Ok(()) } else { wrong(format!("`{opened}` is never closed")) }
    }

    /// Runs a level inside a bracket or group.
    fn nested<T>(&mut self, inside: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.brackets += 1;
        let bars = std::mem::take(&mut self.bars);
        let result = self.deeper(inside);
        self.bars = bars;
        self.brackets -= 1;
        result
    }

    /// Runs a level that no bracket sets off: what ends the level around it ends this one too.
    fn deeper<T>(&mut self, inside: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.check_depth()?;
        self.depth += 1;
        let result = inside(self);
        self.depth -= 1;
        result
    }

    /// Counts an operator that nests what was read so far in a new node.
    fn link(&mut self) -> Parsed<()> {
        self.links += 1;
        if self.links <= MAX_LINKS {
            return Ok(());
        }
        wrong(format!("more than {MAX_LINKS} operators follow on one another without brackets"))
    }

    /// Runs a level with a chain of its own.
    fn chained(&mut self, inside: impl FnOnce(&mut Self) -> Parsed) -> Parsed {
        let links = std::mem::take(&mut self.links);
        let result = inside(self);
        self.links = links;
        result
    }

    fn check_depth(&self) -> Parsed<()> {
        if self.depth < MAX_DEPTH {
            return Ok(());
        }
        wrong(format!("it nests more than {MAX_DEPTH} levels deep"))
    }

    /// Whether the next token ends an item.
    fn at_end(&self) -> bool {
        let Some(token) = self.peek() else { return true };
        let ends = |command: &Command| {
            matches!(
                command,
                Command::And
                    | Command::SetClose
                    | Command::AngleClose
                    | Command::FloorClose
                    | Command::CeilingClose
            )
        };
        match token {
            Token::Sign(sign) => matches!(sign, ',' | ';' | ')' | ']' | '}'),
            Token::Command(command) => ends(command),
            _ => false,
        }
    }

    /// Items between commas, semicolons, `and` and `or`. Semicolons separate more loosely than commas.
    fn list(&mut self) -> Parsed {
        let mut items: Vec<Node> = Vec::new();
        // Where groups end: at semicolons, or at `and` and `or`.
        let (mut semicolons, mut connectives) = (Vec::new(), Vec::new());
        loop {
            items.push(self.item()?);
            let mut separated = false;
            while let Some(Token::Sign(',' | ';') | Token::Command(Command::And)) = self.peek() {
                match self.next() {
                    Some(Token::Sign(';')) => semicolons.push(items.len()),
                    Some(Token::Command(_)) => connectives.push(items.len()),
                    _ => {}
                }
                separated = true;
            }
            if !separated || self.at_end() {
                break;
            }
        }
        let groups = grouped(&items, &semicolons);
        let looser = grouped(&items, &connectives);
        let groups = if are_solutions(&looser) { looser } else { groups };
        let mut items = if groups.len() == 1 || groups.iter().all(|group| group.len() == 1) {
            items
        } else {
            groups.into_iter().map(|group| listed(group.to_vec())).collect()
        };
        if items.len() == 1 {
            return Ok(items.remove(0));
        }
        Ok(match side::joined_quantities(&items, &connectives) {
            Some(one) => Node::Either(vec![Node::List(items), one]),
            None => condition::trailing(side::congruences(items)),
        })
    }

    /// Prose, or mathematics.
    fn item(&mut self) -> Parsed {
        if self.at_end() {
            return wrong(match self.peek() {
                Some(token) => format!("nothing stands before {}", describe(token)),
                None => "it breaks off".to_owned(),
            });
        }
        if self.peek() == Some(&Token::Command(Command::Dots))
            && matches!(self.peek_at(1), None | Some(Token::Sign(',' | ';' | ')' | '}') | Token::Command(_)))
        {
            self.at += 1;
            return Ok(Node::Dots);
        }
        match self.prose() {
            Some(words) => Ok(words),
            None => self.relation(),
        }
    }

    /// An item of words alone, taken if the next one is.
    fn prose(&mut self) -> Option<Node> {
        let is_word = |token: Option<&Token>| match token {
            Some(Token::Word(word)) => !word.starts_with('\\'),
            Some(Token::Text(_) | Token::Letter(_)) => true,
            _ => false,
        };
        // `(C) Cecile` is prose, `(5) cm` is not.
        let labelled = self.peek() == Some(&Token::Sign('(')) && is_word(self.peek_at(1));
        let starts_as_prose = labelled || is_word(self.peek());
        if !starts_as_prose {
            return None;
        }
        let mut end = self.at;
        let (mut words, mut depth) = (0, 0_i32);
        while let Some(placed) = self.tokens.get(end) {
            match &placed.token {
                Token::Word(_) | Token::Text(_) => words += 1,
                Token::Sign('(') => depth += 1,
                Token::Sign(')') if depth > 0 => depth -= 1,
                Token::Sign(',' | ';' | ')' | ']' | '}')
                | Token::Command(Command::And | Command::SetClose) => {
                    if depth == 0 {
                        break;
                    }
                    return None;
                }
                Token::Letter(_) | Token::Number(_) | Token::Sign('.' | '\'' | '?' | '!' | '"' | '&') => {}
                Token::Sign('-' | '/' | ':') if end > self.at => {}
                Token::Command(Command::Relation(Relation::In)) if words > 0 => {}
                _ => return None,
            }
            end += 1;
        }
        if words == 0 || self.is_product(end) || self.is_figure(end) {
            return None;
        }
        let mut said = String::new();
        for placed in &self.tokens[self.at..end] {
            if placed.spaced && !said.is_empty() {
                said.push(' ');
            }
            said.push_str(&spelled(&placed.token));
        }
        self.at = end;
        Some(worded::meaning(&said).unwrap_or(Node::Text(said)))
    }

    /// Whether the tokens up to `end` are letters to be multiplied rather than words: `ab(c)`, `3xy`.
    fn is_product(&self, end: usize) -> bool {
        let span = &self.tokens[self.at..end];
        let is_short = |token: &Token| match token {
            Token::Word(word) => word.len() <= 3 && word.chars().all(|c| c.is_ascii_lowercase()),
            Token::Text(_) => false,
            _ => true,
        };
        let operators = span.iter().any(|placed| matches!(placed.token, Token::Sign('(' | '-' | '/')));
        operators && span.iter().all(|placed| is_short(&placed.token))
            || matches!(span, [Placed { token: Token::Text(_), .. }])
    }

    /// Whether the tokens up to `end` are names of figures, which are capitals, in a group or a quotient:
    /// `\frac{BC}{AC}` and `BC/AC`.
    fn is_figure(&self, end: usize) -> bool {
        let span = &self.tokens[self.at..end];
        let is_name = |placed: &Placed| match &placed.token {
            Token::Word(word) => is_capitals(word),
            Token::Letter(letter) => letter.is_ascii_uppercase(),
            token => matches!(token, Token::Sign('/' | '!' | '\'' | '(' | ')')),
        };
        let is_word = |placed: &&Placed| matches!(placed.token, Token::Word(_));
        let is_grouped = self.brackets > 0 && span.iter().filter(is_word).count() == 1;
        let is_quotient = span.iter().any(|placed| placed.token == Token::Sign('/'));
        (is_grouped || is_quotient) && span.iter().all(is_name)
    }
}

/// Items in groups that end at the given places.
fn grouped<'a>(items: &'a [Node], ends: &[usize]) -> Vec<&'a [Node]> {
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let ends = ends.iter().copied().chain([items.len()]);
    starts.zip(ends).map(|(start, end)| &items[start..end]).filter(|group| !group.is_empty()).collect()
}

/// Whether groups are solutions in the same number of unknowns: `x = 0, y = 0 or x = 1, y = 1`.
fn are_solutions(groups: &[&[Node]]) -> bool {
    let is_equation = |node: &Node| matches!(node, Node::Relation(..));
    let unknowns = groups[0].len();
    groups.len() > 1
        && unknowns > 1
        && groups.iter().all(|group| group.len() == unknowns && group.iter().all(is_equation))
}

/// Several items as one: a list, or the item itself.
fn listed(mut items: Vec<Node>) -> Node {
    if items.len() == 1 { items.remove(0) } else { Node::List(items) }
}

/// The items of a list, or the one item.
fn flattened(node: Node) -> Vec<Node> {
    match node {
        Node::List(items) => items,
        single => vec![single],
    }
}

/// A token as it would be written.
fn spelled(token: &Token) -> String {
    match token {
        Token::Number(text) | Token::Word(text) | Token::Text(text) => text.clone(),
        Token::Letter(letter) => letter.to_string(),
        Token::Sign(sign) => sign.to_string(),
        Token::Command(Command::Currency(sign)) => sign.to_string(),
        Token::Command(Command::Name(name)) => (*name).to_owned(),
        Token::Command(Command::Function(function)) => format!("{function:?}").to_lowercase(),
        Token::Command(Command::Percent) => "percent".to_owned(),
        Token::Command(Command::Degree) => "degrees".to_owned(),
        Token::Command(Command::Relation(Relation::In)) => "in".to_owned(),
        Token::Command(command) => format!("{command:?}").to_lowercase(),
        Token::Begin(name) => format!("\\begin{{{name}}}"),
        Token::End => "\\end".to_owned(),
        Token::Row => "\\\\".to_owned(),
    }
}

/// A token, in an error.
fn describe(token: &Token) -> String {
    format!("`{}`", spelled(token))
}
