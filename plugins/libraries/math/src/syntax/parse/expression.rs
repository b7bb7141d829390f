//! Expressions: sums of products of powers.
//!
//! Multiplication may go unwritten, and binds as tightly as the written one: `1/2x` is half of x. Exponents
//! take a whole number (`x^12`), a letter or a group.

use super::super::names::Command;
use super::super::node::{Function, Node, Number};
use super::super::token::Token;
use super::super::unit::{Base, Unit};
use super::{Parsed, Parser, describe, wrong};

impl Parser {
    /// Terms with signs between them.
    pub(super) fn sum(&mut self) -> Parsed {
        let mut terms = vec![self.chained(Self::term)?];
        loop {
            let sign = match self.peek() {
                Some(Token::Sign(sign @ ('+' | '-'))) => *sign,
                Some(Token::Command(Command::PlusMinus)) => '±',
                Some(Token::Command(Command::MinusPlus)) => '∓',
                _ => break,
            };
            self.at += 1;
            let term = self.chained(Self::term)?;
            match sign {
                '+' => terms.push(term),
                '-' => terms.push(term.negated()),
                _ => {
                    self.link()?;
                    let left = Node::sum(std::mem::take(&mut terms));
                    terms.push(Node::PlusMinus(Box::new(left), Box::new(term), sign == '∓'));
                }
            }
        }
        let several = terms.len() > 1;
        // The modulus at the end is that of the whole sum.
        let modulus = match terms.last_mut() {
            Some(last @ Node::Residue(..)) if several => match std::mem::replace(last, Node::Dots) {
                Node::Residue(value, modulus) => {
                    *last = *value;
                    Some(modulus)
                }
                other => {
                    *last = other;
                    None
                }
            },
            _ => None,
        };
        let sum = match modulus {
            Some(modulus) => Node::Residue(Box::new(Node::sum(terms)), modulus),
            None => Node::sum(terms),
        };
        if self.eat_command(Command::Choose) {
            return Ok(Node::Call(Function::Binomial, vec![sum, self.sum()?]));
        }
        Ok(sum)
    }

    /// A product with the signs before it.
    fn term(&mut self) -> Parsed {
        let mut negative = false;
        let mut either = None;
        loop {
            match self.peek() {
                Some(Token::Sign('-')) => negative = !negative,
                Some(Token::Sign('+')) => {}
                Some(Token::Command(Command::PlusMinus)) => either = Some(false),
                Some(Token::Command(Command::MinusPlus)) => either = Some(true),
                _ => break,
            }
            self.at += 1;
        }
        let product = self.product()?;
        let signed = if negative { product.negated() } else { product };
        Ok(match either {
            Some(flipped) => match signed {
                Node::Residue(value, modulus) => {
                    let both = Node::PlusMinus(Box::new(Node::integer(0)), value, flipped);
                    Node::Residue(Box::new(both), modulus)
                }
                signed => Node::PlusMinus(Box::new(Node::integer(0)), Box::new(signed), flipped),
            },
            None => signed,
        })
    }

    /// Factors, divisors and remainders, left to right.
    fn product(&mut self) -> Parsed {
        let mut factors = vec![self.power()?];
        loop {
            match self.peek() {
                Some(Token::Sign('*') | Token::Command(Command::Times)) => {
                    self.at += 1;
                    let factor = self.signed_power()?;
                    factors.push(factor);
                }
                Some(Token::Sign('/') | Token::Command(Command::Divide)) => {
                    self.link()?;
                    self.at += 1;
                    let divisor = self.signed_power()?;
                    let product = hoisted(std::mem::take(&mut factors));
                    factors.push(Node::Div(Box::new(product), Box::new(divisor)));
                }
                Some(Token::Command(command @ (Command::Mod | Command::Remainder))) => {
                    let is_class = *command == Command::Mod && matches!(factors[..], [Node::Number(_)]);
                    self.link()?;
                    self.at += 1;
                    let divisor = self.signed_power()?;
                    let product = Node::product(std::mem::take(&mut factors));
                    factors.push(match is_class {
                        true => Node::Residue(Box::new(product), Box::new(divisor)),
                        false => Node::Call(Function::Mod, vec![product, divisor]),
                    });
                }
                Some(Token::Command(Command::Modulus)) => {
                    self.link()?;
                    self.at += 1;
                    let modulus = self.argument("a modulus")?;
                    let product = Node::product(std::mem::take(&mut factors));
                    factors.push(Node::Residue(Box::new(product), Box::new(modulus)));
                }
                // `7 (mod 12)`
                Some(Token::Sign('(')) if self.peek_at(1) == Some(&Token::Command(Command::Mod)) => {
                    self.link()?;
                    self.at += 2;
                    let modulus = self.nested(Self::sum)?;
                    self.expect(')', "(")?;
                    let product = Node::product(std::mem::take(&mut factors));
                    factors.push(Node::Residue(Box::new(product), Box::new(modulus)));
                }
                Some(Token::Command(Command::Dots)) => {
                    self.at += 1;
                    factors.push(Node::Dots);
                }
                _ if self.continues(&factors) => {
                    let factor = self.power()?;
                    match factors.last().and_then(|whole| mixed(whole, &factor)) {
                        Some(number) => *factors.last_mut().expect("it has a last") = number,
                        None => factors.push(factor),
                    }
                }
                _ => return Ok(hoisted(factors)),
            }
        }
    }

    fn signed_power(&mut self) -> Parsed {
        let mut negative = false;
        while let Some(Token::Sign(sign @ ('+' | '-'))) = self.peek() {
            negative ^= *sign == '-';
            self.at += 1;
        }
        let power = self.power()?;
        Ok(if negative { power.negated() } else { power })
    }

    /// Whether the next token is a factor though no sign says so.
    pub(super) fn continues(&self, factors: &[Node]) -> bool {
        let Some(token) = self.peek() else { return false };
        let after_literal = matches!(factors, [Node::Number(_)]);
        if after_literal && self.half_of_day_ahead().is_some() {
            return false;
        }
        match token {
            // A sign of Chinese is not a variable.
            Token::Letter(letter) if *letter >= '\u{2E80}' => false,
            Token::Letter(letter) => !(after_literal && self.is_unit(*letter, factors)),
            Token::Number(_) => !matches!(factors.last(), Some(Node::Number(_))),
            Token::Word(word) => self.is_factor(word),
            Token::Sign('(' | '[' | '{') | Token::Begin(_) => true,
            Token::Sign('|') | Token::Command(Command::Bar) => self.bars == 0 && self.opens_bars(),
            Token::Command(command) if self.is_unit_by_name(*command) => false,
            Token::Command(Command::Frac) if self.is_unit_fraction() => false,
            Token::Command(command) => matches!(
                command,
                Command::Frac
                    | Command::Sqrt
                    | Command::Cbrt
                    | Command::Binom
                    | Command::Function(_)
                    | Command::Name(_)
                    | Command::Pi
                    | Command::Infinity
                    | Command::FloorOpen
                    | Command::CeilingOpen
                    | Command::AngleOpen
                    | Command::Overline
                    | Command::Sum
                    | Command::Product
                    | Command::Boxed
                    | Command::Figure
            ),
            _ => false,
        }
    }

    /// Whether a fraction of units stands here.
    fn is_unit_fraction(&self) -> bool {
        let next = self.tokens[self.at + 1..].iter().map(|placed| &placed.token);
        let mut next = next.skip_while(|token| **token == Token::Sign('{'));
        matches!(next.next(), Some(Token::Text(text)) if Unit::names(text.trim()))
    }

    /// Whether a bar here opens an absolute value: another one follows that can close it.
    fn opens_bars(&self) -> bool {
        let is_bar = |token: &Token| matches!(token, Token::Sign('|') | Token::Command(Command::Bar));
        self.tokens[self.at + 1..].iter().any(|placed| is_bar(&placed.token))
    }

    /// Whether a letter after a literal number is its unit: `5 m`, `0.5m^2`.
    fn is_unit(&self, letter: char, factors: &[Node]) -> bool {
        let raised = self.peek_at(1) == Some(&Token::Sign('^'));
        let ends = self.peek_at(1).is_none_or(|next| matches!(next, Token::Sign(',' | '.' | '/')));
        let decimal = matches!(factors, [Node::Number(Number { places: Some(_), .. })]);
        match letter {
            'm' => (raised && (decimal || self.spaced())) || (ends && self.spaced()),
            'g' | 's' | 'h' | 'L' | 'l' | 'N' | 'J' | 'W' | 'V' => ends && self.spaced(),
            _ => false,
        }
    }

    /// Whether a word after a factor is letters to multiply, and not a unit or a remark.
    fn is_factor(&self, word: &str) -> bool {
        let is_unit = || match word {
            "mm" | "cm" | "km" | "mg" | "kg" | "ms" | "ml" => true,
            word => (word.len() > 2 || self.spaced()) && Unit::names(word),
        };
        if word.starts_with('\\') || is_unit() {
            return false;
        }
        let is_prose = word.len() > 3 || (word.len() == 3 && word.contains(['a', 'e', 'i', 'o', 'u']));
        word.is_ascii() && (!is_prose || (!self.spaced() && word.len() <= 4) || is_capitals(word))
    }

    /// An operand with its exponents and postfix signs.
    pub(super) fn power(&mut self) -> Parsed {
        let mut base = self.primary()?;
        loop {
            match self.peek() {
                // `(52)_8`
                Some(Token::Sign('_')) if matches!(base, Node::Number(Number { places: None, .. })) => {
                    let digits = base.to_string();
                    self.at += 1;
                    base = self.based(digits)?;
                }
                Some(Token::Sign('^')) => {
                    self.link()?;
                    self.at += 1;
                    base = self.raised(base)?;
                }
                Some(Token::Sign('!')) => {
                    self.link()?;
                    self.at += 1;
                    let double = self.eat_sign('!');
                    let function = if double { Function::DoubleFactorial } else { Function::Factorial };
                    base = Node::Call(function, vec![base]);
                }
                Some(Token::Command(command @ (Command::Percent | Command::Degree))) => {
                    let unit = if *command == Command::Percent { Base::Percent } else { Base::Angle };
                    self.at += 1;
                    if !matches!(base, Node::Quantity(..)) {
                        base = Node::Quantity(Box::new(base), Unit::base(unit));
                    }
                }
                _ => return Ok(base),
            }
        }
    }

    /// A base with what stands after `^`.
    fn raised(&mut self, base: Node) -> Parsed {
        let is_degree = |token: Option<&Token>| token == Some(&Token::Command(Command::Degree));
        let braced = self.peek() == Some(&Token::Sign('{'));
        if is_degree(self.peek_at(usize::from(braced))) {
            self.at += 1 + usize::from(braced);
            if braced {
                self.expect('}', "{")?;
            }
            return Ok(Node::Quantity(Box::new(base), Unit::base(Base::Angle)));
        }
        if matches!(base, Node::Matrix(_)) && matches!(self.peek(), Some(Token::Letter('T'))) {
            self.at += 1;
            return Ok(Node::Call(Function::Transpose, vec![base]));
        }
        let exponent = self.exponent()?;
        Ok(match base {
            // `\sin^2 x` reads its exponent itself; here the function is whole.
            Node::Quantity(value, unit) if unit.is(Base::Angle) => {
                Node::Quantity(Box::new(Node::Pow(value, Box::new(exponent))), unit)
            }
            base => Node::Pow(Box::new(base), Box::new(exponent)),
        })
    }

    /// A group, a whole number, a letter: what one `^` raises to. Towers go to the right.
    pub(super) fn exponent(&mut self) -> Parsed {
        match self.peek() {
            Some(Token::Sign(sign @ ('-' | '+'))) => {
                let negative = *sign == '-';
                self.at += 1;
                if self.peek() == Some(&Token::Sign('*')) {
                    return wrong("`*` has no sign");
                }
                let exponent = self.deeper(Self::exponent)?;
                Ok(if negative { exponent.negated() } else { exponent })
            }
            Some(Token::Sign('*')) => {
                self.at += 1;
                Ok(Node::name("*"))
            }
            Some(Token::Sign('{'))
                if self.peek_at(1) == Some(&Token::Sign('*'))
                    && self.peek_at(2) == Some(&Token::Sign('}')) =>
            {
                self.at += 3;
                Ok(Node::name("*"))
            }
            Some(_) => {
                let exponent = self.primary()?;
                if self.eat_sign('^') {
                    let tower = self.deeper(Self::exponent)?;
                    return Ok(Node::Pow(Box::new(exponent), Box::new(tower)));
                }
                if self.eat_sign('!') {
                    return Ok(Node::Call(Function::Factorial, vec![exponent]));
                }
                Ok(exponent)
            }
            None => wrong("nothing stands after `^`"),
        }
    }

    /// What stands between the bars of an absolute value, the first bar being taken.
    pub(super) fn between_bars(&mut self) -> Parsed {
        self.bars += 1;
        let inside = self.deeper(Self::sum)?;
        self.bars -= 1;
        if self.eat_sign('|') || self.eat_command(Command::Bar) {
            return Ok(inside);
        }
        match self.peek() {
            Some(token) => wrong(format!("{} stands before the second bar", describe(token))),
            None => wrong("`|` is never closed"),
        }
    }
}

/// Whether a word is a name of points: capitals alone.
pub(super) fn is_capitals(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_uppercase())
}

/// A whole number and a proper fraction right after it, as one number.
fn mixed(whole: &Node, fraction: &Node) -> Option<Node> {
    let literal = |node: &Node| match node {
        Node::Number(Number { value, places: None }) if value.is_int() => Some(value.clone()),
        _ => None,
    };
    let Node::Div(above, below) = fraction else { return None };
    let (_, above, below) = (literal(whole)?, literal(above)?, literal(below)?);
    let is_proper = above < below && !above.is_zero();
    is_proper.then(|| Node::Add(vec![whole.clone(), fraction.clone()]))
}

/// A product whose last factor has a unit is a quantity.
fn hoisted(mut factors: Vec<Node>) -> Node {
    let is_quantity = |node: &Node| matches!(node, Node::Quantity(..));
    if factors.len() > 1
        && factors.last().is_some_and(is_quantity)
        && !factors[..factors.len() - 1].iter().any(is_quantity)
        && let Some(Node::Quantity(value, unit)) = factors.pop()
    {
        factors.push(*value);
        return Node::Quantity(Box::new(Node::Mul(factors)), unit);
    }
    Node::product(factors)
}
