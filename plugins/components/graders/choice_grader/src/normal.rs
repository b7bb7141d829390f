//! Texts of options in the form in which they are compared.
//!
//! In: a text. Out: the same in lower case, its words a space apart, without articles, quotation marks,
//! emphasis, delimiters of mathematics, the wrappers `\text{…}`, and punctuation at the end of a word.
//! Mathematics is not understood: `1/2` and `0.5` are different texts, which options of one problem may well
//! be.

/// Commands of LaTeX that only dress text; their braces go with the others'.
const WRAPPERS: [&str; 7] = ["\\boxed", "\\textbf", "\\textrm", "\\text", "\\mathrm", "\\mathbf", "\\mbox"];

/// The normal form of a text.
pub(crate) fn normal(text: &str) -> String {
    let mut text = text.to_lowercase();
    for wrapper in WRAPPERS {
        text = text.replace(wrapper, "");
    }
    text.retain(|c| !matches!(c, '$' | '*' | '"' | '“' | '”' | '`' | '{' | '}'));
    let words = text.split_whitespace().map(|word| word.trim_end_matches(['.', ',', ';', ':', '!', '?']));
    let words: Vec<&str> = words.filter(|word| !matches!(*word, "" | "\\(" | "\\)")).collect();
    let is_word = |word: &&str| words.len() == 1 || !matches!(*word, "a" | "an" | "the");
    let words: Vec<&str> = words.iter().copied().filter(is_word).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dress_is_dropped_and_values_are_kept() {
        assert_eq!(normal(" The **Eiffel\n Tower**. "), "eiffel tower");
        assert_eq!(normal("$\\text{Paris}$"), "paris");
        assert_eq!(normal("$-5$"), "-5");
        assert_eq!(normal("a"), "a");
        assert_ne!(normal("(1, 2)"), normal("[1, 2]"));
        assert_ne!(normal("1.5"), normal("15"));
    }
}
