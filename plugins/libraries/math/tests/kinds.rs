//! Answers kind by kind: each line of each file in `kinds/`, and each example of the page
//! `docs/math-grader.md`, is a reference, a mark and an answer: ✓ correct, ✗ not correct, in both directions.
//! In `responses/` whole responses stand in the answer's place.

use ts_math::{Verdict, grade};

#[test]
fn every_line_holds() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kinds");
    let mut wrong = Vec::new();
    let mut count = 0;
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.push(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/math-grader.md"));
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let (mut lines, mut held) = (0, 0);
        let is_example = |line: &str| line.contains("  ✓  ") || line.contains("  ✗  ");
        let is_page = path.extension().is_some_and(|extension| extension == "md");
        for (at, line) in text.lines().enumerate() {
            if line.is_empty() || line.starts_with("# ") || (is_page && !is_example(line)) {
                continue;
            }
            let mark = if line.contains("  ✓  ") { "  ✓  " } else { "  ✗  " };
            let (reference, answer) =
                line.split_once(mark).unwrap_or_else(|| panic!("{}:{}: no mark", path.display(), at + 1));
            let holds = [(reference, answer), (answer, reference)].into_iter().all(|(reference, answer)| {
                let grade = grade(reference, &format!("\\boxed{{{answer}}}"));
                let correct = grade.verdict == Verdict::Correct;
                if correct != mark.contains('✓') {
                    let place = format!("{}:{}", path.file_name().unwrap().display(), at + 1);
                    wrong.push(format!(
                        "{place}: {reference}{mark}{answer}\n    {:?} {}",
                        grade.verdict, grade.note
                    ));
                    return false;
                }
                true
            });
            lines += 1;
            held += usize::from(holds);
        }
        println!("{}: {held} of {lines}", path.file_name().unwrap().display());
        count += lines;
    }
    assert!(wrong.is_empty(), "{} lines are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 100, "only {count} lines were found");
}

/// A text is itself, whatever it is, but for one that says nothing.
#[test]
fn what_says_nothing_is_no_answer() {
    for text in ["", " ", "$$", ".", &" ".repeat(20_000)] {
        for response in [text.to_owned(), format!("\\boxed{{{text}}}")] {
            let verdict = grade(text, &response).verdict;
            assert_ne!(verdict, Verdict::Correct, "{} bytes and {response:.20}", text.len());
        }
    }
}

#[test]
fn every_response_holds() {
    let text = include_str!("responses/kinds.txt");
    let mut wrong = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with("# ")) {
        let mark = if line.contains("  ✓  ") { "  ✓  " } else { "  ✗  " };
        let (reference, response) = line.split_once(mark).unwrap_or_else(|| panic!("{line}: no mark"));
        let grade = grade(reference, response);
        if (grade.verdict == Verdict::Correct) != mark.contains('✓') {
            wrong.push(format!("{line}\n    {:?} {}", grade.verdict, grade.note));
        }
    }
    assert!(wrong.is_empty(), "{} lines are wrong:\n{}", wrong.len(), wrong.join("\n"));
}
