//! Stage 2 for one response: its steps in turn, below one threshold or below several. TokenSqueeze, section 3.2.
//!
//! In: the response as sampled, and thresholds from the strictest up. Out: the refined responses, each with the thresholds below which it
//! is the one. Every one is what its threshold alone would give, to the bit. As long as thresholds choose alike they have one
//! context, in which rewrites are drawn and scored once; where they part, each goes on in its own. With `refine.context = "original"` they never
//! part. How one step is rewritten is in `rewrite`.

use std::ops::Range;

use candle_core::Tensor;
use ts_core::seed::derive_seed;
use ts_model::{LanguageModel, Prefix};
use ts_recipe::{RefineContext, SamplerKind};
use ts_run::records::{EstimateRecord, ProblemRecord, SampleRecord, StepRecord};

use crate::responses::remote::server_seed;
use crate::responses::rewrite::{Chosen, Context, Drawer, Rewriter, Rewritten};
use crate::stage::Stage;
use crate::{Error, Run};

/// A response to refine, and what with.
pub(crate) struct Refining<'a> {
    pub(crate) run: &'a Run<'a>,
    pub(crate) model: Option<&'a LanguageModel>,
    pub(crate) drawer: Drawer<'a>,
    pub(crate) problem: &'a ProblemRecord,
    /// The number of the response's draw.
    pub(crate) draw: u32,
}

/// A refined response.
#[derive(Clone, Debug)]
pub(crate) struct Refined {
    /// Its places among the thresholds that were given.
    pub(crate) thresholds: Range<usize>,
    /// All of it: the steps as they stand now, and what follows the reasoning as it was sampled.
    pub(crate) tokens: Vec<u32>,
    /// How many of the tokens are reasoning.
    pub(crate) n_reasoning: usize,
    pub(crate) steps: Vec<StepRecord>,
    /// Whether the text of a rewrite in it came from a server alone.
    pub(crate) retokenised: bool,
}

/// Where some thresholds have come to: a context, and the texts of those that have it.
struct Branch {
    context: Vec<u32>,
    prefix: Option<Prefix>,
    /// What the model made of the text that follows, as far as the step before shows it.
    known: Option<Tensor>,
    texts: Vec<Refined>,
}

impl Refining<'_> {
    /// Refines `original` below each of `thresholds`, which are in nats, from the strictest up. In the order of the thresholds, and with them the
    /// tokens that were sampled.
    pub(crate) fn below(&self, original: &[u32], thresholds: &[f64]) -> Result<(Vec<Refined>, u64), Error> {
        let Self { run, model, drawer, problem, draw } = *self;
        let refine = &run.recipe.refine;
        let steps = run.steps_of(&problem.id, original)?;
        let rewriter = Rewriter {
            drawer,
            tokenizer: &run.tokenizer,
            splitter: &run.plugins.step_splitter,
            reasoning_end: &run.recipe.prompt.reasoning_end,
            refine,
            thresholds,
            problem: &problem.id,
        };
        let context = run.prompt_tokens(problem)?;
        let text = Refined {
            thresholds: 0..thresholds.len(),
            tokens: Vec::with_capacity(original.len()),
            n_reasoning: 0,
            steps: Vec::with_capacity(steps.steps.len()),
            retokenised: false,
        };
        let prefix = model.map(|model| Prefix::new(model, &context)).transpose()?;
        let mut branches = vec![Branch { context, prefix, known: None, texts: vec![text] }];
        let mut n_tokens = 0;
        for (index, range) in steps.steps.iter().enumerate() {
            let step = &original[range.clone()];
            let window = &original[range.end..original.len().min(range.end + refine.kl_window_tokens)];
            let is_last = index + 1 == steps.steps.len();
            let mut next = Vec::with_capacity(branches.len());
            for branch in branches {
                let rewritten = if refine.enabled {
                    let of_branch = branch.thresholds();
                    let rewriter = Rewriter { thresholds: &thresholds[of_branch], ..rewriter };
                    let decoder = model.zip(branch.prefix.as_ref());
                    let known = branch.known.as_ref();
                    let context = Context { decoder, known, tokens: &branch.context };
                    rewriter.rewrite(context, step, window, is_last, self.seeds(draw, index))?
                } else {
                    Rewritten::default()
                };
                n_tokens += rewritten.n_tokens;
                next.extend(self.advance(branch, step, &rewritten)?);
            }
            branches = next;
        }
        let mut refined: Vec<Refined> = branches.into_iter().flat_map(|branch| branch.texts).collect();
        for text in &mut refined {
            text.n_reasoning = text.tokens.len();
            text.tokens.extend_from_slice(&original[steps.tail.clone()]);
        }
        Ok((refined, n_tokens))
    }

    /// Where a branch goes with what became of a step.
    fn advance(&self, branch: Branch, step: &[u32], rewritten: &Rewritten) -> Result<Vec<Branch>, Error> {
        let first = branch.thresholds().start;
        let Branch { context, prefix, known: _, texts } = branch;
        let texts = texts.into_iter().flat_map(|text| self.parted(text, first, step, rewritten));
        let go_on = |texts: Vec<Refined>, prefix: Option<Prefix>, follows: &[u32], known: Option<Tensor>| {
            let context = [context.as_slice(), follows].concat();
            Ok::<_, Error>(Branch { context, prefix: self.extended(prefix, follows)?, known, texts })
        };
        if self.run.recipe.refine.context == RefineContext::Original {
            return Ok(vec![go_on(texts.collect(), prefix, step, rewritten.after_original.clone())?]);
        }
        let mut texts = texts.peekable();
        // The last goes on in what was read; the others in copies.
        let (mut branches, mut read) = (Vec::new(), Some(prefix));
        while let Some(text) = texts.next() {
            let (follows, known) = match rewritten.at(text.thresholds.start - first) {
                Some(chosen) => (chosen.tokens.as_slice(), chosen.after.clone()),
                None => (step, rewritten.after_original.clone()),
            };
            let prefix = if texts.peek().is_some() { read.clone() } else { read.take() };
            branches.push(go_on(vec![text], prefix.flatten(), follows, known)?);
        }
        Ok(branches)
    }

    /// A text with the step that each of its thresholds chose: one text for those that chose alike, which are neighbours. `first` is the
    /// branch's first threshold.
    fn parted(&self, text: Refined, first: usize, step: &[u32], rewritten: &Rewritten) -> Vec<Refined> {
        let tokens_at = |threshold: usize| rewritten.at(threshold - first).map(|chosen| &chosen.tokens);
        let mut parted = Vec::new();
        let mut start = text.thresholds.start;
        for threshold in text.thresholds.clone() {
            let is_last_alike =
                threshold + 1 == text.thresholds.end || tokens_at(threshold + 1) != tokens_at(threshold);
            if is_last_alike {
                let chosen = rewritten.at(threshold - first);
                parted.push(self.with_step(&text, start..threshold + 1, step, chosen, rewritten));
                start = threshold + 1;
            }
        }
        parted
    }

    fn with_step(
        &self,
        text: &Refined,
        thresholds: Range<usize>,
        step: &[u32],
        chosen: Option<&Chosen>,
        rewritten: &Rewritten,
    ) -> Refined {
        let now = chosen.map_or(step, |chosen| &chosen.tokens);
        let top_k = self.run.recipe.sampler.top_logprobs;
        let tail_mass = chosen.and_then(|chosen| chosen.tail_mass);
        let record = StepRecord {
            tokens_before: step.len() as u32,
            tokens_after: now.len() as u32,
            n_candidates: rewritten.n_candidates,
            n_scored: rewritten.n_scored,
            n_tokens: rewritten.n_tokens,
            kl_nats: chosen.map(|chosen| chosen.kl_nats),
            n_refused: rewritten.n_refused,
            estimate: tail_mass.map(|tail_mass| EstimateRecord { top_k, tail_mass }),
        };
        let mut text = Refined { thresholds, ..text.clone() };
        text.tokens.extend_from_slice(now);
        text.steps.push(record);
        text.retokenised |= rewritten.retokenised && chosen.is_some();
        text
    }

    fn extended(&self, mut prefix: Option<Prefix>, follows: &[u32]) -> Result<Option<Prefix>, Error> {
        if let (Some(model), Some(prefix)) = (self.model, &mut prefix) {
            prefix.extend(model, follows)?;
        }
        Ok(prefix)
    }

    /// A seed for each rewrite of one step.
    fn seeds(&self, draw: u32, step: usize) -> Vec<u64> {
        let Self { run, problem, .. } = self;
        let stage = format!("{}/{draw}/{step}", Stage::Refine.name());
        let seed = |rewrite| match run.recipe.sampler.kind {
            SamplerKind::Local => derive_seed(run.recipe.run.seed, &stage, &problem.id, u64::from(rewrite)),
            SamplerKind::Openai => server_seed(run, &stage, &problem.id, rewrite),
        };
        (0..run.recipe.refine.n_rewrites).map(seed).collect()
    }
}

impl Branch {
    /// Places of its texts' thresholds, which are neighbours.
    fn thresholds(&self) -> Range<usize> {
        let start = self.texts.first().map_or(0, |text| text.thresholds.start);
        start..self.texts.last().map_or(start, |text| text.thresholds.end)
    }
}

/// A response with only its first reasoning steps, and everything after the reasoning.
pub(crate) fn cut(
    run: &Run<'_>,
    problem: &str,
    sample: &SampleRecord,
    keep_steps: Option<u32>,
) -> Result<Vec<u32>, Error> {
    let Some(keep) = keep_steps else { return Ok(sample.tokens.clone()) };
    let steps = run.steps_of(problem, &sample.tokens)?;
    let kept =
        (keep as usize).checked_sub(1).and_then(|last| steps.steps.get(last)).map_or(0, |step| step.end);
    Ok([&sample.tokens[..kept], &sample.tokens[steps.tail]].concat())
}
