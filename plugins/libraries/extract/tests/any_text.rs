//! What holds of any text: places on character boundaries, inside the text, in order, and not empty.
//!
//! In: random texts made of what the search looks for, and some large ones. Out: nothing. Time is not
//! measured; but a search that is not linear would not come to its end here.

use proptest::prelude::*;
use ts_extract::{answer, boxed, choice};

const PIECES: &str = "(\\\\boxed|\\\\\\\\boxed|\\\\fbox|\\{|\\}|\\\\\\{|\\\\\\}|[-1.,:;/%$π\\\\ \r\n)(]|\\$\\$|\\\\\\(|\\\\\\)|\\\\\\[|\\\\\\]|\
                      \\\\begin\\{a\\}|\\\\end\\{|\\\\end\\{a\\}|answer| is |: |\nA:|####|答案|是|。|réponse|<think>|</think>|<answer>|\
                      </answer>|<\\||[ABI]|not|or|because|the end|½|√|[xa] |[<>=|*^!,'_]|sqrt|\\\\frac|and|step 2|π|👩‍🚀|\u{202e}|\0){0,40}";

fn check(text: &str) {
    if let Some(found) = answer(text) {
        assert!(!found.places.is_empty());
        assert!(
            found.places.iter().all(|place| text.get(place.clone()).is_some_and(|text| !text.is_empty()))
        );
        assert!(found.places.windows(2).all(|pair| pair[0].end <= pair[1].start));
    }
    if let Some(found) = boxed(text) {
        assert!(
            found.places.iter().all(|place| text.get(place.clone()).is_some_and(|text| !text.is_empty()))
        );
    }
    if let Some(choice) = choice(text, 'Z') {
        assert_eq!(text.get(choice.place).map(str::to_ascii_uppercase), Some(choice.letter.to_string()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn of_pieces(text in PIECES) {
        check(&text);
    }

    #[test]
    fn of_characters(text in any::<String>()) {
        check(&text);
    }
}

#[test]
fn once_wrong() {
    check("\nA:I is : ");
    check("It is \\begin{a}1\\end{\\begin{a}2\\end{a}} or so");
}

#[test]
fn large() {
    const PIECES: [&str; 47] = [
        "\\boxed{1} no, ",
        "\\boxed{1}, ",
        "\\boxed{",
        "the answer is ",
        "the answer is\n",
        "the answer is as follows. ",
        "the answer of ",
        "$",
        "$a ",
        "$$a",
        "{",
        "}",
        "\\",
        "<",
        "#",
        "w",
        "\na:",
        "7",
        "x1 ",
        "\0",
        "👩‍🚀",
        "\\end{a}",
        "\\begin{a}",
        "\\end{",
        "\\)",
        "\\(",
        "\\$",
        "</answer>",
        "<answer></answer>",
        "A ",
        "答案是",
        "1{,}",
        "1/",
        "\n1. ",
        "</think>",
        "#### word\n",
        " ",
        "x + ",
        "(x, ",
        "x)",
        "$x=1$, ",
        "$x=1$ and ",
        "\\(x=1\\), ",
        ",123",
        "step 2 ",
        " is ",
        "it's ",
    ];
    for piece in PIECES {
        let text = piece.repeat((1 << 15) / piece.len());
        check(&text);
        check(&format!("The answer is {text}"));
        check(&format!("The answer is the value {text}"));
        check(&format!("{text}\\boxed{{7}}"));
    }
}

#[test]
fn what_stands_far_from_the_end() {
    let noise = "and so on ".repeat(1 << 14);
    let text = |response: &str| answer(response).map(|found| found.text(response).into_owned());
    assert_eq!(text(&format!("\\boxed{{7}} {noise}")).as_deref(), Some("7"));
    assert_eq!(text(&format!("{noise}\\boxed{{7}} {noise}")).as_deref(), Some("7"));
    assert_eq!(text(&format!("{noise}The answer is 7. {noise}")), None);
    assert_eq!(text(&format!("{noise}The answer is 7.")).as_deref(), Some("7"));
    assert_eq!(
        text(&format!("<thinking>{noise}\\boxed{{4}}</thinking>{noise} The answer is 7.")).as_deref(),
        Some("7")
    );
    assert_eq!(text(&format!("\\boxed{{7}} {noise}\\boxed{{8")), None);
    // Of a number that is longer than what is searched, no end is taken for the whole.
    assert_eq!(text(&format!("1{}", "0".repeat(1 << 17))), None);
    assert_eq!(text(&format!("It is 1{}", "0".repeat(1 << 17))), None);
}
