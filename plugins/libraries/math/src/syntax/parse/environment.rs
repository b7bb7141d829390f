//! Environments: matrices, systems whose rows are answers side by side, and functions by cases.

use super::super::names::Command;
use super::super::node::{Function, Node};
use super::super::token::{Placed, Token};
use super::{Commas, Parsed, Parser, condition, whole, wrong};

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
                if name == "cases"
                    && let Some(branches) = self.branches(&rows)?
                {
                    return Ok(Node::Cases(branches));
                }
                let rows = rows.into_iter().map(|mut row| {
                    row.retain(|placed| placed.token != Token::Sign('&'));
                    self.cell(row)
                });
                let mut rows = rows.collect::<Parsed<Vec<Node>>>()?;
                Ok(if rows.len() == 1 { rows.remove(0) } else { Node::List(rows) })
            }
            _ => wrong(format!("`\\begin{{{name}}}` is not an environment of this grammar")),
        }
    }

    /// The branches of a function by cases; none if the rows are those of a system.
    fn branches(&self, rows: &[Vec<Placed>]) -> Parsed<Option<Vec<Node>>> {
        let mut branches = Vec::with_capacity(rows.len());
        for row in rows {
            let cells = split(row.clone(), |token| *token == Token::Sign('&'));
            let (value, condition) = match &cells[..] {
                [value, condition] => (value.clone(), condition.clone()),
                [_] => match condition::split(row) {
                    Some((value, mut conditions)) if conditions.len() == 1 => (value, conditions.remove(0)),
                    _ => return Ok(None),
                },
                _ => return Ok(None),
            };
            let relates = |placed: &Placed| matches!(placed.token, Token::Command(Command::Relation(_)));
            if condition.first().is_none_or(relates) || value.is_empty() {
                return Ok(None);
            }
            let conditions = condition::read(condition, self.depth + 1)?;
            branches.push(Node::With(Box::new(self.cell(super::trimmed(value))?), conditions));
        }
        Ok((!branches.is_empty()).then_some(branches))
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

/// The items of a row of tokens, if each of several says when it holds:
/// `x \text{ if } x > 0, 0 \text{ otherwise}`.
pub(super) fn worded_cases(tokens: &[Placed]) -> Option<Vec<Vec<Placed>>> {
    let tokens = &condition::opened(tokens)[..];
    let says = |placed: &Placed, words: &[&str]| match &placed.token {
        Token::Word(word) | Token::Text(word) => {
            let first = word.trim().split(' ').next().unwrap_or_default();
            words.contains(&&*first.to_lowercase())
        }
        _ => false,
    };
    let begins = ["if", "when", "for"];
    let last = ["otherwise", "else", "elsewhere"];
    if !tokens.iter().any(|placed| says(placed, &begins)) {
        return None;
    }
    let by_commas = |token: &Token| matches!(token, Token::Sign(',' | ';'));
    let by_words = |token: &Token| matches!(token, Token::Sign(',' | ';') | Token::Command(Command::And));
    let items =
        |items: Vec<Vec<Placed>>| items.into_iter().filter(|item| !item.is_empty()).collect::<Vec<_>>();
    let ends = |item: &[Placed]| item.len() > 1 && item.last().is_some_and(|placed| says(placed, &last));
    let conditional =
        |item: &[Placed]| item.len() > 1 && item[1..].iter().any(|placed| says(placed, &begins));
    let holds = |items: &Vec<Vec<Placed>>| match items.split_last() {
        Some((last, before)) => {
            !before.is_empty()
                && before.iter().all(|item| conditional(item))
                && (conditional(last) || ends(last))
        }
        None => false,
    };
    let items = [items(split(tokens.to_vec(), by_commas)), items(split(tokens.to_vec(), by_words))]
        .into_iter()
        .find(holds)?;
    let marked = |mut item: Vec<Placed>| {
        if ends(&item) {
            // `otherwise` becomes a condition like the others.
            let at = item.len() - 1;
            item.insert(at, Placed { token: Token::Word("if".to_owned()), spaced: true });
        }
        item
    };
    Some(items.into_iter().map(marked).collect())
}
