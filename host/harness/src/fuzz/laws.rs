//! What must hold of an answer. The host holds every answer against the contract at every call: places in the text, indices in
//! the group, finite weights. Here is what takes several calls to see.

use crate::Handle;
use crate::handle::Input;

/// The fault of a plugin that gives two answers to one question.
pub(super) const FICKLE: &str = "two answers";
/// The fault of a splitter whose steps move when the text grows.
pub(super) const UNSTABLE: &str = "steps move";

/// At how many places a text is cut.
const CUTS: usize = 12;

/// What came of an input.
pub(super) enum Outcome {
    /// The plugin answered, as its role promises.
    Held,
    /// It said that it cannot, which it may.
    Refused,
    /// A fault, and what happened.
    Broken(String, String),
}

/// Asks, and holds the answers against the laws.
pub(super) fn broken(handle: &Handle, input: &Input) -> Outcome {
    let first = handle.call(input);
    match first.failed {
        None => {}
        Some("refused") => return Outcome::Refused,
        Some(how) => {
            let message = first.output["error"]["message"].as_str().unwrap_or_default().to_owned();
            return Outcome::Broken(how.replace('_', " "), message);
        }
    }
    let second = handle.call(input);
    if second.output != first.output {
        let told = format!("asked twice, it answers {} and {}", first.output, second.output);
        return Outcome::Broken(FICKLE.to_owned(), told);
    }
    match input {
        Input::Split(text) => match moved(handle, text) {
            Some(told) => Outcome::Broken(UNSTABLE.to_owned(), told),
            None => Outcome::Held,
        },
        _ => Outcome::Held,
    }
}

type Steps = Vec<[usize; 2]>;

/// How the steps of a beginning of a text and those of the text disagree (`wit/step-splitter.wit`), if they do.
pub(super) fn moved(handle: &Handle, text: &str) -> Option<String> {
    let steps = split(handle, text)?;
    let places: Vec<usize> = text.char_indices().map(|(place, _)| place).collect();
    // All places of a short text, and of a long one some: its ends, and evenly between them.
    let stride = places.len().div_ceil(CUTS).max(1);
    let cuts = places.iter().step_by(stride).chain(places.iter().rev().take(4));
    cuts.copied().find_map(|cut| disagreement(text, cut, &split(handle, &text[..cut])?, &steps))
}

fn split(handle: &Handle, text: &str) -> Option<Steps> {
    let answered = handle.call(&Input::Split(text.to_owned()));
    serde_json::from_value(answered.output["steps"].clone()).ok()
}

/// What is split stays split, and an end shows at once.
fn disagreement(text: &str, cut: usize, before: &Steps, steps: &Steps) -> Option<String> {
    let begun = &text[..cut];
    let fixed = &before[..before.len().saturating_sub(1)];
    if let Some(step) =
        fixed.iter().zip(steps).find(|(before, after)| before != after).map(|(before, _)| before)
    {
        return Some(format!(
            "of the first {cut} bytes bytes {} to {} are a step that is not the last, and of the whole text they are none: what is split must stay split",
            step[0], step[1]
        ));
    }
    let last = begun.char_indices().next_back().map_or(0, |(at, _)| at);
    let shown = steps.iter().take_while(|[_, end]| *end <= last).count();
    if before.len() < shown || before[..shown] != steps[..shown] {
        let end = steps[shown - 1][1];
        return Some(format!(
            "of the whole text a step ends at byte {end}, and of the first {cut} bytes it does not: an end must show at once"
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn laws_of_splitting_are_those_of_the_contract() {
        let text = "a\n\nb\n\nc";
        let steps = vec![[0, 3], [3, 6], [6, 7]];
        assert_eq!(disagreement(text, 4, &vec![[0, 3], [3, 4]], &steps), None);
        // A beginning that ends within a separator need not show it yet.
        assert_eq!(disagreement(text, 3, &vec![[0, 3]], &steps), None);
        assert_eq!(disagreement(text, 0, &vec![], &steps), None);
        let told = disagreement(text, 4, &vec![[0, 2], [2, 4]], &steps).unwrap();
        assert!(told.contains("bytes 0 to 2") && told.contains("stay split"), "{told}");
        let told = disagreement(text, 5, &vec![[0, 5]], &steps).unwrap();
        assert!(told.contains("ends at byte 3") && told.contains("at once"), "{told}");
    }
}
