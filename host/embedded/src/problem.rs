//! The problems of the embedded models: a chain of operations on a running total, in seven levels.
//!
//! "Start with 347, add 285, subtract 58, multiply by 3." A chain is read from left to right, so it needs
//! no rule of precedence. Its task and level fix how many operations it has, how many digits its numbers have, and
//! whether one of them is a multiplication, by how large a number ([`Task::levels`]); totals never fall below 0
//! or rise above [`MAX_TOTAL`].
//!
//! The chains are divided once and for all into two splits by a hash of what is computed, not of how it is
//! worded ([`Split::of`]): the checkpoint was pretrained on `Training` chains only, so that a `HeldOut`
//! chain is new to it, exactly.

use std::collections::HashSet;

use crate::rng::Stream;

/// No total in a chain is larger: five columns would only make the hard levels longer.
pub const MAX_TOTAL: u32 = 9_999;

/// One chain in this many is held out.
const HELD_OUT_ONE_IN: u64 = 16;

/// What is done to the running total.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// The operand is added.
    Add,
    /// The operand is taken away.
    Subtract,
    /// The operand multiplies.
    Multiply,
}

impl Operation {
    /// `total` (operation) `operand`, or `None` outside `0..=MAX_TOTAL`.
    pub fn apply(self, total: u32, operand: u32) -> Option<u32> {
        let result = match self {
            Self::Add => total + operand,
            Self::Subtract => total.checked_sub(operand)?,
            Self::Multiply => total * operand,
        };
        (result <= MAX_TOTAL).then_some(result)
    }

    /// As in a formula.
    pub fn symbol(self) -> char {
        match self {
            Self::Add => '+',
            Self::Subtract => '-',
            Self::Multiply => '*',
        }
    }

    fn verb(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Subtract => "subtract",
            Self::Multiply => "multiply by",
        }
    }
}

/// What a level asks for.
#[derive(Clone, Copy, Debug)]
pub struct Level {
    /// Operations in the chain.
    pub operations: usize,
    /// Digits of the first number and of every number added or subtracted.
    pub digits: u32,
    /// Whether one of the operations is a multiplication, and its smallest and largest multiplier.
    pub multiplier: Option<(u32, u32)>,
}

/// How many levels each task has.
pub const N_LEVELS: usize = 7;

/// What an embedded model is pretrained to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Task {
    /// Work that is right, in more words and steps than it needs: what can be left out does no harm.
    Plain,
    /// Work with slips, and checks that find them: what can be left out is what makes the answer right ([`crate::teeth`]).
    Teeth,
}

impl Task {
    /// The levels 1 to 7, easiest first.
    pub fn levels(self) -> &'static [Level; N_LEVELS] {
        match self {
            Self::Plain => &PLAIN,
            Self::Teeth => &TEETH,
        }
    }
}

/// A multiplier of two digits makes a column hard without making it longer: "8 times 17 plus the carried 13" is not a fact that a
/// small model has by heart.
const PLAIN: [Level; N_LEVELS] = [
    Level { operations: 1, digits: 2, multiplier: None },
    Level { operations: 1, digits: 3, multiplier: None },
    Level { operations: 2, digits: 2, multiplier: Some((2, 9)) },
    Level { operations: 2, digits: 3, multiplier: None },
    Level { operations: 2, digits: 2, multiplier: Some((12, 19)) },
    Level { operations: 3, digits: 3, multiplier: Some((12, 29)) },
    Level { operations: 2, digits: 2, multiplier: Some((30, 59)) },
];

/// Nothing here is hard to work: what makes a chain hard is how many slips it has room for.
const TEETH: [Level; N_LEVELS] = [
    Level { operations: 1, digits: 2, multiplier: None },
    Level { operations: 1, digits: 3, multiplier: None },
    Level { operations: 2, digits: 2, multiplier: None },
    Level { operations: 2, digits: 3, multiplier: None },
    Level { operations: 3, digits: 2, multiplier: None },
    Level { operations: 3, digits: 3, multiplier: None },
    Level { operations: 3, digits: 2, multiplier: Some((2, 9)) },
];

/// One operation of a chain and its right-hand side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Link {
    /// What is done.
    pub operation: Operation,
    /// With what.
    pub operand: u32,
}

/// A chain and its wording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What it is a problem of.
    pub task: Task,
    /// 1 to 7.
    pub level: usize,
    /// The first number.
    pub start: u32,
    /// The operations, first to last.
    pub links: Vec<Link>,
    /// What the asker says, without any chat template.
    pub text: String,
}

impl Problem {
    /// A chain of the given level (1 to 7) from the given split.
    pub fn draw(task: Task, level: usize, split: Split, rng: &mut Stream) -> Self {
        loop {
            let (start, links) = draw_chain(&task.levels()[level - 1], rng);
            if Split::of(start, &links) == split {
                let words = word(start, &links, rng);
                // Where slips begin is said, so that a model need not learn it from the numbers.
                let text = if task == Task::Teeth { format!("Level {level}. {words}") } else { words };
                return Self { task, level, start, links, text };
            }
        }
    }

    /// The running totals: the first number, then the result of every operation.
    pub fn totals(&self) -> Vec<u32> {
        let mut totals = vec![self.start];
        for link in &self.links {
            let total = totals[totals.len() - 1];
            totals.push(link.operation.apply(total, link.operand).expect("a drawn chain stays in range"));
        }
        totals
    }

    /// The last total.
    pub fn answer(&self) -> u32 {
        self.totals()[self.links.len()]
    }

    /// What is computed, whatever the words: `347+285-58*3`.
    pub fn key(&self) -> String {
        key(self.start, &self.links)
    }
}

/// The two halves of the problem space; pretraining has seen one of them only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// What pretraining draws from, and the training problems.
    Training,
    /// What only the evaluation sees.
    HeldOut,
}

impl Split {
    fn of(start: u32, links: &[Link]) -> Self {
        if is_held_out(&key(start, links)) { Self::HeldOut } else { Self::Training }
    }
}

/// Whether the chain with this [`key`](Problem::key) is kept from pretraining: one in sixteen, by its
/// FNV-1a hash.
pub fn is_held_out(key: &str) -> bool {
    let hash = key.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    });
    // The low bits of FNV-1a are its weak ones.
    (hash >> 32) % HELD_OUT_ONE_IN == 0
}

/// `per_level` different problems of each level, level 1 first. The set is a function of its
/// arguments, and a longer one begins, level by level, with the shorter.
pub fn problem_set(task: Task, seed: u64, split: Split, per_level: usize) -> Vec<Problem> {
    let mut set = Vec::with_capacity(per_level * N_LEVELS);
    for level in 1..=N_LEVELS {
        let mut rng = Stream::from_parts(&[seed, level as u64]);
        let mut seen = HashSet::new();
        while seen.len() < per_level {
            let problem = Problem::draw(task, level, split, &mut rng);
            if seen.insert(problem.key()) {
                set.push(problem);
            }
        }
    }
    set
}

fn key(start: u32, links: &[Link]) -> String {
    let mut key = start.to_string();
    for link in links {
        key.push(link.operation.symbol());
        key.push_str(&link.operand.to_string());
    }
    key
}

/// Draws operation by operation, and each again until its total is in range.
fn draw_chain(level: &Level, rng: &mut Stream) -> (u32, Vec<Link>) {
    let (low, high) = (10_u32.pow(level.digits - 1), 10_u32.pow(level.digits) - 1);
    loop {
        let start = rng.between(low, high);
        let mut multiplier = level.multiplier;
        let mut total = start;
        let mut links = Vec::with_capacity(level.operations);
        for operations_left in (1..=level.operations).rev() {
            // The multiplication stands in each place equally often.
            let here = rng.below(operations_left) == 0;
            let link = match multiplier.take_if(|_| here) {
                Some((low, high)) => Link { operation: Operation::Multiply, operand: rng.between(low, high) },
                None => {
                    let operation = [Operation::Add, Operation::Subtract][rng.below(2)];
                    Link { operation, operand: rng.between(low, high) }
                }
            };
            // A total out of range spoils the chain; most are in range, so starting over is cheap.
            let Some(result) = link.operation.apply(total, link.operand) else { break };
            total = result;
            links.push(link);
        }
        if links.len() == level.operations {
            return (start, links);
        }
    }
}

fn word(start: u32, links: &[Link], rng: &mut Stream) -> String {
    let operations: Vec<String> =
        links.iter().map(|link| format!("{} {}", link.operation.verb(), link.operand)).collect();
    match rng.below(3) {
        0 => format!("Start with {start}, {}.", operations.join(", ")),
        1 => format!("Take {start}, then {}. What is the result?", operations.join(", then ")),
        _ => format!("What do you get if you start from {start} and {}?", operations.join(" and ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(start: u32, links: &[(Operation, u32)]) -> Problem {
        let links = links.iter().map(|&(operation, operand)| Link { operation, operand }).collect();
        Problem { task: Task::Plain, level: 6, start, links, text: String::new() }
    }

    fn both(seed: u64, split: Split, per_level: usize) -> Vec<Problem> {
        [Task::Plain, Task::Teeth]
            .into_iter()
            .flat_map(|task| problem_set(task, seed, split, per_level))
            .collect()
    }

    #[test]
    fn a_chain_is_computed_from_left_to_right() {
        let problem =
            chain(347, &[(Operation::Add, 285), (Operation::Subtract, 58), (Operation::Multiply, 3)]);
        assert_eq!(problem.totals(), [347, 632, 574, 1722]);
        assert_eq!(problem.answer(), 1722);
        assert_eq!(problem.key(), "347+285-58*3");
    }

    #[test]
    fn totals_leave_neither_end_of_the_range() {
        assert_eq!(Operation::Subtract.apply(12, 13), None);
        assert_eq!(Operation::Subtract.apply(13, 13), Some(0));
        assert_eq!(Operation::Multiply.apply(1_111, 9), Some(MAX_TOTAL));
        assert_eq!(Operation::Multiply.apply(1_112, 9), None);
    }

    #[test]
    fn a_level_says_how_long_and_how_wide_its_chains_are() {
        for problem in both(1, Split::Training, 200) {
            let level = &problem.task.levels()[problem.level - 1];
            assert_eq!(problem.links.len(), level.operations);
            assert_eq!(problem.start.to_string().len(), level.digits as usize);
            let multipliers = problem.links.iter().filter(|link| link.operation == Operation::Multiply);
            assert_eq!(multipliers.count(), usize::from(level.multiplier.is_some()));
            assert!(problem.totals().iter().all(|&total| total <= MAX_TOTAL));
        }
    }

    #[test]
    fn the_text_names_every_number_of_the_chain_in_order() {
        for problem in both(2, Split::HeldOut, 50) {
            let numbers = |text: &str| -> Vec<u32> {
                text.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
            };
            let level = (problem.task == Task::Teeth).then_some(problem.level as u32);
            let expected: Vec<u32> = level.into_iter().chain(numbers(&problem.key())).collect();
            assert_eq!(numbers(&problem.text), expected);
        }
    }

    #[test]
    fn the_splits_share_no_chain() {
        assert!(both(3, Split::HeldOut, 100).iter().all(|problem| is_held_out(&problem.key())));
        assert!(both(3, Split::Training, 100).iter().all(|problem| !is_held_out(&problem.key())));
    }

    #[test]
    fn one_chain_in_sixteen_is_held_out() {
        let mut rng = Stream::new(4);
        let held_out = (0..16_000)
            .filter(|i| {
                let (start, links) = draw_chain(&PLAIN[i % N_LEVELS], &mut rng);
                Split::of(start, &links) == Split::HeldOut
            })
            .count();
        assert!((850..1150).contains(&held_out), "{held_out}");
    }

    #[test]
    fn a_set_has_no_repetition_and_grows_at_the_end() {
        let problem_set = |seed, split, n| problem_set(Task::Plain, seed, split, n);
        let (short, long) = (problem_set(5, Split::HeldOut, 10), problem_set(5, Split::HeldOut, 30));
        let keys: HashSet<String> = long.iter().map(Problem::key).collect();
        assert_eq!(keys.len(), 30 * N_LEVELS);
        assert_eq!(short[10..20], long[30..40]);
        assert_ne!(short[..10], problem_set(6, Split::HeldOut, 10)[..10]);
    }
}
