//! How much of a long text is shown, and where it is cut into steps.
//!
//! Without the run's step splitter, which is a plugin, a text is cut behind empty lines, as paragraphs are.

/// Characters of a text that are shown from its beginning, and from its end.
const ENDS: [usize; 2] = [10_000, 6_000];

/// Steps of a text that stand by themselves; the rest of it is one more.
const MAX_STEPS: usize = 200;

/// A piece of an excerpt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// A step, or what is shown of it.
    Step(&'a str),
    /// So many characters that are not shown.
    LeftOut(usize),
}

/// What is shown of a text, step by step.
pub(super) fn excerpt(text: &str) -> Vec<Piece<'_>> {
    let [head, tail] = ENDS;
    let n = text.chars().count();
    let Some(left_out) = n.checked_sub(head + tail).filter(|left_out| *left_out > 0) else {
        return steps(text, MAX_STEPS);
    };
    let at = |characters: usize| text.char_indices().nth(characters).map_or(text.len(), |(at, _)| at);
    let mut pieces = steps(&text[..at(head)], MAX_STEPS / 2);
    pieces.push(Piece::LeftOut(left_out));
    pieces.extend(steps(&text[at(n - tail)..], MAX_STEPS / 2));
    pieces
}

/// Cuts behind empty lines; what is behind the last of `most` steps belongs to it.
fn steps(text: &str, most: usize) -> Vec<Piece<'_>> {
    let mut steps = Vec::new();
    let mut rest = text.trim_matches('\n');
    while steps.len() + 1 < most
        && let Some((step, after)) = rest.split_once("\n\n")
    {
        steps.push(Piece::Step(step));
        rest = after.trim_start_matches('\n');
    }
    if !rest.is_empty() || steps.is_empty() {
        steps.push(Piece::Step(rest));
    }
    steps
}

/// The first characters of a text, with a word on how many are missing.
pub(super) fn beginning(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        None => text.to_owned(),
        Some((at, _)) => format!("{} … ({} characters more)", &text[..at], text[at..].chars().count()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_behind_empty_lines() {
        use Piece::Step;
        assert_eq!(excerpt("a\nb\n\n\nc\n"), [Step("a\nb"), Step("c")]);
        assert_eq!(excerpt(""), [Step("")]);
        assert_eq!(excerpt("\n\na"), [Step("a")]);
        assert_eq!(steps("a\n\nb\n\nc\n\nd", 2), [Step("a"), Step("b\n\nc\n\nd")]);
    }

    #[test]
    fn of_a_long_text_the_ends_are_shown() {
        let text = format!("{}{}{}", "ä".repeat(10_000), "b".repeat(77), "c".repeat(6_000));
        let [Piece::Step(head), Piece::LeftOut(77), Piece::Step(tail)] = excerpt(&text)[..] else { panic!() };
        assert!(head.chars().all(|c| c == 'ä') && tail.chars().all(|c| c == 'c'));
        assert_eq!(excerpt(&"x".repeat(16_000)).len(), 1);
        assert!(excerpt(&"a\n\n".repeat(100_000)).len() <= MAX_STEPS + 1);
        assert_eq!(beginning("äbc", 2), "äb … (1 characters more)");
        assert_eq!(beginning("äbc", 3), "äbc");
    }
}
