//! Operands: numbers, names, functions and what stands in brackets.

use super::super::names::Command;
use super::super::node::{Function, Node, Relation, Symbol};
use super::super::token::{Placed, Token, tokens};
use super::super::unit::Unit;
use super::expression::is_capitals;
use super::number::number;
use super::{Parsed, Parser, describe, every_reading, flattened, spelled, worded, wrong};

/// Letters that name functions when a bracket follows.
const FUNCTION_LETTERS: &str = "fghFGHPQ";

impl Parser {
    pub(super) fn primary(&mut self) -> Parsed {
        let Some(token) = self.next() else { return wrong("it breaks off") };
        match token {
            Token::Number(digits) => self.number(digits),
            Token::Letter(letter) => self.letter(letter),
            Token::Word(word) => self.word(word),
            Token::Text(text)
                if self.peek() == Some(&Token::Sign('_'))
                    && !text.trim().starts_with(|c: char| c.is_ascii_digit()) =>
            {
                self.named(text.trim().to_owned())
            }
            Token::Text(text) => Ok(self.text(text)),
            Token::Sign('(') => self.bracket('('),
            Token::Sign('[') => self.bracket('['),
            Token::Sign('{') => self.group(),
            Token::Sign('|') => Ok(Node::Call(Function::Abs, vec![self.between_bars()?])),
            Token::Begin(environment) => self.environment(&environment),
            Token::Command(command) => self.command(command),
            other => wrong(format!("{} is out of place", describe(&other))),
        }
    }

    fn command(&mut self, command: Command) -> Parsed {
        match command {
            Command::Frac => {
                let above = self.argument("a fraction")?;
                self.eat_sign('/');
                let below = self.argument("a fraction")?;
                Ok(Node::Div(Box::new(above), Box::new(below)))
            }
            Command::Binom => {
                if self.eat_sign('(') {
                    let arguments = self.arguments()?;
                    if arguments.len() != 2 {
                        return wrong("a binomial coefficient has two arguments");
                    }
                    return Ok(Node::Call(Function::Binomial, arguments));
                }
                let above = self.argument("a binomial coefficient")?;
                Ok(Node::Call(Function::Binomial, vec![above, self.argument("a binomial coefficient")?]))
            }
            Command::Sqrt => {
                let degree = if self.eat_sign('[') {
                    let degree = self.nested(Self::sum)?;
                    self.expect(']', "[")?;
                    degree
                } else {
                    Node::integer(2)
                };
                Ok(Node::Call(Function::Root, vec![degree, self.radicand()?]))
            }
            Command::Cbrt => Ok(Node::Call(Function::Root, vec![Node::integer(3), self.radicand()?])),
            Command::Function(function) => self.function(function),
            Command::Name(name) => self.named(name.to_owned()),
            Command::Pi => Ok(Node::Symbol(Symbol::Pi)),
            Command::Infinity => Ok(Node::Infinity),
            Command::EmptySet => Ok(Node::Set(vec![])),
            Command::NumberSet(letter) => Ok(self.number_set(letter)),
            Command::Blackboard => match self.argument("a number set")? {
                Node::Symbol(Symbol::Name(name)) if name.len() == 1 => {
                    Ok(self.number_set(name.chars().next().unwrap_or('R')))
                }
                _ => wrong("`\\mathbb` takes one letter"),
            },
            Command::SetOpen => self.set(),
            Command::AngleOpen => {
                let items = self.nested(Self::list)?;
                if !self.eat_command(Command::AngleClose) {
                    return wrong("`\\langle` is never closed");
                }
                Ok(Node::Bracket('(', flattened(items), ')'))
            }
            Command::FloorOpen => self.rounded(Function::Floor, Command::FloorClose),
            Command::CeilingOpen => self.rounded(Function::Ceiling, Command::CeilingClose),
            Command::Bar => Ok(Node::Call(Function::Abs, vec![self.between_bars()?])),
            Command::Overline => match self.argument("`\\overline`")? {
                name @ Node::Symbol(Symbol::Name(_)) => Ok(name),
                Node::Text(name) => Ok(Node::Symbol(Symbol::Name(name))),
                other => Ok(Node::Call(Function::Conjugate, vec![other])),
            },
            Command::Boxed | Command::Dress => self.argument("a box or an accent"),
            Command::Sum | Command::Product => self.range(command == Command::Product),
            Command::Figure => match self.next() {
                Some(token @ (Token::Word(_) | Token::Letter(_))) => {
                    Ok(Node::name(&format!("∠{}", spelled(&token))))
                }
                _ => wrong("a figure lacks its name"),
            },
            Command::Currency(sign) => {
                let negative = self.eat_sign('-');
                let mut value = self.power()?;
                while self.continues(std::slice::from_ref(&value)) && !self.spaced() {
                    self.link()?;
                    value = Node::Mul(vec![value, self.power()?]);
                }
                let value = if negative { value.negated() } else { value };
                Ok(match value {
                    Node::Quantity(..) => value,
                    value => Node::Quantity(Box::new(value), Unit::currency(sign)),
                })
            }
            Command::Relation(Relation::Less) if self.closes_angle() => self.command(Command::AngleOpen),
            Command::Relation(Relation::In) if self.at_end() => Ok(Node::Text("in".to_owned())),
            Command::Dots => Ok(Node::Dots),
            other => wrong(format!("{} is out of place", describe(&Token::Command(other)))),
        }
    }

    /// Whether a `<` just taken opens a vector, whose `>` then is its bracket: `<1, 2>`.
    fn closes_angle(&mut self) -> bool {
        let greater = Token::Command(Command::Relation(Relation::Greater));
        let Some(last) = self.tokens.len().checked_sub(1) else { return false };
        let has_comma = self.tokens[self.at..].iter().any(|placed| placed.token == Token::Sign(','));
        if !has_comma || self.tokens[last].token != greater {
            return false;
        }
        self.tokens[last].token = Token::Command(Command::AngleClose);
        true
    }

    /// A number set with the marks that name a part of it: `\mathbb{R}^+`, `\mathbb{Z}_{\ge 0}`.
    fn number_set(&mut self, letter: char) -> Node {
        let start = self.at;
        let part = self.part_of_set(letter);
        if part.is_none() {
            self.at = start;
        }
        part.unwrap_or(Node::NumberSet(letter))
    }

    fn part_of_set(&mut self, letter: char) -> Option<Node> {
        if !(self.eat_sign('^') || self.eat_sign('_')) {
            return None;
        }
        let braced = self.eat_sign('{');
        let part = match self.next()? {
            Token::Sign('+') => worded::signed(letter, "positive")?,
            Token::Sign('-') => worded::signed(letter, "negative")?,
            Token::Sign('*') => worded::signed(letter, "nonzero")?,
            Token::Command(Command::Relation(sign)) => {
                let Some(Token::Number(digits)) = self.next() else { return None };
                let bound = number(&digits).ok()?;
                match (sign, bound == Node::integer(0)) {
                    (Relation::Greater, true) => worded::signed(letter, "positive")?,
                    (Relation::GreaterOrEqual, true) => worded::signed(letter, "nonnegative")?,
                    (Relation::Less, true) => worded::signed(letter, "negative")?,
                    (Relation::LessOrEqual, true) => worded::signed(letter, "nonpositive")?,
                    (Relation::GreaterOrEqual, false) if bound == Node::integer(1) && letter == 'Z' => {
                        worded::signed(letter, "positive")?
                    }
                    _ => return None,
                }
            }
            _ => return None,
        };
        (!braced || self.eat_sign('}')).then_some(part)
    }

    /// What follows a command as its argument: a group, one digit, one letter or one command.
    pub(super) fn argument(&mut self, of: &str) -> Parsed {
        match self.peek() {
            Some(Token::Number(digits)) if digits.len() > 1 => {
                let (first, rest) = digits.split_at(1);
                let (first, rest) = (first.to_owned(), rest.to_owned());
                self.tokens[self.at].token = Token::Number(rest);
                number(&first)
            }
            Some(Token::Number(_)) => match self.next() {
                Some(Token::Number(digits)) => number(&digits),
                _ => wrong("it breaks off"),
            },
            Some(Token::Sign('{')) => {
                self.at += 1;
                self.group()
            }
            Some(Token::Letter(_) | Token::Command(_) | Token::Text(_)) => self.nested(Self::primary),
            _ => wrong(format!("{of} lacks an argument")),
        }
    }

    /// What a root is taken of: as an argument, but of a whole number, or of a bracket.
    fn radicand(&mut self) -> Parsed {
        match self.peek() {
            Some(Token::Number(_) | Token::Sign('(')) => self.nested(Self::primary),
            _ => self.argument("a root"),
        }
    }

    /// The inside of `{…}`, the first brace being taken.
    pub(super) fn group(&mut self) -> Parsed {
        let inside = self.nested(Self::list)?;
        self.expect('}', "{")?;
        Ok(inside)
    }

    /// The inside of a round or square bracket, the first being taken: an expression, or a tuple.
    fn bracket(&mut self, open: char) -> Parsed {
        let items = self.nested(Self::list)?;
        let close = match self.next() {
            Some(Token::Sign(close @ (')' | ']'))) => close,
            _ => return wrong(format!("`{open}` is never closed")),
        };
        match items {
            Node::List(items) => Ok(Node::Bracket(open, items, close)),
            single if (open, close) == ('(', ')') || (open, close) == ('[', ']') => Ok(single),
            _ => wrong(format!("`{open}` and `{close}` do not match")),
        }
    }

    /// A set, its brace being taken: elements, or a condition after a bar or a colon.
    fn set(&mut self) -> Parsed {
        if self.eat_command(Command::SetClose) {
            return Ok(Node::Set(vec![]));
        }
        let start = self.at;
        // A colon would make a ratio of the element, so bars count as open.
        let mut items = self.nested(|parser| {
            parser.bars = 1;
            parser.list()
        })?;
        let is_ratio = self.peek() == Some(&Token::Sign(':'));
        if is_ratio || self.eat_sign('|') || self.eat_command(Command::Bar) {
            self.at += usize::from(is_ratio);
            let condition = self.nested(Self::list)?;
            if states(&condition) {
                if self.eat_command(Command::SetClose) {
                    return Ok(described(items, condition));
                }
                return wrong("`\\{` is never closed");
            }
            if !is_ratio {
                return wrong("what follows the bar in a set is not a condition");
            }
            // `\{3 : 5\}`
            self.at = start;
            items = self.nested(Self::list)?;
        }
        if self.eat_command(Command::SetClose) {
            return Ok(Node::Set(flattened(items)));
        }
        match items {
            // A brace before a system of equations has no partner.
            Node::Matrix(rows) if self.peek().is_none() => {
                Ok(Node::List(rows.into_iter().flatten().collect()))
            }
            system @ Node::List(_) if self.peek().is_none() && self.has_environment() => Ok(system),
            _ => wrong("`\\{` is never closed"),
        }
    }

    fn has_environment(&self) -> bool {
        self.tokens.iter().any(|placed| matches!(placed.token, Token::Begin(_)))
    }

    fn rounded(&mut self, function: Function, close: Command) -> Parsed {
        let inside = self.nested(Self::sum)?;
        if self.eat_command(close) {
            Ok(Node::Call(function, vec![inside]))
        } else {
            wrong("a bracket that rounds is never closed")
        }
    }

    /// A word among operands: the name of a figure, letters to multiply, or else words.
    fn word(&mut self, word: String) -> Parsed {
        if word.starts_with('\\') {
            return wrong(format!("`{word}` is not a command of this grammar"));
        }
        if is_capitals(&word) {
            return self.named(word);
        }
        if word.chars().count() > 4 {
            return Ok(Node::Text(word));
        }
        // Letter by letter from here on: an exponent belongs to the last one.
        let letter = |letter| Placed { token: Token::Letter(letter), spaced: false };
        self.at -= 1;
        self.tokens.splice(self.at..=self.at, word.chars().map(letter));
        self.primary()
    }

    fn letter(&mut self, letter: char) -> Parsed {
        let name = letter.to_string();
        if self.bound.contains(&name) {
            return self.named(name);
        }
        let near =
            |token: Option<&Token>| matches!(token, Some(Token::Number(_) | Token::Command(Command::Pi)));
        let before = self.at.checked_sub(2).map(|at| &self.tokens[at].token);
        let marked = matches!(self.peek(), Some(Token::Sign('_' | '\'')));
        match letter {
            'e' if !marked => Ok(Node::Symbol(Symbol::E)),
            'i' if !marked => Ok(Node::Symbol(Symbol::I)),
            'I' if !marked && (near(self.peek()) || near(before)) => Ok(Node::Symbol(Symbol::I)),
            _ => self.named(name),
        }
    }

    /// A name with its subscripts and primes, and its arguments if it names a function.
    fn named(&mut self, mut name: String) -> Parsed {
        loop {
            if self.eat_sign('_') {
                let subscript = self.subscript()?;
                if !subscript.is_empty() {
                    name.push('_');
                    name.push_str(&subscript);
                }
            } else if self.eat_sign('\'') || self.eat_prime() {
                name.push('\'');
            } else {
                break;
            }
        }
        let is_function = name.chars().next().is_some_and(|c| FUNCTION_LETTERS.contains(c));
        if is_function && self.peek() == Some(&Token::Sign('(')) && !self.spaced() {
            self.at += 1;
            return Ok(Node::Apply(name, self.arguments()?));
        }
        Ok(Node::Symbol(Symbol::Name(name)))
    }

    /// `^\prime` or `^{\prime}`, taken whole or not at all.
    fn eat_prime(&mut self) -> bool {
        let is = |at: usize, sign: char| self.peek_at(at) == Some(&Token::Sign(sign));
        let prime = |at: usize| self.peek_at(at) == Some(&Token::Command(Command::Prime));
        let length = match is(0, '^') {
            true if prime(1) => 2,
            true if is(1, '{') && prime(2) && is(3, '}') => 4,
            _ => 0,
        };
        self.at += length;
        length > 0
    }

    /// What stands after `_`: a group's tokens as they are spelled, or one token.
    pub(super) fn subscript(&mut self) -> Parsed<String> {
        if !self.eat_sign('{') {
            return match self.next() {
                Some(token @ (Token::Number(_) | Token::Letter(_) | Token::Text(_) | Token::Word(_))) => {
                    Ok(spelled(&token))
                }
                _ => wrong("nothing stands after `_`"),
            };
        }
        let mut name = String::new();
        loop {
            match self.next() {
                Some(Token::Sign('}')) => return Ok(name),
                // `a_{i,j}` is `a_{ij}`; digits keep their comma.
                Some(Token::Sign(',')) if !name.ends_with(|c: char| c.is_ascii_digit()) => {}
                Some(Token::Sign('{')) | None => return wrong("`{` is never closed"),
                Some(token) => name.push_str(&spelled(&token)),
            }
        }
    }

    /// Text as what it says: mathematics in type, or words.
    fn text(&mut self, text: String) -> Node {
        let inside = tokens(&text);
        let read = if self.check_depth().is_ok() && !inside.is_empty() {
            every_reading(&inside, self.depth + 1).ok()
        } else {
            None
        };
        read.or_else(|| worded::meaning(&text)).unwrap_or_else(|| Node::Text(text.trim().to_owned()))
    }
}

/// A set by a condition: the condition itself, where the element is only a name.
fn described(element: Node, condition: Node) -> Node {
    let is_name = |node: &Node| matches!(node, Node::Symbol(_));
    let names = match &element {
        Node::Bracket('(', items, ')') => items.iter().all(is_name),
        Node::Relation(sides, signs) if *signs == [Relation::In] => {
            // `\{x \in \mathbb{Z} : x > 0\}`
            if sides[1] != Node::NumberSet('R') && is_name(&sides[0]) {
                return Node::With(Box::new(condition), vec![element]);
            }
            is_name(&sides[0])
        }
        node => is_name(node),
    };
    if names { condition } else { Node::With(Box::new(Node::Set(flattened(element))), flattened(condition)) }
}

/// Whether a node can be the condition of a set: relations or words, and no value.
fn states(node: &Node) -> bool {
    match node {
        Node::Relation(..) | Node::Text(_) => true,
        Node::List(items) => items.iter().all(states),
        _ => false,
    }
}
