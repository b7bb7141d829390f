//! Stage 2 for one step: sample rewrites, keep the shortest that leaves what follows as it was. TokenSqueeze,
//! section 3.2.
//!
//! In: the context, the step as sampled, and the original's text after it. Out: the rewrite that takes its
//! place, if any. The choice is `ts_core::refinement`'s: the shortest rewrite below the threshold, the one
//! drawn first among equals. Several thresholds are asked at once: each has the choice that it would have alone.
//!
//! All rewrites grow in lockstep, one token a round. By the step splitter's law a rewrite that is complete
//! after round t has t - 1 or t tokens, so after round t every rewrite of up to t - 1 tokens is known. They
//! are scored at once and together, and the first that passes ends everything: no later one can be shorter. So neither the
//! longer rewrites' divergences nor their remaining tokens are ever computed, and the choice is what sampling
//! and scoring all of them would give. `refining` goes from step to step.
//!
//! Servers draw all rewrites to their ends; from then on it is the same: they are read token by token as if they grew here, and the
//! divergence of each is computed here.

use std::collections::HashMap;
use std::ops::ControlFlow;

use candle_core::Tensor;
use ts_core::refinement::{Choice, choose_early, choose_scoring_all};
use ts_model::generate::{Prompt, Request, Sampling, Watch, Watcher, generate};
use ts_model::window_kl::WindowKl;
use ts_model::{LanguageModel, Prefix, TextTokenizer};
use ts_plugin::StepSplitter;

use crate::Error;
use crate::responses::divergence::Divergence;
use crate::responses::likelihood::Likelihood;
use crate::responses::remote::{How, Remote};
use crate::responses::server_window::ServerWindow;
use crate::responses::steps::tokens_to;
use ts_recipe::RefineSection;

/// Who draws rewrites.
#[derive(Clone, Copy)]
pub(crate) enum Drawer<'a> {
    /// The model, here.
    Local,
    /// Servers; the caller has a place in their turnstile. They compare by so many tokens of each position, if they compare.
    Servers(&'a Remote<'a>, Option<u32>),
}

/// What the steps of one response share.
pub(crate) struct Rewriter<'a> {
    pub(crate) drawer: Drawer<'a>,
    pub(crate) tokenizer: &'a TextTokenizer,
    pub(crate) splitter: &'a StepSplitter,
    pub(crate) reasoning_end: &'a str,
    pub(crate) refine: &'a RefineSection,
    /// Epsilon, in nats after the reduction: one or several, from the strictest up.
    pub(crate) thresholds: &'a [f64],
    /// The problem's identifier.
    pub(crate) problem: &'a str,
}

/// What became of one step.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rewritten {
    /// For each threshold the rewrite to use, if any; empty where nothing was tried.
    chosen: Vec<Option<Chosen>>,
    /// Complete rewrites shorter than the original, as far as they were drawn.
    pub(crate) n_candidates: u32,
    /// Divergences computed. Equal rewrites share one.
    pub(crate) n_scored: u32,
    /// Tokens sampled for it.
    pub(crate) n_tokens: u64,
    /// Whether a rewrite to use came as text.
    pub(crate) retokenised: bool,
    /// Rewrites that servers refused.
    pub(crate) n_refused: u32,
    /// What the model here made of the window after the original: of the next step's text, that is, where it read it (`window_kl`).
    /// Final hidden states of the window's tokens, (n, D).
    pub(crate) after_original: Option<Tensor>,
}

/// A rewrite to use.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    pub(crate) tokens: Vec<u32>,
    /// Its divergence, after the reduction.
    pub(crate) kl_nats: f64,
    /// The mass that an estimate has not seen.
    pub(crate) tail_mass: Option<f64>,
    /// As [`Rewritten::after_original`], after the rewrite.
    pub(crate) after: Option<Tensor>,
}

impl Rewritten {
    /// The rewrite to use at one of the thresholds; none keeps the original.
    pub(crate) fn at(&self, threshold: usize) -> Option<&Chosen> {
        self.chosen.get(threshold)?.as_ref()
    }
}

/// What a step stands in.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    /// The model and its state after the context, where there is a model here.
    pub(crate) decoder: Option<(&'a LanguageModel, &'a Prefix)>,
    /// What it made of the first tokens that follow, as far as the reading of the step before shows it.
    pub(crate) known: Option<&'a Tensor>,
    /// Its tokens, the prompt's among them.
    pub(crate) tokens: &'a [u32],
}

impl Rewriter<'_> {
    /// Rewrites one step, drawing from each seed once. `window` is the original's text after the step;
    /// `is_last` says that the end of the reasoning follows it.
    pub(crate) fn rewrite(
        &self,
        context: Context<'_>,
        original: &[u32],
        window: &[u32],
        is_last: bool,
        seeds: Vec<u64>,
    ) -> Result<Rewritten, Error> {
        if original.len() < 2 || window.is_empty() || self.widest() <= 0.0 {
            return Ok(Rewritten::default());
        }
        // The token after a step shows that it is complete; a rewrite as long as the original cannot be chosen.
        let (temperature, top_p, max_new_tokens) = (self.refine.temperature, 1.0, original.len());
        match self.drawer {
            Drawer::Local => {
                let Some((model, prefix)) = context.decoder else { return Ok(Rewritten::default()) };
                let mut search = self.search(context, (original, window, is_last), None)?;
                let sampling = Sampling { temperature, top_p, max_new_tokens, max_batch_rows: seeds.len() };
                let request = Request { prompt: Prompt::Prefix(prefix.clone()), seeds };
                let draws = generate(model, &[request], &sampling, &mut search)?;
                let n_tokens = draws.iter().flatten().map(|draw| draw.tokens.len() as u64).sum();
                search.finish(n_tokens)
            }
            Drawer::Servers(remote, top) => {
                let prompt = remote.prompt(context.tokens.to_vec())?;
                let how = How { temperature, top_p, max_new_tokens };
                let draws =
                    remote.turnstile().outside(|| remote.draw_all(self.problem, &prompt, &seeds, how))?;
                let retokenised = draws.iter().any(|draw| draw.retokenised);
                // What it holds is not held while servers draw.
                let compare = |top| ServerWindow::new(remote, top, context.tokens, original, window);
                let mut search = self.search(context, (original, window, is_last), top.map(compare))?;
                let draws: Vec<Vec<u32>> = draws.into_iter().map(|draw| draw.tokens).collect();
                search.read(&draws);
                let n_tokens = draws.iter().map(|tokens| tokens.len() as u64).sum();
                let rewritten = search.finish(n_tokens)?;
                Ok(Rewritten { retokenised, ..rewritten })
            }
        }
    }

    /// The largest threshold; below 0 of none nothing is found.
    fn widest(&self) -> f64 {
        self.thresholds.last().copied().unwrap_or(0.0)
    }

    /// A search for the rewrite of a step, of which the window follows and which may be the last.
    fn search<'s>(
        &'s self,
        context: Context<'s>,
        (original, window, is_last): (&'s [u32], &[u32], bool),
        servers: Option<ServerWindow<'s>>,
    ) -> Result<Search<'s>, Error> {
        let of_model = |(model, prefix)| WindowKl::new(model, prefix, original, window, context.known);
        let decoder = context.decoder.map(of_model).transpose()?;
        let divergence = Divergence::new(self.refine, self.widest(), decoder, servers);
        let likelihood = context.decoder.zip(self.refine.max_nll_increase);
        let likelihood = likelihood.map(|(decoder, most)| Likelihood::new(decoder, original, most));
        let state = State { chosen: vec![None; self.thresholds.len()], ..State::default() };
        Ok(Search { rewriter: self, original, is_last, divergence, likelihood, state })
    }
}

/// Watches the rewrites grow.
struct Search<'a> {
    rewriter: &'a Rewriter<'a>,
    original: &'a [u32],
    is_last: bool,
    divergence: Divergence<'a>,
    likelihood: Option<Likelihood<'a>>,
    state: State,
}

#[derive(Default)]
struct State {
    /// Complete rewrites that were not judged yet, with their draws.
    pending: Vec<(usize, Vec<u32>)>,
    n_candidates: u32,
    /// For each threshold, and its divergence in nats.
    chosen: Vec<Option<(Vec<u32>, f64)>>,
    round: usize,
    /// What texts of this round are: many draws have the same.
    growths: HashMap<Vec<u32>, Growth>,
    error: Option<Error>,
}

/// What a growing text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Growth {
    /// Not a whole step yet.
    Open,
    /// A step of so many tokens, and something after it.
    Complete(usize),
    /// It ends the reasoning where the original goes on, or goes on where the original ends.
    Unfit,
}

impl Search<'_> {
    fn growth(&mut self, tokens: &[u32]) -> Result<Growth, Error> {
        if let Some(known) = self.state.growths.get(tokens) {
            return Ok(*known);
        }
        let growth = self.look(tokens)?;
        self.state.growths.insert(tokens.to_vec(), growth);
        Ok(growth)
    }

    fn look(&self, tokens: &[u32]) -> Result<Growth, Error> {
        let Rewriter { tokenizer, splitter, reasoning_end, problem, .. } = self.rewriter;
        let (text, ends) = tokenizer.token_ends(tokens)?;
        let end_of_reasoning = text.find(reasoning_end);
        let spans = splitter.split(problem, &text[..end_of_reasoning.unwrap_or(text.len())])?.value;
        let step_end = match (spans.as_slice(), end_of_reasoning.is_some(), self.is_last) {
            ([] | [_], false, _) => return Ok(Growth::Open),
            ([step], true, true) | ([step, _, ..], false, false) => step.end,
            _ => return Ok(Growth::Unfit),
        };
        Ok(match tokens_to(&ends, step_end) {
            0 => Growth::Unfit,
            n => Growth::Complete(n),
        })
    }

    /// Judges the pending rewrites of at most `longest` tokens, the shortest first.
    fn judge(&mut self, longest: usize) -> Result<(), Error> {
        let pending = std::mem::take(&mut self.state.pending);
        let (mut ready, rest): (Vec<_>, Vec<_>) = pending.into_iter().partition(|(_, r)| r.len() <= longest);
        self.state.pending = rest;
        ready.sort_by_key(|(draw, _)| *draw);
        let lengths: Vec<u32> = ready.iter().map(|(_, rewrite)| rewrite.len() as u32).collect();
        let original = self.original.len() as u32;
        let (divergence, likelihood) = (&mut self.divergence, &mut self.likelihood);
        let early_stop = self.rewriter.refine.early_stop;
        let shorter = ready.iter().map(|(_, rewrite)| rewrite.as_slice());
        divergence.learn(shorter.filter(|rewrite| rewrite.len() < self.original.len()))?;
        for (&max_kl_nats, found) in self.rewriter.thresholds.iter().zip(&mut self.state.chosen) {
            if found.is_some() {
                continue; // no later one is shorter
            }
            let kl_nats = |index: usize| -> Result<Option<f64>, Error> {
                let rewrite = &ready[index].1;
                let known = divergence.of(rewrite).and_then(|known| known.kl_nats);
                match (known, &mut *likelihood) {
                    // What does not pass needs no likelihood.
                    (Some(kl_nats), Some(likelihood)) if kl_nats < max_kl_nats => {
                        Ok(likelihood.allows(rewrite)?.then_some(kl_nats))
                    }
                    _ => Ok(known),
                }
            };
            let Choice { chosen, .. } = match early_stop {
                true => choose_early(original, &lengths, max_kl_nats, kl_nats)?,
                false => choose_scoring_all(original, &lengths, max_kl_nats, kl_nats)?,
            };
            *found = chosen.map(|chosen| (ready[chosen.index].1.clone(), chosen.kl_nats));
        }
        Ok(())
    }

    /// Reads rewrites that were drawn to their ends, round by round as if they grew.
    fn read(&mut self, draws: &[Vec<u32>]) {
        let mut growing: Vec<usize> = (0..draws.len()).collect();
        for round in 1..=draws.iter().map(Vec::len).max().unwrap_or(0) {
            growing.retain(|&draw| {
                let Some(tokens) = draws[draw].get(..round) else { return false };
                self.after_token(0, draw, tokens) == Watch::Continue
            });
            self.state.round = round;
            if self.after_round(0).is_break() || growing.is_empty() {
                break;
            }
        }
    }

    fn finish(mut self, n_tokens: u64) -> Result<Rewritten, Error> {
        if let Some(error) = self.state.error {
            return Err(error);
        }
        if !self.has_chosen() {
            self.judge(self.original.len())?;
        }
        let divergence = &self.divergence;
        let of_chosen = |(tokens, kl_nats): (Vec<u32>, f64)| {
            let measured = divergence.of(&tokens);
            let tail_mass = measured.and_then(|measured| measured.tail_mass);
            let after = measured.and_then(|measured| measured.after.clone());
            Chosen { tokens, kl_nats, tail_mass, after }
        };
        Ok(Rewritten {
            chosen: self.state.chosen.into_iter().map(|chosen| chosen.map(of_chosen)).collect(),
            n_candidates: self.state.n_candidates,
            n_scored: divergence.n_measured(),
            n_tokens,
            retokenised: false,
            n_refused: divergence.n_refused(),
            after_original: divergence.after_original()?,
        })
    }

    /// Whether every threshold has its rewrite.
    fn has_chosen(&self) -> bool {
        self.state.chosen.iter().all(Option::is_some)
    }
}

impl Watcher for Search<'_> {
    fn lockstep(&self) -> bool {
        true
    }

    fn after_token(&mut self, _request: usize, draw: usize, tokens: &[u32]) -> Watch {
        self.state.round = tokens.len();
        match self.growth(tokens) {
            Ok(Growth::Open) => Watch::Continue,
            Ok(Growth::Unfit) => Watch::StopDraw,
            Ok(Growth::Complete(n_tokens)) => {
                if n_tokens < self.original.len() {
                    self.state.n_candidates += 1;
                    self.state.pending.push((draw, tokens[..n_tokens].to_vec()));
                }
                Watch::StopDraw
            }
            Err(error) => {
                self.state.error = Some(error);
                Watch::StopRequest
            }
        }
    }

    fn after_round(&mut self, _request: usize) -> ControlFlow<()> {
        self.state.growths.clear();
        if self.state.error.is_some() {
            return ControlFlow::Break(());
        }
        if !self.rewriter.refine.early_stop {
            return ControlFlow::Continue(());
        }
        if let Err(error) = self.judge(self.state.round.saturating_sub(1)) {
            self.state.error = Some(error);
        }
        match self.has_chosen() || self.state.error.is_some() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use ts_core::refinement::KlReduction;
    use ts_core::seed::derive_seed;
    use ts_embedded::problem::Task;
    use ts_model::generate::Unwatched;
    use ts_plugin::{HostOptions, PluginHost};

    use super::*;
    use crate::responses::steps::Steps;
    use ts_recipe::Loader;
    use ts_recipe::load_plugin;

    struct Fixture {
        _folder: tempfile::TempDir,
        model: LanguageModel,
        tokenizer: TextTokenizer,
        splitter: StepSplitter,
        refine: RefineSection,
    }

    impl Fixture {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            for (name, bytes) in Task::Plain.checkpoint() {
                std::fs::write(folder.path().join(name), bytes).unwrap();
            }
            let host = PluginHost::new(HostOptions::default()).unwrap();
            let splitter = load_plugin(&host, "paragraph_splitter").unwrap();
            let loader = Loader { shipped: ts_embedded::RECIPES };
            Self {
                model: LanguageModel::load(folder.path(), DType::F32, &Device::Cpu).unwrap(),
                tokenizer: TextTokenizer::read(folder.path()).unwrap(),
                splitter: splitter.step_splitter(&serde_json::Map::new()).unwrap(),
                refine: loader.load("default", vec![]).unwrap().refine,
                _folder: folder,
            }
        }

        fn sample(&self, problem: &str, seed: u64) -> (Vec<u32>, Vec<u32>) {
            let prompt = self.tokenizer.encode(&format!("<|user|>{problem}<|assistant|><think>\n")).unwrap();
            let sampling = Sampling { temperature: 0.9, top_p: 1.0, max_new_tokens: 640, max_batch_rows: 1 };
            let request = Request { prompt: Prompt::Tokens(prompt.clone()), seeds: vec![seed] };
            let mut draws = generate(&self.model, &[request], &sampling, &mut Unwatched).unwrap();
            (prompt, draws.remove(0).remove(0).tokens)
        }

        /// Rewrites every step of one response, early or scoring all; in the original's context, so that both
        /// see the same.
        fn rewrite_all(&self, prompt: &[u32], response: &[u32], early_stop: bool) -> Vec<Rewritten> {
            let refine = RefineSection { early_stop, ..self.refine.clone() };
            self.rewrite_by(&refine, &[refine.max_kl_nats], prompt, response)
        }

        /// Rewrites every step of one response in the original's context, at several thresholds.
        fn rewrite_by(
            &self,
            refine: &RefineSection,
            thresholds: &[f64],
            prompt: &[u32],
            response: &[u32],
        ) -> Vec<Rewritten> {
            let rewriter = Rewriter {
                drawer: Drawer::Local,
                tokenizer: &self.tokenizer,
                splitter: &self.splitter,
                reasoning_end: "</think>",
                refine,
                thresholds,
                problem: "embedded",
            };
            let steps = Steps::of(response, &self.tokenizer, &self.splitter, "</think>", "embedded").unwrap();
            let mut prefix = Prefix::new(&self.model, prompt).unwrap();
            let mut tokens = prompt.to_vec();
            let mut all = Vec::new();
            for (index, range) in steps.steps.iter().enumerate() {
                let step = &response[range.clone()];
                let seeds = (0..24).map(|draw| derive_seed(5, "refine", &index.to_string(), draw)).collect();
                let is_last = index + 1 == steps.steps.len();
                let context = Context { decoder: Some((&self.model, &prefix)), known: None, tokens: &tokens };
                all.push(rewriter.rewrite(context, step, &response[range.end..], is_last, seeds).unwrap());
                tokens.extend_from_slice(step);
                prefix.extend(&self.model, step).unwrap();
            }
            all
        }
    }

    /// The rewrite at a threshold and its divergence's bits.
    fn choice(rewritten: &Rewritten, threshold: usize) -> Option<(&[u32], u64)> {
        rewritten.at(threshold).map(|chosen| (chosen.tokens.as_slice(), chosen.kl_nats.to_bits()))
    }

    fn responses(fixture: &Fixture) -> Vec<(Vec<u32>, Vec<u32>)> {
        let problems = Task::Plain.train_problems();
        let sample = |(seed, problem): (usize, &str)| {
            let problem: serde_json::Value = serde_json::from_str(problem).unwrap();
            fixture.sample(problem["prompt"].as_str().unwrap(), seed as u64)
        };
        problems.lines().step_by(40).enumerate().map(sample).collect()
    }

    /// What each of several thresholds chooses is what it chooses alone, by every statistic and with a limit on the likelihood too.
    #[test]
    fn several_thresholds_at_once_choose_what_each_chooses_alone() {
        let fixture = Fixture::new();
        let thresholds = [0.001, 0.02, 0.3];
        let kinds = [(KlReduction::Mean, None), (KlReduction::Tail, None), (KlReduction::Mean, Some(0.05))];
        for (kl_reduction, max_nll_increase) in kinds {
            let refine = RefineSection { kl_reduction, max_nll_increase, ..fixture.refine.clone() };
            let (mut n_chosen, mut n_other) = ([0; 3], 0);
            for (prompt, response) in responses(&fixture).iter().take(3) {
                let together = fixture.rewrite_by(&refine, &thresholds, prompt, response);
                for (index, threshold) in thresholds.iter().enumerate() {
                    let alone = fixture.rewrite_by(&refine, &[*threshold], prompt, response);
                    for (together, alone) in together.iter().zip(&alone) {
                        assert_eq!(choice(together, index), choice(alone, 0));
                        n_chosen[index] += usize::from(alone.at(0).is_some());
                        n_other += usize::from(choice(together, index) != choice(together, 0));
                    }
                }
            }
            assert!(n_chosen[0] <= n_chosen[1] && n_chosen[1] <= n_chosen[2], "{n_chosen:?}");
            assert!(
                n_chosen[2] > 3 && n_other > 3,
                "{n_chosen:?}, {n_other} differ: too few to mean anything"
            );
        }
    }

    /// Of what passes with no limit, the limit takes away what is less likely than the step, and nothing else is chosen that is.
    #[test]
    fn a_limit_on_the_likelihood_holds_for_every_choice() {
        let fixture = Fixture::new();
        let (free, mut n_limited) = (fixture.refine.clone(), 0);
        let limited = RefineSection { max_nll_increase: Some(0.0), ..free.clone() };
        for (prompt, response) in responses(&fixture).iter().take(3) {
            let steps =
                Steps::of(response, &fixture.tokenizer, &fixture.splitter, "</think>", "p").unwrap().steps;
            let [free, limited] =
                [&free, &limited].map(|refine| fixture.rewrite_by(refine, &[0.05], prompt, response));
            for ((free, limited), range) in free.iter().zip(&limited).zip(steps) {
                let prefix =
                    Prefix::new(&fixture.model, &[prompt.as_slice(), &response[..range.start]].concat())
                        .unwrap();
                let nll = |tokens: &[u32]| {
                    -ts_model::log_prob::score_after(&fixture.model, &prefix, tokens).unwrap()
                        / tokens.len() as f64
                };
                let is_likely = |tokens: &[u32]| nll(tokens) <= nll(&response[range.clone()]) + 1e-6;
                assert!(limited.at(0).is_none_or(|chosen| is_likely(&chosen.tokens)));
                match free.at(0) {
                    Some(chosen) if is_likely(&chosen.tokens) => {
                        assert_eq!(choice(free, 0), choice(limited, 0))
                    }
                    Some(_) => n_limited += 1,
                    None => assert!(limited.at(0).is_none()),
                }
            }
        }
        assert!(n_limited > 0, "no choice was unlikely: the test means nothing");
    }

    #[test]
    fn stopping_early_chooses_what_scoring_all_rewrites_chooses() {
        let fixture = Fixture::new();
        let (mut n_chosen, mut early_tokens, mut all_tokens, mut early_scored, mut all_scored) =
            (0, 0, 0, 0, 0);
        for (prompt, response) in responses(&fixture) {
            let early = fixture.rewrite_all(&prompt, &response, true);
            let all = fixture.rewrite_all(&prompt, &response, false);
            for (early, all) in early.iter().zip(&all) {
                assert_eq!(choice(early, 0), choice(all, 0));
                n_chosen += usize::from(early.at(0).is_some());
                early_tokens += early.n_tokens;
                all_tokens += all.n_tokens;
                early_scored += early.n_scored;
                all_scored += all.n_scored;
            }
        }
        assert!(n_chosen > 10, "{n_chosen} steps were rewritten: too few to mean anything");
        assert!(early_tokens < all_tokens && early_scored < all_scored);
    }
}
