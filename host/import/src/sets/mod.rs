//! The sets: a file each, from a row to a problem.

pub(crate) mod columns;
mod fields;
mod gpqa;
mod gsm8k;
mod humaneval;
mod livecodebench;
mod mathematics;
mod mbpp;
mod pickle;
pub(crate) mod verl;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use ts_rows::Fields;

use self::columns::Columns;
use crate::Problem;

/// A set whose files are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Set {
    /// `HumanEval.jsonl`.
    HumanEval,
    /// `mbpp.jsonl` or `sanitized-mbpp.json`.
    Mbpp,
    /// `test*.jsonl` of code generation.
    LiveCodeBench,
    /// openai/gsm8k.
    Gsm8k,
    /// HuggingFaceH4/MATH-500, and MATH itself.
    Math,
    /// AIME 2024 and 2025, of several publishers.
    Aime,
    /// Idavidrein/gpqa.
    Gpqa,
    /// open-r1/OpenR1-Math-220k.
    OpenR1Math,
    /// agentica-org/DeepScaleR-Preview-Dataset.
    DeepScaleR,
    /// What verl trains on with RL.
    Verl,
    /// Any, with the columns that matter named.
    Columns(Columns),
}

const MATH_GRADER: Option<&str> = Some("math_grader");
const CODE_GRADER: Option<&str> = Some("code_grader");
const CHOICE_GRADER: Option<&str> = Some("choice_grader");

impl Set {
    /// The problem of a row, which is the `number`-th; or what it lacks.
    pub(crate) fn problem(&self, row: Fields, number: usize) -> Result<Problem, String> {
        let numbered = |set: &str| format!("{set}-{number}");
        let (line, verifier) = match self {
            Self::HumanEval => (humaneval::problem(read(row)?)?, CODE_GRADER),
            Self::Mbpp => (mbpp::problem(read(row)?)?, CODE_GRADER),
            Self::LiveCodeBench => (livecodebench::problem(read(row)?)?, CODE_GRADER),
            Self::Gsm8k => (gsm8k::problem(row, numbered("gsm8k"))?, MATH_GRADER),
            Self::Math => (mathematics::problem(row, numbered("math"))?, MATH_GRADER),
            Self::Aime => (mathematics::problem(row, numbered("aime"))?, MATH_GRADER),
            Self::OpenR1Math => (mathematics::problem(row, numbered("openr1-math"))?, MATH_GRADER),
            Self::DeepScaleR => (mathematics::problem(row, numbered("deepscaler"))?, MATH_GRADER),
            Self::Gpqa => (gpqa::problem(row, numbered("gpqa"))?, CHOICE_GRADER),
            Self::Verl => verl::problem(row, number)?,
            Self::Columns(columns) => (columns.problem(row, numbered("row"))?, None),
        };
        Ok(Problem { line, verifier })
    }
}

fn read<T: DeserializeOwned>(row: Fields) -> Result<T, String> {
    serde_json::from_value(Value::Object(row)).map_err(|error| error.to_string())
}

/// Fields as an object, in the order given; empty texts are left out.
fn object(fields: Vec<(&str, Value)>) -> Value {
    let is_said = |(_, value): &(&str, Value)| !matches!(value, Value::Null) && value != "";
    Value::Object(
        fields
            .into_iter()
            .filter(is_said)
            .map(|(name, value)| (name.to_owned(), value))
            .collect::<Map<_, _>>(),
    )
}
