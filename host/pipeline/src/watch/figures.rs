//! What there is to see of each stage's records, under the names that TRL uses where it has them.
//!
//! In: records. Out: scalars by tag: means over all records so far, or of the one step of training. A tag begins with the stage, both
//! evaluations with `eval`, so that they lie over each other.

use std::collections::BTreeMap;

use ts_core::Outcome;
use ts_run::records::{
    CalibrationRecord, EvalRecord, ExampleRecord, GradeRecord, ReferenceRecord, RefinedRecord, SampleRecord,
    SelectionRecord, TrainRecord,
};

use crate::stage::Stage;

/// Figures of a stage so far.
#[derive(Debug)]
pub(crate) struct Figures {
    prefix: &'static str,
    /// Whether each record stands for itself.
    is_by_record: bool,
    means: BTreeMap<&'static str, (f64, u64)>,
    extremes: BTreeMap<&'static str, f64>,
    totals: BTreeMap<&'static str, f64>,
}

/// A record of which there is something to see.
pub(crate) trait Watched {
    /// Adds what there is to see of it; gives the tokens that were made or read for it.
    fn observe(&self, figures: &mut Figures) -> u64;
}

impl Figures {
    pub(crate) fn of(stage: Stage) -> Self {
        let prefix = match stage {
            Stage::EvalBaseline | Stage::EvalResult => "eval",
            other => other.name(),
        };
        let is_by_record = stage == Stage::Train;
        let (means, extremes, totals) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { prefix, is_by_record, means, extremes, totals }
    }

    /// What tags begin with.
    pub(crate) fn prefix(&self) -> &'static str {
        self.prefix
    }

    fn mean(&mut self, name: &'static str, value: f64) {
        let mean = self.means.entry(name).or_default();
        *mean = if self.is_by_record { (value, 1) } else { (mean.0 + value, mean.1 + 1) };
    }

    fn share(&mut self, name: &'static str, is_so: bool) {
        self.mean(name, f64::from(u8::from(is_so)));
    }

    fn total(&mut self, name: &'static str, value: f64) {
        *self.totals.entry(name).or_default() += value;
    }

    /// A response's length in tokens, under the names of TRL's trainers that sample.
    fn length(&mut self, tokens: u32, finished: bool) {
        let n = f64::from(tokens);
        self.mean("completions/mean_length", n);
        let least = self.extremes.entry("completions/min_length").or_insert(n);
        *least = least.min(n);
        let most = self.extremes.entry("completions/max_length").or_insert(n);
        *most = most.max(n);
        if finished {
            self.mean("completions/mean_terminated_length", n);
        }
        self.share("completions/clipped_ratio", !finished);
        self.total("num_tokens", n);
    }

    fn outcome(&mut self, outcome: Outcome) {
        self.share("ungraded", !outcome.is_gradable());
        if outcome.is_gradable() {
            self.share("accuracy", outcome.is_correct());
        }
    }

    /// All of them, by tag.
    pub(crate) fn scalars(&self) -> Vec<(String, f64)> {
        let means = self.means.iter().map(|(name, (sum, n))| (*name, sum / *n as f64));
        let others = self.extremes.iter().chain(&self.totals).map(|(name, value)| (*name, *value));
        means.chain(others).map(|(name, value)| (format!("{}/{name}", self.prefix), value)).collect()
    }
}

impl Watched for SampleRecord {
    fn observe(&self, figures: &mut Figures) -> u64 {
        figures.length(self.tokens.len() as u32, self.finished);
        self.tokens.len() as u64
    }
}

impl Watched for GradeRecord {
    fn observe(&self, figures: &mut Figures) -> u64 {
        figures.outcome(self.outcome);
        if self.outcome.is_gradable() {
            figures.mean("reward", self.score);
        }
        0
    }
}

impl Watched for SelectionRecord {
    fn observe(&self, figures: &mut Figures) -> u64 {
        figures.mean("pass_rate", self.pass_rate);
        figures.total("positives", self.positives.len() as f64);
        figures.total("pairs", self.pairs.len() as f64);
        if !self.sequences.is_empty() {
            figures.total("sequences", self.sequences.len() as f64);
        }
        0
    }
}

impl Watched for RefinedRecord {
    fn observe(&self, figures: &mut Figures) -> u64 {
        figures.mean("completions/mean_length_before", f64::from(self.tokens_before));
        figures.mean("completions/mean_length", f64::from(self.tokens_after));
        figures.share("kept", self.kept);
        if let Some(drift) = &self.drift {
            figures.mean("drift/nll_increase", drift.nll_after - drift.nll_before);
            for (name, value) in [
                ("drift/answer_kl", drift.answer_kl_nats),
                ("drift/answer_kl_tail", drift.answer_kl_tail_nats),
            ] {
                value.into_iter().for_each(|value| figures.mean(name, value));
            }
            figures.share("drift/beyond", drift.is_beyond);
        }
        for step in &self.steps {
            figures.share("steps_rewritten", step.kl_nats.is_some());
            if let Some(kl) = step.kl_nats {
                figures.mean("kl", kl);
            }
        }
        self.steps.iter().map(|step| step.n_tokens).sum()
    }
}

impl Watched for CalibrationRecord {
    fn observe(&self, figures: &mut Figures) -> u64 {
        figures.mean("completions/mean_length_before", f64::from(self.tokens_before));
        // Of the grid's two ends.
        let ends = [self.thresholds.first(), self.thresholds.last()];
        let names = [("length/strictest", "lost/strictest"), ("length/laxest", "lost/laxest")];
        for (at, (length, lost)) in ends.into_iter().zip(names).filter_map(|(at, name)| Some((at?, name))) {
            figures.mean(length, f64::from(at.tokens_after));
            figures.mean(lost, f64::from(at.n_lost) / f64::from(self.n_rollouts.max(1)));
        }
        0
    }
}

impl Watched for ExampleRecord {
    fn observe(&self, figures: &mut Figures) -> u64 {
        figures.mean("length/chosen", self.len_chosen);
        if let Some(length) = self.len_rejected {
            figures.mean("length/rejected", length);
        }
        figures.total("examples", 1.0);
        0
    }
}

impl Watched for ReferenceRecord {
    fn observe(&self, figures: &mut Figures) -> u64 {
        figures.mean("logps/chosen", self.chosen_logp);
        if let Some(logp) = self.rejected_logp {
            figures.mean("logps/rejected", logp);
        }
        0
    }
}

impl Watched for TrainRecord {
    fn observe(&self, figures: &mut Figures) -> u64 {
        figures.mean("loss", self.loss);
        figures.mean("grad_norm", self.grad_norm);
        figures.mean("learning_rate", self.learning_rate);
        figures.mean("epoch", f64::from(self.epoch));
        figures.total("num_tokens", self.tokens as f64);
        // A batch without pairs has none of these: its point leaves them out.
        for (name, value) in [
            ("loss/dpo", self.dpo_loss),
            ("loss/sft", self.sft_loss),
            ("loss/sequences", self.sequence_loss),
            ("rewards/chosen", self.reward_chosen),
            ("rewards/rejected", self.reward_rejected),
            ("rewards/margins", self.reward_margin),
            ("rewards/accuracies", self.reward_accuracy),
        ] {
            figures.means.remove(name);
            if let Some(value) = value {
                figures.mean(name, value);
            }
        }
        self.tokens
    }
}

impl Watched for EvalRecord {
    fn observe(&self, figures: &mut Figures) -> u64 {
        figures.length(self.tokens, self.finished);
        figures.outcome(self.outcome);
        if self.outcome.is_correct() {
            figures.mean("completions/mean_length_correct", f64::from(self.tokens));
        }
        figures.mean("steps", f64::from(self.n_steps));
        u64::from(self.tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalars(figures: &Figures) -> BTreeMap<String, f64> {
        figures.scalars().into_iter().collect()
    }

    #[test]
    fn samples_by_hand() {
        let mut figures = Figures::of(Stage::Sample);
        for (n, finished) in [(10, true), (30, true), (50, false)] {
            let tokens = vec![1; n];
            let record = SampleRecord {
                problem: "p".into(),
                draw: 0,
                seed: 0,
                tokens,
                text: String::new(),
                finished,
                retokenised: false,
                imported: None,
            };
            assert_eq!(record.observe(&mut figures), n as u64);
        }
        let expected = [
            ("sample/completions/clipped_ratio", 1.0 / 3.0),
            ("sample/completions/max_length", 50.0),
            ("sample/completions/mean_length", 30.0),
            ("sample/completions/mean_terminated_length", 20.0),
            ("sample/completions/min_length", 10.0),
            ("sample/num_tokens", 90.0),
        ];
        assert_eq!(scalars(&figures), expected.map(|(tag, value)| (tag.to_owned(), value)).into());
    }

    #[test]
    fn a_step_of_training_stands_for_itself_and_its_tokens_add_up() {
        let mut figures = Figures::of(Stage::Train);
        let mut record = TrainRecord {
            step: 1,
            epoch: 0,
            loss: 0.5,
            dpo_loss: Some(0.6),
            sft_loss: None,
            sequence_loss: None,
            reward_margin: Some(0.3),
            reward_accuracy: Some(1.0),
            grad_norm: 2.0,
            learning_rate: 0.1,
            tokens: 7,
            reward_chosen: Some(0.2),
            reward_rejected: Some(-0.1),
        };
        record.observe(&mut figures);
        let first = scalars(&figures);
        assert_eq!((first["train/loss"], first["train/rewards/rejected"]), (0.5, -0.1));
        (record.loss, record.reward_margin, record.reward_chosen) = (0.25, None, None);
        record.observe(&mut figures);
        let second = scalars(&figures);
        assert_eq!((second["train/loss"], second["train/num_tokens"]), (0.25, 14.0));
        assert!(!second.contains_key("train/rewards/margins") && !second.contains_key("train/loss/sft"));
    }
}
