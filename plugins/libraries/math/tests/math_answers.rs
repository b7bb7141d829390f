//! The 2,047 different reference answers of MATH's 5,000 test problems.
//!
//! Each equals itself, as it stands and printed anew; and among all two million pairs, the ones that say the
//! same are those in the snapshot, which was read line by line: different notations of one value, or one of
//! them without the unit or the name that the other has.

use std::fmt::Write;

use ts_math::algebra::Work;
use ts_math::compare::same;
use ts_math::syntax::{Node, parse};
use ts_math::{Verdict, WORK, grade};

fn answers() -> Vec<String> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tests/data/math_answers.jsonl");
    let lines = std::fs::read_to_string(file).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn each_equals_itself() {
    for answer in answers() {
        let printed = parse(&answer).unwrap_or_else(|error| panic!("{answer}: {error:?}")).to_string();
        for response in [&answer, &printed] {
            let grade = grade(&answer, &format!("\\boxed{{{response}}}"));
            assert_eq!(grade.verdict, Verdict::Correct, "{answer} and {response}: {}", grade.note);
        }
    }
}

#[test]
fn pairs_that_say_the_same_are_known() {
    let answers = answers();
    let nodes: Vec<Node> = answers.iter().map(|answer| parse(answer).unwrap()).collect();
    let mut table = String::new();
    for (at, (answer, node)) in answers.iter().zip(&nodes).enumerate() {
        let equals = nodes.iter().enumerate().skip(at + 1).filter(|(_, other)| {
            let outcome = same(node, other, &Work::new(WORK));
            outcome.unwrap_or_else(|trouble| panic!("{node}  and  {other}: {trouble:?}"))
        });
        let equals: Vec<&str> = equals.map(|(at, _)| answers[at].as_str()).collect();
        if !equals.is_empty() {
            writeln!(
                table,
                "{}",
                [&[answer.as_str()], &equals[..]].concat().join("   |   ").replace('\n', " ")
            )
            .unwrap();
        }
    }
    insta::assert_snapshot!(table);
}
