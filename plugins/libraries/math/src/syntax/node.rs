//! What an answer says, as a tree: the parser's output and everything else's input.
//!
//! One kind of node for numbers, expressions, relations, brackets, sets, lists, matrices, quantities and
//! texts, since any of them may stand inside another (`x \in \{1, [2, 3)\}`). A node keeps what was written:
//! `1/2` and `0.5` differ here, and are found equal by [`crate::compare`].
//!
//! Positions in the source are not kept; an answer is one line.

use dashu_ratio::RBig;

use super::unit::Unit;

/// One piece of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// A number as it is written.
    Number(Number),
    /// π, e, i or a name.
    Symbol(Symbol),
    /// Positive infinity.
    Infinity,
    /// A sum; differences are sums with [`Node::Neg`].
    Add(Vec<Node>),
    /// The negative.
    Neg(Box<Node>),
    /// A product.
    Mul(Vec<Node>),
    /// A quotient.
    Div(Box<Node>, Box<Node>),
    /// A power.
    Pow(Box<Node>, Box<Node>),
    /// `a ± b`, or `a ∓ b` if the flag is set: two values.
    PlusMinus(Box<Node>, Box<Node>, bool),
    /// A known function and its arguments.
    Call(Function, Vec<Node>),
    /// A function that the answer names but does not define: `f(2)`.
    Apply(String, Vec<Node>),
    /// A sum or a product over a range of whole numbers.
    Range(Box<Range>),
    /// `(a, b)`, `[a, b)` and so on, with two items or more: a tuple, a point, a vector or an interval.
    Bracket(char, Vec<Node>, char),
    /// A set by its elements.
    Set(Vec<Node>),
    /// ℝ, ℤ and so on, by letter.
    NumberSet(char),
    /// Sets joined by ∪, ∩ or ∖.
    SetOperation(SetOperator, Vec<Node>),
    /// A matrix, row by row.
    Matrix(Vec<Vec<Node>>),
    /// A chain of relations: one sign fewer than sides.
    Relation(Vec<Node>, Vec<Relation>),
    /// Answers side by side, in no order.
    List(Vec<Node>),
    /// `a : b : c`.
    Ratio(Vec<Node>),
    /// A time of day, in minutes after midnight; none of the halves of the day if it does not say.
    Time(u32, Option<Half>),
    /// A number with a unit.
    Quantity(Box<Node>, Unit),
    /// Digits with a base: `1011_2`.
    Based(String, u32),
    /// The numbers that leave a remainder: `7 \pmod{12}`.
    Residue(Box<Node>, Box<Node>),
    /// An answer with what holds of its names: `12k+7, k \in \mathbb{Z}`.
    With(Box<Node>, Vec<Node>),
    /// A function by cases, each a [`Node::With`].
    Cases(Vec<Node>),
    /// What an ellipsis leaves out between items.
    Dots,
    /// A notation with several readings; it says what any of them says.
    Either(Vec<Node>),
    /// Words.
    Text(String),
}

/// A number as it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Number {
    /// Its value.
    pub value: RBig,
    /// Digits after the decimal point, if there is a point and the digits do not repeat.
    pub places: Option<u32>,
}

/// π, e, i or a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Symbol {
    /// The circle's number.
    Pi,
    /// Euler's number.
    E,
    /// The imaginary unit.
    I,
    /// A variable, with its subscript: `x`, `x_1`, `\theta`.
    Name(String),
}

/// A function with a meaning of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // their names are their meanings
pub enum Function {
    Sin,
    Cos,
    Tan,
    Cot,
    Sec,
    Csc,
    Arcsin,
    Arccos,
    Arctan,
    Sinh,
    Cosh,
    Tanh,
    Exp,
    /// Natural logarithm.
    Ln,
    /// A logarithm without a base: 10 or e, whichever makes the two sides agree.
    Log,
    /// `log_base(x)`: the base first.
    LogBase,
    /// `root(degree, x)`: the degree first.
    Root,
    Abs,
    Floor,
    Ceiling,
    Sign,
    Factorial,
    DoubleFactorial,
    Binomial,
    Gcd,
    Lcm,
    Max,
    Min,
    Mod,
    /// Real and imaginary part, complex conjugate.
    Re,
    Im,
    Conjugate,
    /// The determinant of a matrix, its transpose.
    Determinant,
    Transpose,
    Degrees,
}

/// A sum or a product over a range of whole numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Range {
    /// Whether terms are multiplied rather than added.
    pub product: bool,
    /// The running variable.
    pub variable: String,
    /// Its first value.
    pub from: Node,
    /// Its last value.
    pub to: Node,
    /// The term.
    pub body: Node,
}

/// How two sets are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetOperator {
    /// ∪
    Union,
    /// ∩
    Intersection,
    /// ∖
    Difference,
}

/// The sign between two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Relation {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// ∈, and `:` or `|` in a set described by a condition.
    In,
    NotIn,
    Subset,
    Approximately,
    /// ≡
    Congruent,
    /// ⇒, → and `:` after a name.
    Arrow,
    /// Any other, by name: `\parallel`.
    Named(&'static str),
}

/// Half of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// Before noon.
    Morning,
    /// After noon.
    Afternoon,
}

impl Node {
    /// A whole number.
    pub fn integer(value: i64) -> Self {
        Node::Number(Number { value: RBig::from(value), places: None })
    }

    /// A name.
    pub fn name(name: &str) -> Self {
        Node::Symbol(Symbol::Name(name.to_owned()))
    }

    /// The negative, with numbers negated in place.
    pub fn negated(self) -> Self {
        match self {
            Node::Neg(inner) => *inner,
            Node::Quantity(value, unit) => Node::Quantity(Box::new(value.negated()), unit),
            Node::Residue(value, modulus) => Node::Residue(Box::new(value.negated()), modulus),
            other => Node::Neg(Box::new(other)),
        }
    }

    /// A product of factors, without a product around a single one.
    pub fn product(mut factors: Vec<Node>) -> Self {
        if factors.len() == 1 { factors.remove(0) } else { Node::Mul(factors) }
    }

    /// A sum of terms, without a sum around a single one.
    pub fn sum(mut terms: Vec<Node>) -> Self {
        if terms.len() == 1 { terms.remove(0) } else { Node::Add(terms) }
    }

    /// One quantity of several, from a large unit to small ones (`3` hours, `20` minutes), in the large one;
    /// none if they are no such row.
    pub(super) fn compound(parts: Vec<(Node, Unit)>) -> Option<Node> {
        let Some((_, large @ Unit::Known { factor: one, dimensions, .. })) = parts.first() else {
            return None;
        };
        let mut last: Option<&RBig> = None;
        let mut terms = Vec::with_capacity(parts.len());
        for (value, unit) in &parts {
            let Unit::Known { factor, dimensions: others, .. } = unit else { return None };
            if others != dimensions || last.is_some_and(|last| factor >= last) {
                return None;
            }
            let scale = Node::Number(Number { value: factor / one, places: None });
            terms.push(if last.is_none() { value.clone() } else { Node::Mul(vec![value.clone(), scale]) });
            last = Some(factor);
        }
        (terms.len() > 1).then(|| Node::Quantity(Box::new(Node::Add(terms)), large.clone()))
    }

    /// The nodes directly below this one.
    pub fn children(&self) -> Vec<&Node> {
        match self {
            Node::Number(_)
            | Node::Symbol(_)
            | Node::Infinity
            | Node::Dots
            | Node::NumberSet(_)
            | Node::Time(..)
            | Node::Based(..)
            | Node::Text(_) => vec![],
            Node::Add(items)
            | Node::Mul(items)
            | Node::Call(_, items)
            | Node::Apply(_, items)
            | Node::Bracket(_, items, _)
            | Node::Set(items)
            | Node::SetOperation(_, items)
            | Node::Relation(items, _)
            | Node::List(items)
            | Node::Ratio(items)
            | Node::Cases(items)
            | Node::Either(items) => items.iter().collect(),
            Node::With(inner, conditions) => std::iter::once(&**inner).chain(conditions).collect(),
            Node::Neg(inner) | Node::Quantity(inner, _) => vec![inner],
            Node::Div(a, b) | Node::Pow(a, b) | Node::PlusMinus(a, b, _) | Node::Residue(a, b) => vec![a, b],
            Node::Range(range) => vec![&range.from, &range.to, &range.body],
            Node::Matrix(rows) => rows.iter().flatten().collect(),
        }
    }

    /// Whether this node or any below it is of a kind.
    pub fn any(&self, is: &dyn Fn(&Node) -> bool) -> bool {
        is(self) || self.children().into_iter().any(|child| child.any(is))
    }

    /// This node with its children replaced by what `by` makes of them.
    pub fn map(&self, by: &mut dyn FnMut(&Node) -> Node) -> Node {
        let all =
            |items: &[Node], by: &mut dyn FnMut(&Node) -> Node| items.iter().map(by).collect::<Vec<Node>>();
        match self {
            Node::Number(_)
            | Node::Symbol(_)
            | Node::Infinity
            | Node::Dots
            | Node::NumberSet(_)
            | Node::Time(..)
            | Node::Based(..)
            | Node::Text(_) => self.clone(),
            Node::Add(items) => Node::Add(all(items, by)),
            Node::Mul(items) => Node::Mul(all(items, by)),
            Node::Call(function, items) => Node::Call(*function, all(items, by)),
            Node::Apply(name, items) => Node::Apply(name.clone(), all(items, by)),
            Node::Bracket(open, items, close) => Node::Bracket(*open, all(items, by), *close),
            Node::Set(items) => Node::Set(all(items, by)),
            Node::SetOperation(operator, items) => Node::SetOperation(*operator, all(items, by)),
            Node::Relation(items, signs) => Node::Relation(all(items, by), signs.clone()),
            Node::List(items) => Node::List(all(items, by)),
            Node::Ratio(items) => Node::Ratio(all(items, by)),
            Node::Either(items) => Node::Either(all(items, by)),
            Node::Cases(items) => Node::Cases(all(items, by)),
            Node::With(inner, conditions) => Node::With(Box::new(by(inner)), all(conditions, by)),
            Node::Residue(a, b) => Node::Residue(Box::new(by(a)), Box::new(by(b))),
            Node::Neg(inner) => Node::Neg(Box::new(by(inner))),
            Node::Quantity(inner, unit) => Node::Quantity(Box::new(by(inner)), unit.clone()),
            Node::Div(a, b) => Node::Div(Box::new(by(a)), Box::new(by(b))),
            Node::Pow(a, b) => Node::Pow(Box::new(by(a)), Box::new(by(b))),
            Node::PlusMinus(a, b, flipped) => Node::PlusMinus(Box::new(by(a)), Box::new(by(b)), *flipped),
            Node::Range(range) => Node::Range(Box::new(Range {
                from: by(&range.from),
                to: by(&range.to),
                body: by(&range.body),
                ..(**range).clone()
            })),
            Node::Matrix(rows) => Node::Matrix(rows.iter().map(|row| all(row, by)).collect()),
        }
    }
}
