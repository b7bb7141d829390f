//! Sides of relations: chains of relations, sets joined by ∪, ratios, and a number with its unit.

use dashu_ratio::RBig;

use super::super::names::Command;
use super::super::node::{Function, Half, Node, Number, Relation};
use super::super::token::{Token, tokens};
use super::super::unit::Unit;
use super::worded::PARTS_OF_ONE;
use super::{Parsed, Parser, describe, spelled, wrong};

impl Parser {
    /// Sides with signs between them, or one side alone.
    pub(super) fn relation(&mut self) -> Parsed {
        let mut sides = vec![self.sets()?];
        let mut signs = Vec::new();
        while let Some(sign) = self.relation_sign() {
            signs.push(sign);
            sides.push(self.sets()?);
        }
        if signs.contains(&Relation::Congruent)
            && let Some(Node::Call(Function::Mod, arguments)) = sides.last()
            && let [value, modulus] = &arguments[..]
        {
            let residue = Node::Residue(Box::new(value.clone()), Box::new(modulus.clone()));
            sides.pop();
            sides.push(residue);
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
        let value = match self.part_ahead() {
            Some(part) if matches!(value, Node::Number(Number { places: None, .. })) => {
                self.at += 3;
                Node::Add(vec![value, part])
            }
            _ => value,
        };
        let words = self.words_after()?;
        if words.is_empty() {
            return Ok(value);
        }
        Ok(with_unit(value, &words))
    }

    /// The part of one that `and a half` adds, if that stands here.
    fn part_ahead(&self) -> Option<Node> {
        if self.peek() != Some(&Token::Command(Command::And)) {
            return None;
        }
        let [count, part] = [1, 2].map(|ahead| self.peek_at(ahead).map(spelled).unwrap_or_default());
        part_of_one(&["and", &count, &part]).map(|(part, _)| part)
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
                    words.extend(words_of(text));
                    self.at += 1;
                }
                Some(Token::Command(Command::Frac)) => match self.unit_fraction() {
                    Some(unit) => words.extend(unit),
                    None => return Ok(words),
                },
                Some(Token::Command(command)) if self.is_unit_by_name(*command) => {
                    words.push(spelled(&Token::Command(*command)));
                    self.at += 1;
                }
                Some(Token::Command(Command::Currency(sign))) if !words.is_empty() || self.ends_after(1) => {
                    words.push(sign.to_string());
                    self.at += 1;
                }
                Some(Token::Word(word)) if word.starts_with('\\') => {
                    return wrong(format!("`{word}` is not a command of this grammar"));
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
                Some(Token::Command(Command::Times))
                    if !words.is_empty()
                        && matches!(
                            self.peek_at(1),
                            Some(Token::Text(_) | Token::Word(_) | Token::Letter(_))
                        ) =>
                {
                    words.push("·".to_owned());
                    self.at += 1;
                }
                Some(Token::Sign('^')) if !words.is_empty() => words.push(self.unit_power()?),
                _ => return Ok(words),
            }
        }
    }

    /// Whether a name is a unit's here, as nothing follows that its function or relation could be about:
    /// `5 min`, `5 in`.
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

    /// `\frac{\text{m}}{\text{s}}` as the words of a unit, taken if it is one.
    pub(super) fn unit_fraction(&mut self) -> Option<Vec<String>> {
        let start = self.at;
        self.at += 1;
        let mut words = Vec::new();
        for part in 0..2 {
            if part == 1 {
                words.push("/".to_owned());
            }
            let braced = self.eat_sign('{');
            while let Some(token @ (Token::Text(_) | Token::Word(_) | Token::Letter(_))) = self.peek() {
                words.extend(words_of(&spelled(token)));
                self.at += 1;
                if self.peek() == Some(&Token::Sign('^')) {
                    match self.unit_power() {
                        Ok(power) => words.push(power),
                        Err(_) => break,
                    }
                }
            }
            if braced && !self.eat_sign('}') {
                break;
            }
        }
        let said: Vec<&str> = words.iter().map(String::as_str).collect();
        let is_unit = said.split(|word| *word == "/").all(|part| part.iter().any(|word| Unit::names(word)))
            && matches!(Unit::read(&said, true), Unit::Known { .. })
            && self.tokens[start..self.at].iter().any(|placed| matches!(placed.token, Token::Text(_)));
        if is_unit {
            return Some(words);
        }
        self.at = start;
        None
    }

    fn unit_power(&mut self) -> Parsed<String> {
        self.at += 1;
        let braced = self.eat_sign('{');
        let negative = self.eat_sign('-');
        let power = match self.next() {
            Some(Token::Number(digits)) => format!("^{}{digits}", if negative { "-" } else { "" }),
            Some(token) => return wrong(format!("{} is not a power of a unit", describe(&token))),
            None => return wrong("it breaks off"),
        };
        if braced {
            self.expect('}', "{")?;
        }
        Ok(power)
    }
}

/// The words of a text, a power as one with its sign: `in^2` is `in` and `^2`.
fn words_of(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for placed in tokens(text) {
        let word = spelled(&placed.token);
        match words.last_mut() {
            Some(last) if matches!(last.as_str(), "^" | "^-") && !matches!(word.as_str(), "{" | "}") => {
                last.push_str(&word);
            }
            Some(last) if last.starts_with('^') && matches!(word.as_str(), "{" | "}") => {}
            _ => words.push(word),
        }
    }
    words
}

/// `3` hours `and 20` minutes as one quantity, if `and` stands between.
pub(super) fn joined_quantities(items: &[Node], connectives: &[usize]) -> Option<Node> {
    let parts = items.iter().map(|item| match item {
        Node::Quantity(value, unit) => Some(((**value).clone(), unit.clone())),
        _ => None,
    });
    if connectives.is_empty() { None } else { Node::compound(parts.collect::<Option<Vec<_>>>()?) }
}

/// `x \equiv 1, 5 \pmod 6`: the modulus at the end is that of each item.
pub(super) fn congruences(items: Vec<Node>) -> Vec<Node> {
    let modulus = match items.last() {
        Some(Node::Residue(_, modulus)) => (**modulus).clone(),
        Some(Node::Relation(sides, _)) => match sides.last() {
            Some(Node::Residue(_, modulus)) => (**modulus).clone(),
            _ => return items,
        },
        _ => return items,
    };
    let of = |value: Node| Node::Residue(Box::new(value), Box::new(modulus.clone()));
    let mut name = None;
    let each = |item: Node| match item {
        Node::Relation(mut sides, signs) if signs == [Relation::Congruent] => {
            name = sides.first().cloned();
            if !matches!(sides[1], Node::Residue(..)) {
                let value = sides.remove(1);
                sides.push(of(value));
            }
            Node::Relation(sides, signs)
        }
        Node::Residue(..) | Node::Number(_) | Node::Neg(_) => {
            let class = if matches!(item, Node::Residue(..)) { item } else { of(item) };
            match &name {
                Some(name) => Node::Relation(vec![name.clone(), class], vec![Relation::Congruent]),
                None => class,
            }
        }
        other => other,
    };
    items.into_iter().map(each).collect()
}

/// A value with the unit that words say. Large round numbers among them multiply, and `and a half` adds.
fn with_unit(value: Node, words: &[String]) -> Node {
    let mut words: Vec<&str> =
        words.iter().map(String::as_str).filter(|word| !word.trim().is_empty()).collect();
    let mut value = value;
    if let Some((part, length)) = part_of_one(&words) {
        value = Node::Add(vec![value, part]);
        words.drain(..length);
    }
    loop {
        // `2万元` is one word.
        let signs = ["百万", "千万", "万", "萬", "亿", "億"];
        if let Some(first) = words.first_mut()
            && let Some(sign) =
                signs.iter().find(|sign| first.starts_with(**sign) && first.len() > sign.len())
        {
            *first = &first[sign.len()..];
            words.insert(0, sign);
        }
        let Some(times) = words.first().and_then(|word| round_number(word)) else { break };
        value = Node::Mul(vec![value, Node::integer(times)]);
        words.remove(0);
    }
    if words.is_empty() {
        return value;
    }
    if let (
        Node::Number(Number { places: None, .. }),
        ["base", base] | ["in", "base", base] | ["(", "base", base, ")"],
    ) = (&value, &words[..])
        && let Some(base @ 2..=36) = base.parse().ok().or_else(|| super::worded::base(base))
    {
        return Node::Based(value.to_string(), base);
    }
    if let Node::Quantity(inside, unit) = &value {
        // `$18 dollars` has said its unit already; `5% per year` and `10° C` have said a part of it.
        if let (Unit::Known { dimensions, .. }, Unit::Known { dimensions: others, .. }) =
            (unit, &Unit::read(&words, false))
            && dimensions == others
        {
            return value;
        }
        let whole: Vec<&str> = unit.name().split(' ').chain(words).collect();
        return Node::Quantity(inside.clone(), Unit::read(&whole, false));
    }
    let singular = match &value {
        Node::Number(Number { value, .. }) => *value <= RBig::ONE,
        value => matches!(value, Node::Div(..)),
    };
    compound(&value, &words).unwrap_or_else(|| {
        let unit = Unit::read(&words, singular);
        Node::Quantity(Box::new(value), unit)
    })
}

/// `and a half`, `and three quarters` at the start of words: the part, and how many words say it.
fn part_of_one(words: &[&str]) -> Option<(Node, usize)> {
    let ["and", count, part, ..] = words else { return None };
    let count = match count.to_lowercase().as_str() {
        "a" | "an" | "one" => 1,
        "two" => 2,
        "three" => 3,
        _ => return None,
    };
    let part = if *part == "halves" { "half" } else { part.trim_end_matches('s') };
    let (_, below) = PARTS_OF_ONE.iter().find(|(name, _)| *name == part)?;
    Some((Node::Div(Box::new(Node::integer(count)), Box::new(Node::integer(*below))), 3))
}

/// A quantity in several units from large to small: `3 hours 20 minutes`.
fn compound(value: &Node, words: &[&str]) -> Option<Node> {
    let is_number = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
    let first = words.iter().position(is_number)?;
    let mut parts = vec![value.clone()];
    let mut rest = words;
    let mut units = Vec::new();
    let mut at = first;
    loop {
        let (unit, after) = rest.split_at(at);
        let unit = unit.strip_suffix(&["and"]).unwrap_or(unit);
        units.push(Unit::read(unit, true));
        let [number, after @ ..] = after else { break };
        parts.push(super::number::number(number).ok()?);
        rest = after;
        at = rest.iter().position(is_number).unwrap_or(rest.len());
    }
    Node::compound(parts.into_iter().zip(units).collect())
}

fn round_number(word: &str) -> Option<i64> {
    Some(match word.to_lowercase().as_str() {
        "dozen" | "打" => 12,
        "hundred" | "百" => 100,
        "thousand" | "千" => 1000,
        "万" | "萬" => 10_000,
        "lakh" => 100_000,
        "million" | "百万" => 1_000_000,
        "crore" | "千万" => 10_000_000,
        "亿" | "億" => 100_000_000,
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
