//! The patterns of a tokenizer, matched in time linear in the text, whatever the pattern.
//!
//! In: a pattern as `tokenizer.json` has it, in Oniguruma's notation, from whoever wrote the checkpoint. Out:
//! where it matches in a text, as Oniguruma would say, which is a backtracking engine: the first alternative
//! that leads to a match, not the longest. [`parse`] turns the pattern into a [`Program`] of bounded size,
//! and [`search`] runs it. A place in the program together with a place in the text either leads to a match
//! or does not, so what has failed once is never tried again: the work is at most instructions times bytes.
//!
//! Refused by name: what makes a match depend on more than the two places (references to groups, conditions,
//! calls), looking behind at texts whose length is not fixed, and groups that cannot be re-entered (`(?>…)`).
//! Of possessive repeats those of a single character are understood.

mod parse;
mod search;

use regex_syntax::hir::ClassUnicode;
use serde::Deserialize;

/// Most instructions of a program. Those of the known tokenizers have up to 150.
pub(super) const MAX_INSTRUCTIONS: usize = 1024;

/// A pattern as `tokenizer.json` writes it.
#[derive(Deserialize)]
pub(super) enum WrittenPattern {
    /// The text itself.
    String(String),
    /// In Oniguruma's notation.
    Regex(String),
}

impl WrittenPattern {
    /// The program of this pattern.
    ///
    /// # Errors
    /// The pattern, and what of it is not understood.
    pub(super) fn program(&self) -> Result<Program, String> {
        let text = match self {
            Self::Regex(text) => text,
            Self::String(text) => &quoted(text),
        };
        let shown = || text.chars().take(80).collect::<String>();
        Program::parse(text).map_err(|reason| format!("the pattern {:?} {reason}", shown()))
    }
}

/// The pattern that matches a text.
fn quoted(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_punctuation() {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

/// A pattern, ready to match.
#[derive(Clone, Debug)]
pub(super) struct Program {
    instructions: Vec<Instruction>,
    classes: Vec<Class>,
    /// How many [`Instruction::Fork`]s there are.
    n_forks: usize,
    /// How many [`Instruction::Look`]s there are.
    n_looks: usize,
}

/// One step of a match. Each goes on with the next one unless it says otherwise.
#[derive(Clone, Copy, Debug)]
enum Instruction {
    /// One character of this class.
    One { class: usize },
    /// Tries `first`, and `second` if that leads to no match. `fork` counts forks.
    Fork { first: usize, second: usize, fork: usize },
    /// Goes on there.
    Jump { to: usize },
    /// Whether what follows, up to its [`Instruction::Match`], matches (or not) from here on; goes on with
    /// `next`, here. `look` counts looks.
    Look { negative: bool, next: usize, look: usize },
    /// Goes back by this many characters.
    Back { n_chars: usize },
    /// Where a character of this class stands beside one that is none, or not there.
    Edge { class: usize, negative: bool },
    /// The beginning of the text or of a line.
    LineStart,
    /// The end of the text or of a line.
    LineEnd,
    /// All has matched.
    Match,
}

/// A set of characters.
#[derive(Clone, Debug)]
struct Class {
    /// A bit for each ASCII character.
    ascii: u128,
    set: ClassUnicode,
}

impl Class {
    fn new(set: ClassUnicode) -> Self {
        let holds = |c: char| contains(&set, c);
        let ascii = (0..128_u8).filter(|&c| holds(char::from(c))).fold(0, |bits, c| bits | 1 << c);
        Self { ascii, set }
    }

    fn holds(&self, c: char) -> bool {
        if c.is_ascii() { self.ascii >> (c as u32) & 1 == 1 } else { contains(&self.set, c) }
    }
}

fn contains(set: &ClassUnicode, c: char) -> bool {
    let ranges = set.ranges();
    let after = ranges.partition_point(|range| range.start() <= c);
    after > 0 && ranges[after - 1].end() >= c
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Of GPT-2, Qwen2, Llama 3, o200k, DeepSeek V3, BLOOM, and with possessive repeats cl100k.
    pub(crate) const KNOWN: &[&str] = &[
        r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        r"\p{N}{1,3}",
        r"[一-龥\u3040-ゟ゠-ヿ]+",
        r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"##,
        r" ?[^(\s|[.,!?…。，、।۔،])]+",
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
    ];

    /// What Oniguruma finds, which is the engine of Hugging Face's `tokenizers` for Python.
    fn oniguruma(pattern: &str, text: &str) -> Vec<(usize, usize)> {
        onig::Regex::new(pattern).unwrap().find_iter(text).collect()
    }

    #[track_caller]
    fn same(pattern: &str, text: &str) {
        let found = Program::parse(pattern).unwrap().find_all(text).unwrap();
        assert_eq!(found, oniguruma(pattern, text), "{pattern} in {text:?}");
    }

    #[test]
    fn the_known_patterns_match_as_in_oniguruma() {
        let texts = [
            "It's 12345 o'clock, I'LL say: don't!\n\n  x = [1, 2];\t\t// ünï  \r\n",
            "   ",
            "",
            "a  b   c\n   \n  d",
            "漢字かなカナ 한국어 ١٢٣ ½ ²",
            "e\u{301}\u{0}\u{7f}\u{85}\u{a0}\u{2028}x",
            "'ſ 'S ÄÖÜß ﬁ ǅ ʰ ः",
            "!abc ~xyz {|}~ \\n \u{1F600}\u{200d}\u{1F680}",
        ];
        for pattern in KNOWN {
            texts.iter().for_each(|text| same(pattern, text));
        }
    }

    #[test]
    fn alternatives_repeats_and_looks_match_as_in_oniguruma() {
        for pattern in [
            "a|ab",
            "(?:a|ab)(?:c|bcd)",
            "a*?b",
            "a+?",
            "a??b",
            "(a|b)*abb",
            "(?:ab){2,3}",
            "a{2}",
            "a{2,}",
            "a{,2}b",
            "a{2}?b",
            "a(?=b)",
            "a(?!b)",
            "(?=a*b)a",
            "(?!a*b).",
            "(?!(?=a)a)b|a",
            "^a",
            "b$",
            "a*+b",
            "a++",
            "a?+b",
            "(?:a?)*b",
            "(a*)*b",
            "(?:a*)+",
            "(?:|a)+b",
            "a{,",
            "a{x}",
            "(?i)ab",
            "(?i:A)b",
            "[^a]",
            "[a-b&&b]",
            r"\x61\u0062",
            r"[\x61]",
            "(?<=a)b",
            "(?<!a)b",
            "(?<!^)b",
            "(?<=ab|c)b?",
            "(?<!ab|c|$)[bc]",
            "(?<=(?:a|b)[ab])b",
            "(?<=a{2})b",
            r"(?<=\S)\n",
            r"\b",
            r"\ba",
            r"\B.",
            r"\w+\b",
            ".",
            "",
        ] {
            for text in ["", "a", "ab", "aab", "aaabb", "abbcd", "abab", "ba\nab", "aba{,a{x}", "AbaB", "ccc"]
            {
                same(pattern, text);
            }
        }
    }

    #[test]
    fn edges_of_words_and_what_is_behind_count_characters() {
        for pattern in [r"\b", r"\B", r"(?<=漢|é.)\w", r"(?<![\p{L}\p{N}]{2})\p{N}"] {
            for text in ["漢字 é1 a\u{301}b ½² x\u{200d}y 12_3", "ß\u{a0}ü\u{1F600}a", "字1字12"] {
                same(pattern, text);
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_cut_as_oniguruma_cuts_it(text in "[a-zA-Z0-9' \\n\\r\\t.,!/é漢\u{301}ſ½\u{a0}]{0,60}") {
            for pattern in KNOWN {
                let found = Program::parse(pattern).unwrap().find_all(&text).unwrap();
                prop_assert_eq!(found, oniguruma(pattern, &text), "{}", pattern);
            }
        }
    }

    /// A letter that is in one engine's tables and not in the other's would change tokens without a word.
    #[test]
    fn classes_hold_the_same_characters_as_oniguruma_s() {
        for pattern in [
            r"\p{L}",
            r"\p{N}",
            r"\s",
            r"\p{M}",
            r"\p{P}",
            r"\p{S}",
            r"\p{Lu}",
            r"\w",
            r"\W",
            r"[^\W\d]",
            "(?i:[a-z])",
        ] {
            // Apart, so that no match is longer than a character.
            let every: String = ('\0'..=char::MAX).flat_map(|c| [c, '\u{1}']).collect();
            let found = Program::parse(pattern).unwrap().find_all(&every).unwrap();
            assert!(found == oniguruma(pattern, &every), "{pattern}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_by_name() {
        for (pattern, why) in [
            (r"(a)\1", r"`\1`"),
            ("(?<=a*)b", "looking behind"),
            ("(?<!(?:a|bb)c)b", "looking behind"),
            ("(?>a+)b", "`(?>`"),
            (r"\Gx", r"`\G`"),
            ("(?:ab)++", "possessive"),
            ("(a", "`(`"),
            ("a)", "`)`"),
            ("[a", "`[`"),
            ("*a", "nothing to repeat"),
            (r"\", "ends"),
            ("[a--b]", "`--`"),
            ("(?<n>a)", "named"),
            (r"\p{Nonsense}", "class"),
            ("a{5,2}", "5"),
            ("(?a)x", "option"),
        ] {
            let reason = Program::parse(pattern).unwrap_err();
            assert!(reason.contains(why), "{pattern}: {reason}");
        }
        assert!(Program::parse(&"(".repeat(5000)).unwrap_err().contains("deep"));
        assert!(Program::parse("(((a{99}){99}){99}){99}").unwrap_err().contains("instructions"));
        assert!(Program::parse("a{4000000000}").unwrap_err().contains("instructions"));
        assert!(Program::parse(&"(?:)*".repeat(3000)).is_err());
    }

    /// Patterns that take a backtracking engine exponential or quadratic time. The work is counted, not
    /// timed.
    #[test]
    fn work_is_linear_in_the_text() {
        for pattern in [
            "(a*)*b",
            "(a|a)*b",
            "(a|aa)+$b",
            "a*a*a*a*a*b",
            "a|a*b",
            "(?=a*b)a|(?=a*c)a",
            "(?!a*b)a",
            "(?:a*+b)|a",
            "(?=(?=a*b)a*c)a",
            "(?=a*)a",
            "(?:a?){50}a{50}b",
            "(?<=a{50})(?<!b{50})a*b",
            r"(?:a*\B)*b",
        ] {
            let program = Program::parse(pattern).unwrap();
            let steps = |n: usize| program.find_counting(&"a".repeat(n)).unwrap().1;
            let (small, large) = (steps(500), steps(2000));
            assert!(large <= 5 * small + 10_000, "{pattern}: {small} steps for 500 bytes, {large} for 2,000");
        }
    }
}
