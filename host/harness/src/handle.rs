//! One call of a plugin in any of its roles, as JSON.
//!
//! | role | input | output |
//! |---|---|---|
//! | verifier | `{"problem": {"id", "prompt", "reference", …}, "response"}` | `{"verdict", "why", "score", "answer": [start, end], "note", "tests"}` |
//! | step splitter | `{"text"}` | `{"steps": [[start, end], …]}` |
//! | selection policy | `{"problem_id", "responses": […], "token_limit", "seed"}` | `{"positives": […], "pairs": […]}` |
//! | length function | `{"text", "tokens"}` | `{"length"}` |
//!
//! Places are bytes. A call that fails has the output `{"error": {"kind", "message"}}`: it is a result, as a
//! grade is.
//!
//! In: an opened plugin, a role, settings, an input. Out: the output, and what it cost. Runners are not among
//! the roles: their programs are run by verifiers.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use ts_plugin::{
    Call, CallError, Candidate, CandidateOutcome, Grade, Group, LengthFunction, LoadError, Plugin, Problem,
    Role, SelectionPolicy, StepSplitter, Verifier,
};

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
#[derive(Debug, Clone, PartialEq)]
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
    /// How the call failed, if it did: [`ts_plugin::CallErrorKind::name`].
    pub failed: Option<&'static str>,
    /// Fuel used, units, where known.
    pub fuel: Option<u64>,
    /// Memory that the instance held in the end, bytes; 0 if the call failed.
    pub memory: u64,
}

impl Input {
    /// Something to ask a plugin of a role whose cases are not at hand: short, and within the contract.
    pub fn example(role: Role) -> Self {
        const REASONING: &str = "1 and 1 is 2.\n\nLet me check: 2 - 1 is 1.";
        let candidate = |outcome, tokens: u32| Candidate {
            outcome,
            score: f64::from(u8::from(outcome == CandidateOutcome::Correct)),
            length: f64::from(tokens),
            tokens,
            finished: true,
            step_tokens: vec![tokens],
            first_correct_steps: Some(1),
        };
        match role {
            Role::Verifier | Role::Runner => {
                let problem = Problem {
                    id: "example".into(),
                    prompt: "What is 1 + 1?".into(),
                    reference: "2".into(),
                    metadata: vec![],
                };
                Self::Grade(problem, format!("{REASONING}</think>\n\nThe answer is \\boxed{{2}}."))
            }
            Role::StepSplitter => Self::Split(REASONING.into()),
            Role::SelectionPolicy => Self::Select(Group {
                problem_id: "example".into(),
                responses: vec![
                    candidate(CandidateOutcome::Correct, 20),
                    candidate(CandidateOutcome::Correct, 30),
                    candidate(CandidateOutcome::Incorrect, 40),
                ],
                token_limit: 100,
                seed: 1,
            }),
            Role::LengthFunction => Self::Measure(REASONING.into(), 20),
        }
    }

    /// As [`Handle::input`] reads it.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Grade(problem, response) => {
                let Problem { id, prompt, reference, metadata } = problem;
                let mut fields = json!({"id": id, "prompt": prompt, "reference": reference});
                for (name, value) in metadata {
                    fields[name] = json!(value);
                }
                json!({"problem": fields, "response": response})
            }
            Self::Split(text) => json!({ "text": text }),
            Self::Select(group) => json!(group),
            Self::Measure(text, tokens) => json!({"text": text, "tokens": tokens}),
        }
    }
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

    /// Its role.
    pub fn role(&self) -> Role {
        match self {
            Self::Verifier(_) => Role::Verifier,
            Self::StepSplitter(_) => Role::StepSplitter,
            Self::SelectionPolicy(_) => Role::SelectionPolicy,
            Self::LengthFunction(_) => Role::LengthFunction,
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
                failed: Some("wrong_role"),
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
        let text = Problem::text_of(value);
        match name.as_str() {
            "id" => problem.id = text,
            "prompt" => problem.prompt = text,
            "reference" => problem.reference = value.as_str().ok_or("`reference` is not text")?.to_owned(),
            _ => problem.metadata.push((name.clone(), text)),
        }
    }
    // Whatever else a problem has is the verifier's; but not where it is a misspelt name of what is not there.
    for name in ["id", "prompt", "reference"].into_iter().filter(|name| !fields.contains_key(*name)) {
        let others = fields.keys().map(String::as_str);
        if let Some(other) = others.into_iter().find(|other| ts_text::nearest(other, [name]).is_some()) {
            return Err(format!("the problem has `{other}` and no `{name}`; did you mean `{name}`?"));
        }
    }
    Ok(problem)
}

fn answered<T>(result: Result<Call<T>, CallError>, output: impl FnOnce(T) -> Value) -> Answered {
    match result {
        Ok(Call { value, fuel, memory, .. }) => {
            Answered { output: output(value), failed: None, fuel: Some(fuel), memory }
        }
        Err(error) => Answered {
            output: json!({"error": {"kind": error.kind.name(), "message": error.to_string()}}),
            failed: Some(error.kind.name()),
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use ts_plugin::{HostOptions, PluginHost, PluginSource};

    use super::*;

    #[test]
    fn inputs_are_read_as_they_are_written_and_the_examples_are_answered() {
        let host = PluginHost::new(HostOptions::default()).unwrap();
        let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins");
        for (role, name) in [
            (Role::Verifier, "exact_grader"),
            (Role::StepSplitter, "paragraph_splitter"),
            (Role::SelectionPolicy, "sky_t1"),
            (Role::LengthFunction, "tokens"),
        ] {
            let plugin = host.load(PluginSource::File(plugins.join(name).with_extension("wasm"))).unwrap();
            let handle = Handle::open(&plugin, Some(role), &Map::new()).unwrap();
            let example = Input::example(role);
            assert_eq!(handle.input(&example.to_json()).unwrap(), example, "{role}");
            assert_eq!(handle.call(&example).failed, None, "{role}");
        }
        let metadata = vec![("tests".to_owned(), "[1]".to_owned())];
        let input = Input::Grade(Problem { metadata, ..Problem::default() }, "x".into());
        assert_eq!(input.to_json()["problem"]["tests"], "[1]");
    }
}
