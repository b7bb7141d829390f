//! GPQA: a question, its correct answer and three others. They are shown in an order that the row alone decides: the digest of the
//! question and the answers, so that it stays the same on every machine and in every file.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use ts_rows::Fields;

use super::fields::{kept, optional_text, text};
use super::object;

const LETTERS: [char; 4] = ['A', 'B', 'C', 'D'];

/// What stands before the question, as the set's users have it (simple-evals).
const INSTRUCTION: &str = "Answer the following multiple choice question. The last line of your response should be of the following \
    format: 'Answer: $LETTER' (without quotes) where LETTER is one of ABCD. Think step by step before answering.";

/// The problem of a row; `id` is its identifier where it has none.
pub(super) fn problem(row: Fields, id: String) -> Result<Value, String> {
    let question = text(&row, &["Question"])?;
    let correct = text(&row, &["Correct Answer"])?;
    let mut choices = vec![correct.clone()];
    for name in ["Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3"] {
        choices.push(text(&row, &[name])?);
    }
    let order = order(&question, &choices);
    let shown: Vec<&String> = order.iter().map(|&index| &choices[index]).collect();
    let letter =
        LETTERS.iter().zip(order).find(|(_, index)| *index == 0).map(|(letter, _)| letter.to_string());
    let listed: Vec<String> =
        LETTERS.iter().zip(&shown).map(|(letter, choice)| format!("{letter}) {choice}")).collect();
    let id = optional_text(&row, &["Record ID", "id"])?.unwrap_or(id);
    let mut fields = vec![
        ("id", json!(id)),
        ("prompt", json!(format!("{INSTRUCTION}\n\n{question}\n\n{}", listed.join("\n")))),
        ("reference", json!(letter)),
        ("choices", json!(shown)),
    ];
    fields.extend(kept(&row, &["Subdomain", "High-level domain"]));
    Ok(object(fields))
}

/// A permutation of the four choices: the digest as a number modulo 24, in the factorial number system.
fn order(question: &str, choices: &[String]) -> [usize; 4] {
    let digest = Sha256::digest(json!([question, choices]).to_string());
    let number = digest.iter().fold(0, |number, &byte| (number * 256 + usize::from(byte)) % 24);
    let mut left = vec![0, 1, 2, 3];
    [number / 6, number / 2 % 3, number % 2, 0].map(|place| left.remove(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(question: &str) -> Fields {
        let row = json!({"Question": question, "Correct Answer": "right\n", "Incorrect Answer 1": "w1", "Incorrect Answer 2": "w2",
                         "Incorrect Answer 3": "w3", "Record ID": "rec1", "Subdomain": "Optics", "Explanation": "because"});
        row.as_object().unwrap().clone()
    }

    #[test]
    fn the_reference_is_the_letter_under_which_the_correct_answer_is_shown() {
        let mut letters = std::collections::BTreeMap::new();
        for n in 0..400 {
            let problem = problem(row(&format!("Question {n}")), "gpqa-1".into()).unwrap();
            let letter = problem["reference"].as_str().unwrap().to_owned();
            assert!(problem["prompt"].as_str().unwrap().contains(&format!("\n{letter}) right")), "{problem}");
            let place = LETTERS.iter().position(|it| letter == it.to_string()).unwrap();
            assert_eq!(problem["choices"][place], "right");
            assert_eq!(problem["choices"].as_array().unwrap().len(), 4);
            assert_eq!((&problem["id"], &problem["Subdomain"]), (&json!("rec1"), &json!("Optics")));
            *letters.entry(letter).or_insert(0) += 1;
        }
        // Each is a quarter of 400, 60 to 140 being more than four standard deviations.
        assert!(letters.len() == 4 && letters.values().all(|n| (60..140).contains(n)), "{letters:?}");
    }

    #[test]
    fn the_order_is_the_row_s_alone() {
        let first = problem(row("Why?"), "a".into()).unwrap();
        assert_eq!(problem(row("Why?"), "b".into()).unwrap(), first);
        assert_eq!(first["choices"], json!(["w2", "right", "w3", "w1"]));
        let mut lacking = row("Why?");
        lacking.remove("Incorrect Answer 2");
        assert!(problem(lacking, "a".into()).unwrap_err().contains("no column `Incorrect Answer 2`"));
    }
}
