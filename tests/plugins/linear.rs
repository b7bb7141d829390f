//! What long responses cost the graders that look for an answer: fuel, which is the same on every machine.
//!
//! A response of a quarter of a mebibyte, made of one character or one mark of the grammar over and over, alone, as a statement,
//! behind one and before a box, costs at most [`FUEL`], and one made of what opens or is a tag at most [`TAG_FUEL`].
//! Time is not measured. `any_text.rs` among the tests of `ts-extract` makes texts of several marks.

use serde_json::Map;
use ts_plugin::Problem;

use crate::plugin;

/// About 10 ms. A part of it is paid once: the last 32 KiB are read closely.
const FUEL: u64 = 30_000_000;
/// Each bracket that may open a tag is looked at.
const TAG_FUEL: u64 = 50_000_000;
const BYTES: usize = 1 << 18;
const MARKS: [&str; 64] = [
    "\\boxed{",
    "\\boxed{1}",
    "\\boxed{1}, ",
    "\\boxed 1 ",
    "not \\boxed{1}",
    "box",
    "$ ",
    "$a",
    "$$",
    "$$a",
    "\\(",
    "\\)",
    "\\(a\\)",
    "\\[",
    "\\begin{a}",
    "\\end{a}",
    "\\begin{a}1\\end{a}",
    "\\text{",
    "\\\\)",
    "{}",
    "answer is ",
    "answer is 5. ",
    "answer is as follows. ",
    "answer: ",
    "\na:",
    "####",
    "答案",
    "答案是5",
    "。",
    "，所以",
    "<think>",
    "</think>",
    "<think>a</think>a",
    "<answer>",
    "<answer>a</answer>",
    "</",
    "<|",
    "<b>",
    "<|channel|>analysis<|message|>",
    "<|end|>",
    "[THINK]",
    "◁think▷",
    "**",
    "**a** ",
    "```",
    "\n\n",
    " \n",
    "()",
    "≈",
    "（",
    "【",
    ". ",
    ",w",
    "wait, ",
    "\nActually",
    "5 or ",
    "1,234",
    "not 5 ",
    "step 2 ",
    "A, ",
    "| answer | ",
    "$x=1$ and ",
    "$5$ ",
    " because ",
];

#[test]
fn a_long_response_is_cheap() {
    let (math, choice) = (plugin("math_grader"), plugin("choice_grader"));
    let math = math.verifier(&Map::new()).unwrap();
    let choice = choice.verifier(&Map::new()).unwrap();
    let characters: Vec<String> = (0..128_u8).map(|byte| char::from(byte).to_string()).collect();
    let pieces = characters.iter().map(String::as_str).chain(MARKS);
    let mut dear = Vec::new();
    for piece in pieces {
        let text = piece.repeat(BYTES / piece.len());
        for response in [
            text.clone(),
            format!("The answer is {text}"),
            format!("The answer is 5. {text}"),
            format!("{text}\\boxed{{7}}"),
        ] {
            for (verifier, reference) in [(&math, "5"), (&choice, "B")] {
                let problem = Problem { id: "p".into(), reference: reference.into(), ..Problem::default() };
                let fuel = verifier.grade(&problem, &response).unwrap().fuel;
                let limit = if piece.contains(['<', '[', '◁']) { TAG_FUEL } else { FUEL };
                if fuel > limit {
                    let start: String = response.chars().take(24).collect();
                    dear.push(format!("{start:?}: {fuel} for the reference {reference}"));
                }
            }
        }
    }
    assert!(dear.is_empty(), "{}", dear.join("\n"));
}
