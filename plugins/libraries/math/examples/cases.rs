//! Files of graded cases against the grader: which verdicts are not as expected, and how many are.
//!
//! In: files of JSON lines with `gold` and `response` or `pred` (in parts: `gold_parts`, `pred_parts`), and
//! what is expected as `expected` or `is_correct`. A `pred` whose `form` is `answer` is put into a box. Out:
//! each wrong verdict and, for each file, the counts. `ts-host plugin test` runs the component itself.
//!
//!     cargo run --release -p ts-math --example cases -- FILE...

use serde_json::Value;
use ts_math::{Verdict, grade};

fn main() {
    for file in std::env::args().skip(1) {
        let lines = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
        let (mut agreed, mut counted, mut false_positives) = (0, 0, 0);
        for line in lines.lines() {
            let case: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{file}: {error}"));
            let Some(expected) = case["expected"].as_bool().or(case["is_correct"].as_bool()) else {
                continue;
            };
            if case["fair"] == false {
                continue;
            }
            let (gold, response) = (text(&case, "gold"), response(&case));
            let graded = grade(&gold, &response);
            counted += 1;
            if (graded.verdict == Verdict::Correct) == expected {
                agreed += 1;
                continue;
            }
            false_positives += usize::from(!expected);
            let kind = if expected { "FALSE NEGATIVE" } else { "FALSE POSITIVE" };
            let place = graded.place.map_or("", |place| &response[place]);
            println!("{kind} {} {} ({}): {:?}", case["id"], case["kind"], case["form"], graded.verdict);
            println!("    reference {}\n    response  {}", shown(&gold), shown(&response));
            println!("    answer    {}\n    note      {}", shown(place), graded.note);
        }
        println!("{file}: {agreed} of {counted} as expected, {false_positives} false positives");
    }
}

fn response(case: &Value) -> String {
    if let Some(response) = case["response"].as_str() {
        return response.to_owned();
    }
    let text = text(case, "pred");
    if case["form"] == "answer" { format!("\\boxed{{{text}}}") } else { text }
}

/// A text, whole or in parts, each with how often it is repeated.
fn text(case: &Value, name: &str) -> String {
    if let Some(text) = case[name].as_str() {
        return text.to_owned();
    }
    let parts = case[format!("{name}_parts")].as_array().into_iter().flatten();
    parts
        .map(|part| {
            let times = part[1].as_u64().and_then(|times| usize::try_from(times).ok()).unwrap_or(0);
            part[0].as_str().unwrap_or_default().repeat(times)
        })
        .collect()
}

fn shown(text: &str) -> String {
    const LIMIT: usize = 600;
    let text: String = text.chars().rev().take(LIMIT).collect::<Vec<_>>().into_iter().rev().collect();
    format!("{text:?}")
}
