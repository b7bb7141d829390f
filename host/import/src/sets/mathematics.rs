//! Sets of mathematics with a problem, an answer and perhaps a solution: MATH-500 and MATH, AIME 2024 and 2025, OpenR1-Math,
//! DeepScaleR.
//!
//! | published as | problem | answer | identifier |
//! |---|---|---|---|
//! | HuggingFaceH4/MATH-500 | `problem` | `answer` | `unique_id` |
//! | EleutherAI/hendrycks_math | `problem` | in `solution`, boxed | |
//! | HuggingFaceH4/aime_2024, yentinglin/aime_2025 | `problem` | `answer` | `id` |
//! | Maxwell-Jia/AIME_2024 | `Problem` | `Answer` | `ID` |
//! | opencompass/AIME2025 | `question` | `answer` | |
//! | math-ai/aime24 | `problem` | in `solution`, boxed | `id` |
//! | math-ai/aime25 | `problem` | `answer` | `id` |
//! | open-r1/OpenR1-Math-220k | `problem` | `answer` | `uuid` |
//! | agentica-org/DeepScaleR-Preview-Dataset | `problem` | `answer` | |
//!
//! `level` is the difficulty; `subject`, `type`, `source`, `problem_type`, `question_type`, `year` and `url` are kept.

use serde_json::{Value, json};
use ts_rows::Fields;

use super::fields::{kept, missing, optional_text, text};
use super::object;

const PROBLEM: [&str; 2] = ["problem", "question"];
const ANSWER: [&str; 1] = ["answer"];
const ID: [&str; 3] = ["unique_id", "uuid", "id"];
const KEPT: [&str; 7] = ["subject", "type", "source", "problem_type", "question_type", "year", "url"];

/// The problem of a row; `id` is its identifier where it has none.
pub(super) fn problem(row: Fields, id: String) -> Result<Value, String> {
    let prompt = text(&row, &PROBLEM)?;
    let reference = match optional_text(&row, &ANSWER)? {
        Some(answer) => answer,
        None => boxed_in_solution(&row)?,
    };
    let id = optional_text(&row, &ID)?.unwrap_or(id);
    let mut fields = vec![("id", json!(id)), ("prompt", json!(prompt)), ("reference", json!(reference))];
    fields.extend(level(&row)?.map(|level| ("difficulty", json!(level))));
    fields.extend(kept(&row, &KEPT));
    Ok(object(fields))
}

fn boxed_in_solution(row: &Fields) -> Result<String, String> {
    let Some(solution) = optional_text(row, &["solution"])? else { return Err(missing(row, &ANSWER)) };
    let boxed = last_boxed(&solution).map(str::trim).filter(|boxed| !boxed.is_empty());
    boxed.map(str::to_owned).ok_or_else(|| format!("{}; its `solution` boxes nothing", missing(row, &ANSWER)))
}

/// What stands within the braces of the last `\boxed` or `\fbox`.
fn last_boxed(solution: &str) -> Option<&str> {
    let commands = ["\\boxed{", "\\fbox{"];
    let begins = commands.iter().filter_map(|it| solution.rfind(it).map(|at| at + it.len())).max()?;
    let inside = &solution[begins..];
    let (mut depth, mut is_escaped) = (1, false);
    for (at, c) in inside.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(&inside[..at]);
        }
    }
    None
}

/// A level as a number, or at the end of `Level 5`; `Level ?`, which MATH has, is none.
fn level(row: &Fields) -> Result<Option<u32>, String> {
    let Some(level) = optional_text(row, &["level"])? else { return Ok(None) };
    match level.rsplit(' ').next().unwrap_or_default() {
        "?" => Ok(None),
        number => number
            .parse()
            .map(Some)
            .map_err(|_| format!("column `level` is `{level}`, not a number or `Level 5`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(row: Value) -> Result<Value, String> {
        problem(row.as_object().unwrap().clone(), "set-1".into())
    }

    #[test]
    fn the_columns_of_every_publisher() {
        for (row, expected) in [
            (
                json!({"problem": "P", "solution": "S", "answer": "\\frac{1}{2}", "subject": "Algebra", "level": 2,
                       "unique_id": "test/algebra/1.json"}),
                json!({"id": "test/algebra/1.json", "prompt": "P", "reference": "\\frac{1}{2}", "difficulty": 2, "subject": "Algebra"}),
            ),
            (
                json!({"problem": "P", "level": "Level 5", "type": "Geometry", "solution": "\\boxed{1}, so \\boxed{\\frac{3}{4}}."}),
                json!({"id": "set-1", "prompt": "P", "reference": "\\frac{3}{4}", "difficulty": 5, "type": "Geometry"}),
            ),
            (
                json!({"id": 60, "problem": "P", "solution": "S", "answer": "204", "url": "U", "year": "2024"}),
                json!({"id": "60", "prompt": "P", "reference": "204", "url": "U", "year": "2024"}),
            ),
            (
                json!({"ID": "2024-I-1", "Problem": "P", "Solution": "S", "Answer": 204}),
                json!({"id": "2024-I-1", "prompt": "P", "reference": "204"}),
            ),
            (
                json!({"question": "P", "answer": "70"}),
                json!({"id": "set-1", "prompt": "P", "reference": "70"}),
            ),
            (
                json!({"id": 0, "problem": "P", "solution": "\\boxed{204}", "url": "U"}),
                json!({"id": "0", "prompt": "P", "reference": "204", "url": "U"}),
            ),
            (
                json!({"problem": "P", "solution": "S", "answer": "v", "problem_type": "Algebra", "question_type": "MCQ", "source": "olympiads",
                       "uuid": "u-1", "generations": ["a"], "correctness_math_verify": [true], "messages": []}),
                json!({"id": "u-1", "prompt": "P", "reference": "v", "source": "olympiads", "problem_type": "Algebra", "question_type": "MCQ"}),
            ),
        ] {
            assert_eq!(of(row.clone()).unwrap(), expected, "{row}");
        }
    }

    #[test]
    fn what_a_row_lacks_is_named() {
        for (row, reason) in [
            (json!({"answer": "1"}), "no column `problem` (nor `question`)"),
            (
                json!({"problem": "P", "answer": ""}),
                "no column `answer`, or it is empty; there are answer, problem",
            ),
            (json!({"problem": "P", "answer": null, "solution": "x"}), "its `solution` boxes nothing"),
            (json!({"problem": "P", "solution": "\\boxed{1"}), "its `solution` boxes nothing"),
            (json!({"problem": "P", "answer": ["1"]}), "column `answer` must be a text or a number"),
            (json!({"problem": "P", "answer": "1", "level": "hard"}), "column `level` is `hard`"),
        ] {
            let error = of(row.clone()).unwrap_err();
            assert!(error.contains(reason), "{row}: {error}");
        }
        assert_eq!(
            of(json!({"problem": "P", "answer": "1", "level": "Level ?"})).unwrap().get("difficulty"),
            None
        );
    }
}
