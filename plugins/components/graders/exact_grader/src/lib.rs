//! Verifier `exact_grader`: the text after the reasoning is the reference, letter by letter. TokenSqueeze,
//! section
//! 3.1, for problems whose answer is a word or a string.
//!
//! The answer is what follows the last `</think>`, or the whole response without one; if that holds
//! `<answer>…</answer>`, the last of these. By default surrounding white space does not count and case does.
//! A reference that is empty (after trimming, if that is on) cannot be graded against: a bad reference.
//!
//! In: a problem and a response. Out: a grade with the place of the answer. Only the text is compared: `0.5`
//! is not `1/2` here.

use ts_plugin_sdk::verifier::{Graded, Problem, Verdict, graded};
use ts_plugin_sdk::{Description, Plugin, Settings, Value, Verifier, description, export_verifier, setting};

/// Compares texts.
struct ExactGrader {
    /// Whether white space around both texts is left out.
    trim: bool,
    /// Whether upper and lower case are the same.
    ignore_case: bool,
}

impl Plugin for ExactGrader {
    fn describe() -> Description {
        let settings = vec![
            setting(
                "trim",
                Value::Boolean(true),
                "Leave out white space around the answer and the reference.",
            ),
            setting("ignore_case", Value::Boolean(false), "Take upper and lower case for the same."),
        ];
        let summary = "The text after the reasoning must be the reference, letter by letter.";
        description("exact_grader", env!("CARGO_PKG_VERSION"), summary, settings)
    }

    fn configure(settings: &Settings) -> Result<Self, String> {
        Ok(ExactGrader { trim: settings.boolean("trim")?, ignore_case: settings.boolean("ignore_case")? })
    }
}

impl Verifier for ExactGrader {
    fn grade(&self, problem: &Problem, response: &str) -> Result<Graded, String> {
        let reference = self.trimmed(&problem.reference);
        let answer = self.trimmed(stated(response));
        let verdict = if reference.is_empty() {
            Verdict::BadReference("the reference is empty".to_owned())
        } else if answer.is_empty() {
            Verdict::NoAnswer
        } else if self.folded(answer) == self.folded(reference) {
            Verdict::Correct
        } else {
            Verdict::Incorrect
        };
        let start = answer.as_ptr() as usize - response.as_ptr() as usize;
        let place = (!answer.is_empty()).then(|| start..start + answer.len());
        Ok(graded(verdict, place, String::new()))
    }
}

impl ExactGrader {
    fn trimmed<'a>(&self, text: &'a str) -> &'a str {
        if self.trim { text.trim() } else { text }
    }

    fn folded(&self, text: &str) -> String {
        if self.ignore_case { text.to_lowercase() } else { text.to_owned() }
    }
}

/// The part of a response that states the answer.
fn stated(response: &str) -> &str {
    let after = response.rsplit_once("</think>").map_or(response, |(_, after)| after);
    let tagged = after.rsplit_once("</answer>").and_then(|(before, _)| before.rsplit_once("<answer>"));
    tagged.map_or(after, |(_, answer)| answer)
}

export_verifier!(ExactGrader);

#[cfg(test)]
mod tests {
    use super::*;

    fn grade(grader: &ExactGrader, reference: &str, response: &str) -> Graded {
        let problem = Problem {
            id: "p".to_owned(),
            prompt: String::new(),
            reference: reference.to_owned(),
            metadata: vec![],
        };
        grader.grade(&problem, response).unwrap()
    }

    const STRICT: ExactGrader = ExactGrader { trim: false, ignore_case: false };
    const LENIENT: ExactGrader = ExactGrader { trim: true, ignore_case: true };

    #[test]
    fn the_answer_stands_after_the_reasoning() {
        let response = "<think>red? no.</think> Blue\n";
        let graded = grade(&LENIENT, "blue", response);
        assert_eq!(graded.verdict, Verdict::Correct);
        let place = graded.answer.unwrap();
        assert_eq!(&response[place.start as usize..place.end as usize], "Blue");
        assert_eq!(grade(&STRICT, "Blue", response).verdict, Verdict::Incorrect);
    }

    #[test]
    fn a_tagged_answer_comes_first() {
        assert_eq!(
            grade(&STRICT, "b", "so: <answer>a</answer> or <answer>b</answer>.").verdict,
            Verdict::Correct
        );
    }

    #[test]
    fn nothing_stated_is_no_answer_and_an_empty_reference_is_bad() {
        assert_eq!(grade(&LENIENT, "a", "<think>a</think>  ").verdict, Verdict::NoAnswer);
        assert!(matches!(grade(&LENIENT, " ", "a").verdict, Verdict::BadReference(_)));
    }
}
