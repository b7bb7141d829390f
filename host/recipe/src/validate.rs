//! Range checks: what the types of a [`Recipe`] cannot say.
//!
//! Each check names the key as it stands in the file, what it must be, and what it was. Whether files and
//! plugins exist is found by whoever opens them.

use crate::{DivergenceBy, Recipe, RecipeError, SamplerKind, adaptive_section};

/// Most threads. Each takes a stack, and most machines have fewer cores.
const MAX_WORKERS: usize = 1024;

/// Most of what memory is reserved for by count: draws of a problem, rows of a batch, runs, examples of a step.
const MAX_COUNT: usize = 1 << 20;

/// Most tokens of a text. The longest contexts of models are a tenth of it.
const MAX_TOKENS: usize = 1 << 24;

/// Whether a text is the name of a device: `cpu` or `cuda:N`.
pub fn is_device(name: &str) -> bool {
    name == "cpu" || name.strip_prefix("cuda:").is_some_and(|number| number.parse::<usize>().is_ok())
}

impl Recipe {
    /// Checks every value; reports all that are wrong at once.
    pub fn validate(&self) -> Result<(), RecipeError> {
        let mut wrong = Vec::new();
        let mut check = |holds: bool, key: &str, must: &str, was: &dyn std::fmt::Display| {
            if !holds {
                wrong.push(format!("{key} must be {must}, not {was}"));
            }
        };

        let name = &self.run.name;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let is_name = !name.is_empty() && !name.starts_with('.') && name.chars().all(plain);
        check(is_name, "run.name", "letters, digits, `-`, `_` or `.`", &format_args!("`{name}`"));
        let workers = self.run.workers;
        check(workers <= MAX_WORKERS, "run.workers", &format!("0 to {MAX_WORKERS}"), &workers);
        let memory = self.run.memory_gib;
        check(memory >= 0.0 && memory.is_finite(), "run.memory_gib", "0 or above", &memory);
        let device = &self.model.device;
        check(is_device(device), "model.device", "`cpu` or `cuda:N`", &format_args!("`{device}`"));
        let date = &self.prompt.date;
        let is_date = date.is_empty() || date.parse::<jiff::civil::Date>().is_ok();
        check(is_date, "prompt.date", "a date such as 2026-03-07, or empty", &format_args!("`{date}`"));
        check(!self.prompt.reasoning_end.is_empty(), "prompt.reasoning_end", "a text", &"empty");

        self.sampler.validate(&mut check);
        self.rounds.validate(&mut check);

        for limit in self.plugins.limits.out_of_range() {
            let range = format!("{} to {}", limit.least, limit.most);
            check(false, &format!("plugins.limits.{}", limit.name), &range, &limit.value);
        }
        let share = self.plugins.max_failed_share;
        check((0.0..=1.0).contains(&share), "plugins.max_failed_share", "0 to 1", &share);

        let s = &self.sample;
        let temperature = s.temperature;
        check(
            temperature >= 0.0 && temperature.is_finite(),
            "sample.temperature",
            "0 or above",
            &temperature,
        );
        check(is_top_p(s.top_p), "sample.top_p", "above 0 and at most 1", &s.top_p);

        let r = &self.refine;
        check(positive(r.temperature), "refine.temperature", "above 0", &r.temperature);
        let needs_servers = r.divergence == DivergenceBy::TopK && self.sampler.kind == SamplerKind::Local;
        check(
            !needs_servers,
            "refine.divergence",
            "\"exact\" where no servers sample (sampler.kind)",
            &"\"top_k\"",
        );
        check(positive(r.max_kl_nats), "refine.max_kl_nats", "above 0", &r.max_kl_nats);
        adaptive_section::validate(self, &mut check);

        let t = &self.train;
        check((0.0..=1.0).contains(&t.dpo_weight), "train.dpo_weight", "0 to 1", &t.dpo_weight);
        check(positive(t.beta), "train.beta", "above 0", &t.beta);
        check(t.lambda >= 0.0 && t.lambda.is_finite(), "train.lambda", "0 or above", &t.lambda);
        check(positive(t.learning_rate), "train.learning_rate", "above 0", &t.learning_rate);
        check((0.0..=1.0).contains(&t.warmup_share), "train.warmup_share", "0 to 1", &t.warmup_share);
        let epochs = t.epochs;
        check(positive(epochs) && epochs <= 1e6, "train.epochs", "above 0 and at most 1000000", &epochs);
        check(positive(t.max_grad_norm), "train.max_grad_norm", "above 0", &t.max_grad_norm);
        for (key, beta) in [("train.adam_beta1", t.adam_beta1), ("train.adam_beta2", t.adam_beta2)] {
            check((0.0..1.0).contains(&beta), key, "0 or above and below 1", &beta);
        }
        check(positive(t.adam_eps), "train.adam_eps", "above 0", &t.adam_eps);
        let decay = t.weight_decay;
        check(decay >= 0.0 && decay.is_finite(), "train.weight_decay", "0 or above", &decay);

        self.objective.validate(t.lambda, &mut check);

        if let Some(lora) = &t.lora {
            lora.validate(&mut check);
        }

        let e = &self.eval;
        let temperature = e.temperature;
        check(temperature >= 0.0 && temperature.is_finite(), "eval.temperature", "0 or above", &temperature);
        check(is_top_p(e.top_p), "eval.top_p", "above 0 and at most 1", &e.top_p);

        // Whatever memory is reserved for, or work is counted by, has an end too.
        for (key, value, least, most) in [
            ("sample.n_samples", s.n_samples as usize, 1, MAX_COUNT),
            ("sample.first_draw", s.first_draw as usize, 0, 64 * MAX_COUNT),
            ("sample.max_new_tokens", s.max_new_tokens, 1, MAX_TOKENS),
            ("sample.max_batch_rows", s.max_batch_rows, 1, MAX_COUNT),
            ("select.max_pairs", self.select.max_pairs, 1, MAX_COUNT),
            ("refine.n_rewrites", r.n_rewrites as usize, 1, MAX_COUNT),
            ("refine.kl_window_tokens", r.kl_window_tokens, 1, MAX_TOKENS),
            ("train.steps", t.steps, 0, MAX_TOKENS),
            ("train.batch_size", t.batch_size, 1, MAX_COUNT),
            ("train.micro_batch_tokens", t.micro_batch_tokens, 1, MAX_TOKENS),
            ("train.max_context_tokens", t.max_context_tokens, 2, MAX_TOKENS),
            ("train.checkpoint_every", t.checkpoint_every, 1, MAX_TOKENS),
            ("eval.n_runs", e.n_runs as usize, 1, MAX_COUNT),
            ("eval.max_new_tokens", e.max_new_tokens, 1, MAX_TOKENS),
            ("eval.max_batch_rows", e.max_batch_rows, 1, MAX_COUNT),
            ("report.budget_tokens", self.report.budget_tokens, 1, MAX_TOKENS),
            ("report.bootstrap_resamples", self.report.bootstrap_resamples as usize, 100, MAX_COUNT),
        ] {
            check((least..=most).contains(&value), key, &format!("{least} to {most}"), &value);
        }

        if wrong.is_empty() { Ok(()) } else { Err(RecipeError::OutOfRange { values: wrong }) }
    }
}

fn positive(x: f64) -> bool {
    x > 0.0 && x.is_finite()
}

fn is_top_p(x: f64) -> bool {
    x > 0.0 && x <= 1.0
}
