//! The words of a reasoning step: every kind of step in three styles that say the same thing at different
//! lengths.
//!
//! The invariant that makes the embedded model a fair subject: **each style of a step holds all of its
//! working** (the operands, what was carried in, the column's value, the total). Only the language around
//! it differs, so that a rewording that keeps a step's meaning is harmless, and the shortest one costs no
//! accuracy that practice would not restore. The one kind of step without working is [`in_the_head`].
//!
//! A carry is visible in the terse style too, as the first digit of a value of two digits: "Tens:
//! 4+8+1=13." A borrow is visible as the ten before the top digit: "Tens: 11-9-1=1."

use crate::columns::Column;
use crate::problem::{Link, Operation};
use crate::rng::Stream;

/// How many words a step spends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Whole sentences.
    Wordy,
    /// Short sentences.
    Medium,
    /// Hardly more than the numbers.
    Terse,
}

const PLACES: [(&str, &str); 4] =
    [("ones", "Ones"), ("tens", "Tens"), ("hundreds", "Hundreds"), ("thousands", "Thousands")];

fn pick(rng: &mut Stream, options: &[&'static str]) -> &'static str {
    options[rng.below(options.len())]
}

/// A remark before any work: needless.
pub fn opening(start: u32, operations: usize, style: Style, rng: &mut Stream) -> String {
    match style {
        Style::Wordy => {
            let hm = pick(
                rng,
                &[
                    "Okay, so I need to work this out.",
                    "Alright, let me think about this problem.",
                    "Hmm, let me see what is being asked here.",
                ],
            );
            format!(
                "{hm} The number at the start is {start} and there is a total of {operations} to do after that."
            )
        }
        Style::Medium => format!("I start from {start} and work step by step."),
        Style::Terse => format!("Start: {start}."),
    }
}

/// A statement of method: needless.
pub fn plan(style: Style, rng: &mut Stream) -> String {
    match style {
        Style::Wordy => {
            let will = pick(
                rng,
                &[
                    "I will go through the columns one by one and be careful.",
                    "The safe way is to do every column on its own.",
                ],
            );
            will.to_string()
        }
        Style::Medium => "Let me go column by column.".to_string(),
        Style::Terse => "By columns.".to_string(),
    }
}

/// Which operation comes now: names both numbers, which the columns then read.
pub fn heading(total: u32, link: Link, style: Style, rng: &mut Stream) -> String {
    let operand = link.operand;
    match style {
        Style::Wordy => {
            let now = pick(
                rng,
                &[
                    "Next I have to take the number",
                    "Now I take what I have, which is",
                    "So here I have to go on from",
                ],
            );
            let what = match link.operation {
                Operation::Add => "and add to it",
                Operation::Subtract => "and subtract from it",
                Operation::Multiply => "and multiply it by",
            };
            format!("{now} {total} {what} {operand}.")
        }
        Style::Medium => {
            let what = match link.operation {
                Operation::Add => "plus",
                Operation::Subtract => "minus",
                Operation::Multiply => "times",
            };
            format!("Now {total} {what} {operand}.")
        }
        Style::Terse => format!("{total}{}{operand}:", link.operation.symbol()),
    }
}

/// One column of digits.
pub fn column(column: &Column, style: Style, rng: &mut Stream) -> String {
    let (place, place_first) = PLACES[column.place];
    let &Column { operation, bottom, carry_in, value, carry_out, .. } = column;
    let (borrows, top) = borrowed(column);
    let (symbol, word, carry_symbol, carry_word) = match operation {
        Operation::Add => ('+', "plus", '+', "plus the carried"),
        Operation::Subtract => ('-', "minus", '-', "minus the borrowed"),
        Operation::Multiply => ('*', "times", '+', "plus the carried"),
    };
    let carried = match (carry_in, style) {
        (0, _) => String::new(),
        (_, Style::Wordy) => format!(" {carry_word} {carry_in}"),
        (_, Style::Medium) => format!(" {carry_symbol} {carry_in}"),
        (_, Style::Terse) => String::new(),
    };
    let written = column.written();
    match style {
        Style::Wordy => {
            let look = pick(rng, &["Now I look at the", "Let me go on to the", "What comes next is the"]);
            let then = if borrows {
                format!(", so I write {written} and borrow")
            } else if carry_out > 0 && !column.last {
                format!(", so I write {written} and carry {carry_out}")
            } else {
                format!(", so I write {written}")
            };
            format!("{look} {place}, where {top} {word} {bottom}{carried} gives me {value}{then}.")
        }
        Style::Medium => {
            let then = if borrows {
                ", borrow".to_string()
            } else if carry_out > 0 && !column.last {
                format!(", carry {carry_out}")
            } else {
                String::new()
            };
            format!("In the {place}, {top} {symbol} {bottom}{carried} = {value}, write {written}{then}.")
        }
        Style::Terse => format!("{place_first}: {}.", equation(column)),
    }
}

/// Whether a column borrows, and its top digit with the ten that it borrowed.
fn borrowed(column: &Column) -> (bool, u32) {
    let borrows = column.operation == Operation::Subtract && column.carry_out == 1;
    (borrows, if borrows { column.top + 10 } else { column.top })
}

/// A column and nothing else: "4+8+1=13".
fn equation(column: &Column) -> String {
    let &Column { operation, bottom, carry_in, value, .. } = column;
    let carry_symbol = if operation == Operation::Subtract { '-' } else { '+' };
    let carried = if carry_in == 0 { String::new() } else { format!("{carry_symbol}{carry_in}") };
    format!("{}{}{bottom}{carried}={value}", borrowed(column).1, operation.symbol())
}

/// A remark after a column that carried or borrowed: needless.
pub fn caution(style: Style, rng: &mut Stream) -> String {
    match style {
        Style::Wordy => pick(
            rng,
            &[
                "I should be careful here and not forget about that in the next column.",
                "Let me keep that in mind for what comes next.",
            ],
        )
        .to_string(),
        Style::Medium => "I must not forget that.".to_string(),
        Style::Terse => "Careful.".to_string(),
    }
}

/// The columns' digits, put together.
pub fn total(total: u32, style: Style, rng: &mut Stream) -> String {
    match style {
        Style::Wordy => {
            let so = pick(
                rng,
                &[
                    "When I put the digits together, the number that I get is",
                    "Reading the digits from the other end, the result is",
                ],
            );
            format!("{so} {total}.")
        }
        Style::Medium => format!("So the result is {total}."),
        Style::Terse => format!("So {total}."),
    }
}

/// A whole operation without any working: the temptation.
pub fn in_the_head(before: u32, link: Link, after: u32) -> String {
    format!("{before} {} {} is {after}.", link.operation.symbol(), link.operand)
}

/// The operation undone, to see that it leads back: needless where the columns were right.
pub fn check(before: u32, link: Link, after: u32, style: Style, rng: &mut Stream) -> String {
    let operand = link.operand;
    let (word, symbol) = match link.operation {
        Operation::Add => ("minus", '-'),
        Operation::Subtract => ("plus", '+'),
        Operation::Multiply => ("divided by", '/'),
    };
    match style {
        Style::Wordy => {
            let wait = pick(
                rng,
                &[
                    "Wait, let me double-check this before I go on.",
                    "Hold on, I want to be sure that this is right.",
                ],
            );
            let good = pick(
                rng,
                &["which is what I had before, so this is fine.", "and that agrees with where I came from."],
            );
            format!("{wait} Going back, {after} {word} {operand} gives me {before}, {good}")
        }
        Style::Medium => format!("Wait, check: {after} {symbol} {operand} = {before}, good."),
        Style::Terse => format!("Check: {after}{symbol}{operand}={before}."),
    }
}

/// The columns once more, as they should be, against the total that was written: needed where that has a slip.
pub fn recheck(columns: &[Column], right: u32, written: u32, style: Style, rng: &mut Stream) -> String {
    let columns: Vec<String> = columns.iter().map(equation).collect();
    let columns = columns.join(", ");
    let is_good = right == written;
    match style {
        Style::Wordy => {
            let wait = pick(
                rng,
                &[
                    "Wait, let me go through the digits again before I go on.",
                    "Hold on, I want to be sure that no digit is wrong.",
                ],
            );
            let verdict = if is_good {
                pick(rng, &["which is what I have, so this is fine.", "and that agrees with what I wrote."])
                    .to_owned()
            } else {
                format!("and not {written}, so there was a slip.")
            };
            format!("{wait} I get {columns}, that is {right}, {verdict}")
        }
        Style::Medium if is_good => format!("Wait, check: {columns}, so {right}, good."),
        Style::Medium => format!("Wait, check: {columns}, so {right}, not {written}."),
        Style::Terse if is_good => format!("Check: {columns}: {right}, good."),
        Style::Terse => format!("Check: {columns}: {right}, not {written}."),
    }
}

/// Where the chain stands: needless.
pub fn progress(total: u32, left: usize, style: Style, rng: &mut Stream) -> String {
    match style {
        Style::Wordy => {
            let so = pick(
                rng,
                &["So at this point the total that I have is", "Let me write down where I am, which is at"],
            );
            format!("{so} {total}, and there is a total of {left} more to do.")
        }
        Style::Medium => format!("I have {total} now, {left} to go."),
        Style::Terse => format!("Now {total}."),
    }
}

/// The answer in words: needless, as the box follows.
pub fn closing(answer: u32, style: Style, rng: &mut Stream) -> String {
    match style {
        Style::Wordy => {
            let done = pick(
                rng,
                &[
                    "That was the last thing to do, so the answer to the problem should be",
                    "I have used all of the numbers now, which means that the result is",
                ],
            );
            format!("{done} {answer}.")
        }
        Style::Medium => format!("So the answer is {answer}."),
        Style::Terse => format!("Answer: {answer}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::columns;

    const STYLES: [Style; 3] = [Style::Wordy, Style::Medium, Style::Terse];

    fn numbers(text: &str) -> Vec<u32> {
        text.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
    }

    #[test]
    fn a_column_in_three_styles() {
        let tens = columns(Operation::Add, 347, 285)[1];
        let rng = &mut Stream::new(0);
        assert_eq!(column(&tens, Style::Terse, rng), "Tens: 4+8+1=13.");
        assert_eq!(column(&tens, Style::Medium, rng), "In the tens, 4 + 8 + 1 = 13, write 3, carry 1.");
        assert!(
            column(&tens, Style::Wordy, rng).ends_with(
                "the tens, where 4 plus 8 plus the carried 1 gives me 13, so I write 3 and carry 1."
            )
        );
    }

    #[test]
    fn a_borrowing_column_shows_its_ten() {
        let tens = columns(Operation::Subtract, 312, 298)[1];
        let rng = &mut Stream::new(0);
        assert_eq!(column(&tens, Style::Terse, rng), "Tens: 11-9-1=1.");
        assert_eq!(column(&tens, Style::Medium, rng), "In the tens, 11 - 9 - 1 = 1, write 1, borrow.");
    }

    #[test]
    fn every_style_of_a_column_holds_the_working() {
        let rng = &mut Stream::new(1);
        for (operation, total, operand) in
            [(Operation::Add, 999, 888), (Operation::Subtract, 1_234, 987), (Operation::Multiply, 789, 6)]
        {
            for c in columns(operation, total, operand) {
                let terse = numbers(&column(&c, Style::Terse, rng));
                for style in [Style::Wordy, Style::Medium] {
                    assert_eq!(numbers(&column(&c, style, rng))[..terse.len()], terse);
                }
            }
        }
    }

    #[test]
    fn every_style_of_a_heading_a_total_and_a_check_names_the_same_numbers() {
        let rng = &mut Stream::new(2);
        for operation in [Operation::Add, Operation::Subtract, Operation::Multiply] {
            let link = Link { operation, operand: 7 };
            for style in STYLES {
                assert_eq!(numbers(&heading(60, link, style, rng)), [60, 7]);
                assert_eq!(numbers(&total(53, style, rng)), [53]);
                assert_eq!(numbers(&check(60, link, 67, style, rng)), [67, 7, 60]);
                assert_eq!(numbers(&closing(53, style, rng)), [53]);
            }
        }
    }

    #[test]
    fn a_shorter_style_is_shorter_text() {
        let rng = &mut Stream::new(3);
        let link = Link { operation: Operation::Add, operand: 85 };
        let ones = columns(Operation::Add, 47, 85)[0];
        let mut lengths = |style| {
            [
                opening(47, 1, style, rng),
                plan(style, rng),
                heading(47, link, style, rng),
                column(&ones, style, rng),
                caution(style, rng),
                total(132, style, rng),
                check(47, link, 132, style, rng),
                progress(132, 1, style, rng),
                closing(132, style, rng),
            ]
            .map(|text| text.len())
        };
        let (wordy, medium, terse) = (lengths(Style::Wordy), lengths(Style::Medium), lengths(Style::Terse));
        assert!(wordy.iter().zip(&medium).all(|(wordy, medium)| wordy > medium));
        assert!(medium.iter().zip(&terse).all(|(medium, terse)| medium > terse));
    }
}
