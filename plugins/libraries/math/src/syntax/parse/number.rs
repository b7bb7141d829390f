//! Numbers: literals, thousands, decimals that repeat, powers of ten, bases, and mixed numbers on one line.

use dashu_int::UBig;
use dashu_ratio::RBig;

use super::super::names::Command;
use super::super::node::{Node, Number};
use super::super::token::Token;
use super::{Commas, Parsed, Parser, comma_between_digits, worded, wrong};

impl Parser {
    /// A number whose first digits are taken.
    pub(super) fn number(&mut self, mut digits: String) -> Parsed {
        if self.brackets == 0 && self.commas != Commas::Separate {
            while self.peek() == Some(&Token::Sign(','))
                && let Some(length) = comma_between_digits(&self.tokens, self.at)
                && (length == 3) == (self.commas == Commas::Thousands)
                && let Some(Token::Number(more)) = self.peek_at(1)
            {
                if self.commas == Commas::Decimal {
                    digits.push('.');
                }
                digits.push_str(more);
                // The next comma looks at this group.
                self.at += 2;
            }
        }
        // `1 000 000`
        let may_group = digits.len() <= 3 && !digits.contains('.') && !digits.starts_with('0');
        while may_group
            && self.spaced()
            && let Some(Token::Number(more)) = self.peek()
            && more.len() == 3
            && self.peek_at(1) != Some(&Token::Sign('/'))
        {
            digits.push_str(more);
            self.at += 1;
        }
        if self.peek() == Some(&Token::Command(Command::Overline)) && digits.contains('.') {
            self.at += 1;
            return self.repeating(&digits);
        }
        if self.peek() == Some(&Token::Command(Command::Dots)) && digits.contains('.') {
            self.at += 1;
            return going_on(&digits);
        }
        if self.peek() == Some(&Token::Sign('_')) {
            self.at += 1;
            return self.based(digits);
        }
        let literal = number(&digits)?;
        if self.eat_command(Command::Exponent) {
            let negative = self.eat_sign('-');
            let exponent = match self.next() {
                Some(Token::Number(digits)) => number(&digits)?,
                _ => return wrong("a power of ten lacks its exponent"),
            };
            let exponent = if negative { exponent.negated() } else { exponent };
            let ten = Node::Pow(Box::new(Node::integer(10)), Box::new(exponent));
            return Ok(Node::Mul(vec![literal, ten]));
        }
        if let (Some(Token::Number(above)), Some(Token::Sign('/')), Some(Token::Number(below))) =
            (self.peek(), self.peek_at(1), self.peek_at(2))
            && self.spaced()
        {
            let (above, below) = (number(above)?, number(below)?);
            self.at += 3;
            let fraction = Node::Div(Box::new(above.clone()), Box::new(below.clone()));
            return match (&literal, above, below) {
                (
                    Node::Number(Number { places: None, .. }),
                    Node::Number(Number { value: above, places: None }),
                    Node::Number(Number { value: below, places: None }),
                ) if above < below => Ok(Node::Add(vec![literal, fraction])),
                _ => wrong("a whole number stands before an improper fraction"),
            };
        }
        Ok(literal)
    }

    /// Digits with the base that follows, its `_` being taken.
    pub(super) fn based(&mut self, digits: String) -> Parsed {
        let base = self.subscript()?;
        let base = base.trim_start_matches('(').trim_end_matches(')');
        match base.parse().ok().or_else(|| worded::base(base)) {
            Some(base @ 2..=36) => Ok(Node::Based(digits, base)),
            _ => wrong("a number's base is between 2 and 36"),
        }
    }

    /// A decimal whose last digits, in the argument that follows, repeat.
    fn repeating(&mut self, digits: &str) -> Parsed {
        let braced = self.eat_sign('{');
        let Some(Token::Number(repeat)) = self.next() else {
            return wrong("no digits repeat");
        };
        if braced {
            self.expect('}', "{")?;
        }
        repeated(digits, &repeat)
    }
}

/// A literal number.
pub(super) fn number(digits: &str) -> Parsed {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let places = fraction.len();
    match format!("{whole}{fraction}").parse::<UBig>() {
        Ok(value) => Ok(Node::Number(Number {
            value: RBig::from_parts(value.into(), UBig::from(10_u8).pow(places)),
            places: digits.contains('.').then_some(places as u32),
        })),
        Err(_) => wrong(format!("`{digits}` is not a number")),
    }
}

/// A decimal, and digits after it that repeat without end.
fn repeated(digits: &str, period: &str) -> Parsed {
    let (Node::Number(start), Ok(value)) = (number(digits)?, period.parse::<UBig>()) else {
        return wrong("no digits repeat");
    };
    let ten = UBig::from(10_u8);
    let nines = ten.pow(period.len()) - UBig::ONE;
    let places = start.places.unwrap_or(0) as usize;
    let tail = RBig::from_parts(value.into(), nines * ten.pow(places));
    Ok(Node::Number(Number { value: start.value + tail, places: None }))
}

/// A decimal before an ellipsis: its last digits repeat, if they are seen to (three times one, or twice a
/// group).
fn going_on(digits: &str) -> Parsed {
    let fraction = digits.split_once('.').map_or("", |(_, fraction)| fraction);
    for length in 1..=fraction.len() / 2 {
        let shown = if length == 1 { 3 } else { 2 };
        let Some(start) = fraction.len().checked_sub(length * shown) else { continue };
        let period = &fraction[fraction.len() - length..];
        if fraction[start..] == period.repeat(shown) {
            return repeated(&digits[..digits.len() - length * shown], period);
        }
    }
    number(digits)
}
