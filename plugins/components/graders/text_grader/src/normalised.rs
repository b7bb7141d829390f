//! Mode `normalised`: the same words. The normal form is the one of SQuAD's evaluation (Rajpurkar et al. 2016)
//! made fit for other scripts than English: compatibility forms (NFKC), case folded, without punctuation and
//! without the articles *a*, *an*, *the*, words one space apart.
//!
//! Deviation: what belongs to a number stays: punctuation between two digits, save a comma before three of
//! them, and a minus or a point before one. SQuAD's form takes `3.5` for `35` and `-5` for `5`. And what
//! would leave nothing is not left out: `A` answers many a question.
//!
//! The reference is a text, or several accepted ones: a JSON list of texts, such as
//! `["NYC", "New York City"]`. Anything else that begins with a bracket is a text.
//!
//! In: a reference and an answer. Out: right or wrong, with both normal forms. There is no credit for a share
//! of common words (SQuAD's F1); a reward for half an answer is a policy of training, and not this plugin's.

use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

use crate::{Judged, Reference};

/// The minus sign, where it is not a hyphen.
const MINUS: char = '\u{2212}';

/// What the normal form leaves out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Normalisation {
    pub(crate) drop_punctuation: bool,
    pub(crate) drop_articles: bool,
}

/// The accepted answers, in normal form.
pub(crate) struct Normalised {
    accepted: Vec<String>,
    normalisation: Normalisation,
}

impl Normalised {
    pub(crate) fn read(reference: &str, normalisation: Normalisation) -> Result<Self, String> {
        let accepted: Vec<String> =
            accepted(reference).iter().map(|text| normalisation.normal_form(text)).collect();
        if accepted.iter().any(String::is_empty) {
            return Err("one of the accepted answers is empty".to_owned());
        }
        Ok(Normalised { accepted, normalisation })
    }
}

impl Reference for Normalised {
    fn judge(&self, answer: &str) -> Judged {
        let answer = self.normalisation.normal_form(answer);
        let note = format!("`{answer}` against `{}`", self.accepted.join("`, `"));
        Judged::of(self.accepted.contains(&answer), note)
    }
}

/// The answers that a reference accepts, as written.
fn accepted(reference: &str) -> Vec<String> {
    match serde_json::from_str::<Vec<String>>(reference) {
        Ok(list) if !list.is_empty() => list,
        _ => vec![reference.to_owned()],
    }
}

impl Normalisation {
    /// The normal form of a text.
    fn normal_form(self, text: &str) -> String {
        let mut form = folded(text);
        if self.drop_punctuation {
            form = or_whole(without_punctuation(&form), form);
        }
        if self.drop_articles {
            form = or_whole(without_articles(&form), form);
        }
        spaced(form.split_whitespace())
    }
}

/// A text without what was left out, or the whole if nothing would be left.
fn or_whole(left: String, whole: String) -> String {
    if left.trim().is_empty() { whole } else { left }
}

/// Compatibility forms and case folded: the way over upper case makes `ẞ`, `ß` and `SS` meet, and `ς` and
/// `Σ`.
fn folded(text: &str) -> String {
    let lower = text.nfkc().flat_map(char::to_lowercase);
    let folded = lower.flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    folded.collect::<String>().nfkc().collect()
}

/// Leaves out punctuation, Unicode's and all of ASCII's symbols, save what belongs to a number.
fn without_punctuation(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let before = kept.chars().next_back().unwrap_or(' ');
        let after = rest.as_str();
        let digits = after.chars().take(4).take_while(|c| c.is_numeric()).count();
        let is_inside = before.is_numeric() && digits > 0 && !(c == ',' && digits == 3);
        let is_first = !is_of_word(before)
            && match c {
                '-' | MINUS => after.strip_prefix('.').unwrap_or(after).starts_with(char::is_numeric),
                '.' => digits > 0,
                _ => false,
            };
        if !is_punctuation(c) || is_inside || is_first {
            kept.push(c);
        }
    }
    // What was left out may have stood between a letter and its accent.
    kept.nfkc().collect()
}

/// Whether a character is a letter, its accent, or a digit.
fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c.general_category_group() == GeneralCategoryGroup::Mark
}

fn is_punctuation(c: char) -> bool {
    c.is_ascii_punctuation() || c.general_category_group() == GeneralCategoryGroup::Punctuation
}

fn without_articles(text: &str) -> String {
    spaced(text.split_whitespace().filter(|word| !matches!(*word, "a" | "an" | "the")))
}

fn spaced<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ts_plugin_sdk::verifier::Verdict;

    const SQUAD: Normalisation = Normalisation { drop_punctuation: true, drop_articles: true };
    const LETTERS: Normalisation = Normalisation { drop_punctuation: false, drop_articles: false };

    fn is_correct(reference: &str, answer: &str) -> bool {
        Normalised::read(reference, SQUAD).unwrap().judge(answer).verdict == Verdict::Correct
    }

    #[test]
    fn the_forms_of_squad() {
        assert_eq!(SQUAD.normal_form("The  Eiffel-Tower,\nin \"Paris\"."), "eiffeltower in paris");
        assert_eq!(SQUAD.normal_form("An apple a day; other athens"), "apple day other athens");
        assert_eq!(LETTERS.normal_form("The  Tower."), "the tower.");
    }

    #[test]
    fn other_scripts_fold_too() {
        for (one, other) in [
            ("STRASSE", "Straße"),
            ("STRAẞE", "strasse"),
            ("ΟΔΟΣ", "οδος"),
            ("ﬁne", "FINE"),
            ("cafe\u{301}", "CAFÉ"),
            ("ＡＢＣ", "abc"),
            ("「東京」", "東京"),
            ("“quoted”", "quoted"),
        ] {
            assert!(is_correct(one, other), "{one} {other}");
        }
    }

    #[test]
    fn numbers_keep_what_makes_them() {
        for (one, other) in [
            ("3.5", "35"),
            ("-5", "5"),
            ("1/2", "12"),
            ("1,2", "12"),
            ("\u{2212}7", "7"),
            (".5", "5"),
            ("-.5", ".5"),
        ] {
            assert!(!is_correct(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("$3.50.", "3.50"),
            ("1,234,567", "1234567"),
            ("twenty-one", "Twentyone"),
            ("Covid-19", "covid19"),
        ] {
            assert!(is_correct(one, other), "{one} {other}");
        }
    }

    #[test]
    fn what_would_leave_nothing_stays() {
        assert!(is_correct("A", "a.") && !is_correct("A", "the") && !is_correct("+", "-"));
    }

    #[test]
    fn a_list_of_texts_accepts_each_of_them() {
        let reference = r#"["NYC", "New York City"]"#;
        assert!(is_correct(reference, "the new york city") && is_correct(reference, "N.Y.C."));
        assert!(!is_correct(reference, "new york"));
        assert!(is_correct("[1, 2]", "[1, 2]") && is_correct("[]", "[]"));
        assert!(Normalised::read(r#"["", "x"]"#, SQUAD).is_err());
    }

    proptest! {
        #[test]
        fn a_normal_form_is_its_own(
            text in "(the|A|[-.,+\u{2212} ]|[0-9]|[éßẞΣς\u{301}]){0,12}|\\PC*",
            drop_punctuation: bool,
            drop_articles: bool,
        ) {
            let normalisation = Normalisation { drop_punctuation, drop_articles };
            let form = normalisation.normal_form(&text);
            prop_assert_eq!(normalisation.normal_form(&form), form);
        }

        #[test]
        fn a_text_is_itself_and_order_does_not_matter(
            one in "(a|an|the|A|[-., ]|[0-9é東]){1,9}x", other in "(a|an|the|A|[-., ]|[0-9é東]){1,9}x",
        ) {
            prop_assert!(is_correct(&one, &one));
            prop_assert_eq!(is_correct(&one, &other), is_correct(&other, &one));
        }
    }
}
