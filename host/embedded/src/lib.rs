//! The embedded default: what `ts-host` brings along so that it runs from any folder, with nothing given.
//!
//! Two tasks ([`problem::Task`]): problem sets that are generated ([`problem`], [`solution`], [`teeth`]) and the checkpoints that were
//! pretrained on them; the plugins built from `plugins/`, and the recipes. All of it is bytes and text; others read them.

pub mod columns;
pub mod problem;
pub mod rng;
pub mod solution;
pub mod teeth;
pub mod wording;

use std::collections::HashSet;

use problem::{N_LEVELS, Problem, Split, Task, problem_set};

/// The files of a checkpoint, by name: those of a Hugging Face folder.
pub type Checkpoint = [(&'static str, &'static [u8]); 4];

/// The files in one of the folders of `checkpoints/`.
macro_rules! checkpoint {
    ($folder:literal: $($name:literal),*) => {
        [$(($name, include_bytes!(concat!("../checkpoints/", $folder, "/", $name)))),*]
    };
    ($folder:literal) => {
        checkpoint!($folder: "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
    };
}

const PLAIN: Checkpoint = checkpoint!("plain");
const TEETH: Checkpoint = checkpoint!("teeth");

/// The plugins: name and component.
pub const PLUGINS: &[(&str, &[u8])] = &[
    ("math_grader", include_bytes!("../../../plugins/math_grader.wasm")),
    ("exact_grader", include_bytes!("../../../plugins/exact_grader.wasm")),
    ("choice_grader", include_bytes!("../../../plugins/choice_grader.wasm")),
    ("code_grader", include_bytes!("../../../plugins/code_grader.wasm")),
    ("text_grader", include_bytes!("../../../plugins/text_grader.wasm")),
    ("paragraph_splitter", include_bytes!("../../../plugins/paragraph_splitter.wasm")),
    ("sentence_splitter", include_bytes!("../../../plugins/sentence_splitter.wasm")),
    ("q_dyn", include_bytes!("../../../plugins/q_dyn.wasm")),
    ("vouched", include_bytes!("../../../plugins/vouched.wasm")),
    ("q_fix", include_bytes!("../../../plugins/q_fix.wasm")),
    ("shortest", include_bytes!("../../../plugins/shortest.wasm")),
    ("q_dyn_extra", include_bytes!("../../../plugins/q_dyn_extra.wasm")),
    ("kimi_dpo", include_bytes!("../../../plugins/kimi_dpo.wasm")),
    ("sky_t1", include_bytes!("../../../plugins/sky_t1.wasm")),
    ("dast", include_bytes!("../../../plugins/dast.wasm")),
    ("dler", include_bytes!("../../../plugins/dler.wasm")),
    ("kimi_rl", include_bytes!("../../../plugins/kimi_rl.wasm")),
    ("l1", include_bytes!("../../../plugins/l1.wasm")),
    ("lcpo", include_bytes!("../../../plugins/lcpo.wasm")),
    ("o1_pruner", include_bytes!("../../../plugins/o1_pruner.wasm")),
    ("tokens", include_bytes!("../../../plugins/tokens.wasm")),
    ("characters", include_bytes!("../../../plugins/characters.wasm")),
];

/// The recipes: name and text.
pub const RECIPES: &[(&str, &str)] = &[
    ("default", include_str!("../../../recipes/default.toml")),
    ("deepseek-r1-distill-qwen-1.5b", include_str!("../../../recipes/deepseek-r1-distill-qwen-1.5b.toml")),
    ("deepseek-r1-distill-qwen-7b", include_str!("../../../recipes/deepseek-r1-distill-qwen-7b.toml")),
    ("adaptive", include_str!("../../../recipes/adaptive.toml")),
    ("vouched", include_str!("../../../recipes/vouched.toml")),
    ("ablation/shortest", include_str!("../../../recipes/ablation/shortest.toml")),
    ("ablation/alpha-1", include_str!("../../../recipes/ablation/alpha-1.toml")),
    ("ablation/q-fix", include_str!("../../../recipes/ablation/q-fix.toml")),
    ("ablation/q-dyn-extra", include_str!("../../../recipes/ablation/q-dyn-extra.toml")),
    ("ablation/kimi-dpo", include_str!("../../../recipes/ablation/kimi-dpo.toml")),
    ("ablation/no-refine", include_str!("../../../recipes/ablation/no-refine.toml")),
    ("ablation/dpo", include_str!("../../../recipes/ablation/dpo.toml")),
    ("ablation/sft", include_str!("../../../recipes/ablation/sft.toml")),
    ("ablation/dpo-sft", include_str!("../../../recipes/ablation/dpo-sft.toml")),
    ("ablation/margin-as-derived", include_str!("../../../recipes/ablation/margin-as-derived.toml")),
    ("ablation/careless", include_str!("../../../recipes/ablation/careless.toml")),
    ("ablation/lr-5x", include_str!("../../../recipes/ablation/lr-5x.toml")),
    ("ablation/careless-lr-5x", include_str!("../../../recipes/ablation/careless-lr-5x.toml")),
    ("rivals/kimi-dpo", include_str!("../../../recipes/rivals/kimi-dpo.toml")),
    (
        "rivals/shortest-rejection-sampling",
        include_str!("../../../recipes/rivals/shortest-rejection-sampling.toml"),
    ),
    ("rivals/kimi-rl", include_str!("../../../recipes/rivals/kimi-rl.toml")),
    ("rivals/dast", include_str!("../../../recipes/rivals/dast.toml")),
    ("rivals/sky-t1-flash", include_str!("../../../recipes/rivals/sky-t1-flash.toml")),
    ("rivals/lcpo", include_str!("../../../recipes/rivals/lcpo.toml")),
    ("rivals/o1-pruner", include_str!("../../../recipes/rivals/o1-pruner.toml")),
    ("rivals/dler", include_str!("../../../recipes/rivals/dler.toml")),
    ("rivals/l1", include_str!("../../../recipes/rivals/l1.toml")),
    ("rivals/tokenskip", include_str!("../../../recipes/rivals/tokenskip.toml")),
    ("rivals/rewritten", include_str!("../../../recipes/rivals/rewritten.toml")),
    ("rivals/be-concise", include_str!("../../../recipes/rivals/be-concise.toml")),
];

/// Training problems of each level.
const TRAIN_PER_LEVEL: usize = 28;
/// Held-out problems of each level.
const HELDOUT_PER_LEVEL: usize = 28;
/// Seeds of the two sets.
const SET_SEEDS: [u64; 2] = [101, 303];
/// Seed of the set that settings are tuned on.
const TUNING_SEED: u64 = 202;

impl Task {
    /// Both tasks.
    pub const ALL: [Self; 2] = [Self::Plain, Self::Teeth];

    /// What a recipe calls its model and its problem sets.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "embedded",
            Self::Teeth => "embedded-teeth",
        }
    }

    /// The task of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|task| task.name() == name)
    }

    /// The checkpoint that was pretrained for it.
    pub fn checkpoint(self) -> &'static Checkpoint {
        match self {
            Self::Plain => &PLAIN,
            Self::Teeth => &TEETH,
        }
    }

    /// The training problems as JSON lines: id, prompt, reference, difficulty.
    pub fn train_problems(self) -> String {
        lines("train", &interleaved(problem_set(self, SET_SEEDS[0], Split::Training, TRAIN_PER_LEVEL)))
    }

    /// The held-out problems as JSON lines: id, prompt, reference, difficulty. Pretraining has seen none of them.
    pub fn heldout_problems(self) -> String {
        lines("heldout", &self.heldout())
    }

    /// Problems to tune settings on, of the kind of the held-out ones but none of them, as JSON lines. Pretraining has seen none.
    pub fn tuning_problems(self) -> String {
        lines("tuning", &self.tuning())
    }

    fn heldout(self) -> Vec<Problem> {
        interleaved(problem_set(self, SET_SEEDS[1], Split::HeldOut, HELDOUT_PER_LEVEL))
    }

    fn tuning(self) -> Vec<Problem> {
        let heldout: HashSet<String> = self.heldout().iter().map(Problem::key).collect();
        let mut problems = interleaved(problem_set(self, TUNING_SEED, Split::HeldOut, HELDOUT_PER_LEVEL));
        problems.retain(|problem| !heldout.contains(&problem.key()));
        problems
    }
}

/// One problem of each level after the other, so that the first few are a fair sample of all.
fn interleaved(problems: Vec<Problem>) -> Vec<Problem> {
    let per_level = problems.len() / N_LEVELS;
    let mut places: Vec<(usize, Problem)> = problems.into_iter().enumerate().collect();
    places.sort_by_key(|(index, _)| (index % per_level, index / per_level));
    places.into_iter().map(|(_, problem)| problem).collect()
}

/// Problems as JSON lines. A problem's text needs no escape in JSON: it is letters, digits and `. , ?`.
fn lines(split: &str, problems: &[Problem]) -> String {
    let line = |(index, problem): (usize, &Problem)| {
        let (Problem { level, text, .. }, answer) = (problem, problem.answer());
        format!(
            "{{\"id\":\"{split}-{index:03}\",\"prompt\":\"{text}\",\"reference\":\"{answer}\",\"difficulty\":{level}}}\n"
        )
    };
    problems.iter().enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn training_and_heldout_problems_are_disjoint() {
        for task in Task::ALL {
            let keys = |seed, split, n| -> HashSet<String> {
                problem_set(task, seed, split, n).iter().map(Problem::key).collect()
            };
            let train = keys(SET_SEEDS[0], Split::Training, TRAIN_PER_LEVEL);
            let heldout = keys(SET_SEEDS[1], Split::HeldOut, HELDOUT_PER_LEVEL);
            assert!(train.is_disjoint(&heldout));
            assert!(heldout.iter().all(|key| problem::is_held_out(key)));
            assert!(!train.iter().any(|key| problem::is_held_out(key)));
            let tuning: HashSet<String> = task.tuning().iter().map(Problem::key).collect();
            assert!(tuning.is_disjoint(&train) && tuning.is_disjoint(&heldout));
            assert!(tuning.len() > 180 && tuning.iter().all(|key| problem::is_held_out(key)));
        }
    }

    #[test]
    fn a_line_is_one_json_object() {
        for task in Task::ALL {
            let first = task.train_problems().lines().next().unwrap().to_owned();
            assert!(
                first.starts_with("{\"id\":\"train-000\",\"prompt\":\"")
                    && first.ends_with("\"difficulty\":1}")
            );
            assert!(!first.contains('\\'));
        }
    }
}
