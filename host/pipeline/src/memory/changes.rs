//! Settings with which a stage would fit, each tried on the plan.
//!
//! In: a stage that does not fit. Out: changes of the recipe, each of which is enough by itself; or, where none is, several that
//! are enough together. A number is the largest that fits.

use ts_recipe::{Dtype, LoraSection, Recipe, TargetModules};

use super::demand::{Demand, Shape};
use crate::stage::Stage;

/// A setting that takes less memory with another value.
#[derive(Clone, Copy)]
enum Setting {
    /// A number, the smaller the less memory.
    Number { key: &'static str, get: fn(&Recipe) -> usize, set: fn(&mut Recipe, usize) },
    /// One other value.
    Other { text: &'static str, set: fn(&mut Recipe) },
}

/// Changes that fit together, as `--set` takes them, and whether the run's records become others.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Change {
    settings: Vec<String>,
    changes_records: bool,
}

const WORKERS: Setting = Setting::Number {
    key: "run.workers",
    get: |recipe| recipe.run.n_workers(),
    set: |recipe, n| recipe.run.workers = n,
};
const SAMPLE_ROWS: Setting = Setting::Number {
    key: "sample.max_batch_rows",
    get: |recipe| recipe.sample.max_batch_rows,
    set: |recipe, n| recipe.sample.max_batch_rows = n,
};
const EVAL_ROWS: Setting = Setting::Number {
    key: "eval.max_batch_rows",
    get: |recipe| recipe.eval.max_batch_rows,
    set: |recipe, n| recipe.eval.max_batch_rows = n,
};
const REWRITES: Setting = Setting::Number {
    key: "refine.n_rewrites",
    get: |recipe| recipe.refine.n_rewrites as usize,
    set: |recipe, n| recipe.refine.n_rewrites = n as u32,
};
const MICRO_BATCH: Setting = Setting::Number {
    key: "train.micro_batch_tokens",
    get: |recipe| recipe.train.micro_batch_tokens,
    set: |recipe, n| recipe.train.micro_batch_tokens = n,
};
const CHECKPOINTING: Setting = Setting::Other {
    text: "train.activation_checkpointing=true",
    set: |recipe| recipe.train.activation_checkpointing = true,
};
const LORA: Setting = Setting::Other {
    text: "train.lora.target_modules=all-linear",
    set: |recipe| {
        let all = || LoraSection {
            target_modules: TargetModules::Word("all-linear".into()),
            ..LoraSection::default()
        };
        recipe.train.lora.get_or_insert_with(all);
    },
};
const BF16: Setting =
    Setting::Other { text: "model.dtype=bf16", set: |recipe| recipe.model.dtype = Dtype::Bf16 };

/// The settings of a stage's memory, those that cost least first.
fn settings_of(stage: Stage) -> &'static [Setting] {
    match stage {
        Stage::Sample => &[SAMPLE_ROWS, WORKERS, BF16],
        Stage::EvalBaseline | Stage::EvalResult => &[EVAL_ROWS, WORKERS, BF16],
        Stage::Calibrate | Stage::Refine => &[WORKERS, REWRITES, BF16],
        Stage::Reference => &[WORKERS, MICRO_BATCH, BF16],
        Stage::Train => &[MICRO_BATCH, CHECKPOINTING, WORKERS, LORA, BF16],
        Stage::Grade | Stage::Select | Stage::Pair => &[],
    }
}

/// Changes with which the stage fits into `room` bytes.
pub(super) fn that_fit(
    shape: &Shape<'_>,
    recipe: &Recipe,
    stage: Stage,
    demand: &Demand,
    room: u64,
) -> Vec<Change> {
    let settings = settings_of(stage);
    let search = Search { shape, stage, demand, room };
    let alone = settings.iter().filter_map(|setting| search.fitting(recipe, *setting));
    let alone: Vec<Change> = alone.map(|(changed, text)| change(recipe, &changed, vec![text])).collect();
    if !alone.is_empty() {
        return alone;
    }
    search.together(recipe, settings).into_iter().collect()
}

/// What to do, as one sentence.
pub(super) fn advice(changes: &[Change]) -> String {
    let name = |change: &Change| {
        let settings: Vec<String> =
            change.settings.iter().map(|setting| format!("--set {setting}")).collect();
        let mark = if change.changes_records {
            " (other results: in another folder, with --from this one)"
        } else {
            ""
        };
        format!("{}{mark}", settings.join(" "))
    };
    match changes {
        [] => "no setting makes it fit: it takes a smaller model or more memory".to_owned(),
        [one] => format!("this fits: {}", name(one)),
        several => format!("each of these fits: {}", several.iter().map(name).collect::<Vec<_>>().join("; ")),
    }
}

fn change(before: &Recipe, after: &Recipe, settings: Vec<String>) -> Change {
    Change { settings, changes_records: before.what_decides_records() != after.what_decides_records() }
}

struct Search<'a> {
    shape: &'a Shape<'a>,
    stage: Stage,
    demand: &'a Demand,
    room: u64,
}

impl Search<'_> {
    fn takes(&self, recipe: &Recipe) -> u64 {
        self.shape.plan(recipe, self.stage, self.demand).total()
    }

    /// The recipe with this setting so that the stage fits, and the setting; none if it cannot.
    fn fitting(&self, recipe: &Recipe, setting: Setting) -> Option<(Recipe, String)> {
        let fits = |recipe: &Recipe| self.takes(recipe) <= self.room;
        match setting {
            Setting::Other { text, set } => {
                let mut changed = recipe.clone();
                set(&mut changed);
                (changed != *recipe && fits(&changed)).then(|| (changed, text.to_owned()))
            }
            Setting::Number { key, get, set } => {
                let with = |n: usize| {
                    let mut changed = recipe.clone();
                    set(&mut changed, n);
                    changed
                };
                let n = largest(get(recipe), |n| fits(&with(n)))?;
                Some((with(n), format!("{key}={n}")))
            }
        }
    }

    /// Settings that are enough together: as many as it takes, and then each as large as the others allow.
    fn together(&self, recipe: &Recipe, settings: &[Setting]) -> Option<Change> {
        let mut changed = recipe.clone();
        let mut used = Vec::new();
        for setting in settings {
            if let Some((last, text)) = self.fitting(&changed, *setting) {
                return Some(self.widened(recipe, last, used, text));
            }
            let mut smaller = changed.clone();
            match setting {
                Setting::Number { set, .. } => set(&mut smaller, 1),
                Setting::Other { set, .. } => set(&mut smaller),
            }
            if self.takes(&smaller) < self.takes(&changed) {
                used.push((*setting, (smaller.clone(), changed)));
                changed = smaller;
            }
        }
        None
    }

    /// The numbers of `used`, which are 1, as large as they may be with `last`.
    fn widened(
        &self,
        before: &Recipe,
        mut last: Recipe,
        used: Vec<(Setting, (Recipe, Recipe))>,
        text: String,
    ) -> Change {
        let mut texts = Vec::new();
        for (setting, _) in used.into_iter().rev() {
            match setting {
                Setting::Other { text, .. } => texts.push(text.to_owned()),
                Setting::Number { key, get, set } => {
                    let with = |n: usize| {
                        let mut wider = last.clone();
                        set(&mut wider, n);
                        wider
                    };
                    let n = largest(get(before), |n| self.takes(&with(n)) <= self.room).unwrap_or(1);
                    last = with(n);
                    texts.push(format!("{key}={n}"));
                }
            }
        }
        texts.reverse();
        texts.push(text);
        change(before, &last, texts)
    }
}

/// The largest number from 1 to below `current` that fits: by halving, and then between the first that fits and its double. What
/// does not fit may be smaller than what does, where more micro-batches take more sets of gradients.
fn largest(current: usize, fits: impl Fn(usize) -> bool) -> Option<usize> {
    let mut fitting = current / 2;
    while fitting > 0 && !fits(fitting) {
        fitting /= 2;
    }
    if fitting == 0 {
        return None;
    }
    let mut over = (2 * fitting + 1).min(current);
    while over - fitting > 1 {
        let middle = fitting + (over - fitting) / 2;
        if fits(middle) { fitting = middle } else { over = middle }
    }
    Some(fitting)
}

#[cfg(test)]
mod tests {
    use ts_model::ModelConfig;
    use ts_recipe::Loader;

    use super::*;
    use crate::memory::demand::tests::recipe;

    /// Four layers of 256, and a vocabulary of 1,000: large enough for the cache to be what counts.
    fn config() -> ModelConfig {
        ModelConfig::tiny(1000, 256, 512, 4, (8, 8))
    }

    const DRAWS: Demand = Demand::Draws { problems: 1000, prompt: 50 };
    const EXAMPLES: Demand = Demand::Examples { text: 500, example: 1000 };

    /// What fits into so many hundredths of what the stage takes.
    fn fitting(stage: Stage, demand: &Demand, percent: u64) -> (Vec<Change>, u64) {
        let (recipe, config) = (recipe(), config());
        let shape = Shape { config: &config, on_cpu: true };
        let room = shape.plan(&recipe, stage, demand).total() / 100 * percent;
        (that_fit(&shape, &recipe, stage, demand, room), room)
    }

    #[test]
    fn the_largest_number_that_fits() {
        for most in [1, 2, 3, 31, 32, 33, 62, 63] {
            assert_eq!(largest(64, |n| n <= most), Some(most));
        }
        assert_eq!((largest(64, |_| false), largest(1, |_| true)), (None, None));
    }

    /// Each is the largest: one more does not fit.
    #[test]
    fn rows_or_workers_make_room_and_change_no_record() {
        let (changes, room) = fitting(Stage::Sample, &DRAWS, 75);
        assert_eq!(changes.len(), 2, "{changes:?}");
        let shape_config = config();
        let shape = Shape { config: &shape_config, on_cpu: true };
        let rows: usize =
            changes[0].settings[0].strip_prefix("sample.max_batch_rows=").unwrap().parse().unwrap();
        let takes = |rows| {
            let mut recipe = recipe();
            recipe.sample.max_batch_rows = rows;
            shape.plan(&recipe, Stage::Sample, &DRAWS).total()
        };
        assert!(takes(rows) <= room && takes(rows + 1) > room);
        assert_eq!(changes[1].settings, ["run.workers=2"]);
        assert!(!changes[0].changes_records && !changes[1].changes_records);
        let advice = advice(&changes);
        assert!(advice.starts_with("each of these fits: --set sample.max_batch_rows="), "{advice}");
    }

    /// In bf16 weights take half as much on the CPU, and the cache as much as before.
    #[test]
    fn where_weights_are_what_counts_bf16_makes_room_and_changes_records() {
        let config = ModelConfig::tiny(200_000, 256, 512, 4, (8, 8));
        let (mut recipe, shape) = (recipe(), Shape { config: &config, on_cpu: true });
        (recipe.sample.max_batch_rows, recipe.run.workers) = (1, 1);
        let demand = Demand::Scores { problems: 1, text: 20 };
        recipe.train.micro_batch_tokens = 1;
        let room = shape.plan(&recipe, Stage::Reference, &demand).total() / 100 * 90;
        let changes = that_fit(&shape, &recipe, Stage::Reference, &demand, room);
        let [change] = changes.as_slice() else { panic!("{changes:?}") };
        assert!(change.settings == ["model.dtype=bf16"] && change.changes_records, "{change:?}");
        assert!(advice(&changes).contains("--set model.dtype=bf16 (other results"), "{}", advice(&changes));
    }

    #[test]
    fn training_fits_with_smaller_micro_batches_or_recomputation() {
        let (changes, _) = fitting(Stage::Train, &EXAMPLES, 70);
        let texts: Vec<&str> = changes.iter().map(|change| change.settings[0].as_str()).collect();
        assert!(texts.iter().any(|text| text.starts_with("train.micro_batch_tokens=")), "{texts:?}");
        assert!(texts.contains(&"train.activation_checkpointing=true"), "{texts:?}");
        assert!(texts.iter().any(|text| text.starts_with("run.workers=")), "{texts:?}");
    }

    /// Where gradients and moments of the weights are what counts, adapters make room; a recipe that has some keeps them.
    #[test]
    fn adapters_make_room_for_what_the_weights_would_take() {
        let config = ModelConfig::tiny(20_000, 512, 2048, 4, (8, 8));
        let (mut recipe, shape) = (recipe(), Shape { config: &config, on_cpu: true });
        recipe.run.workers = 1;
        (recipe.train.batch_size, recipe.train.micro_batch_tokens) = (1, 1);
        let demand = Demand::Examples { text: 20, example: 40 };
        let room = shape.plan(&recipe, Stage::Train, &demand).total() / 3 * 2;
        let changes = that_fit(&shape, &recipe, Stage::Train, &demand, room);
        let [change] = changes.as_slice() else { panic!("{changes:?}") };
        assert!(change.settings == ["train.lora.target_modules=all-linear"], "{change:?}");
        assert!(change.changes_records);
        let set = change.settings[0].parse::<ts_recipe::Override>().unwrap();
        let loaded = Loader { shipped: ts_embedded::RECIPES }.load("default", vec![set]).unwrap();
        recipe.train.lora = Some(LoraSection { rank: 4, ..loaded.train.lora.clone().unwrap() });
        assert_eq!(loaded.train.lora.unwrap().target_modules.names().len(), 7);
        let of_few = shape.plan(&recipe, Stage::Train, &demand).total();
        assert!(of_few < room);
        assert!(
            !that_fit(&shape, &recipe, Stage::Train, &demand, of_few / 2)
                .iter()
                .any(|change| change.settings.iter().any(|setting| setting.starts_with("train.lora")))
        );
    }

    #[test]
    fn where_one_setting_is_not_enough_several_are() {
        let (changes, room) = fitting(Stage::Train, &EXAMPLES, 12);
        let [change] = changes.as_slice() else { panic!("{changes:?}") };
        assert!(change.settings.len() > 1, "{change:?}");
        let overrides: Vec<_> =
            change.settings.iter().map(|text| text.parse::<ts_recipe::Override>().unwrap()).collect();
        let mut changed = Loader { shipped: ts_embedded::RECIPES }.load("default", overrides).unwrap();
        if !change.settings.iter().any(|text| text.starts_with("run.workers")) {
            changed.run.workers = 4;
        }
        let shape_config = config();
        let shape = Shape { config: &shape_config, on_cpu: true };
        assert!(shape.plan(&changed, Stage::Train, &EXAMPLES).total() <= room, "{change:?}");
    }

    #[test]
    fn what_fits_with_nothing_says_so() {
        let (changes, _) = fitting(Stage::Sample, &DRAWS, 0);
        assert_eq!(changes, []);
        assert!(advice(&changes).starts_with("no setting makes it fit"));
    }
}
