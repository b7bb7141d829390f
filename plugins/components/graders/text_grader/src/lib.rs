//! Verifier `text_grader`: the answer's text against a reference, without mathematics. TokenSqueeze, section
//! 3.1, for problems whose answer is a word, a phrase, a pattern, a document or a plain number.
//!
//! Two questions, each with a setting: where the answer stands ([`place`]), and when it is the reference's:
//!
//! | `mode` | the reference | the answer is right if |
//! |---|---|---|
//! | `exact` | a text ([`exact`]) | it is the same text, letter by letter |
//! | `normalised` | a text, or a JSON list of accepted texts ([`normalised`]) | it is the same but for case, punctuation, articles |
//! | `regex` | a regular expression ([`pattern`]) | it matches |
//! | `json` | a JSON value ([`json`]) | it is the same value |
//! | `numeric` | a number ([`numeric`]) | it is within the tolerances |
//!
//! White space around either never counts. A reference that is not what its mode asks for, or empty, is a bad
//! reference, whatever the response.
//!
//! In: a problem and a response. Out: a grade with the place of the answer and a note of what was compared.
//! Left out on purpose: meaning. `1/2` is not `0.5` here, nor `couch` `sofa`.

mod exact;
mod json;
mod normalised;
mod numeric;
mod pattern;
mod place;
mod ratio;

use ts_plugin_sdk::verifier::{Graded, Problem, Verdict, graded};
use ts_plugin_sdk::{Description, Plugin, Settings, Value, Verifier, description, export_verifier, setting};

use exact::Exact;
use json::Document;
use normalised::{Normalisation, Normalised};
use numeric::{Numeric, Tolerance};
use pattern::Pattern;
use place::AnswerFrom;

/// A reference, read as its mode reads it.
trait Reference {
    /// Compares an answer, which is trimmed and not empty.
    fn judge(&self, answer: &str) -> Judged;
}

/// What came of a comparison, and on what grounds.
#[derive(Debug, PartialEq)]
struct Judged {
    verdict: Verdict,
    note: String,
}

impl Judged {
    /// Right or wrong.
    fn of(is_correct: bool, note: impl Into<String>) -> Self {
        let verdict = if is_correct { Verdict::Correct } else { Verdict::Incorrect };
        Judged { verdict, note: note.into() }
    }
}

/// When an answer is the reference's.
#[derive(Debug, Clone, PartialEq)]
enum Mode {
    Exact,
    Normalised(Normalisation),
    Regex { anchored: bool },
    Json,
    Numeric(Tolerance),
}

/// Compares texts.
#[derive(Debug, Clone, PartialEq)]
struct TextGrader {
    mode: Mode,
    answer_from: AnswerFrom,
}

impl Plugin for TextGrader {
    fn describe() -> Description {
        let text = |text: &str| Value::Text(text.to_owned());
        let settings = vec![
            setting(
                "mode",
                text("normalised"),
                "When the answer is right: exact, normalised, regex, json or numeric.",
            ),
            setting(
                "answer_from",
                text("stated"),
                "Where the answer stands: stated (boxed, tagged, after `the answer is`), whole (all after the \
                 reasoning), or last_line.",
            ),
            setting(
                "drop_punctuation",
                Value::Boolean(true),
                "normalised: leave out punctuation, save in numbers.",
            ),
            setting("drop_articles", Value::Boolean(true), "normalised: leave out the words a, an and the."),
            setting(
                "anchored",
                Value::Boolean(true),
                "regex: the whole answer must match, not a part of it.",
            ),
            setting(
                "absolute_tolerance",
                Value::Number(0.0),
                "numeric: right if |answer - reference| is at most this; 0 or more.",
            ),
            setting(
                "relative_tolerance",
                Value::Number(0.0),
                "numeric: right if |answer - reference| is at most this share of the larger; 0 to 1.",
            ),
        ];
        let summary =
            "The answer's text must be the reference: exact, normalised, a pattern, JSON, or a number.";
        description("text_grader", env!("CARGO_PKG_VERSION"), summary, settings)
    }

    fn configure(settings: &Settings) -> Result<Self, String> {
        let mode = match settings.text("mode")? {
            "exact" => Mode::Exact,
            "normalised" => Mode::Normalised(Normalisation {
                drop_punctuation: settings.boolean("drop_punctuation")?,
                drop_articles: settings.boolean("drop_articles")?,
            }),
            "regex" => Mode::Regex { anchored: settings.boolean("anchored")? },
            "json" => Mode::Json,
            "numeric" => {
                let absolute = settings.number_within("absolute_tolerance", 0.0..=f64::MAX)?;
                let relative = settings.number_within("relative_tolerance", 0.0..=1.0)?;
                let tolerance = Tolerance::new(absolute, relative);
                Mode::Numeric(tolerance.ok_or("absolute_tolerance must be finite")?)
            }
            other => {
                return Err(format!(
                    "mode must be exact, normalised, regex, json or numeric, and is {other}"
                ));
            }
        };
        let answer_from = match settings.text("answer_from")? {
            "stated" => AnswerFrom::Stated,
            "whole" => AnswerFrom::Whole,
            "last_line" => AnswerFrom::LastLine,
            other => return Err(format!("answer_from must be stated, whole or last_line, and is {other}")),
        };
        Ok(TextGrader { mode, answer_from })
    }
}

impl Verifier for TextGrader {
    fn grade(&self, problem: &Problem, response: &str) -> Result<Graded, String> {
        let answer = match self.mode {
            Mode::Json => place::document(response, self.answer_from),
            Mode::Numeric(_) => place::answer(response, self.answer_from, true),
            Mode::Exact | Mode::Normalised(_) | Mode::Regex { .. } => {
                place::answer(response, self.answer_from, false)
            }
        };
        let judged = match (self.reference(&problem.reference), &answer) {
            (Err(reason), _) => Judged { verdict: Verdict::BadReference(reason), note: String::new() },
            (Ok(_), None) => Judged { verdict: Verdict::NoAnswer, note: String::new() },
            (Ok(reference), Some(answer)) => reference.judge(&answer.text),
        };
        Ok(graded(judged.verdict, answer.map(|answer| answer.place), judged.note))
    }
}

impl TextGrader {
    /// Reads a reference, or says what is wrong with it.
    fn reference(&self, text: &str) -> Result<Box<dyn Reference>, String> {
        if text.trim().is_empty() {
            return Err("the reference is empty".to_owned());
        }
        Ok(match &self.mode {
            Mode::Exact => Box::new(Exact::read(text)),
            Mode::Normalised(normalisation) => Box::new(Normalised::read(text, *normalisation)?),
            Mode::Regex { anchored } => Box::new(Pattern::read(text, *anchored)?),
            Mode::Json => Box::new(Document::read(text)?),
            Mode::Numeric(tolerance) => Box::new(Numeric::read(text, tolerance.clone())?),
        })
    }
}

export_verifier!(TextGrader);

#[cfg(test)]
mod tests {
    use super::*;
    use ts_plugin_sdk::Setting;

    fn configured(settings: &[(&str, Value)]) -> Result<TextGrader, String> {
        let mut all: Vec<Setting> = TextGrader::describe()
            .settings
            .into_iter()
            .map(|spec| Setting { name: spec.name, value: spec.default })
            .collect();
        for (name, value) in settings {
            all.iter_mut().find(|setting| setting.name == *name).unwrap().value = value.clone();
        }
        TextGrader::configure(&Settings::new(all))
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    fn grade(settings: &[(&str, Value)], reference: &str, response: &str) -> Graded {
        let problem = Problem {
            id: "p".to_owned(),
            prompt: String::new(),
            reference: reference.to_owned(),
            metadata: vec![],
        };
        configured(settings).unwrap().grade(&problem, response).unwrap()
    }

    #[test]
    fn the_default_is_a_stated_answer_normalised() {
        let response = "<think>London?</think>The answer is **The Eiffel Tower**.";
        let graded = grade(&[], "eiffel tower", response);
        assert_eq!((graded.verdict, graded.score), (Verdict::Correct, 1.0));
        assert_eq!(graded.note, "`eiffel tower` against `eiffel tower`");
        let place = graded.answer.unwrap();
        assert!(response[place.start as usize..place.end as usize].contains("Eiffel Tower"));
    }

    #[test]
    fn each_mode_has_its_own_idea_of_right() {
        let response = "The answer is: 12.50";
        for (mode, reference, expected) in [
            ("exact", "12.50", true),
            ("exact", "12.5", false),
            ("normalised", "[\"12.5\", \"12.50\"]", true),
            ("regex", r"\d+\.\d+", true),
            ("regex", r"\d+", false),
            ("json", "12.5", true),
            ("numeric", "$12.5", true),
        ] {
            let graded = grade(&[("mode", text(mode))], reference, response);
            assert_eq!(graded.verdict == Verdict::Correct, expected, "{mode} {reference}: {graded:?}");
        }
    }

    #[test]
    fn a_bad_reference_is_bad_whatever_the_response() {
        for (mode, reference) in
            [("exact", " "), ("normalised", "[\"\"]"), ("regex", "("), ("json", "{"), ("numeric", "five")]
        {
            for response in ["", "\\boxed{5}"] {
                let graded = grade(&[("mode", text(mode))], reference, response);
                assert!(matches!(graded.verdict, Verdict::BadReference(_)), "{mode} {response}: {graded:?}");
            }
        }
    }

    #[test]
    fn nothing_said_is_no_answer() {
        for answer_from in ["stated", "whole", "last_line"] {
            let graded = grade(&[("answer_from", text(answer_from))], "5", "<think>5</think> \n");
            assert_eq!((graded.verdict, graded.answer, graded.score), (Verdict::NoAnswer, None, 0.0));
        }
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        for (name, value) in
            [("mode", text("fuzzy")), ("answer_from", text("first_line")), ("drop_articles", text("yes"))]
        {
            assert!(configured(&[(name, value)]).unwrap_err().starts_with(name), "{name}");
        }
        for (name, value) in [("absolute_tolerance", -1.0), ("relative_tolerance", 1.5)] {
            let complaint =
                configured(&[("mode", text("numeric")), (name, Value::Number(value))]).unwrap_err();
            assert!(complaint.starts_with(name), "{complaint}");
        }
    }
}
