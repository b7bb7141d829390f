//! One call of a plugin in any of its roles, as JSON.
//!
//! | role | input | output |
//! |---|---|---|
//! | verifier | `{"problem": {"id", "prompt", "reference", …}, "response"}` | `{"verdict", "why", "score", "answer": [start, end], "note", "tests"}` |
//! | step splitter | `{"text"}` | `{"steps": [[start, end], …]}` |
//! | selection policy | `{"problem_id", "responses": […], "token_limit", "seed"}` | `{"positives": […], "pairs": […]}` |
//! | length function | `{"text", "tokens"}` | `{"length"}` |
//!
//! Places are bytes. A call that fails has the output `{"error": {"kind", "message"}}`: it is a result, as a grade is.
//!
//! In: an opened plugin, a role, settings, an input. Out: the output, and what it cost. Left out on purpose: runners, whose
//! programs are run by verifiers.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use ts_plugin::{
    Call, CallError, Grade, Group, LengthFunction, LoadError, Plugin, Problem, Role, SelectionPolicy,
    StepSplitter, Verifier,
};

use crate::case::as_text;

/// A plugin that is ready to be called in one of its roles.
pub enum Handle {
    /// Grades.
    Verifier(Verifier),
    /// Splits.
    StepSplitter(StepSplitter),
    /// Chooses.
    SelectionPolicy(SelectionPolicy),
    /// Measures.
    LengthFunction(LengthFunction),
}

/// What a role is asked.
pub enum Input {
    /// To grade a response.
    Grade(Problem, String),
    /// To split a text.
    Split(String),
    /// To choose from a group.
    Select(Group),
    /// To measure a text of so many tokens.
    Measure(String, u32),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GradeInput {
    problem: Map<String, Value>,
    response: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SplitInput {
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MeasureInput {
    text: String,
    tokens: u32,
}

#[derive(Serialize)]
struct GradeOutput {
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    score: f64,
    answer: Option<[usize; 2]>,
    note: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tests: Vec<ts_plugin::TestOutcome>,
}

/// What a call gave and what it cost.
pub struct Answered {
    /// The output, or the error.
    pub output: Value,
    /// Whether the call failed.
    pub failed: bool,
    /// Fuel used, units, where known.
    pub fuel: Option<u64>,
    /// Memory that the instance held in the end, bytes; 0 if the call failed.
    pub memory: u64,
}

impl Handle {
    /// Opens a plugin in a role, or in the only one that it has.
    ///
    /// # Errors
    ///
    /// [`LoadError`]; for a plugin of several roles or a runner, the first role that can be called is taken.
    pub fn open(
        plugin: &Plugin,
        role: Option<Role>,
        settings: &Map<String, Value>,
    ) -> Result<Self, LoadError> {
        match role.or_else(|| plugin.roles().first().copied()).unwrap_or(Role::Verifier) {
            Role::Verifier | Role::Runner => plugin.verifier(settings).map(Self::Verifier),
            Role::StepSplitter => plugin.step_splitter(settings).map(Self::StepSplitter),
            Role::SelectionPolicy => plugin.selection_policy(settings).map(Self::SelectionPolicy),
            Role::LengthFunction => plugin.length_function(settings).map(Self::LengthFunction),
        }
    }

    /// Reads an input for this role. The error says what is wrong with it.
    pub fn input(&self, value: &Value) -> Result<Input, String> {
        fn read<T: for<'a> Deserialize<'a>>(value: &Value, form: &str) -> Result<T, String> {
            T::deserialize(value).map_err(|error| format!("{error}; the input is {form}"))
        }
        Ok(match self {
            Self::Verifier(_) => {
                let form = r#"{"problem": {"prompt", "reference", …}, "response"}"#;
                let GradeInput { problem, response } = read(value, form)?;
                Input::Grade(problem_of(&problem)?, response)
            }
            Self::StepSplitter(_) => Input::Split(read::<SplitInput>(value, r#"{"text"}"#)?.text),
            Self::SelectionPolicy(_) => {
                let form = r#"{"problem_id", "responses": [{"outcome", "score", "length", "tokens", "finished", "step_tokens"}], "token_limit", "seed"}"#;
                Input::Select(read(value, form)?)
            }
            Self::LengthFunction(_) => {
                let MeasureInput { text, tokens } = read(value, r#"{"text", "tokens"}"#)?;
                Input::Measure(text, tokens)
            }
        })
    }

    /// Makes one call. An input of another role is an error of the caller's, told as a call that failed.
    pub fn call(&self, input: &Input) -> Answered {
        match (self, input) {
            (Self::Verifier(verifier), Input::Grade(problem, response)) => {
                answered(verifier.grade(problem, response), |grade| json!(graded(grade)))
            }
            (Self::StepSplitter(splitter), Input::Split(text)) => {
                let pairs = |steps: Vec<std::ops::Range<usize>>| {
                    steps.into_iter().map(|step| [step.start, step.end]).collect::<Vec<_>>()
                };
                answered(splitter.split("", text), |steps| json!({ "steps": pairs(steps) }))
            }
            (Self::SelectionPolicy(policy), Input::Select(group)) => {
                answered(policy.select(group), |selection| json!(selection))
            }
            (Self::LengthFunction(length), Input::Measure(text, tokens)) => {
                answered(length.measure("", text, *tokens), |length| json!({ "length": length }))
            }
            _ => Answered {
                output: json!({"error": {"kind": "wrong_role", "message": "the input is for another role"}}),
                failed: true,
                fuel: None,
                memory: 0,
            },
        }
    }
}

/// A problem as a problem set's line has it.
pub(crate) fn problem_of(fields: &Map<String, Value>) -> Result<Problem, String> {
    let mut problem = Problem::default();
    for (name, value) in fields {
        let text = as_text(value);
        match name.as_str() {
            "id" => problem.id = text,
            "prompt" => problem.prompt = text,
            "reference" => problem.reference = value.as_str().ok_or("`reference` is no text")?.to_owned(),
            _ => problem.metadata.push((name.clone(), text)),
        }
    }
    Ok(problem)
}

fn answered<T>(result: Result<Call<T>, CallError>, output: impl FnOnce(T) -> Value) -> Answered {
    match result {
        Ok(Call { value, fuel, memory, .. }) => {
            Answered { output: output(value), failed: false, fuel: Some(fuel), memory }
        }
        Err(error) => Answered {
            output: json!({"error": {"kind": error.kind.name(), "message": error.to_string()}}),
            failed: true,
            fuel: error.fuel,
            memory: 0,
        },
    }
}

fn graded(grade: Grade) -> GradeOutput {
    let (verdict, why) = (grade.verdict.name(), grade.verdict.reason().map(str::to_owned));
    let answer = grade.answer.map(|place| [place.start, place.end]);
    GradeOutput { verdict, why, score: grade.score, answer, note: grade.note, tests: grade.tests }
}
