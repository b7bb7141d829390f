//! What a plugin of a template answers, whatever it is written in: whole answers to the verifier, and the
//! laws of splitting.
//!
//! In: cases in code, since some are long. Out: files of golden cases, and judgements.

use std::path::Path;

use serde_json::{Value, json};

/// Golden cases for the verifiers: every field of the answer is compared.
pub(crate) fn of_verifiers(file: &Path) -> usize {
    let blanks = " ".repeat(100_000);
    let long = "ü".repeat(150_000);
    let mut cases = vec![];
    let mut add = |id: &str, reference: &str, response: &str, output: Value| {
        let problem = json!({ "id": "1", "prompt": "?", "reference": reference, "level": 3 });
        cases.push(
            json!({ "id": id, "input": { "problem": problem, "response": response }, "output": output }),
        );
    };
    let judged = |verdict: &str, place: [usize; 2]| {
        let score = if verdict == "correct" { 1.0 } else { 0.0 };
        json!({ "verdict": verdict, "score": score, "answer": place, "note": "" })
    };
    let none = json!({ "verdict": "no_answer", "score": 0.0, "answer": null, "note": "" });
    let bad = json!({
        "verdict": "bad_reference", "why": "the reference is empty", "score": 0.0, "answer": null, "note": "",
    });
    add("empty response", "Paris", "", none.clone());
    add("blank response", "Paris", " \r\n\t\n", none.clone());
    add("bad reference", " \t", "Paris", bad.clone());
    add("bad reference, empty response", "", "", bad);
    add("case", "pARIS", "It is\nParis.\nParis", judged("correct", [13, 18]));
    add("beyond ascii", "größe π", "Die Größe:\n  GRößE π ", judged("correct", [15, 25]));
    add("case beyond ascii", "ΣΊΣΥΦΟΣ", "σίσυφος", judged("incorrect", [0, 14]));
    add("one capital, two letters", "İ", "i̇", judged("incorrect", [0, 3]));
    add("beyond two bytes of UTF-16", "𝄞🐑", "🐑\n𝄞🐑\n", judged("correct", [5, 13]));
    add("composed and not", "é", "e\u{301}", judged("incorrect", [0, 3]));
    add("a space that is none here", "x", "\u{a0}x\u{2003}", judged("incorrect", [0, 6]));
    add("a line break that is none here", "b", "a\u{2028}b", judged("incorrect", [0, 5]));
    add("carriage return and line feed", "Paris", "So:\r\nParis\r\n", judged("correct", [5, 10]));
    add("carriage return within", "b", "a\rb", judged("incorrect", [0, 3]));
    add("boxed", "12", "1 + 11\n\n\\boxed{ 12 }\n", judged("correct", [16, 18]));
    add("a box within a line", "12", "it is \\boxed{12}", judged("incorrect", [0, 16]));
    add("a box that is not closed", "12", "\\boxed{12", judged("incorrect", [0, 9]));
    add("a box that holds what closes it", "}", "\\boxed{}}", judged("correct", [7, 8]));
    add("an empty box", "12", "12\n\\boxed{ }", none);
    add("a zero", "a\0b", "A\0B", judged("correct", [0, 3]));
    add("a zero is no end", "a\0b", "a\0c", judged("incorrect", [0, 3]));
    add("a long line before", "x", &format!("{long}\nx"), judged("correct", [300_001, 300_002]));
    add("a long line that is the answer", &long, &format!("x\n{long}"), judged("correct", [2, 300_002]));
    add("many blanks within", "x y", &format!("x{blanks}y{blanks}"), judged("incorrect", [0, 100_002]));
    add("many lines", "x", &format!("{}x", "y\n".repeat(100_000)), judged("correct", [200_000, 200_001]));
    write(file, &cases);
    cases.len()
}

/// A text and every beginning of it, for the splitters.
pub(crate) fn for_splitters(file: &Path) {
    let text = " \n\n a \n\n b\n\tc\r\n\r\nπ𝄞\n \n\n  d\n\n";
    let cuts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    write(file, &cuts.map(|cut| json!({ "input": { "text": text[..cut] } })).collect::<Vec<_>>());
}

/// Judges what a splitter gave for them by the laws of `wit/step-splitter.wit`.
pub(crate) fn assert_splits_by_the_laws(file: &Path) {
    let text = std::fs::read_to_string(file).unwrap();
    let split: Vec<(String, Vec<[usize; 2]>)> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|case| {
            let steps = serde_json::from_value(case["output"]["steps"].clone()).unwrap();
            (case["input"]["text"].as_str().unwrap().to_owned(), steps)
        })
        .collect();
    let (whole, steps) = split.last().unwrap();
    assert_eq!(steps.len(), 4, "{steps:?} of {whole:?}");
    for (begun, before) in &split {
        let fixed = &before[..before.len().saturating_sub(1)];
        assert_eq!(fixed, &steps[..fixed.len()], "what is split moved after {begun:?}");
        let last = begun.char_indices().next_back().map_or(0, |(at, _)| at);
        let shown = steps.iter().filter(|[_, end]| *end <= last).count();
        assert!(before.len() >= shown, "an end did not show in {begun:?}");
        assert_eq!(before[..shown], steps[..shown], "another end shows in {begun:?}");
    }
}

fn write(file: &Path, cases: &[Value]) {
    let lines: String = cases.iter().map(|case| format!("{case}\n")).collect();
    std::fs::write(file, lines).unwrap();
}
