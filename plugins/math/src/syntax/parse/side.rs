//! Sides of relations: chains of relations, sets joined by ∪, ratios, and a number with its unit.

use dashu_ratio::RBig;

use super::super::names::Command;
use super::super::node::{Function, Half, Node, Number, Relation};
use super::super::token::{Token, tokens};
use super::super::unit::Unit;
use super::{Parsed, Parser, describe, spelled, wrong};

impl Parser {
    /// Sides with signs between them, or one side alone. What an answer is about equal to is not part of it.
    pub(super) fn relation(&mut self) -> Parsed {
        let mut sides = vec![self.sets()?];
        let mut signs = Vec::new();
        while let Some(sign) = self.relation_sign() {
            let side = self.sets()?;
            if sign == Relation::Approximately {
                break;
            }
            signs.push(sign);
            sides.push(side);
        }
        Ok(if signs.is_empty() { sides.remove(0) } else { Node::Relation(sides, signs) })
    }

    fn relation_sign(&mut self) -> Option<Relation> {
        let negated = self.peek() == Some(&Token::Command(Command::Not));
        let Some(Token::Command(Command::Relation(sign))) = self.peek_at(usize::from(negated)) else {
            return None;
        };
        let sign = *sign;
        self.at += 1 + usize::from(negated);
        Some(match (negated, sign) {
            (true, Relation::Equal) => Relation::NotEqual,
            (true, Relation::In) => Relation::NotIn,
            (_, sign) => sign,
        })
    }

    fn sets(&mut self) -> Parsed {
        let mut sets = vec![self.ratio()?];
        let mut operator = None;
        while let Some(next) = self.set_operator() {
            let right = self.ratio()?;
            if operator.is_some_and(|operator| operator != next) {
                self.link()?;
                let left = Node::SetOperation(operator.unwrap_or(next), std::mem::take(&mut sets));
                sets.push(left);
            }
            operator = Some(next);
            sets.push(right);
        }
        Ok(match operator {
            Some(operator) => Node::SetOperation(operator, sets),
            None => sets.remove(0),
        })
    }

    fn set_operator(&mut self) -> Option<super::super::SetOperator> {
        if let Some(Token::Command(Command::SetOperator(operator))) = self.peek() {
            let operator = *operator;
            self.at += 1;
            return Some(operator);
        }
        // `(1,2) U (3,4)`
        let opens =
            matches!(self.peek_at(1), Some(Token::Sign('(' | '[') | Token::Command(Command::SetOpen)));
        let after = self.at.checked_sub(1).map(|at| &self.tokens[at].token);
        let closed = matches!(after, Some(Token::Sign(')' | ']') | Token::Command(Command::SetClose)));
        (opens && closed && self.eat(&Token::Letter('U'))).then_some(super::super::SetOperator::Union)
    }

    fn ratio(&mut self) -> Parsed {
        let mut parts = vec![self.quantity(true)?];
        let mut digits = vec![self.last_digits()];
        while self.bars == 0
            && self.peek() == Some(&Token::Sign(':'))
            && self.peek_at(1) != Some(&Token::Sign(':'))
        {
            self.at += 1;
            parts.push(self.quantity(false)?);
            digits.push(self.last_digits());
        }
        if parts.len() == 1 {
            return Ok(parts.remove(0));
        }
        let half = self.half_of_day();
        Ok(match (time(&parts, &digits, half), half) {
            (Some(time), Some(_)) => time,
            (Some(time), None) => Node::Either(vec![time, Node::Ratio(parts)]),
            (None, Some(_)) => return wrong("a time of day has hours and minutes"),
            (None, None) => Node::Ratio(parts),
        })
    }

    /// How many digits the number just read has, if one was.
    fn last_digits(&self) -> usize {
        match self.at.checked_sub(1).map(|at| &self.tokens[at].token) {
            Some(Token::Number(digits)) => digits.len(),
            _ => 0,
        }
    }

    /// `a.m.`, `PM` and the like, taken.
    fn half_of_day(&mut self) -> Option<Half> {
        let (half, end) = self.half_of_day_ahead()?;
        self.at = end;
        Some(half)
    }

    /// The half of the day that the next tokens name, and where they end.
    pub(super) fn half_of_day_ahead(&self) -> Option<(Half, usize)> {
        let mut letters = String::new();
        let mut end = self.at;
        while letters.len() <= 2
            && let Some(token @ (Token::Letter(_) | Token::Word(_) | Token::Text(_) | Token::Sign('.'))) =
                self.tokens.get(end).map(|placed| &placed.token)
        {
            let said = spelled(token);
            if !said.chars().all(|c| c.is_alphabetic() || c == '.' || c.is_whitespace()) {
                return None;
            }
            letters.extend(said.chars().filter(|c| c.is_alphabetic()));
            end += 1;
        }
        match letters.to_lowercase().as_str() {
            "am" => Some((Half::Morning, end)),
            "pm" => Some((Half::Afternoon, end)),
            _ => None,
        }
    }

    /// An expression and the unit after it. The first part of a ratio may be an hour (`3 pm`).
    fn quantity(&mut self, first: bool) -> Parsed {
        let value = self.sum()?;
        if matches!(value, Node::Number(Number { places: None, .. }))
            && first
            && let Some(half) = self.half_of_day()
        {
            return match time(&[value, Node::integer(0)], &[1, 2], Some(half)) {
                Some(time) => Ok(time),
                None => wrong("a time of day has 24 hours at most"),
            };
        }
        let words = self.words_after()?;
        if words.is_empty() {
            return Ok(value);
        }
        Ok(with_unit(value, &words))
    }

    /// The words between an expression and the end of its side.
    fn words_after(&mut self) -> Parsed<Vec<String>> {
        let mut words = Vec::new();
        if self.half_of_day_ahead().is_some() {
            return Ok(words);
        }
        loop {
            match self.peek() {
                Some(Token::Text(text)) => {
                    words.extend(tokens(text).into_iter().map(|placed| spelled(&placed.token)));
                    self.at += 1;
                }
                Some(Token::Command(command)) if self.is_unit_by_name(*command) => {
                    words.push(spelled(&Token::Command(*command)));
                    self.at += 1;
                }
                Some(Token::Command(Command::Currency(sign))) if !words.is_empty() || self.ends_after(1) => {
                    words.push(sign.to_string());
                    self.at += 1;
                }
                Some(Token::Word(word)) if word.starts_with('\\') => {
                    return wrong(format!("`{word}` is no command of this grammar"));
                }
                Some(token @ (Token::Word(_) | Token::Letter(_))) => {
                    words.push(spelled(token));
                    self.at += 1;
                }
                Some(Token::Sign('/' | '.' | '(' | ')' | '\'' | '-')) | Some(Token::Number(_))
                    if !(words.is_empty() || self.brackets > 0 && self.at_end()) =>
                {
                    words.extend(self.next().map(|token| spelled(&token)));
                }
                Some(Token::Command(Command::Relation(Relation::In))) if !words.is_empty() => {
                    words.push("in".to_owned());
                    self.at += 1;
                }
                Some(Token::Sign('^')) if !words.is_empty() => words.push(self.unit_power()?),
                _ => return Ok(words),
            }
        }
    }

    /// Whether a name is a unit's here, as nothing follows that its function or relation could be about: `5 min`,
    /// `5 in`.
    pub(super) fn is_unit_by_name(&self, command: Command) -> bool {
        let ends = |next: &Token| matches!(next, Token::Sign(',' | ';' | ')' | '}' | '.'));
        let next = self.peek_at(1);
        match command {
            Command::Function(Function::Min | Function::Sec) => next.is_none_or(ends),
            Command::Relation(Relation::In) => {
                let goes_on = |next: &Token| {
                    matches!(next, Token::Sign('^') | Token::Command(Command::Relation(_) | Command::And))
                };
                next.is_none_or(|next| ends(next) || goes_on(next))
            }
            _ => false,
        }
    }

    /// Whether nothing more stands in this item after so many tokens.
    fn ends_after(&self, tokens: usize) -> bool {
        !matches!(self.peek_at(tokens), Some(Token::Number(_) | Token::Letter(_) | Token::Sign('(')))
    }

    fn unit_power(&mut self) -> Parsed<String> {
        self.at += 1;
        let braced = self.eat_sign('{');
        let power = match self.next() {
            Some(Token::Number(digits)) => format!("^{digits}"),
            Some(token) => return wrong(format!("{} is no power of a unit", describe(&token))),
            None => return wrong("it breaks off"),
        };
        if braced {
            self.expect('}', "{")?;
        }
        Ok(power)
    }
}

/// A value with the unit that words say; large round numbers among them multiply.
fn with_unit(value: Node, words: &[String]) -> Node {
    let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut value = value;
    while let Some(times) = words.first().and_then(|word| round_number(word)) {
        value = Node::Mul(vec![value, Node::integer(times)]);
        words.remove(0);
    }
    let mut signs = words.iter().filter_map(|word| word.chars().next());
    let unit = match signs.find(|c| "$€£¥₹元".contains(*c)) {
        Some(sign) if words.len() == 1 => Unit::currency(sign),
        _ if words.is_empty() => return value,
        _ => Unit::read(&words),
    };
    match (value, unit) {
        // `$18 dollars` and `5% per year` have said their unit already.
        (value @ Node::Quantity(..), _) => value,
        (value, unit) => Node::Quantity(Box::new(value), unit),
    }
}

fn round_number(word: &str) -> Option<i64> {
    Some(match word.to_lowercase().as_str() {
        "hundred" => 100,
        "thousand" => 1000,
        "million" => 1_000_000,
        "billion" => 1_000_000_000,
        "trillion" => 1_000_000_000_000,
        _ => return None,
    })
}

/// Hours and minutes as a time of day, if they can be.
fn time(parts: &[Node], digits: &[usize], half: Option<Half>) -> Option<Node> {
    let [hours, minutes] = parts else { return None };
    let whole = |node: &Node, limit: u32| match node {
        Node::Number(Number { value, places: None })
            if *value < RBig::from(limit) && *value >= RBig::ZERO =>
        {
            u32::try_from(value.numerator().clone()).ok().filter(|_| value.is_int())
        }
        _ => None,
    };
    let (hours, minutes) = (whole(hours, 25)?, whole(minutes, 60)?);
    if digits.get(1) != Some(&2) || (half.is_some() && hours > 12) {
        return None;
    }
    let hours = match half {
        Some(Half::Morning) => hours % 12,
        Some(Half::Afternoon) => hours % 12 + 12,
        None => hours,
    };
    Some(Node::Time(hours * 60 + minutes, half))
}
