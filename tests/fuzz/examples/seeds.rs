//! Makes the seed corpora out of `tests/data`: `cargo run --example seeds -- CORPUS`.
//!
//! Written are `CORPUS/extract` (responses), `CORPUS/parse` (answers) and `CORPUS/grade` (pairs of
//! neighbouring answers).

use std::path::Path;

fn main() -> std::io::Result<()> {
    let corpus = std::env::args().nth(1).unwrap_or_else(|| "corpus".to_owned());
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data");
    let lines = |file: &str| std::fs::read_to_string(data.join(file));
    let write = |target: &str, at: usize, text: &str| {
        let folder = Path::new(&corpus).join(target);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(format!("{at}")), text)
    };
    for (at, line) in lines("gsm8k_labelled.jsonl")?.lines().step_by(40).enumerate() {
        let case: serde_json::Value = serde_json::from_str(line)?;
        write("extract", at, case["response"].as_str().unwrap_or_default())?;
    }
    let answers: Vec<String> =
        lines("math_answers.jsonl")?.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    for (at, pair) in answers.windows(2).step_by(3).enumerate() {
        write("parse", at, &pair[0])?;
        write("grade", at, &format!("{}\n~\n{}", pair[0], pair[1]))?;
    }
    for (at, line) in lines("symbolic_answers.jsonl")?.lines().enumerate() {
        let case: serde_json::Value = serde_json::from_str(line)?;
        let (reference, answer) = (case["gold"].as_str(), case["pred"].as_str());
        let pair = format!("{}\n~\n{}", reference.unwrap_or_default(), answer.unwrap_or_default());
        write("grade", 5000 + at, &pair)?;
    }
    // The page of examples has every kind.
    let page = std::fs::read_to_string(data.join("../../docs/math-grader.md"))?;
    for (at, line) in page.lines().enumerate() {
        if let Some((reference, answer)) = line.split_once("  ✓  ").or_else(|| line.split_once("  ✗  ")) {
            write("parse", 10_000 + at, reference)?;
            write("grade", 10_000 + at, &format!("{reference}\n~\n{answer}"))?;
        }
    }
    Ok(())
}
