//! Range checks: what the types of a [`Recipe`] cannot say.
//!
//! Each check names the key as it stands in the file, what it must be, and what it was. Whether files and
//! plugins exist is left out on purpose: whoever opens them says so.

use ts_plugin::FUEL_PER_MS;

use super::{Recipe, RecipeError};

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
        let device = &self.model.device;
        let cuda = device.strip_prefix("cuda:").is_some_and(|n| n.parse::<usize>().is_ok());
        check(device == "cpu" || cuda, "model.device", "`cpu` or `cuda:N`", &format_args!("`{device}`"));
        check(!self.prompt.reasoning_end.is_empty(), "prompt.reasoning_end", "a text", &"empty");

        let limits = &self.plugins.limits;
        for (key, value, least, most) in [
            ("fuel", limits.fuel, 1, u64::MAX),
            ("processor_ms", limits.processor_ms, 1, 1 << 40),
            ("program_ms", limits.program_ms, 1, u64::MAX / FUEL_PER_MS),
            ("memory_mib", limits.memory_mib, 1, 4096),
            ("output_kib", limits.output_kib, 1, 4 << 20),
            ("log_kib", limits.log_kib, 0, 4 << 20),
            ("stack_kib", limits.stack_kib, 16, 1024),
            ("table_elements", limits.table_elements, 1, 10_000_000),
            ("instances", limits.instances.into(), 1, 1000),
            ("component_mib", limits.component_mib, 1, 4096),
            ("compile_ms", limits.compile_ms, 1, 1 << 40),
            ("compile_memory_mib", limits.compile_memory_mib, 1, 1 << 30),
        ] {
            let range = format!("{least} to {most}");
            check((least..=most).contains(&value), &format!("plugins.limits.{key}"), &range, &value);
        }
        let share = limits.max_failed_share;
        check((0.0..=1.0).contains(&share), "plugins.limits.max_failed_share", "0 to 1", &share);

        let s = &self.sample;
        check(s.n_samples > 0, "sample.n_samples", "at least 1", &s.n_samples);
        check(positive(s.temperature), "sample.temperature", "above 0", &s.temperature);
        check(is_top_p(s.top_p), "sample.top_p", "above 0 and at most 1", &s.top_p);
        check(s.max_new_tokens > 0, "sample.max_new_tokens", "at least 1", &s.max_new_tokens);
        check(s.max_batch_rows > 0, "sample.max_batch_rows", "at least 1", &s.max_batch_rows);

        check(self.select.max_pairs > 0, "select.max_pairs", "at least 1", &self.select.max_pairs);

        let r = &self.refine;
        check(r.n_rewrites > 0, "refine.n_rewrites", "at least 1", &r.n_rewrites);
        check(positive(r.temperature), "refine.temperature", "above 0", &r.temperature);
        check(positive(r.max_kl_nats), "refine.max_kl_nats", "above 0", &r.max_kl_nats);
        let window = r.kl_window_tokens;
        check(window > 0, "refine.kl_window_tokens", "at least 1", &window);

        let t = &self.train;
        check((0.0..=1.0).contains(&t.dpo_weight), "train.dpo_weight", "0 to 1", &t.dpo_weight);
        check(positive(t.beta), "train.beta", "above 0", &t.beta);
        check(t.lambda >= 0.0 && t.lambda.is_finite(), "train.lambda", "0 or above", &t.lambda);
        check(positive(t.learning_rate), "train.learning_rate", "above 0", &t.learning_rate);
        check((0.0..=1.0).contains(&t.warmup_share), "train.warmup_share", "0 to 1", &t.warmup_share);
        check(positive(t.epochs), "train.epochs", "above 0", &t.epochs);
        check(t.batch_size > 0, "train.batch_size", "at least 1", &t.batch_size);
        let micro = t.micro_batch_tokens;
        check(micro > 0, "train.micro_batch_tokens", "at least 1", &micro);
        let context = t.max_context_tokens;
        check(context > 1, "train.max_context_tokens", "at least 2", &context);
        check(positive(t.max_grad_norm), "train.max_grad_norm", "above 0", &t.max_grad_norm);
        for (key, beta) in [("train.adam_beta1", t.adam_beta1), ("train.adam_beta2", t.adam_beta2)] {
            check((0.0..1.0).contains(&beta), key, "0 or above and below 1", &beta);
        }
        check(positive(t.adam_eps), "train.adam_eps", "above 0", &t.adam_eps);
        let decay = t.weight_decay;
        check(decay >= 0.0 && decay.is_finite(), "train.weight_decay", "0 or above", &decay);
        check(t.checkpoint_every > 0, "train.checkpoint_every", "at least 1", &t.checkpoint_every);

        let e = &self.eval;
        check(e.n_runs > 0, "eval.n_runs", "at least 1", &e.n_runs);
        let temperature = e.temperature;
        check(temperature >= 0.0 && temperature.is_finite(), "eval.temperature", "0 or above", &temperature);
        check(is_top_p(e.top_p), "eval.top_p", "above 0 and at most 1", &e.top_p);
        check(e.max_new_tokens > 0, "eval.max_new_tokens", "at least 1", &e.max_new_tokens);
        check(e.budget_tokens > 0, "eval.budget_tokens", "at least 1", &e.budget_tokens);
        let resamples = e.bootstrap_resamples;
        check(resamples >= 100, "eval.bootstrap_resamples", "at least 100", &resamples);
        check(e.max_batch_rows > 0, "eval.max_batch_rows", "at least 1", &e.max_batch_rows);

        if wrong.is_empty() { Ok(()) } else { Err(RecipeError::OutOfRange { values: wrong }) }
    }
}

fn positive(x: f64) -> bool {
    x > 0.0 && x.is_finite()
}

fn is_top_p(x: f64) -> bool {
    x > 0.0 && x <= 1.0
}
