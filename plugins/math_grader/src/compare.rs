//! Whether two normalised texts say the same.
//!
//! Numbers are equal as fractions; units matter only where both are written (`18 dollars` is `18`, `5 cm` is
//! not `5 kg`, and 28 % is 28 but not 0.28). So do names (`x = 5` is `5`, and not `y = 5`). Lists are equal
//! in any order, tuples in theirs. Texts are equal letter by letter.
//!
//! In: two texts from [`crate::normalise`]. Out: yes or no. Left out on purpose: tolerance; 0.333 is not 1/3.

use crate::normalise::MAX_BYTES;
use crate::value::{Answer, Value};

/// Lists longer than this are compared in their order: matching in any order takes the square.
const MAX_UNORDERED: usize = 64;

/// Whether the answer equals the reference.
pub(crate) fn equal(reference: &str, answer: &str) -> bool {
    if reference == answer {
        return true;
    }
    if reference.len() > MAX_BYTES || answer.len() > MAX_BYTES {
        return false;
    }
    same_answer(&Answer::parse(reference), &Answer::parse(answer))
}

fn same_answer(a: &Answer, b: &Answer) -> bool {
    same_where_written(&a.name, &b.name) && same_value(&a.value, &b.value)
}

fn same_value(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a, a_unit), Value::Number(b, b_unit)) => a == b && same_where_written(a_unit, b_unit),
        (Value::List(a), Value::List(b)) => same_list(a, b),
        (Value::Tuple(a_open, a, a_close), Value::Tuple(b_open, b, b_close)) => {
            (a_open, a_close) == (b_open, b_close) && same_tuple(a, b)
        }
        (Value::Text(a), Value::Text(b)) => a == b,
        _ => false,
    }
}

fn same_where_written(a: &Option<String>, b: &Option<String>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    }
}

fn same_tuple(a: &[Answer], b: &[Answer]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_answer(a, b))
}

/// Whether two lists hold the same, each item as often.
fn same_list(a: &[Answer], b: &[Answer]) -> bool {
    if a.len() != b.len() || a.len() > MAX_UNORDERED {
        return same_tuple(a, b);
    }
    let mut left: Vec<&Answer> = b.iter().collect();
    a.iter().all(|item| {
        let found = left.iter().position(|other| same_answer(item, other));
        found.map(|at| left.swap_remove(at)).is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalise::normalise;
    use proptest::prelude::*;

    fn same(a: &str, b: &str) -> bool {
        equal(&normalise(a), &normalise(b))
    }

    #[test]
    fn what_is_the_same() {
        for (a, b) in [
            ("\\frac{63}{8}", "7.875"),
            ("\\frac{13}{6}", "2\\frac16"),
            ("8", "x = 8"),
            ("1{,}234{,}567", "1234567"),
            ("\\$18", "18 dollars"),
            ("28\\%", "28"),
            ("28\\%", "28 percent"),
            ("30^{\\circ}", "30 degrees"),
            ("5\\text{ cm}", "5 \\mbox{cm}"),
            ("4,10,-2", "10, 4, -2"),
            ("\\left(\\frac12,4\\right)", "(0.5,\\ 4)"),
            ("\\text{(B)}", "B"),
            ("Yes", "\\text{yes}"),
            ("x^{2}+1", "x^2 + 1"),
            ("\\begin{pmatrix}1/2\\\\2\\end{pmatrix}", "\\begin{bmatrix} 0.5 \\\\ 2 \\\\ \\end{bmatrix}"),
        ] {
            assert!(same(a, b), "{a} and {b}");
        }
    }

    #[test]
    fn what_is_not() {
        for (a, b) in [
            ("0.28", "28\\%"),
            ("5\\text{ cm}", "5\\text{ kg}"),
            ("x = 5", "y = 5"),
            ("(4,5)", "(5,4)"),
            ("[2,5)", "(2,5)"),
            ("1,2", "1"),
            ("1,1,2", "1,2,2"),
            ("\\frac13", "0.333"),
            ("1e999999999", "1"),
            ("2", "2 2/3"),
            ("a-b", "b-a"),
        ] {
            assert!(!same(a, b), "{a} and {b}");
        }
    }

    proptest! {
        #[test]
        fn every_text_equals_itself_and_order_does_not_matter(
            a in "[0-9a-c(),.={}\\\\/ %]{0,20}",
            b in "[0-9a-c(),.={}\\\\/ %]{0,20}",
        ) {
            prop_assert!(same(&a, &a));
            prop_assert_eq!(same(&a, &b), same(&b, &a));
        }
    }
}
