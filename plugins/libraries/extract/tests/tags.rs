//! Reasoning in the tags of many models: what stands in it never comes before what the response says.
//!
//! In: responses. Out: the texts at the places that are found.

use ts_extract::{after_reasoning, answer, choice};

const REASONING: [(&str, &str); 18] = [
    ("<think>", "</think>"),
    ("<Think>", "</Think>"),
    ("<think effort=\"high\">", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<REASONING>", "</REASONING>"),
    ("<reflection>", "</reflection>"),
    ("<scratchpad>", "</scratchpad>"),
    ("<seed:think>", "</seed:think>"),
    ("<longcat_think>", "</longcat_think>"),
    ("◁think▷", "◁/think▷"),
    ("[THINK]", "[/THINK]"),
    ("<|think|>", "<|/think|>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ("<|begin_of_thought|>", "<|end_of_thought|><|begin_of_solution|>"),
];

fn text(response: &str) -> Option<String> {
    answer(response).map(|found| found.text(response).into_owned())
}

#[test]
fn what_is_said_comes_before_reasoning() {
    for (open, close) in REASONING {
        for (response, expected) in [
            (format!("{open}maybe \\boxed{{4}}{close}\nThe answer is 5."), "5"),
            (format!("{open}maybe \\boxed{{4}}{close}\nSo she has 5 apples."), "5"),
            (format!("{open}The answer is 4, no? \\boxed{{4}}{close}**5**"), "5"),
            (format!("{open}a{close} x {open}\\boxed{{4}}{close} The answer is 5."), "5"),
            (format!("{open}so \\boxed{{4}}? {open}no{close} The answer is 5."), "5"),
            (format!("{open}<answer>4</answer>{close} <answer>5</answer>"), "5"),
            (format!("{open}\\boxed{{4}}{close} Done."), "4"),
            (format!("{open}so \\boxed{{4}}, then"), "4"),
        ] {
            assert_eq!(text(&response).as_deref(), Some(expected), "{response:?}");
        }
        assert_eq!(text(&format!("{open}then x + 7 = 12, so")), None, "{open}");
        let response = format!("{open}B?{close} The answer is C.");
        assert_eq!(choice(&response, 'D').map(|choice| choice.letter), Some('C'), "{open}");
        assert_eq!(after_reasoning(&response).map(|place| &response[place]), Some(" The answer is C."));
        assert_eq!(after_reasoning(&format!("{open}B?")), None, "{open}");
    }
}

#[test]
fn reasoning_that_is_not_paired() {
    for (response, expected) in [
        ("\\boxed{4}</think> The answer is 5.", "5"),
        ("<think>\\boxed{4}</think> The answer is 5.</think>", "5"),
        ("The answer is 5. <reflection>is it \\boxed{4}? no.</reflection>", "5"),
        ("The answer is 5. <think>or \\boxed{4}", "5"),
        ("The answer is 5.<|end|>", "5"),
        ("<think>a <response> b \\boxed{4}</think> The answer is 5.", "5"),
    ] {
        assert_eq!(text(response).as_deref(), Some(expected), "{response:?}");
    }
}

#[test]
fn tags_around_the_response_and_the_answer() {
    for (response, expected) in [
        ("<reasoning>4</reasoning><response>So it is 5.</response>", "5"),
        ("<response>The answer is 5.</response>\nI had 3 tries.", "5"),
        ("<|begin_of_solution|>The total is $\\boxed{5}$.<|end_of_solution|>", "5"),
        ("<reasoning>4</reasoning><answer>The answer is 5.</answer>", "5"),
        ("<final_answer>5</final_answer>", "5"),
        ("Scratch \\boxed{4}. <answer>5</answer>", "5"),
        ("<answer>\\boxed{5}</answer>", "5"),
        ("[see THINK] and [A] is <b>5</b>", "5"),
    ] {
        assert_eq!(text(response).as_deref(), Some(expected), "{response:?}");
    }
}
