//! Inputs of a role, out of a seed: what models write, what breaks parsers, and both together.

use ts_core::seed::{SplitMix64, derive_seed};
use ts_plugin::{Candidate, CandidateOutcome, Group, Problem, Role};

use crate::handle::Input;

/// What texts are made of: words and answers as models write them, marks of structure, and what is easily forgotten.
const PIECES: &[&str] = &[
    "so",
    "the answer is",
    "wait,",
    "Let me check:",
    "is",
    "12",
    "-3",
    "0.5",
    "1/2",
    "1e999",
    "007",
    "x^2+1",
    "=",
    "≠",
    "π",
    " ",
    "  ",
    "\t",
    "\n",
    "\n\n",
    "\r\n",
    "\r\n\r\n",
    "\n \n",
    ".",
    ",",
    ". ",
    "! ",
    "? ",
    "</think>",
    "<think>",
    "\\boxed{",
    "}",
    "{",
    "\\boxed{12}",
    "\\frac{1}{2}",
    "\\frac{",
    "\\sqrt{2}",
    "$",
    "$$",
    "\\(",
    "\\)",
    "\\[",
    "\\]",
    "(",
    ")",
    "[",
    "]",
    "A",
    "(B)",
    "**C**",
    "Answer: D",
    "####",
    "#### 12",
    "```",
    "```python\nprint(1)\n```",
    "~~~",
    "def f(x):\n    return x",
    "{\"a\": [1, 2]}",
    "[1, {\"b\": null}]",
    "\"",
    "'",
    "\\",
    "/",
    "%",
    "&",
    "<|im_end|>",
    "<s>",
    "é",
    "e\u{301}",
    "Ünïcödé",
    "汉字",
    "𝄞",
    "👩‍👩‍👧",
    "\u{202e}",
    "\u{200b}",
    "\u{feff}",
    "\u{a0}",
    "\u{2028}",
    "\0",
    "\u{1b}[2J",
    "\u{7f}",
    "\u{fffd}",
    "\u{10ffff}",
    "ǅ",
    "İ",
    "ﬃ",
];

/// What is repeated where a text is to be long or deep.
const LONG: &[&str] = &[
    "(", "{", "\\frac{", "\\sqrt{", "9", "-", "\n", "\n\n", "a", "a ", "é", "[1,", "\\boxed{", "\"", "0.",
    "x^", "((", " ", "```\n", "𝄞",
];

/// One input in so many is long.
const ONE_LONG_IN: u64 = 16;

/// How often what is long is repeated at most.
const REPEATS: u64 = 30_000;

/// The input of this number.
pub(super) fn input(role: Role, seed: u64, number: usize) -> Input {
    let mut draws = SplitMix64::new(derive_seed(seed, "fuzz", role.interface(), number as u64));
    let draws = &mut draws;
    match role {
        Role::Verifier | Role::Runner => {
            let reference = short(draws);
            let response = match draws.below(3) {
                // One that states the reference, in one of the ways in which models do.
                0 => format!(
                    "{}{}{reference}{}",
                    text(draws),
                    pick(draws, &["", "\\boxed{", "#### ", "The answer is "]),
                    pick(draws, &["", "}", ".", "\n"])
                ),
                _ => text(draws),
            };
            let problem =
                Problem { id: format!("fuzz-{number}"), prompt: text(draws), reference, metadata: vec![] };
            Input::Grade(problem, response)
        }
        Role::StepSplitter => Input::Split(text(draws)),
        Role::SelectionPolicy => Input::Select(group(draws, number)),
        Role::LengthFunction => {
            let text = text(draws);
            let tokens = 1 + draws.below(1 + text.len() as u64) as u32;
            Input::Measure(text, tokens)
        }
    }
}

fn pick<'a>(draws: &mut SplitMix64, of: &[&'a str]) -> &'a str {
    of[draws.below(of.len() as u64) as usize]
}

fn pieces(draws: &mut SplitMix64, most: u64) -> String {
    let n = draws.below(most + 1);
    (0..n).map(|_| pick(draws, PIECES)).collect()
}

/// A reference: short, and often a plain answer.
fn short(draws: &mut SplitMix64) -> String {
    match draws.below(2) {
        0 => pick(
            draws,
            &["12", "-3", "1/2", "\\frac{1}{2}", "x=5", "Paris", "B", "[1, 2]", "{\"a\": 1}", "0.333"],
        )
        .to_owned(),
        _ => pieces(draws, 4),
    }
}

fn text(draws: &mut SplitMix64) -> String {
    if draws.below(ONE_LONG_IN) > 0 {
        return pieces(draws, 40);
    }
    let (piece, n) = (pick(draws, LONG), 1 + draws.below(REPEATS) as usize);
    format!("{}{}{}", pieces(draws, 6), piece.repeat(n), pieces(draws, 6))
}

/// A graded group: of any size, with ties, and with outcomes of one kind alone at times.
fn group(draws: &mut SplitMix64, number: usize) -> Group {
    use CandidateOutcome::{Correct, Incorrect, NoAnswer, Ungraded};
    const KINDS: [&[CandidateOutcome]; 5] = [
        &[Correct],
        &[Incorrect, NoAnswer],
        &[Correct, Incorrect],
        &[Ungraded],
        &[Correct, Incorrect, NoAnswer, Ungraded],
    ];
    let kind = KINDS[draws.below(KINDS.len() as u64) as usize];
    let (token_limit, n) = (1 + draws.below(2000) as u32, draws.below(41));
    let candidate = |draws: &mut SplitMix64| {
        let outcome = kind[draws.below(kind.len() as u64) as usize];
        // Few lengths, so that some are equal.
        let tokens = (1 + draws.below(8) as u32 * token_limit / 8).min(token_limit);
        let n_steps = draws.below(5) as u32;
        let score = match outcome {
            Correct => 1.0,
            _ => draws.below(3) as f64 / 4.0,
        };
        let answered =
            (n_steps > 0 && draws.below(2) == 0).then(|| 1 + draws.below(u64::from(n_steps)) as u32);
        Candidate {
            outcome,
            score,
            length: f64::from(tokens) * [1.0, 0.5, 1e-9, 1e9][draws.below(4) as usize],
            tokens,
            finished: tokens < token_limit,
            step_tokens: (0..n_steps).map(|_| tokens / n_steps).collect(),
            first_correct_steps: answered.filter(|_| outcome == Correct),
        }
    };
    let responses = (0..n).map(|_| candidate(draws)).collect();
    Group { problem_id: format!("fuzz-{number}"), responses, token_limit, seed: draws.next_u64() }
}
