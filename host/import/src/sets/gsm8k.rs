//! GSM8K: a question, and a solution that ends with `#### 72`.

use serde_json::{Value, json};
use ts_rows::Fields;

use super::fields::text;
use super::object;

/// The problem of a row. Commas within the number are left out.
pub(super) fn problem(row: Fields, id: String) -> Result<Value, String> {
    let question = text(&row, &["question"])?;
    let answer = text(&row, &["answer"])?;
    let Some((_, reference)) = answer.rsplit_once("####") else {
        return Err("column `answer` has no `####` before the final answer".to_owned());
    };
    let reference = reference.trim().replace(',', "");
    if reference.is_empty() {
        return Err("column `answer` has nothing after its `####`".to_owned());
    }
    Ok(object(vec![("id", json!(id)), ("prompt", json!(question)), ("reference", json!(reference))]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_final_answer_is_the_reference() {
        let row =
            |answer: &str| json!({"question": " How many?\n", "answer": answer}).as_object().unwrap().clone();
        let solution = "Natalia sold 48/2 = <<48/2=24>>24 clips.\n#### 1,072";
        let expected = json!({"id": "gsm8k-1", "prompt": "How many?", "reference": "1072"});
        assert_eq!(problem(row(solution), "gsm8k-1".into()).unwrap(), expected);
        assert!(problem(row("72"), "i".into()).unwrap_err().contains("no `####`"));
        assert!(problem(row("x ####"), "i".into()).unwrap_err().contains("nothing after"));
        assert!(problem(row(""), "i".into()).unwrap_err().contains("no column `answer`"));
    }
}
