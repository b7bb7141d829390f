//! The rounds of [`super::generate`]: which draws run, which wait, and what each round does to them.
//!
//! In: a model, requests as they come, settings. Out: the draws of each request when its last one has ended. One round is: a step for
//! the batch, room for draws that wait, a token for every draw, the watcher's verdicts, and then the draws that ended leave.
//!
//! Draws of one request that began together share a row of the batch, a *branch*, until their tokens differ: equal texts are read
//! once, and their logits are made and turned into weights once. A draw that ends with its first token never gets a row.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use candle_core::{DType, Tensor};
use rayon::prelude::*;

use super::generate::check;
use super::on_device::pick_tokens;
use super::request::{Draw, Finish, Prompt, Request, Requests, Watch, Watcher};
use crate::error::Result;
use crate::language_model::LanguageModel;
use crate::network::cache::BatchCache;
use crate::ops::Contents;
use crate::prefix::Prefix;
use crate::rng::token_uniform;
use crate::sampler::{Choice, Sampling};

/// Which draw: its request, and its number within that.
#[derive(Clone, Copy, Debug)]
struct DrawId {
    request: usize,
    draw: usize,
}

/// A request whose draws have not all ended.
struct Live {
    seeds: Vec<u64>,
    /// Filled as draws end. A running draw's `finish` is provisional.
    draws: Vec<Draw>,
    /// How many of them run.
    n_running: usize,
}

/// The request whose draws begin next.
struct Waiting {
    request: usize,
    /// The first that has not begun.
    draw: usize,
    prompt: Prompt,
    /// Its prompt, once it was read.
    opened: Option<Opened>,
}

/// A prompt that was read.
#[derive(Clone)]
struct Opened {
    prefix: Arc<Prefix>,
    /// Logits of every draw's first token, (1, V).
    first_logits: Tensor,
}

/// Draws in progress.
pub(crate) struct Generation<'a> {
    model: &'a LanguageModel,
    requests: &'a mut dyn Requests,
    /// How many requests have come.
    n_requests: usize,
    sampling: &'a Sampling,
    live: BTreeMap<usize, Live>,
    waiting: Option<Waiting>,
    /// The running draws, those of a request next to each other.
    rows: Vec<DrawId>,
    /// The branch that each of them is on.
    branch_of: Vec<usize>,
    /// A row for each branch.
    batch: Option<BatchCache>,
}

impl<'a> Generation<'a> {
    pub(crate) fn new(
        model: &'a LanguageModel,
        requests: &'a mut dyn Requests,
        sampling: &'a Sampling,
    ) -> Self {
        Self {
            model,
            requests,
            n_requests: 0,
            sampling,
            live: BTreeMap::new(),
            waiting: None,
            rows: Vec::new(),
            branch_of: Vec::new(),
            batch: None,
        }
    }

    /// One token for every running draw; false once none is left.
    pub(crate) fn round(&mut self, watcher: &mut dyn Watcher) -> Result<bool> {
        let logits = self.step()?;
        let n_branches = self.n_branches();
        let entered = self.admit(watcher.lockstep())?;
        if self.rows.is_empty() {
            return Ok(false);
        }
        let tokens = self.pick(logits.as_ref(), &entered)?;
        drop(logits);
        let mut running = self.deliver(&tokens, watcher);
        self.finish_round(&mut running, watcher);

        let parents = self.part(&tokens, &running);
        // Branches of the batch stand before those that entered, and so do their parts.
        let (of_batch, of_entered) = parents.split_at(parents.partition_point(|&parent| parent < n_branches));
        if let Some(batch) = &mut self.batch {
            batch.select(of_batch)?;
        }
        let contexts: Vec<_> =
            of_entered.iter().map(|parent| entered[parent - n_branches].prefix.cache()).collect();
        if let Some(first) = contexts.first() {
            self.batch.get_or_insert_with(|| BatchCache::like(first)).push(&contexts)?;
        }
        self.leave(&running);
        Ok(true)
    }

    /// How many branches the running draws are on.
    fn n_branches(&self) -> usize {
        self.branch_of.iter().max().map_or(0, |last| last + 1)
    }

    /// Puts the draws that go on, those of `running`, on new branches by the branch that they were on and the token that they drew.
    /// Gives the old branch of each new one, in their order; that of draws which end is left as it is.
    fn part(&mut self, tokens: &[u32], running: &[bool]) -> Vec<usize> {
        let mut parents = Vec::new();
        let mut known = HashMap::new();
        for ((branch, &token), _) in
            self.branch_of.iter_mut().zip(tokens).zip(running).filter(|(_, running)| **running)
        {
            let parent = *branch;
            *branch = *known.entry((parent, token)).or_insert_with(|| {
                parents.push(parent);
                parents.len() - 1
            });
        }
        parents
    }

    /// Logits (branches, V) of the draws in the batch; none if there are no such draws.
    fn step(&mut self) -> Result<Option<Tensor>> {
        let mut tokens = Vec::new();
        for (row, &branch) in self.rows.iter().zip(&self.branch_of) {
            // Branches are numbered in the order of their first draws.
            if branch == tokens.len() {
                tokens.extend(self.draw(*row).tokens.last());
            }
        }
        match &mut self.batch {
            Some(batch) if !tokens.is_empty() => {
                let decoder = self.model.frozen();
                Ok(Some(decoder.logits(&batch.step(decoder, &tokens)?)?))
            }
            _ => Ok(None),
        }
    }

    /// Lets waiting draws in while there are rows for them, those of a request on one branch; gives what each of these begins with.
    fn admit(&mut self, lockstep: bool) -> Result<Vec<Opened>> {
        let mut entered = Vec::new();
        let n_branches = self.n_branches();
        while self.rows.len() < self.sampling.max_batch_rows {
            let waiting = match self.waiting.take() {
                Some(waiting) => waiting,
                None => match self.next_request(lockstep)? {
                    Some(waiting) => waiting,
                    None => break,
                },
            };
            let Waiting { request, draw, prompt, opened } = waiting;
            let n_draws = self.live.get(&request).map_or(0, |live| live.draws.len());
            let wanted = n_draws - draw;
            let n = wanted.min(self.sampling.max_batch_rows - self.rows.len());
            if lockstep && n < wanted {
                self.waiting = Some(Waiting { request, draw, prompt, opened });
                break;
            }
            let opened = match opened {
                Some(opened) => opened,
                None => self.open(&prompt)?,
            };
            self.rows.extend((draw..draw + n).map(|draw| DrawId { request, draw }));
            self.branch_of.resize(self.rows.len(), n_branches + entered.len());
            entered.push(opened.clone());
            if let Some(live) = self.live.get_mut(&request) {
                live.n_running += n;
            }
            if n < wanted {
                self.waiting = Some(Waiting { request, draw: draw + n, prompt, opened: Some(opened) });
            }
        }
        Ok(entered)
    }

    /// The next request that has draws.
    fn next_request(&mut self, lockstep: bool) -> Result<Option<Waiting>> {
        loop {
            let Some(request) = self.requests.next(self.rows.is_empty()) else { return Ok(None) };
            let number = self.n_requests;
            self.n_requests += 1;
            check(self.model, number, &request, self.sampling, lockstep)?;
            let Request { prompt, seeds } = request;
            if seeds.is_empty() {
                self.requests.done(number, Vec::new());
                continue;
            }
            // A draw that never began counts as stopped.
            let draws = vec![Draw { tokens: Vec::new(), finish: Finish::Stopped }; seeds.len()];
            self.live.insert(number, Live { seeds, draws, n_running: 0 });
            return Ok(Some(Waiting { request: number, draw: 0, prompt, opened: None }));
        }
    }

    fn open(&self, prompt: &Prompt) -> Result<Opened> {
        let prefix = match prompt {
            Prompt::Tokens(tokens) => Prefix::new(self.model, tokens)?,
            Prompt::Prefix(prefix) => prefix.clone(),
        };
        let first_logits = self.model.frozen().logits(prefix.last_hidden())?;
        Ok(Opened { prefix: Arc::new(prefix), first_logits })
    }

    /// A draw of a live request.
    fn draw(&self, id: DrawId) -> &Draw {
        &self.live[&id.request].draws[id.draw]
    }

    /// The next token of every draw: of those in the batch, and then of those that entered.
    fn pick(&self, logits: Option<&Tensor>, entered: &[Opened]) -> Result<Vec<u32>> {
        let tensors = logits.into_iter().chain(entered.iter().map(|opened| &opened.first_logits));
        let uniform =
            |id: &DrawId| token_uniform(self.live[&id.request].seeds[id.draw], self.draw(*id).tokens.len());
        let uniforms: Vec<f64> = self.rows.iter().map(uniform).collect();
        let (n_tokens, sampling) = (self.model.n_tokens(), self.sampling);
        // Logits after those of the last token stand for none.
        if !self.model.device().is_cpu() {
            let logits = Tensor::cat(&tensors.collect::<Vec<_>>(), 0)?.narrow(1, 0, n_tokens)?;
            let branches: Vec<u32> = self.branch_of.iter().map(|&branch| branch as u32).collect();
            let branches = Tensor::from_vec(branches, self.rows.len(), logits.device())?;
            return pick_tokens(&logits.contiguous()?.index_select(&branches, 0)?, sampling, &uniforms);
        }
        let as_f32 = |logits: &Tensor| logits.to_dtype(DType::F32)?.contiguous();
        let tensors = tensors.map(as_f32).collect::<candle_core::Result<Vec<_>>>()?;
        let contents = tensors.iter().map(Contents::of).collect::<candle_core::Result<Vec<_>>>()?;
        let vocab_size = self.model.config().vocab_size;
        let logits: Vec<&[f32]> =
            contents.iter().flat_map(|logits| logits.chunks_exact(vocab_size)).collect();
        let mut uniforms_of = vec![Vec::new(); logits.len()];
        self.branch_of.iter().zip(uniforms).for_each(|(&branch, uniform)| uniforms_of[branch].push(uniform));
        let branches: Vec<(&[f32], Vec<f64>)> = logits.into_iter().zip(uniforms_of).collect();
        let of_branch = |(logits, uniforms): &(&[f32], Vec<f64>)| {
            let choice = Choice::new(&logits[..n_tokens], sampling)?;
            Ok(uniforms.iter().map(|&uniform| choice.pick(uniform)).collect::<Vec<u32>>())
        };
        let tokens = branches.par_iter().with_min_len(8).map(of_branch).collect::<Result<Vec<_>>>()?;
        let mut tokens: Vec<_> = tokens.into_iter().map(Vec::into_iter).collect();
        Ok(self.branch_of.iter().filter_map(|&branch| tokens[branch].next()).collect())
    }

    /// Appends the tokens and asks the watcher; gives which rows go on.
    fn deliver(&mut self, tokens: &[u32], watcher: &mut dyn Watcher) -> Vec<bool> {
        let mut stopped = None;
        let mut running = Vec::with_capacity(tokens.len());
        for (row, &token) in self.rows.iter().zip(tokens) {
            let draw = self.live.get_mut(&row.request).and_then(|live| live.draws.get_mut(row.draw));
            let (false, Some(draw)) = (stopped == Some(row.request), draw) else {
                running.push(false);
                continue;
            };
            draw.tokens.push(token);
            let watch = watcher.after_token(row.request, row.draw, &draw.tokens);
            let ended = if self.model.config().eos_token_ids.contains(&token) {
                Some(Finish::EndOfText)
            } else if watch != Watch::Continue {
                Some(Finish::Stopped)
            } else if draw.tokens.len() >= self.sampling.max_new_tokens {
                Some(Finish::TokenLimit)
            } else {
                None
            };
            if matches!(ended, Some(Finish::EndOfText | Finish::TokenLimit)) {
                watcher.after_draw(row.request, row.draw, &draw.tokens);
            }
            // A running draw counts as stopped until it ends otherwise.
            draw.finish = ended.unwrap_or(Finish::Stopped);
            running.push(ended.is_none());
            if watch == Watch::StopRequest {
                stopped = Some(row.request);
                end_rows(row.request, &self.rows, &mut running);
                forget(row.request, &mut self.waiting);
            }
        }
        running
    }

    /// Tells the watcher that the round is over, once for each request in it.
    fn finish_round(&mut self, running: &mut [bool], watcher: &mut dyn Watcher) {
        let mut requests: Vec<usize> = self.rows.iter().map(|row| row.request).collect();
        requests.dedup();
        for request in requests {
            if watcher.after_round(request).is_break() {
                end_rows(request, &self.rows, running);
                forget(request, &mut self.waiting);
            }
        }
    }

    /// Takes the rows that do not go on away, and hands over the requests that they were the last of.
    fn leave(&mut self, running: &[bool]) {
        for (row, _) in self.rows.iter().zip(running).filter(|(_, running)| !**running) {
            let Some(live) = self.live.get_mut(&row.request) else { continue };
            live.n_running -= 1;
            let is_waiting = self.waiting.as_ref().is_some_and(|waiting| waiting.request == row.request);
            if live.n_running == 0
                && !is_waiting
                && let Some(live) = self.live.remove(&row.request)
            {
                self.requests.done(row.request, live.draws);
            }
        }
        let mut goes_on = running.iter().copied();
        self.rows.retain(|_| goes_on.next().unwrap_or(false));
        let mut goes_on = running.iter().copied();
        self.branch_of.retain(|_| goes_on.next().unwrap_or(false));
    }
}

/// Ends the rows of `request` among those that `running` covers so far.
fn end_rows(request: usize, rows: &[DrawId], running: &mut [bool]) {
    for (row, running) in rows.iter().zip(running) {
        *running &= row.request != request;
    }
}

/// Begins no more draws of `request`.
fn forget(request: usize, waiting: &mut Option<Waiting>) {
    if waiting.as_ref().is_some_and(|waiting| waiting.request == request) {
        *waiting = None;
    }
}
