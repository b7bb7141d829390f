//! The solutions of the plain task: a chain worked out in small steps, with the two redundancies that
//! a reasoning model has.
//!
//! | redundancy | here | which stage removes it |
//! |---|---|---|
//! | whole steps (depth) | openings, plans, cautions, needless checks, progress, closings | 1: selection |
//! | words within a step | the wordy and medium styles of [`wording`](crate::wording) | 2: refinement |
//!
//! What a solution cannot do without is in neither: a heading, one step per column and the total, for every
//! operation. The exception is an operation done **in the head**, in one step without working: pretraining
//! shows it mostly for easy operations, and the model seldom gets it right. It is the shortest way to an
//! answer, and so the trap for a method that looks at length alone.
//!
//! Every response has a [`Temper`] (how many words, how many needless steps), and every step still draws
//! for itself, so that each style of each step has probability enough to turn up among 64 rewrites.
//!
//! In: a problem and a stream. Out: a [`Solution`], and [`Solution::render`] joins its steps as the model is to write them. The
//! text is always correct: mistakes are the model's own. [`solve`] hands problems of the other task to [`crate::teeth`].
//! Left out: the chat template and the end-of-text token, which belong to the tokenizer.

use crate::columns::{Column, columns};
use crate::problem::{Link, Operation, Problem, Task};
use crate::rng::Stream;
use crate::teeth;
use crate::wording::{self, Style};

/// How one response spends its tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Temper {
    /// Weights of the wordy, medium and terse style of each step.
    pub styles: [u32; 3],
    /// Percent chance of a needless step, wherever one could stand.
    pub needless: f64,
}

/// The tempers and their weights: most responses are talkative, few are brief, none is only terse.
pub const TEMPERS: [(u32, Temper); 3] = [
    (60, Temper { styles: [82, 12, 6], needless: 50.0 }),
    (26, Temper { styles: [50, 35, 15], needless: 35.0 }),
    (14, Temper { styles: [15, 45, 40], needless: 15.0 }),
];

/// Percent chance that an operation is done in the head: sums and differences of two digits, and everything
/// else.
const IN_THE_HEAD_EASY: f64 = 8.0;
const IN_THE_HEAD_HARD: f64 = 1.5;

/// A caution is rarer than the other needless steps, as there are more places for it.
const CAUTION_SHARE: f64 = 0.3;

/// What a step is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// Says that it begins.
    Opening,
    /// Says how it will go.
    Plan,
    /// Names the operation that comes.
    Heading,
    /// Works one column.
    Column,
    /// Warns of a carry.
    Caution,
    /// States an operation's result.
    Total,
    /// Does a whole operation at once.
    InTheHead,
    /// Works an operation backwards.
    Check,
    /// Says how far it is.
    Progress,
    /// Says that it is done.
    Closing,
}

impl StepKind {
    /// Whether the answer can be reached as safely without this step.
    pub fn is_needless(self) -> bool {
        !matches!(self, Self::Heading | Self::Column | Self::Total | Self::InTheHead)
    }
}

/// One reasoning step, without the blank line that ends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it is there for.
    pub kind: StepKind,
    /// Its words.
    pub text: String,
}

/// Steps, and what they come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Solution {
    /// The reasoning.
    pub steps: Vec<Step>,
    /// What is boxed.
    pub answer: u32,
}

/// Works a problem out, in the manner of a temper drawn first.
pub fn solve(problem: &Problem, rng: &mut Stream) -> Solution {
    let temper = TEMPERS[rng.weighted(&TEMPERS.map(|(weight, _)| weight))].1;
    solve_with(problem, &temper, rng)
}

/// Works a problem out in the manner of `temper`.
pub fn solve_with(problem: &Problem, temper: &Temper, rng: &mut Stream) -> Solution {
    if problem.task == Task::Teeth {
        return teeth::solve_with(problem, temper, rng);
    }
    Writer { temper, rng, steps: Vec::new() }.chain(problem, |writer, before, link, _| {
        let after = link.operation.apply(before, link.operand).expect("a drawn chain stays in range");
        writer.operation(before, link, after);
        writer.needless(StepKind::Check, 0.7, |style, rng| wording::check(before, link, after, style, rng));
        after
    })
}

impl Solution {
    /// What follows the prompt's `<think>` and a line break: the steps, a blank line between each two, and the
    /// boxed answer.
    pub fn render(&self) -> String {
        let steps: Vec<&str> = self.steps.iter().map(|step| step.text.as_str()).collect();
        format!("{}\n</think>\n\n\\boxed{{{}}}", steps.join("\n\n"), self.answer)
    }
}

/// Puts steps down in the manner of a temper.
pub(crate) struct Writer<'a> {
    pub(crate) temper: &'a Temper,
    pub(crate) rng: &'a mut Stream,
    pub(crate) steps: Vec<Step>,
}

impl Writer<'_> {
    /// Goes through a chain, with the needless steps around its operations. `operate` puts an operation down; it is given the
    /// total before it, the operation and those that follow, and answers with the total from which they go on.
    pub(crate) fn chain(
        mut self,
        problem: &Problem,
        mut operate: impl FnMut(&mut Self, u32, Link, &[Link]) -> u32,
    ) -> Solution {
        let Problem { start, links, .. } = problem;
        self.needless(StepKind::Opening, 1.0, |style, rng| wording::opening(*start, links.len(), style, rng));
        self.needless(StepKind::Plan, 0.6, wording::plan);
        let (mut total, mut rest) = (*start, links.as_slice());
        while let [link, following @ ..] = rest {
            rest = following;
            total = operate(&mut self, total, *link, rest);
            if !rest.is_empty() {
                self.needless(StepKind::Progress, 0.6, |style, rng| {
                    wording::progress(total, rest.len(), style, rng)
                });
            }
        }
        self.needless(StepKind::Closing, 1.0, |style, rng| wording::closing(total, style, rng));
        Solution { steps: self.steps, answer: total }
    }

    fn style(&mut self) -> Style {
        [Style::Wordy, Style::Medium, Style::Terse][self.rng.weighted(&self.temper.styles)]
    }

    pub(crate) fn step(&mut self, kind: StepKind, word: impl FnOnce(Style, &mut Stream) -> String) {
        let style = self.style();
        let text = word(style, self.rng);
        self.steps.push(Step { kind, text });
    }

    /// `share` scales the temper's chance of a needless step.
    pub(crate) fn needless(
        &mut self,
        kind: StepKind,
        share: f64,
        word: impl FnOnce(Style, &mut Stream) -> String,
    ) {
        if self.rng.chance(self.temper.needless * share) {
            self.step(kind, word);
        }
    }

    fn operation(&mut self, before: u32, link: Link, after: u32) {
        let easy = link.operation != Operation::Multiply && before < 100 && link.operand < 100;
        if self.rng.chance(if easy { IN_THE_HEAD_EASY } else { IN_THE_HEAD_HARD }) {
            let text = wording::in_the_head(before, link, after);
            self.steps.push(Step { kind: StepKind::InTheHead, text });
            return;
        }
        self.working(before, link, &columns(link.operation, before, link.operand), after);
    }

    /// An operation by its columns.
    pub(crate) fn working(&mut self, before: u32, link: Link, columns: &[Column], after: u32) {
        self.step(StepKind::Heading, |style, rng| wording::heading(before, link, style, rng));
        for column in columns {
            self.step(StepKind::Column, |style, rng| wording::column(column, style, rng));
            if column.carry_out > 0 && !column.last {
                self.needless(StepKind::Caution, CAUTION_SHARE, wording::caution);
            }
        }
        self.step(StepKind::Total, |style, rng| wording::total(after, style, rng));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{Split, problem_set};

    const TERSE: Temper = Temper { styles: [0, 0, 1], needless: 0.0 };
    const WORDY: Temper = Temper { styles: [1, 0, 0], needless: 100.0 };

    fn problem(start: u32, links: &[(Operation, u32)]) -> Problem {
        let links = links.iter().map(|&(operation, operand)| Link { operation, operand }).collect();
        Problem { task: Task::Plain, level: 1, start, links, text: String::new() }
    }

    /// A seed whose first operation is not done in the head.
    fn worked(problem: &Problem, temper: &Temper) -> Solution {
        (0..)
            .map(|seed| solve_with(problem, temper, &mut Stream::new(seed)))
            .find(|solution| solution.steps.iter().all(|step| step.kind != StepKind::InTheHead))
            .unwrap()
    }

    #[test]
    fn a_terse_solution_is_only_working() {
        let problem = problem(347, &[(Operation::Add, 285), (Operation::Multiply, 3)]);
        assert_eq!(
            worked(&problem, &TERSE).render(),
            "347+285:\n\nOnes: 7+5=12.\n\nTens: 4+8+1=13.\n\nHundreds: 3+2+1=6.\n\nSo 632.\n\n\
             632*3:\n\nOnes: 2*3=6.\n\nTens: 3*3=9.\n\nHundreds: 6*3=18.\n\nSo 1896.\n\
             </think>\n\n\\boxed{1896}"
        );
    }

    #[test]
    fn a_thorough_solution_adds_needless_steps_and_nothing_else() {
        let problem = problem(347, &[(Operation::Add, 285), (Operation::Subtract, 58)]);
        let needed = |steps: Vec<Step>| -> Vec<StepKind> {
            steps.into_iter().map(|step| step.kind).filter(|kind| !kind.is_needless()).collect()
        };
        let (terse, thorough) = (worked(&problem, &TERSE).steps, worked(&problem, &WORDY).steps);
        assert!(thorough.iter().any(|step| step.kind.is_needless()));
        assert_eq!(needed(terse), needed(thorough));
    }

    /// Both sides of every `a+b=c`, with or without spaces, agree; so do those of "a plus b gives me c".
    #[test]
    fn every_equation_holds() {
        let mut equations = 0;
        for problem in problem_set(Task::Plain, 1, Split::Training, 100) {
            for step in solve(&problem, &mut Stream::from_parts(&[1, equations])).steps {
                let plain = [
                    (" plus the carried ", "+"),
                    (" minus the borrowed ", "-"),
                    (" plus ", "+"),
                    (" minus ", "-"),
                    (" times ", "*"),
                    (" divided by ", "/"),
                    (" gives me ", "="),
                    (" is ", "="),
                    (" ", ""),
                ]
                .iter()
                .fold(step.text.clone(), |text, (from, to)| text.replace(from, to));
                let Some((left, right)) = plain.split_once('=') else { continue };
                let left = left.rsplit(|c: char| !c.is_ascii_digit() && !"+-*/".contains(c)).next().unwrap();
                let right: String = right.chars().take_while(char::is_ascii_digit).collect();
                if let (Some(left), Ok(right)) = (evaluate(left), right.parse::<u32>()) {
                    assert_eq!(left, right, "{}", step.text);
                    equations += 1;
                }
            }
        }
        assert!(equations > 2_000, "{equations}");
    }

    /// Left to right, which is enough for at most one product, always first.
    fn evaluate(expression: &str) -> Option<u32> {
        let mut numbers = expression.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
        let first = numbers.next()?.ok()?;
        let operators = expression.chars().filter(|c| !c.is_ascii_digit());
        operators.zip(numbers).try_fold(first, |left, (operator, right)| {
            let right = right.ok()?;
            match operator {
                '+' => Some(left + right),
                '-' => left.checked_sub(right),
                '*' => Some(left * right),
                _ => (left % right == 0).then(|| left / right),
            }
        })
    }

    #[test]
    fn a_rendered_solution_splits_back_into_its_steps() {
        for (seed, problem) in problem_set(Task::Plain, 2, Split::HeldOut, 30).iter().enumerate() {
            let solution = solve(problem, &mut Stream::new(seed as u64));
            let (text, steps) = (solution.render(), solution.steps);
            let (thought, answer) = text.split_once("\n</think>\n\n").unwrap();
            assert_eq!(
                thought.split("\n\n").collect::<Vec<_>>(),
                steps.iter().map(|s| &s.text).collect::<Vec<_>>()
            );
            assert_eq!(answer, format!("\\boxed{{{}}}", problem.answer()));
            assert!(steps.iter().all(|step| step.text.ends_with(['.', ':'])));
        }
    }

    #[test]
    fn work_in_the_head_is_rare_and_rarer_where_it_is_hard() {
        let share = |problem: &Problem| {
            let all = (0..20_000).map(|seed| solve(problem, &mut Stream::new(seed)).steps);
            all.filter(|steps| steps.iter().any(|step| step.kind == StepKind::InTheHead)).count() as f64
                / 200.0
        };
        let (easy, hard) =
            (share(&problem(47, &[(Operation::Add, 38)])), share(&problem(347, &[(Operation::Add, 285)])));
        assert!((easy - IN_THE_HEAD_EASY).abs() < 1.0, "{easy}");
        assert!((hard - IN_THE_HEAD_HARD).abs() < 0.5, "{hard}");
    }

    #[test]
    fn every_style_is_common_enough_to_be_found_among_64_rewrites() {
        for (_, temper) in TEMPERS {
            let sum: u32 = temper.styles.iter().sum();
            assert!(temper.styles.iter().all(|&weight| weight * 100 >= 5 * sum));
        }
    }
}
