//! `[refine.adaptive]` and `[refine.drift]`: what goes beyond one threshold that is given. Both sections may be missing.

use std::fmt::Display;

use serde::{Deserialize, Serialize};

use crate::RefineSection;
use crate::recipe::Recipe;
use crate::sampler_section::SamplerKind;
use crate::stage_sections::DivergenceBy;

/// Most thresholds of a grid: each may have a text of its own.
const MAX_THRESHOLDS: usize = 64;

/// Most rollouts from one text.
const MAX_ROLLOUTS: u32 = 1 << 10;

/// The least loss that can be asked for: it takes a million problems.
const LEAST_LOSS: f64 = 1e-6;

/// `[refine.adaptive]`: for each difficulty the largest threshold at which few enough answers are lost (`ts_core::conformal`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdaptiveSection {
    /// Delta: the share of answers that may be lost, in expectation.
    pub max_loss: f64,
    /// The thresholds to choose from, in nats after `kl_reduction`, from the strictest up.
    pub thresholds: Vec<f64>,
    /// Continuations of each refined reasoning to its answer.
    pub n_rollouts: u32,
    /// Of the continuations; 0 is greedy.
    pub temperature: f64,
    /// Share of the training problems that decide.
    pub share: f64,
}

impl Default for AdaptiveSection {
    fn default() -> Self {
        let thresholds = vec![0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2];
        Self { max_loss: 0.02, thresholds, n_rollouts: 4, temperature: 0.6, share: 1.0 }
    }
}

/// `[refine.drift]`: how far a refined response is from the original, all its steps together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DriftSection {
    /// Most nats a token by which the model may find the refined response less likely than the original; none is no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_nll_increase: Option<f64>,
    /// Most divergence of what follows the reasoning, nats a token; none is no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_answer_kl_nats: Option<f64>,
    /// The same of the mean over the twentieth of its tokens that diverge most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_answer_kl_tail_nats: Option<f64>,
    /// What becomes of a response beyond one of them.
    pub beyond: BeyondDrift,
}

/// What becomes of a refined response that drifted too far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BeyondDrift {
    /// The response as it was sampled takes its place.
    #[default]
    Original,
    /// It is not used.
    Drop,
}

/// Reports values that cannot be to `check`: whether it holds, the key, what it must be, what it was.
pub(crate) fn validate(recipe: &Recipe, check: &mut impl FnMut(bool, &str, &str, &dyn Display)) {
    let RefineSection { enabled, divergence, max_nll_increase, adaptive, drift, .. } = &recipe.refine;
    let mut limit = |key: &str, value: Option<f64>| {
        let value = value.unwrap_or(0.0);
        check(value >= 0.0 && value.is_finite(), key, "0 or above", &value);
    };
    limit("refine.max_nll_increase", *max_nll_increase);
    if let Some(drift) = drift {
        limit("refine.drift.max_nll_increase", drift.max_nll_increase);
        limit("refine.drift.max_answer_kl_nats", drift.max_answer_kl_nats);
        limit("refine.drift.max_answer_kl_tail_nats", drift.max_answer_kl_tail_nats);
    }
    let asks_decoder = max_nll_increase.is_some() || drift.is_some();
    check(
        !(asks_decoder && *divergence == DivergenceBy::TopK),
        "refine.divergence",
        "\"exact\" with refine.max_nll_increase or [refine.drift], which ask the model here",
        &"\"top_k\"",
    );
    let Some(AdaptiveSection { max_loss, thresholds, n_rollouts, temperature, share }) = adaptive else {
        return;
    };
    check(*enabled, "refine.enabled", "true with [refine.adaptive]", enabled);
    let is_local = recipe.sampler.kind == SamplerKind::Local;
    check(is_local, "sampler.kind", "\"local\" with [refine.adaptive]", &"\"openai\"");
    let may_lose = (LEAST_LOSS..=1.0).contains(max_loss);
    check(may_lose, "refine.adaptive.max_loss", &format!("{LEAST_LOSS} to 1"), max_loss);
    let grows = thresholds.windows(2).all(|pair| pair[0] < pair[1]);
    let is_grid = grows && thresholds.iter().all(|nats| *nats > 0.0 && nats.is_finite());
    check(
        is_grid && (1..=MAX_THRESHOLDS).contains(&thresholds.len()),
        "refine.adaptive.thresholds",
        &format!("1 to {MAX_THRESHOLDS} numbers above 0, each larger than the one before it"),
        &format_args!("{thresholds:?}"),
    );
    let is_count = (1..=MAX_ROLLOUTS).contains(n_rollouts);
    check(is_count, "refine.adaptive.n_rollouts", &format!("1 to {MAX_ROLLOUTS}"), n_rollouts);
    let is_temperature = *temperature >= 0.0 && temperature.is_finite();
    check(is_temperature, "refine.adaptive.temperature", "0 or above", temperature);
    check(*share > 0.0 && *share <= 1.0, "refine.adaptive.share", "above 0 and at most 1", share);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Loader;
    use crate::testing::load;

    #[test]
    fn the_sections_may_be_missing_and_are_then_not_written() {
        let text = load(&[]).unwrap().to_toml().unwrap();
        assert!(!text.contains("adaptive") && !text.contains("drift") && !text.contains("max_nll_increase"));
        let changes =
            ["refine.adaptive.max_loss=0.05", "refine.drift.beyond=drop", "refine.max_nll_increase=0.1"];
        let recipe = load(&changes).unwrap();
        assert_eq!(
            recipe.refine.adaptive,
            Some(AdaptiveSection { max_loss: 0.05, ..AdaptiveSection::default() })
        );
        let drift = DriftSection { beyond: BeyondDrift::Drop, ..DriftSection::default() };
        assert_eq!(recipe.refine.drift, Some(drift));
        assert_eq!(Loader::parse("kept", &recipe.to_toml().unwrap()).unwrap(), recipe);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let servers = ["sampler.kind=openai", "sampler.urls=[\"http://127.0.0.1:1/v1\"]"];
        let top_k = [servers[0], servers[1], "refine.divergence=top_k"];
        for (changes, reason) in [
            (&["refine.adaptive.max_loss=0"][..], "refine.adaptive.max_loss must be 0.000001 to 1, not 0"),
            (&["refine.adaptive.max_loss=nan"], "refine.adaptive.max_loss must be"),
            (&["refine.adaptive.thresholds=[]"], "each larger than the one before it, not []"),
            (&["refine.adaptive.thresholds=[0.01, 0.01]"], "not [0.01, 0.01]"),
            (&["refine.adaptive.thresholds=[0.0, 0.01]"], "not [0.0, 0.01]"),
            (&["refine.adaptive.thresholds=[0.01, inf]"], "not [0.01, inf]"),
            (&["refine.adaptive.n_rollouts=0"], "refine.adaptive.n_rollouts must be 1 to 1024, not 0"),
            (&["refine.adaptive.temperature=-1.0"], "refine.adaptive.temperature must be 0 or above"),
            (&["refine.adaptive.share=0.0"], "refine.adaptive.share must be above 0 and at most 1, not 0"),
            (
                &["refine.adaptive.delta=0.1"],
                "a recipe has no `refine.adaptive.delta`; [refine.adaptive] has max_loss, thresholds",
            ),
            (&["refine.adaptive.share=1.0", "refine.enabled=false"], "refine.enabled must be true"),
            (&["refine.adaptive.share=1.0", servers[0], servers[1]], "sampler.kind must be \"local\""),
            (&["refine.max_nll_increase=-0.1"], "refine.max_nll_increase must be 0 or above, not -0.1"),
            (
                &["refine.max_nll_increase=0.1", top_k[0], top_k[1], top_k[2]],
                "refine.divergence must be \"exact\"",
            ),
            (&["refine.drift.max_answer_kl_nats=inf"], "refine.drift.max_answer_kl_nats must be 0 or above"),
            (&["refine.drift.max_answer_kl_tail_nats=nan"], "refine.drift.max_answer_kl_tail_nats must be"),
            (
                &["refine.drift.max_nll_increase=-1"],
                "refine.drift.max_nll_increase must be 0 or above, not -1",
            ),
            (&["refine.drift.beyond=keep"], "refine.drift.beyond must be `original` or `drop`, not `keep`"),
        ] {
            let error = load(changes).unwrap_err();
            assert!(error.contains(reason), "{changes:?}: {error}");
        }
    }
}
