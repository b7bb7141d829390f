//! A tree back to LaTeX, such that reading it again gives a tree that says the same.
//!
//! In: a tree. Out: text. Every operand that could be misread is in brackets.

use std::fmt::{self, Display, Formatter};

use super::node::{Function, Half, Node, Number, Relation, SetOperator, Symbol};
use super::unit::{Base, Unit};

impl Display for Node {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Node::Number(Number { value, places }) => number(f, value, *places),
            Node::Symbol(symbol) => symbol.fmt(f),
            Node::Infinity => f.write_str("\\infty"),
            Node::Add(terms) => joined(f, terms, " + ", bracketed),
            Node::Neg(inner) => {
                f.write_str("-")?;
                bracketed(f, inner)
            }
            Node::Mul(factors) => joined(f, factors, " \\cdot ", bracketed),
            Node::Div(above, below) => write!(f, "\\frac{{{above}}}{{{below}}}"),
            Node::Pow(base, exponent) => {
                bracketed(f, base)?;
                write!(f, "^{{{exponent}}}")
            }
            Node::PlusMinus(left, right, flipped) => {
                bracketed(f, left)?;
                f.write_str(if *flipped { " \\mp " } else { " \\pm " })?;
                bracketed(f, right)
            }
            Node::Call(function, arguments) => call(f, *function, arguments),
            Node::Apply(name, arguments) => {
                write!(f, "{name}(")?;
                joined(f, arguments, ", ", item)?;
                f.write_str(")")
            }
            Node::Range(range) => {
                let sign = if range.product { "\\prod" } else { "\\sum" };
                write!(f, "{sign}_{{{}={}}}^{{{}}} ", range.variable, range.from, range.to)?;
                bracketed(f, &range.body)
            }
            Node::Bracket(open, items, close) => {
                write!(f, "{open}")?;
                joined(f, items, ", ", item)?;
                write!(f, "{close}")
            }
            Node::Set(items) => {
                f.write_str("\\{")?;
                joined(f, items, ", ", item)?;
                f.write_str("\\}")
            }
            Node::NumberSet(letter) => write!(f, "\\mathbb{{{letter}}}"),
            Node::SetOperation(operator, sets) => {
                let sign = match operator {
                    SetOperator::Union => " \\cup ",
                    SetOperator::Intersection => " \\cap ",
                    SetOperator::Difference => " \\setminus ",
                };
                joined(f, sets, sign, bracketed)
            }
            Node::Matrix(rows) => {
                f.write_str("\\begin{pmatrix}")?;
                for (at, row) in rows.iter().enumerate() {
                    f.write_str(if at > 0 { " \\\\ " } else { "" })?;
                    joined(f, row, " & ", item)?;
                }
                f.write_str("\\end{pmatrix}")
            }
            Node::Relation(sides, signs) => {
                for (at, side) in sides.iter().enumerate() {
                    if at > 0 {
                        write!(f, " {} ", relation(signs[at - 1]))?;
                    }
                    match side {
                        Node::Relation(..) | Node::List(_) => bracketed(f, side)?,
                        side => side.fmt(f)?,
                    }
                }
                Ok(())
            }
            Node::List(items) => joined(f, items, ", ", item),
            Node::Ratio(parts) => joined(f, parts, " : ", bracketed),
            Node::Time(minutes, half) => {
                let (hours, minutes) = (minutes / 60, minutes % 60);
                match half {
                    None => write!(f, "{hours}:{minutes:02}"),
                    Some(half) => {
                        let hours = if hours % 12 == 0 { 12 } else { hours % 12 };
                        let half = if *half == Half::Morning { "AM" } else { "PM" };
                        write!(f, "{hours}:{minutes:02} \\text{{ {half}}}")
                    }
                }
            }
            Node::Quantity(value, unit) => quantity(f, value, unit),
            Node::Based(digits, base) => write!(f, "{digits}_{{{base}}}"),
            Node::Residue(value, modulus) => {
                bracketed(f, value)?;
                write!(f, " \\pmod{{{modulus}}}")
            }
            Node::With(inner, conditions) => {
                item(f, inner)?;
                for (at, condition) in conditions.iter().enumerate() {
                    write!(f, "{} {condition}", if at == 0 { " \\text{ where }" } else { "," })?;
                }
                Ok(())
            }
            Node::Cases(branches) => {
                f.write_str("\\begin{cases}")?;
                for (at, branch) in branches.iter().enumerate() {
                    f.write_str(if at > 0 { " \\\\ " } else { "" })?;
                    match branch {
                        Node::With(value, conditions) => {
                            item(f, value)?;
                            f.write_str(" & ")?;
                            joined(f, conditions, ", ", item)?;
                        }
                        value => item(f, value)?,
                    }
                }
                f.write_str("\\end{cases}")
            }
            Node::Dots => f.write_str("\\ldots"),
            Node::Either(readings) => match readings.first() {
                Some(first) => first.fmt(f),
                None => Ok(()),
            },
            // In quotes a word does not join its neighbours.
            Node::Text(text) if super::names::connective(text).is_some() => {
                write!(f, "\\text{{\"{text}\"}}")
            }
            Node::Text(text) => write!(f, "\\text{{{text}}}"),
        }
    }
}

impl Display for Symbol {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Symbol::Pi => f.write_str("\\pi"),
            Symbol::E => f.write_str("e"),
            Symbol::I => f.write_str("i"),
            Symbol::Name(name) => {
                let (stem, subscript) = name.split_once('_').unwrap_or((name, ""));
                let is_word = stem.len() > 1 && stem.chars().all(|c| c.is_ascii_alphanumeric());
                let is_greek = is_word && super::names::word(stem).is_some();
                let is_line = is_word && !is_greek && stem.contains(|c: char| !c.is_ascii_uppercase());
                match (is_greek, is_line) {
                    (true, _) => write!(f, "\\{stem}")?,
                    (_, true) => write!(f, "\\overline{{{stem}}}")?,
                    _ => f.write_str(stem)?,
                }
                if subscript.is_empty() { Ok(()) } else { write!(f, "_{{{subscript}}}") }
            }
        }
    }
}

fn number(f: &mut Formatter<'_>, value: &dashu_ratio::RBig, places: Option<u32>) -> fmt::Result {
    match places {
        Some(places) => {
            let scale = dashu_int::UBig::from(10_u8).pow(places as usize);
            let digits = (value * dashu_ratio::RBig::from(scale)).trunc().to_string();
            let digits = format!("{digits:0>width$}", width = places as usize + 1);
            let (whole, fraction) = digits.split_at(digits.len() - places as usize);
            write!(f, "{whole}.{fraction}")
        }
        None if value.is_int() => write!(f, "{}", value.numerator()),
        None => write!(f, "\\frac{{{}}}{{{}}}", value.numerator(), value.denominator()),
    }
}

fn call(f: &mut Formatter<'_>, function: Function, arguments: &[Node]) -> fmt::Result {
    let around = |f: &mut Formatter<'_>, open: &str, close: &str| {
        f.write_str(open)?;
        joined(f, arguments, ", ", item)?;
        f.write_str(close)
    };
    match (function, arguments) {
        (Function::Root, [degree, inside]) if *degree == Node::integer(2) => write!(f, "\\sqrt{{{inside}}}"),
        (Function::Root, [degree, inside]) => {
            f.write_str("\\sqrt[")?;
            bracketed(f, degree)?;
            write!(f, "]{{{inside}}}")
        }
        (Function::LogBase, [base, arguments @ ..]) => {
            write!(f, "\\log_{{{base}}}(")?;
            joined(f, arguments, ", ", item)?;
            f.write_str(")")
        }
        (Function::Binomial, [above, below]) => write!(f, "\\binom{{{above}}}{{{below}}}"),
        (Function::Mod, [value, divisor]) => {
            bracketed(f, value)?;
            f.write_str(" \\bmod ")?;
            bracketed(f, divisor)
        }
        (Function::Factorial, [inside]) => {
            bracketed(f, inside)?;
            f.write_str("!")
        }
        (Function::DoubleFactorial, [inside]) => {
            bracketed(f, inside)?;
            f.write_str("!!")
        }
        (Function::Transpose, [inside]) => write!(f, "{inside}^T"),
        (Function::Conjugate, [inside]) => write!(f, "\\overline{{{inside}}}"),
        (Function::Determinant, _) => around(f, "\\det(", ")"),
        (Function::Re, _) => around(f, "\\Re(", ")"),
        (Function::Im, _) => around(f, "\\Im(", ")"),
        (Function::Sign, _) => around(f, "\\operatorname{sgn}(", ")"),
        (function, _) => {
            let name = format!("{function:?}").to_lowercase();
            around(f, &format!("\\{name}("), ")")
        }
    }
}

fn quantity(f: &mut Formatter<'_>, value: &Node, unit: &Unit) -> fmt::Result {
    if let Unit::Known { name, .. } = unit
        && matches!(&**name, "$" | "€" | "£" | "¥" | "₹")
    {
        f.write_str(if name == "$" { "\\$" } else { name })?;
        return bracketed(f, value);
    }
    match value {
        // A letter and words would be prose.
        Node::Symbol(_) => write!(f, "{{{value}}}")?,
        value => bracketed(f, value)?,
    }
    match unit {
        Unit::Words(words) => write!(f, " \\text{{ {}}}", words.replace(['{', '}'], "")),
        _ if unit.is(Base::Angle) => f.write_str("^\\circ"),
        _ if unit.is(Base::Percent) => f.write_str("\\%"),
        Unit::Known { name, .. } => write!(f, " \\text{{ {name}}}"),
    }
}

fn relation(sign: Relation) -> String {
    let name = match sign {
        Relation::Named(name) => return format!("\\{name}"),
        Relation::Equal => "=",
        Relation::NotEqual => "\\ne",
        Relation::Less => "<",
        Relation::LessOrEqual => "\\le",
        Relation::Greater => ">",
        Relation::GreaterOrEqual => "\\ge",
        Relation::In => "\\in",
        Relation::NotIn => "\\notin",
        Relation::Subset => "\\subset",
        Relation::Approximately => "\\approx",
        Relation::Congruent => "\\equiv",
        Relation::Arrow => "\\to",
    };
    name.to_owned()
}

type Print = fn(&mut Formatter<'_>, &Node) -> fmt::Result;

fn joined(f: &mut Formatter<'_>, items: &[Node], between: &str, print: Print) -> fmt::Result {
    for (at, node) in items.iter().enumerate() {
        f.write_str(if at > 0 { between } else { "" })?;
        print(f, node)?;
    }
    Ok(())
}

/// A node between commas: a list of its own is a group.
fn item(f: &mut Formatter<'_>, node: &Node) -> fmt::Result {
    if matches!(node, Node::List(_)) { bracketed(f, node) } else { node.fmt(f) }
}

/// A node in brackets, unless nothing beside it can be taken for a part of it. In round brackets a list would
/// be a tuple.
fn bracketed(f: &mut Formatter<'_>, node: &Node) -> fmt::Result {
    match node {
        Node::Number(Number { value, places })
            if (places.is_some() || value.is_int()) && *value >= dashu_ratio::RBig::ZERO =>
        {
            node.fmt(f)
        }
        Node::Symbol(_) | Node::Bracket(..) | Node::Set(_) | Node::Matrix(_) => node.fmt(f),
        Node::List(_) => write!(f, "{{{node}}}"),
        _ => write!(f, "({node})"),
    }
}
