//! Functions and their arguments, sums and products over ranges.

use super::super::names::Command;
use super::super::node::{Function, Node, Range, Relation};
use super::super::token::Token;
use super::{Parsed, Parser, flattened, wrong};

impl Parser {
    /// Arguments in round brackets, the first being taken.
    pub(super) fn arguments(&mut self) -> Parsed<Vec<Node>> {
        let arguments = self.nested(Self::list)?;
        self.expect(')', "(")?;
        Ok(flattened(arguments))
    }

    /// What a known function says of what follows it: base, exponent, arguments.
    pub(super) fn function(&mut self, function: Function) -> Parsed {
        let mut function = function;
        let mut base = None;
        let mut exponent = None;
        loop {
            if self.eat_sign('_') {
                base = Some(if self.eat_sign('{') {
                    self.group()?
                } else {
                    self.argument("a logarithm's base")?
                });
            } else if self.eat_sign('^') {
                exponent = Some(self.exponent()?);
            } else {
                break;
            }
        }
        if exponent
            .as_ref()
            .is_some_and(|node| *node == Node::integer(-1) || *node == Node::integer(1).negated())
            && let Some(inverse) = inverse(function)
        {
            (function, exponent) = (inverse, None);
        }
        let mut arguments = if self.eat_sign('(') {
            self.arguments()?
        } else if self.eat_sign('{') {
            flattened(self.group()?)
        } else {
            vec![self.deeper(Self::bare_argument)?]
        };
        if let Some(base) = base {
            arguments.insert(0, base);
            if function == Function::Log {
                function = Function::LogBase;
            }
        }
        let call = Node::Call(function, arguments);
        Ok(match exponent {
            Some(exponent) => Node::Pow(Box::new(call), Box::new(exponent)),
            None => call,
        })
    }

    /// A function's argument without brackets: factors up to a sign, a function or a bracket.
    fn bare_argument(&mut self) -> Parsed {
        let negative = self.eat_sign('-');
        let mut factors = vec![self.power()?];
        while self.continues(&factors)
            && !matches!(
                self.peek(),
                Some(Token::Command(Command::Function(_) | Command::Bar) | Token::Sign('(' | '[' | '|'))
            )
        {
            let factor = self.power()?;
            factors.push(factor);
        }
        let product = Node::product(factors);
        Ok(if negative { product.negated() } else { product })
    }

    /// `\sum_{k=1}^{n} …`
    pub(super) fn range(&mut self, product: bool) -> Parsed {
        let (mut below, mut above) = (None, None);
        while below.is_none() || above.is_none() {
            if self.eat_sign('_') {
                if !self.eat_sign('{') {
                    return wrong("a sum lacks its first value");
                }
                let name = match (self.peek(), self.peek_at(1)) {
                    (
                        Some(Token::Letter(letter)),
                        Some(Token::Command(Command::Relation(Relation::Equal))),
                    ) => letter.to_string(),
                    _ => return wrong("a sum lacks its running variable"),
                };
                self.at += 2;
                let from = self.nested(Self::sum)?;
                self.expect('}', "{")?;
                below = Some((name, from));
            } else if self.eat_sign('^') {
                above = Some(self.exponent()?);
            } else {
                return wrong("a sum lacks its range");
            }
        }
        let (Some((variable, from)), Some(to)) = (below, above) else {
            return wrong("a sum lacks its range");
        };
        self.bound.push(variable.clone());
        let body = self.deeper(Self::summand);
        self.bound.pop();
        Ok(Node::Range(Box::new(Range { product, variable, from, to, body: body? })))
    }

    /// The term of a sum: a product, as `\sum a + b` is `(\sum a) + b`.
    fn summand(&mut self) -> Parsed {
        let negative = self.eat_sign('-');
        let mut factors = vec![self.power()?];
        loop {
            if self.eat_sign('*') || self.eat_command(Command::Times) || self.continues(&factors) {
                let factor = self.power()?;
                factors.push(factor);
            } else if self.eat_sign('/') {
                let divisor = self.power()?;
                factors = vec![Node::Div(Box::new(Node::product(factors)), Box::new(divisor))];
            } else {
                break;
            }
        }
        let product = Node::product(factors);
        Ok(if negative { product.negated() } else { product })
    }
}

fn inverse(function: Function) -> Option<Function> {
    match function {
        Function::Sin => Some(Function::Arcsin),
        Function::Cos => Some(Function::Arccos),
        Function::Tan => Some(Function::Arctan),
        _ => None,
    }
}
