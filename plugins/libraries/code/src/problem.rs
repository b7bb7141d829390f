//! A problem: what its line says of its tests.
//!
//! | field | value |
//! |---|---|
//! | `tests` | a list, at least one test; the forms are below |
//! | `entry_point` or `fn_name` | the function that tests call: at top level, or a method of `class Solution` |
//! | `language` | of the program |
//! | `time_limit_ms`, `memory_limit_mb` | for a test |
//! | `comparison`, `tolerance` | how results are compared |
//! | `preamble` | text before the program: imports, helpers, the beginning of the function that is to be completed |
//! | `setup` | text before each `check` |
//!
//! | a test | is passed if |
//! |---|---|
//! | `{"input": text, "output": text}`, or a list of texts | the program, given the input, writes the output, or one of them |
//! | `{"args": [..], "kwargs": {..}, "expected": value}`, or `"any_of": [..]` | the function gives the value, or one of them |
//! | `{"check": text}` | its asserts hold, in Python; it calls the function, or is `def check(candidate)` |
//!
//! In: fields by name. Out: a [`Problem`], or a sentence on what is wrong with them. Other fields are
//! ignored.

use crate::compare::{Comparison, Rule};
use crate::language::Language;
use crate::settings::Settings;
use crate::value::Value;
use ts_json::Json;

/// A problem's tests and all that they need.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) language: Language,
    pub(crate) entry_point: Option<String>,
    pub(crate) preamble: String,
    pub(crate) setup: String,
    pub(crate) rule: Rule,
    pub(crate) time_limit_ms: u32,
    pub(crate) memory_limit_mb: u32,
    pub(crate) tests: Vec<Test>,
}

/// One test.
#[derive(Debug, PartialEq)]
pub(crate) enum Test {
    /// Standard input against standard output.
    Output { input: String, outputs: Vec<String> },
    /// A call against its value.
    Call { args: Vec<Json>, kwargs: Vec<(String, Json)>, values: Vec<Value> },
    /// Asserts.
    Check(String),
}

impl Problem {
    pub(crate) fn read(fields: &[(String, String)], settings: &Settings) -> Result<Self, String> {
        let field = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| &**value);
        let text = |name: &str| field(name).unwrap_or_default().to_owned();
        let name = |name: &str| field(name).filter(|value| !value.is_empty() && *value != "null");
        let entry_point = name("entry_point").or(name("fn_name")).map(str::to_owned);
        let language = Language::named(name("language").unwrap_or(&settings.language));
        let comparison = name("comparison").map_or(Ok(settings.comparison), Comparison::named)?;
        let tolerance = number(name("tolerance"), "tolerance", settings.tolerance, 0.0..=1.0)?;
        let tests = Json::parse_python(field("tests").ok_or("the problem has no tests")?);
        let tests = tests.map_err(|fault| format!("tests is not JSON: {fault}"))?;
        let tests = tests.as_list().ok_or("tests is not a list")?;
        if tests.is_empty() {
            return Err("the problem has no tests".to_owned());
        }
        let mut read = Vec::new();
        for (at, written) in tests.iter().enumerate() {
            let test = Test::read(written).map_err(|fault| format!("test {}: {fault}", at + 1))?;
            match test {
                Test::Call { .. } if entry_point.is_none() => {
                    return Err(format!("test {}: no entry_point says which function it calls", at + 1));
                }
                Test::Call { .. } if matches!(language, Language::Other(_)) => {
                    return Err(format!(
                        "test {}: functions are called in python and javascript only",
                        at + 1
                    ));
                }
                Test::Check(_) if language != Language::Python => {
                    return Err(format!("test {}: a check is for a program in python", at + 1));
                }
                test => read.push(test),
            }
        }
        Ok(Problem {
            language,
            entry_point,
            preamble: text("preamble"),
            setup: text("setup"),
            rule: Rule { comparison, tolerance },
            time_limit_ms: number(
                name("time_limit_ms"),
                "time_limit_ms",
                settings.time_limit_ms,
                1..=600_000,
            )?,
            memory_limit_mb: number(
                name("memory_limit_mb"),
                "memory_limit_mb",
                settings.memory_limit_mb,
                1..=2048,
            )?,
            tests: read,
        })
    }
}

impl Test {
    fn read(test: &Json) -> Result<Self, String> {
        if let Some(check) = test.get("check") {
            return check
                .as_text()
                .map(|check| Test::Check(check.to_owned()))
                .ok_or("check is not text".to_owned());
        }
        if let Some(output) = test.get("output") {
            let input = test.get("input").map_or(Some(""), Json::as_text).ok_or("input is not text")?;
            let outputs = output.as_list().unwrap_or(std::slice::from_ref(output)).iter();
            let outputs: Option<Vec<_>> = outputs.map(|output| output.as_text().map(str::to_owned)).collect();
            let outputs = outputs.filter(|outputs| !outputs.is_empty());
            let outputs = outputs.ok_or("output is neither text nor a list of texts")?;
            return Ok(Test::Output { input: input.to_owned(), outputs });
        }
        let args = test.get("args").ok_or("it has no output, no args and no check")?;
        let args = args.as_list().ok_or("args is not a list")?.to_vec();
        let kwargs = match test.get("kwargs") {
            None | Some(Json::Null) => Vec::new(),
            Some(Json::Object(members)) => members.clone(),
            Some(_) => return Err("kwargs is not an object".to_owned()),
        };
        let values = match (test.get("expected"), test.get("any_of")) {
            (Some(value), None) => std::slice::from_ref(value),
            (None, Some(Json::List(values))) if !values.is_empty() => values,
            (None, None) => return Err("it has no expected and no any_of".to_owned()),
            (None, Some(_)) => return Err("any_of is not a list, or is empty".to_owned()),
            (Some(_), Some(_)) => return Err("it has both expected and any_of".to_owned()),
        };
        Ok(Test::Call { args, kwargs, values: values.iter().map(Value::of_problem).collect() })
    }
}

fn number<T>(
    text: Option<&str>,
    name: &str,
    default: T,
    range: std::ops::RangeInclusive<T>,
) -> Result<T, String>
where
    T: std::str::FromStr + PartialOrd + std::fmt::Display,
{
    let Some(text) = text else { return Ok(default) };
    let value = text.trim().parse().ok().filter(|value| range.contains(value));
    value
        .ok_or_else(|| format!("{name} must be between {} and {}, and is {text}", range.start(), range.end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &[(&str, &str)]) -> Result<Problem, String> {
        let fields: Vec<_> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Problem::read(&fields, &Settings::default())
    }

    #[test]
    fn every_form_of_test() {
        let tests = r#"[{"input": "1\n", "output": "2\n"}, {"output": ["a", "b"]}, {"args": [1], "expected": null},
            {"args": [], "kwargs": {"n": 2}, "any_of": [1, 2]}, {"check": "assert f(1) == 2"}]"#;
        let problem = read(&[("tests", tests), ("fn_name", "f"), ("time_limit_ms", "2000")]).unwrap();
        assert_eq!((problem.tests.len(), problem.time_limit_ms, problem.memory_limit_mb), (5, 2000, 512));
        assert_eq!(
            problem.tests[1],
            Test::Output { input: String::new(), outputs: vec!["a".to_owned(), "b".to_owned()] }
        );
        let Test::Call { kwargs, values, .. } = &problem.tests[3] else { panic!() };
        assert_eq!((kwargs.len(), values.len()), (1, 2));
    }

    #[test]
    fn a_malformed_problem_says_what_is_wrong() {
        for (fields, fault) in [
            (vec![], "the problem has no tests"),
            (vec![("tests", "[]")], "the problem has no tests"),
            (vec![("tests", "{")], "tests is not JSON: it ends too early"),
            (vec![("tests", "{}")], "tests is not a list"),
            (vec![("tests", "[{}]")], "test 1: it has no output, no args and no check"),
            (vec![("tests", "[3]")], "test 1: it has no output, no args and no check"),
            (vec![("tests", r#"[{"output": 3}]"#)], "test 1: output is neither text nor a list of texts"),
            (
                vec![("tests", r#"[{"args": [], "expected": 1}]"#)],
                "test 1: no entry_point says which function it calls",
            ),
            (vec![("tests", r#"[{"args": [], "any_of": []}]"#)], "test 1: any_of is not a list, or is empty"),
            (
                vec![("tests", r#"[{"check": "assert 1"}]"#), ("language", "js")],
                "test 1: a check is for a program in python",
            ),
            (
                vec![("tests", r#"[{"output": ""}]"#), ("time_limit_ms", "0")],
                "time_limit_ms must be between 1 and 600000, and is 0",
            ),
            (
                vec![("tests", r#"[{"output": ""}]"#), ("comparison", "fuzzy")],
                "comparison must be tokens, lines, exact or numeric, and is fuzzy",
            ),
        ] {
            assert_eq!(read(&fields).unwrap_err(), fault);
        }
    }
}
