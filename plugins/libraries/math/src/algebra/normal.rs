//! A tree's normal form.
//!
//! In: a [`Node`] that is an expression. Out: a [`Sum`]. Sets, relations and texts are not expressions, and a
//! unit in the midst of one has no value, save for degrees and percent.

use dashu_ratio::RBig;

use super::function::{call, inverse};
use super::number::ratio;
use super::power::power;
use super::range::{RUNNING, over_range};
use super::substitute::substituted;
use super::sum::{Atom, Sum};
use super::work::{Outcome, Trouble, Work};
use crate::syntax::node::Range;
use crate::syntax::unit::Base;
use crate::syntax::{Function, Node, Symbol};

/// The normal form of an expression.
///
/// # Errors
///
/// [`Trouble`]: it is not an expression, has no value, or costs too much.
pub fn normal(node: &Node, work: &Work) -> Outcome<Sum> {
    work.spend(1)?;
    match node {
        Node::Number(number) => Ok(Sum::from(number.value.clone())),
        Node::Symbol(symbol) => Ok(Sum::symbol(symbol)),
        Node::Add(items) | Node::Mul(items) if items.contains(&Node::Dots) => {
            dotted(items, matches!(node, Node::Mul(_)), work)
        }
        Node::Add(terms) => {
            let mut parts = Vec::with_capacity(terms.len());
            for term in terms {
                parts.extend(normal(term, work)?.0);
                work.spend(parts.len() as u64 / 64)?;
            }
            Ok(Sum::collected(parts))
        }
        Node::Neg(inner) => Ok(normal(inner, work)?.negated()),
        Node::Mul(factors) => {
            let mut product = Sum::one();
            for factor in factors {
                product = product.times(&normal(factor, work)?, work)?;
            }
            Ok(product)
        }
        Node::Div(above, below) => {
            let above = normal(above, work)?;
            let below = inverse(&normal(below, work)?, work)?;
            above.times(&below, work)
        }
        Node::Pow(base, exponent) => {
            let exponent = normal(exponent, work)?;
            power(&normal(base, work)?, &exponent, work)
        }
        Node::Call(Function::Determinant, arguments) => match &arguments[..] {
            [Node::Matrix(rows)] if rows.iter().all(|row| row.len() == rows.len()) => {
                let rows = rows.iter().map(|row| all(row, work)).collect::<Outcome<Vec<_>>>()?;
                determinant(&rows, work)
            }
            _ => Err(Trouble::Undefined("a determinant is that of a square matrix")),
        },
        Node::Call(function, arguments) => call(*function, all(arguments, work)?, work),
        Node::Apply(name, arguments) => {
            Sum::nested(Atom::Opaque(name.as_str().into(), all(arguments, work)?.into()), work)
        }
        Node::Range(range) => self::range(range, work),
        Node::Quantity(value, unit) => {
            let value = normal(value, work)?;
            if unit.is(Base::Angle) {
                return call(Function::Degrees, vec![value], work);
            }
            match unit {
                _ if unit.is(Base::Percent) => Ok(value.scaled(&ratio(1, 100))),
                _ => Err(Trouble::Undefined("it reckons with units")),
            }
        }
        Node::Based(digits, base) => match dashu_int::UBig::from_str_radix(digits, *base) {
            Ok(value) => Ok(Sum::from(RBig::from(value))),
            Err(_) => Err(Trouble::Undefined("a digit is too large for its base")),
        },
        Node::Ratio(parts) => match &parts[..] {
            [above, below] => normal(&Node::Div(Box::new(above.clone()), Box::new(below.clone())), work),
            _ => Err(Trouble::Undefined("a ratio of three is not a number")),
        },
        Node::Text(word) => match letters(word) {
            Some(symbols) => {
                let product = |product: Sum, symbol: Symbol| product.times(&Sum::symbol(&symbol), work);
                symbols.into_iter().try_fold(Sum::one(), product)
            }
            None => Err(Trouble::Undefined("it is in words")),
        },
        Node::Either(readings) => {
            let expression = readings.iter().find_map(|reading| normal(reading, work).ok());
            expression.ok_or(Trouble::Undefined("it is not an expression"))
        }
        _ => Err(Trouble::Undefined("it is not an expression")),
    }
}

fn all(nodes: &[Node], work: &Work) -> Outcome<Vec<Sum>> {
    nodes.iter().map(|node| normal(node, work)).collect()
}

/// A short word as symbols to multiply: in capitals the name of a figure, otherwise letter by letter.
fn letters(word: &str) -> Option<Vec<Symbol>> {
    if word.chars().count() > 3 || !word.chars().all(char::is_alphabetic) {
        return None;
    }
    if word.chars().all(char::is_uppercase) {
        return Some(vec![Symbol::Name(word.to_owned())]);
    }
    let symbol = |letter: char| match letter {
        'e' => Symbol::E,
        'i' => Symbol::I,
        letter => Symbol::Name(letter.to_string()),
    };
    Some(word.chars().map(symbol).collect())
}

fn range(range: &Range, work: &Work) -> Outcome<Sum> {
    let (from, to) = (normal(&range.from, work)?, normal(&range.to, work)?);
    let body = normal(&range.body, work)?;
    let body = running(&body, &range.variable, work)?;
    over_range(range.product, [from, to, body], work)
}

/// A term with its variable running, as a name and as a subscript.
fn running(body: &Sum, variable: &str, work: &Work) -> Outcome<Sum> {
    let bound = |atom: &Atom| {
        let Atom::Name(name) = atom else { return None };
        if **name == *variable {
            return Some(Sum::atom(Atom::Name(RUNNING.into())));
        }
        let (stem, subscript) = name.split_once('_')?;
        (subscript == variable).then(|| Sum::atom(Atom::Name(format!("{stem}_{RUNNING}").as_str().into())))
    };
    substituted(body, &bound, work)
}

/// Terms or factors with an ellipsis among them: the last one, with one of its names running, gives the first
/// ones.
fn dotted(items: &[Node], product: bool, work: &Work) -> Outcome<Sum> {
    const OPEN: Trouble = Trouble::Undefined("an ellipsis leaves open what it stands for");
    let dots = items.iter().position(|item| *item == Node::Dots).ok_or(OPEN)?;
    let (before, after) = (&items[..dots], &items[dots + 1..]);
    let (before, after) = (all(before, work)?, all(after, work)?);
    let ([first, ..], [last]) = (&before[..], &after[..]) else { return Err(OPEN) };
    // `1 + 2 + … + 100`
    if let [one, two, ..] = &before[..]
        && let (Some(one), Some(two), Some(end)) = (one.rational(), two.rational(), last.rational())
    {
        let step = &two - &one;
        let is_even = before.iter().enumerate().all(|(at, value)| {
            value.rational().is_some_and(|value| value == &one + &step * RBig::from(at as u64))
        });
        if !is_even || step.is_zero() {
            return Err(OPEN);
        }
        let count = (end - &one) / &step;
        let body = Sum::atom(Atom::Name(RUNNING.into())).scaled(&step).plus(&Sum::from(one), work)?;
        return over_range(product, [Sum::ZERO, Sum::from(count), body], work);
    }
    // `n (n-1) … 1` is read from its end.
    let reversed = last.rational().is_some();
    let (start, end) = if reversed { (last, first) } else { (first, last) };
    let names = std::cell::RefCell::new(Vec::new());
    end.any_atom(&|atom| {
        if let Atom::Name(name) = atom {
            let name = name.split_once('_').map_or(&**name, |(_, subscript)| subscript);
            if !names.borrow().iter().any(|known| known == name) {
                names.borrow_mut().push(name.to_owned());
            }
        }
        false
    });
    for name in names.into_inner() {
        let body = running(end, &name, work)?;
        let at = |value: &Sum| over_range(false, [value.clone(), value.clone(), body.clone()], work);
        let name = Sum::atom(Atom::Name(name.as_str().into()));
        for from in [1, 0] {
            let from = Sum::integer(from);
            if at(&from).ok().as_ref() != Some(start) {
                continue;
            }
            let mut fits = true;
            for (step, value) in before.iter().enumerate() {
                let step = Sum::integer(step as i64);
                let expected = if reversed {
                    let place = name.minus(&step, work)?;
                    let by = |atom: &Atom| (*atom == Atom::Name(RUNNING.into())).then(|| place.clone());
                    substituted(&body, &by, work)?
                } else {
                    at(&from.plus(&step, work)?)?
                };
                fits &= expected == *value;
            }
            if fits
                && (reversed
                    || before.len() > 1
                    || end.any_atom(&|atom| matches!(atom, Atom::Name(name) if name.contains('_'))))
            {
                return over_range(product, [from, name, body], work);
            }
        }
    }
    Err(OPEN)
}

/// The determinant, by its first row.
fn determinant(rows: &[Vec<Sum>], work: &Work) -> Outcome<Sum> {
    let Some((first, rest)) = rows.split_first() else { return Ok(Sum::one()) };
    let mut total = Sum::ZERO;
    for (at, entry) in first.iter().enumerate() {
        work.spend(rows.len() as u64 * rows.len() as u64)?;
        let without = |row: &Vec<Sum>| [&row[..at], &row[at + 1..]].concat();
        let minor = determinant(&rest.iter().map(without).collect::<Vec<_>>(), work)?;
        let part = entry.times(&minor, work)?;
        total = if at % 2 == 0 { total.plus(&part, work)? } else { total.minus(&part, work)? };
    }
    Ok(total)
}
