//! Verifier `choice_grader`: the option that a response settles on is the one that the reference names.
//! TokenSqueeze, section 3.1, for multiple choice (GPQA, MMLU and MMLU-Pro, ARC, CommonsenseQA, HellaSwag).
//!
//! A response names an option by its letter ([`ts_extract::choice`]) or, where the problem's metadata has the
//! options ([`options`]), by its text. The letter of a box, a tag or a statement comes first, then the text
//! that stands there, then a letter in passing, then a text in passing, at last in the last line.
//!
//! A reference is a letter in any dress (`B`, `(B)`, `\text{(B)}`, `b)`), the data set's own label, the text
//! of an option, or, as the setting `reference` says, an index. One that names no option is a bad reference.
//!
//! In: a problem and a response. Out: a grade with the place of the answer. One option is right, and no other
//! has any credit.

mod normal;
mod options;

use std::ops::Range;

use ts_extract::How;
use ts_plugin_sdk::verifier::{Graded, Problem, Verdict, graded};
use ts_plugin_sdk::{Description, Plugin, Settings, Value, Verifier, description, export_verifier, setting};

use normal::normal;
use options::{Choice, by_text, letter, options, position};

/// How references name options.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reference {
    /// By letter, label or text.
    Letter,
    /// By number, from this one on.
    Index(usize),
}

/// Compares options.
struct ChoiceGrader {
    /// The number of options where the metadata does not say.
    count: usize,
    reference: Reference,
    /// Whether a response may name an option by its text.
    by_text: bool,
}

impl Plugin for ChoiceGrader {
    fn describe() -> Description {
        let settings = vec![
            setting(
                "options",
                Value::Integer(10),
                "The number of options where the problem does not list them: 10 are the letters A to J.",
            ),
            setting(
                "reference",
                Value::Text("letter".to_owned()),
                "What the reference is: letter (or the option's label or text), index0 (a number from 0), index1 \
                 (a number from 1).",
            ),
            setting(
                "option_text",
                Value::Boolean(true),
                "A response may name an option by its text, if the problem lists the options under choices or options.",
            ),
        ];
        let summary = "The option that the response settles on must be the one that the reference names.";
        description("choice_grader", env!("CARGO_PKG_VERSION"), summary, settings)
    }

    fn configure(settings: &Settings) -> Result<Self, String> {
        let reference = match settings.text("reference")? {
            "letter" => Reference::Letter,
            "index0" => Reference::Index(0),
            "index1" => Reference::Index(1),
            other => return Err(format!("reference must be letter, index0 or index1, not {other}")),
        };
        let count = settings.integer_within("options", 2..=26)? as usize;
        Ok(ChoiceGrader { count, reference, by_text: settings.boolean("option_text")? })
    }
}

impl Verifier for ChoiceGrader {
    fn grade(&self, problem: &Problem, response: &str) -> Result<Graded, String> {
        let options = options(&problem.metadata);
        let count = if options.is_empty() { self.count } else { options.len() };
        let expected = match self.expected(&problem.reference, &options, count) {
            Ok(expected) => expected,
            Err(reason) => return Ok(graded(Verdict::BadReference(reason), None, String::new())),
        };
        let known = if self.by_text { &*options } else { &[] };
        let Some(Chosen { option, place, by }) = chosen(response, known, count) else {
            return Ok(graded(Verdict::NoAnswer, None, "the response settles on no option".to_owned()));
        };
        let verdict = if option == expected { Verdict::Correct } else { Verdict::Incorrect };
        let note = format!("option {} by its {by}, the reference is {}", letter(option), letter(expected));
        Ok(graded(verdict, Some(place), note))
    }
}

impl ChoiceGrader {
    /// The position of the option that the reference names.
    fn expected(&self, reference: &str, options: &[Choice], count: usize) -> Result<usize, String> {
        let reference = reference.trim();
        let found = match self.reference {
            Reference::Index(first) => {
                reference.parse().ok().and_then(|index: usize| index.checked_sub(first))
            }
            Reference::Letter => (options.iter().position(|option| option.label == reference))
                .or_else(|| by_letter(reference))
                .or_else(|| by_text(options, reference)),
        };
        found.filter(|option| *option < count).ok_or_else(|| {
            let range = match self.reference {
                Reference::Letter => format!("{} to {}", 'A', letter(count - 1)),
                Reference::Index(first) => format!("{first} to {}", first + count - 1),
            };
            format!("the reference `{}` names no option; they are {range}", shortened(reference))
        })
    }
}

/// The option that a response chose.
struct Chosen {
    /// Its position.
    option: usize,
    place: Range<usize>,
    /// By what it is named.
    by: &'static str,
}

/// The option that a response settles on.
fn chosen(response: &str, options: &[Choice], count: usize) -> Option<Chosen> {
    let letter = ts_extract::choice(response, letter(count - 1)).map(|choice| Chosen {
        option: position(choice.letter),
        place: choice.place,
        by: "letter",
    });
    if options.is_empty() {
        return letter;
    }
    let found = ts_extract::answer(response);
    let is_in_passing = found.as_ref().is_some_and(|found| matches!(found.how, How::Formula | How::Number));
    let places = found.map_or(vec![], |found| found.places);
    let is_inside =
        |place: &Range<usize>| places.iter().any(|p| p.start <= place.start && place.end <= p.end);
    if letter.as_ref().is_some_and(|letter| is_inside(&letter.place)) {
        return letter;
    }
    let text_at = |place: Range<usize>| {
        let text = &response[place.clone()];
        let option = by_label(options, text).or_else(|| by_text(options, text))?;
        Some(Chosen { option, place, by: "text" })
    };
    let text = if let [place] = &*places { text_at(place.clone()) } else { None };
    let chosen = if is_in_passing { letter.or(text) } else { text.or(letter) };
    chosen.or_else(|| text_at(ts_extract::last_line(response)?))
}

/// The option that a text in the dress of a letter names.
fn by_letter(text: &str) -> Option<usize> {
    let text = normal(text);
    let mut letters = text.trim_matches(|c: char| c.is_whitespace() || "()[].:".contains(c)).chars();
    let first = letters.next().filter(char::is_ascii_alphabetic)?;
    letters.next().is_none().then(|| position(first.to_ascii_uppercase()))
}

/// The option whose label, where labels are numbers, is the whole text, unless some option's text is it.
fn by_label(options: &[Choice], text: &str) -> Option<usize> {
    let text = text.trim();
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let is_text = options.iter().any(|option| option.text == text);
    if is_number && !is_text { options.iter().position(|option| option.label == text) } else { None }
}

/// The beginning of a text that may be long.
fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(40)]
}

export_verifier!(ChoiceGrader);

#[cfg(test)]
mod tests;
