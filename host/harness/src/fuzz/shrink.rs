//! An input that shows the same fault and is shorter: parts of its texts are left out as long as the fault stays.

use serde_json::Value;

use super::laws::{Outcome, broken};
use crate::Handle;
use crate::handle::Input;

/// Calls of the plugin that are made for one finding at most.
const MOST_TRIES: usize = 400;

/// The shortest input that was found, and what happens on it; none if the fault does not show again.
pub(super) fn shortest(handle: &Handle, input: Input, fault: &str) -> Option<(Value, String)> {
    let shows = |input: &Input| match broken(handle, input) {
        Outcome::Broken(found, told) if found == fault => Some(told),
        _ => None,
    };
    let mut told = shows(&input)?;
    let (mut best, mut tries) = (input, 0);
    for part in 0..n_parts(&best) {
        // In halves, then quarters, and so on, to single characters.
        let mut size = length(&best, part).div_ceil(2);
        while size > 0 && tries < MOST_TRIES {
            let mut from = 0;
            while from < length(&best, part) && tries < MOST_TRIES {
                tries += 1;
                let shorter = without(&best, part, from, size);
                match shows(&shorter) {
                    Some(of_shorter) => (best, told) = (shorter, of_shorter),
                    None => from += size,
                }
            }
            size /= 2;
        }
    }
    Some((best.to_json(), told))
}

/// How many parts an input has of which something can be left out.
fn n_parts(input: &Input) -> usize {
    match input {
        Input::Grade(..) => 3,
        Input::Split(_) | Input::Measure(..) | Input::Select(_) => 1,
    }
}

/// Characters of a text, or responses of a group.
fn length(input: &Input, part: usize) -> usize {
    match input {
        Input::Select(group) => group.responses.len(),
        _ => text_of(&mut input.clone(), part).map_or(0, |text| text.chars().count()),
    }
}

fn text_of(input: &mut Input, part: usize) -> Option<&mut String> {
    match (input, part) {
        (Input::Grade(_, response), 0) => Some(response),
        (Input::Grade(problem, _), 1) => Some(&mut problem.prompt),
        (Input::Grade(problem, _), 2) => Some(&mut problem.reference),
        (Input::Split(text) | Input::Measure(text, _), 0) => Some(text),
        _ => None,
    }
}

fn without(input: &Input, part: usize, from: usize, size: usize) -> Input {
    let mut shorter = input.clone();
    if let Input::Select(group) = &mut shorter {
        let to = (from + size).min(group.responses.len());
        group.responses.drain(from..to);
    } else if let Some(text) = text_of(&mut shorter, part) {
        *text = text.chars().take(from).chain(text.chars().skip(from + size)).collect();
    }
    shorter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_left_out() {
        let input = Input::Split("añb𝄞c".to_owned());
        assert_eq!(length(&input, 0), 5);
        assert!(matches!(without(&input, 0, 1, 2), Input::Split(text) if text == "a𝄞c"));
        assert!(matches!(without(&input, 0, 4, 2), Input::Split(text) if text == "añb𝄞"));
    }
}
