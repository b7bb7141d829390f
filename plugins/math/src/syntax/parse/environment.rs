//! Environments: matrices, and systems whose rows are answers side by side.

use super::super::names::Command;
use super::super::node::{Function, Node};
use super::super::token::{Placed, Token};
use super::{Commas, Parsed, Parser, whole, wrong};

/// Matrices with more cells than this are not read.
const MAX_CELLS: usize = 1024;

impl Parser {
    /// What stands between `\begin{…}`, which is taken, and its `\end{…}`.
    pub(super) fn environment(&mut self, name: &str) -> Parsed {
        self.check_depth()?;
        let inside = self.until_end(name)?;
        match name {
            "matrix" | "pmatrix" | "bmatrix" | "Bmatrix" | "smallmatrix" | "array" => {
                self.matrix(inside).map(Node::Matrix)
            }
            "vmatrix" | "Vmatrix" => {
                Ok(Node::Call(Function::Determinant, vec![Node::Matrix(self.matrix(inside)?)]))
            }
            "cases" | "align" | "aligned" | "gathered" | "gather" | "split" | "equation" | "alignat"
            | "eqnarray" => {
                let rows = split(inside, |token| *token == Token::Row);
                let rows = rows.into_iter().map(|mut row| {
                    row.retain(|placed| placed.token != Token::Sign('&'));
                    self.cell(row)
                });
                let mut rows = rows.collect::<Parsed<Vec<Node>>>()?;
                Ok(if rows.len() == 1 { rows.remove(0) } else { Node::List(rows) })
            }
            _ => wrong(format!("`\\begin{{{name}}}` is no environment of this grammar")),
        }
    }

    fn matrix(&self, inside: Vec<Placed>) -> Parsed<Vec<Vec<Node>>> {
        let rows = split(inside, |token| *token == Token::Row);
        let cells = |row| split(row, |token| *token == Token::Sign('&')).into_iter();
        let rows: Vec<Vec<Vec<Placed>>> = rows.into_iter().map(|row| cells(row).collect()).collect();
        if rows.iter().map(Vec::len).sum::<usize>() > MAX_CELLS {
            return wrong(format!("it has a matrix of more than {MAX_CELLS} cells"));
        }
        if rows.iter().any(|row| row.len() != rows[0].len()) {
            return wrong("the rows of a matrix differ in length");
        }
        rows.into_iter().map(|row| row.into_iter().map(|cell| self.cell(cell)).collect()).collect()
    }

    fn cell(&self, tokens: Vec<Placed>) -> Parsed {
        if tokens.is_empty() {
            return wrong("a cell is empty");
        }
        whole(tokens, Commas::Separate, self.depth + 1)
    }

    fn until_end(&mut self, name: &str) -> Parsed<Vec<Placed>> {
        let mut depth = 0_usize;
        let start = self.at;
        while let Some(token) = self.next() {
            match token {
                Token::Begin(_) => depth += 1,
                Token::End if depth == 0 => return Ok(self.tokens[start..self.at - 1].to_vec()),
                Token::End => depth -= 1,
                _ => {}
            }
        }
        wrong(format!("`\\begin{{{name}}}` is never ended"))
    }
}

/// Parts of a row of tokens between those that separate, outside every bracket; an empty last part is none.
fn split(tokens: Vec<Placed>, separates: impl Fn(&Token) -> bool) -> Vec<Vec<Placed>> {
    let mut parts = vec![vec![]];
    let mut depth = 0_i32;
    for placed in tokens {
        match &placed.token {
            Token::Sign('(' | '{' | '[') | Token::Begin(_) | Token::Command(Command::SetOpen) => depth += 1,
            Token::Sign(')' | '}' | ']') | Token::End | Token::Command(Command::SetClose) => depth -= 1,
            token if depth == 0 && separates(token) => {
                parts.push(vec![]);
                continue;
            }
            _ => {}
        }
        parts.last_mut().expect("there is always a part").push(placed);
    }
    if parts.len() > 1 && parts.last().is_some_and(Vec::is_empty) {
        parts.pop();
    }
    parts
}
