//! The solutions of the task with teeth: drafts that slip, and checks that find the slips.
//!
//! On the plain task nothing that a solution could leave out makes it right, so every way of shortening looks alike. Here depth is
//! needed where problems are hard:
//!
//! - **Slips.** From level 3 on an operation's draft has a wrong digit, one off in the tens, with a chance of [`SLIP`]. Slips are in the
//!   pretraining texts, so the model learns to make them as often.
//! - **Checks.** Most solutions go through the columns of every operation once more, and go on with what they should be.
//! - **Haste.** Some ([`HASTY`]) are brief, check nothing, and box what their drafts come to: the right answer with a chance of
//!   (1 − slip)ⁿ after n operations. On a hard problem the shortest correct response is often one of them that was lucky.
//!
//! Needless steps and words are those of the plain task, but for its double checks.
//!
//! In: a problem and a stream. Out: a [`Solution`], whose answer is wrong if a hasty draft slipped.

use crate::columns::{Column, columns, read};
use crate::problem::Problem;
use crate::rng::Stream;
use crate::solution::{Solution, StepKind, Temper, Writer};
use crate::wording;

/// Percent of the solutions that check nothing.
pub const HASTY: f64 = 15.0;

/// The manner of the hasty.
const BRIEF: Temper = Temper { styles: [10, 30, 60], needless: 6.0 };

/// Percent of the operations, from level 3 on, whose draft has a wrong digit.
pub const SLIP: f64 = 45.0;

/// The last level without slips.
pub const LAST_SAFE_LEVEL: usize = 2;

/// Works a problem out in the manner of `temper`, hastily or not.
pub(crate) fn solve_with(problem: &Problem, temper: &Temper, rng: &mut Stream) -> Solution {
    let is_hasty = rng.chance(HASTY);
    let temper = if is_hasty { &BRIEF } else { temper };
    let has_slips = problem.level > LAST_SAFE_LEVEL;
    Writer { temper, rng, steps: Vec::new() }.chain(problem, |writer, total, link, rest| {
        let right = columns(link.operation, total, link.operand);
        let mut draft = right.clone();
        if has_slips && writer.rng.chance(SLIP) {
            slip(&mut draft);
            // What is boxed by the hasty must be a number that the columns can work.
            let in_range =
                rest.iter().try_fold(read(&draft), |total, link| link.operation.apply(total, link.operand));
            if in_range.is_none() {
                draft.clone_from(&right);
            }
        }
        let (written, correct) = (read(&draft), read(&right));
        writer.working(total, link, &draft, written);
        if is_hasty {
            return written;
        }
        writer.step(StepKind::Check, |style, rng| wording::recheck(&right, correct, written, style, rng));
        correct
    })
}

/// One off in the tens, or the ones where there are no tens, in the direction that changes no other digit.
fn slip(columns: &mut [Column]) {
    let place = 1.min(columns.len() - 1);
    let value = &mut columns[place].value;
    *value = if *value % 10 == 9 { *value - 1 } else { *value + 1 };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{N_LEVELS, Split, Task, problem_set};
    use crate::solution::{Step, solve};

    fn checks(steps: &[Step]) -> impl Iterator<Item = &Step> {
        steps.iter().filter(|step| step.kind == StepKind::Check)
    }

    fn is_slip(step: &Step) -> bool {
        step.text.contains(" not ")
    }

    /// Every problem of a set in several manners.
    fn solved() -> Vec<(Problem, Solution)> {
        let problems = problem_set(Task::Teeth, 1, Split::Training, 300);
        let solve = |(index, problem): (usize, Problem)| {
            let solution = solve(&problem, &mut Stream::from_parts(&[5, index as u64]));
            (problem, solution)
        };
        problems.into_iter().enumerate().map(solve).collect()
    }

    #[test]
    fn careful_solutions_are_right_and_hasty_ones_by_luck() {
        let (mut n_hasty, mut lucky, mut hasty_on) = (0, [0; N_LEVELS], [0; N_LEVELS]);
        for (problem, solution) in solved() {
            let is_right = solution.answer == problem.answer();
            match checks(&solution.steps).count() {
                0 => {
                    n_hasty += 1;
                    hasty_on[problem.level - 1] += 1;
                    lucky[problem.level - 1] += u32::from(is_right);
                }
                n => assert!(n == problem.links.len() && is_right, "{solution:?}"),
            }
        }
        assert!((250..380).contains(&n_hasty), "{n_hasty} of 2100");
        assert_eq!(lucky[..2], hasty_on[..2], "nothing slips on the first levels");
        let share = |levels: std::ops::Range<usize>| {
            f64::from(lucky[levels.clone()].iter().sum::<u32>())
                / f64::from(hasty_on[levels].iter().sum::<u32>())
        };
        // 0.55² = 0.30 and 0.55³ = 0.17.
        assert!(
            (0.17..0.45).contains(&share(2..4)) && (0.06..0.30).contains(&share(4..7)),
            "{lucky:?} {hasty_on:?}"
        );
    }

    #[test]
    fn slips_are_as_many_as_they_should_be_and_each_is_found() {
        let (mut n, mut n_slips) = (0, 0);
        for (problem, solution) in solved() {
            for check in checks(&solution.steps) {
                assert!(problem.level > LAST_SAFE_LEVEL || !is_slip(check), "{check:?}");
                if problem.level > LAST_SAFE_LEVEL {
                    n += 1;
                    n_slips += u32::from(is_slip(check));
                }
            }
        }
        let share = 100.0 * f64::from(n_slips) / f64::from(n);
        assert!((share - SLIP).abs() < 4.0, "{share}");
    }

    #[test]
    fn a_check_goes_through_the_columns_and_says_what_was_wrong() {
        let right = columns(crate::problem::Operation::Add, 347, 285);
        let rng = &mut Stream::new(0);
        let mut draft = right.clone();
        slip(&mut draft);
        assert_eq!((read(&right), read(&draft)), (632, 642));
        let check = |written, style, rng: &mut Stream| wording::recheck(&right, 632, written, style, rng);
        assert_eq!(check(632, wording::Style::Terse, rng), "Check: 7+5=12, 4+8+1=13, 3+2+1=6: 632, good.");
        assert_eq!(
            check(642, wording::Style::Medium, rng),
            "Wait, check: 7+5=12, 4+8+1=13, 3+2+1=6, so 632, not 642."
        );
        let wordy = check(642, wording::Style::Wordy, rng);
        assert!(
            wordy
                .ends_with("I get 7+5=12, 4+8+1=13, 3+2+1=6, that is 632, and not 642, so there was a slip.")
        );
    }
}
