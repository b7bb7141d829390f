//! Which steps of two texts belong together, and which of their words changed.
//!
//! Steps are aligned as sequences are (Needleman and Wunsch, 1970): in order, so that the similarities of those that are put together
//! add up to the most. Two steps are as similar as their words are: twice the words that both have, divided by the words of both (Dice,
//! 1945). What changed within a step is found word by word, as a `diff` finds lines, by a longest common subsequence. A word is a run of letters
//! or of digits, or one letter of a script that has no spaces.

use std::ops::Range;

use super::excerpt::Piece;

/// Steps that are less similar do not belong together.
const LEAST_SIMILARITY: f64 = 0.25;

/// Words of a step, more of which are not compared one by one.
const MAX_WORDS: usize = 400;

/// Pieces that belong together, by their places; a piece that has no other stands alone.
pub(super) fn align(before: &[Piece<'_>], after: &[Piece<'_>]) -> Vec<(Option<usize>, Option<usize>)> {
    let [a, b] = [before, after].map(|pieces| pieces.iter().map(Words::of).collect::<Vec<_>>());
    // best[i][j]: the most that the pieces from i and from j on add up to.
    let mut best = vec![vec![0.0_f64; b.len() + 1]; a.len() + 1];
    let mut gains = vec![vec![0.0_f64; b.len()]; a.len()];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            gains[i][j] = a[i].similarity(&b[j]) - LEAST_SIMILARITY;
            best[i][j] = (best[i + 1][j + 1] + gains[i][j]).max(best[i + 1][j]).max(best[i][j + 1]);
        }
    }
    let mut pairs = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        let is_pair =
            i < a.len() && j < b.len() && gains[i][j] > 0.0 && best[i][j] == best[i + 1][j + 1] + gains[i][j];
        if is_pair {
            pairs.push((Some(i), Some(j)));
            (i, j) = (i + 1, j + 1);
        } else if j == b.len() || i < a.len() && best[i + 1][j] >= best[i][j + 1] {
            pairs.push((Some(i), None));
            i += 1;
        } else {
            pairs.push((None, Some(j)));
            j += 1;
        }
    }
    pairs
}

/// The words of a piece in the order of the alphabet; none for one that is not shown.
struct Words(Option<Vec<String>>);

impl Words {
    fn of(piece: &Piece<'_>) -> Self {
        Self(match piece {
            Piece::LeftOut(_) => None,
            Piece::Step(text) => {
                let mut words = words(text);
                words.sort_unstable();
                Some(words)
            }
        })
    }

    /// From 0 to 1.
    fn similarity(&self, other: &Self) -> f64 {
        let (a, b) = match (&self.0, &other.0) {
            (None, None) => return 1.0,
            (Some(a), Some(b)) => (a, b),
            _ => return 0.0,
        };
        if a.is_empty() && b.is_empty() {
            return 1.0;
        }
        let (mut i, mut j, mut common) = (0, 0, 0);
        while i < a.len() && j < b.len() {
            match a[i].cmp(&b[j]) {
                std::cmp::Ordering::Less => i += 1,
                std::cmp::Ordering::Greater => j += 1,
                std::cmp::Ordering::Equal => (i, j, common) = (i + 1, j + 1, common + 1),
            }
        }
        2.0 * f64::from(common) / (a.len() + b.len()) as f64
    }
}

/// The words of a text, in lower case.
fn words(text: &str) -> Vec<String> {
    spans(text).into_iter().map(|span| text[span].to_lowercase()).collect()
}

/// Where the words of a text stand, in bytes.
fn spans(text: &str) -> Vec<Range<usize>> {
    let mut spans: Vec<Range<usize>> = Vec::new();
    let mut before = None;
    for (at, c) in text.char_indices() {
        let kind = kind(c);
        match (kind, spans.last_mut()) {
            (None, _) => {}
            (Some(Kind::Letter | Kind::Digit), Some(span)) if before == kind => span.end = at + c.len_utf8(),
            (Some(_), _) => spans.push(at..at + c.len_utf8()),
        }
        before = kind;
    }
    spans
}

/// What a character of a word is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Letter,
    Digit,
    /// A letter that is a word: from U+2E80 on are the scripts of East Asia.
    Word,
}

fn kind(c: char) -> Option<Kind> {
    match c {
        _ if c.is_numeric() => Some(Kind::Digit),
        '\u{2e80}'.. if c.is_alphabetic() => Some(Kind::Word),
        _ if c.is_alphabetic() => Some(Kind::Letter),
        _ => None,
    }
}

/// A stretch of a text, and whether the other side has not got it.
pub(super) type Stretch<'a> = (&'a str, bool);

/// Two texts in stretches, of which those that one of them alone has are marked; what stands between words goes with the word before it. Texts of many words
/// are left whole.
pub(super) fn marked<'a>(before: &'a str, after: &'a str) -> [Vec<Stretch<'a>>; 2] {
    let [a, b] = [before, after].map(spans);
    if a.len().max(b.len()) > MAX_WORDS {
        return [vec![(before, false)], vec![(after, false)]];
    }
    let is_same = |i: usize, j: usize| before[a[i].clone()] == after[b[j].clone()];
    let mut longest = vec![vec![0_u16; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            longest[i][j] = match is_same(i, j) {
                true => longest[i + 1][j + 1] + 1,
                false => longest[i + 1][j].max(longest[i][j + 1]),
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let (mut marks_a, mut marks_b) = (vec![true; a.len()], vec![true; b.len()]);
    while i < a.len() && j < b.len() {
        if is_same(i, j) {
            (marks_a[i], marks_b[j]) = (false, false);
            (i, j) = (i + 1, j + 1);
        } else if longest[i + 1][j] >= longest[i][j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    [stretches(before, &a, &marks_a), stretches(after, &b, &marks_b)]
}

/// Joins words that are marked alike. What stands before the first word goes with it; a text without words is one stretch.
fn stretches<'a>(text: &'a str, words: &[Range<usize>], marks: &[bool]) -> Vec<Stretch<'a>> {
    let mut stretches = Vec::new();
    let mut start = 0;
    for (index, mark) in marks.iter().enumerate() {
        if marks.get(index + 1) != Some(mark) {
            let end = words.get(index + 1).map_or(text.len(), |next| next.start);
            stretches.push((&text[start..end], *mark));
            start = end;
        }
    }
    if words.is_empty() && !text.is_empty() {
        stretches.push((text, false));
    }
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps<'a>(texts: &[&'a str]) -> Vec<Piece<'a>> {
        texts.iter().copied().map(Piece::Step).collect()
    }

    fn pairs(before: &[&str], after: &[&str]) -> Vec<(Option<usize>, Option<usize>)> {
        align(&steps(before), &steps(after))
    }

    #[test]
    fn steps_by_hand() {
        // A step that is gone, one that changed, one that is new.
        let before = ["take 35 and add 50", "in the ones 5 + 0 = 5 so write 5", "wait let me check", "so 85"];
        let after = ["ones 5 + 0 = 5", "so 85", "done"];
        let expected =
            [(Some(0), None), (Some(1), Some(0)), (Some(2), None), (Some(3), Some(1)), (None, Some(2))];
        assert_eq!(pairs(&before, &after), expected);
        assert_eq!(pairs(&["a"], &["a"]), [(Some(0), Some(0))]);
        assert_eq!(pairs(&["a"], &["b"]), [(Some(0), None), (None, Some(0))]);
        assert_eq!(pairs(&[], &["b"]), [(None, Some(0))]);
        // In order: two steps cannot both be with their likes.
        assert_eq!(
            pairs(&["x y", "z"], &["z", "x y"]).iter().filter(|(a, b)| a.is_some() && b.is_some()).count(),
            1
        );
    }

    #[test]
    fn words_are_runs_of_letters_or_of_digits() {
        assert_eq!(words("In the tens, 10-1=9."), ["in", "the", "tens", "10", "1", "9"]);
        assert_eq!(words(r"\boxed{x2}"), ["boxed", "x", "2"]);
        assert_eq!(words("答案是42"), ["答", "案", "是", "42"]);
        assert!(words(" -+ ").is_empty());
        assert_eq!(pairs(&["800 minus 118."], &["800-118:"]), [(Some(0), Some(0))]);
    }

    #[test]
    fn what_is_left_out_stands_beside_what_is_left_out() {
        let before = [Piece::Step("a"), Piece::LeftOut(5), Piece::Step("b")];
        let after = [Piece::Step("a"), Piece::LeftOut(7), Piece::Step("b")];
        assert_eq!(align(&before, &after), [(Some(0), Some(0)), (Some(1), Some(1)), (Some(2), Some(2))]);
        assert_eq!(align(&before[1..2], &after[..1]).len(), 2);
    }

    #[test]
    fn words_by_hand() {
        let [before, after] = marked("so I write 5 here\n", "so write 5");
        assert_eq!(before, [("so ", false), ("I ", true), ("write 5 ", false), ("here\n", true)]);
        assert_eq!(after, [("so write 5", false)]);
        let [before, after] = marked("In the ones, 5 + 2 = 7.", "Ones: 5+2=7.");
        assert_eq!(before, [("In the ones, ", true), ("5 + 2 = 7.", false)]);
        assert_eq!(after, [("Ones: ", true), ("5+2=7.", false)]);
        assert_eq!(marked("", "a"), [vec![], vec![("a", true)]]);
        assert_eq!(marked("--", "(a"), [vec![("--", false)], vec![("(a", true)]]);
        let long = "w ".repeat(MAX_WORDS + 1);
        assert_eq!(marked(&long, "a"), [vec![(long.as_str(), false)], vec![("a", false)]]);
    }

    #[test]
    fn stretches_are_the_text() {
        for (before, after) in [("a b\n\nc", "b x c"), ("  ä ö", "ö  ä"), ("a", "a")] {
            let [left, right] = marked(before, after);
            let joined =
                |stretches: &[Stretch<'_>]| stretches.iter().map(|(text, _)| *text).collect::<String>();
            assert_eq!((joined(&left).as_str(), joined(&right).as_str()), (before, after));
        }
    }
}
