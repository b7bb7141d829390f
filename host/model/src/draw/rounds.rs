//! The rounds of [`super::generate`]: which draws run, which wait, and what each round does to them.
//!
//! In: a model, requests, settings. Out: draws. One round is: a step for the rows in the batch, room for
//! draws that wait, a token for every row, the watcher's verdicts, and then the rows that ended leave. A draw
//! that ends with its first token never gets a row.

use std::borrow::Cow;
use std::collections::VecDeque;

use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;

use super::request::{Draw, Finish, Prompt, Request, Watch, Watcher};
use crate::error::Result;
use crate::language_model::LanguageModel;
use crate::network::cache::BatchCache;
use crate::ops::Contents;
use crate::prefix::Prefix;
use crate::rng::token_uniform;
use crate::sampler::{Sampling, pick_token};

/// Which draw: its request, and its number within that.
#[derive(Clone, Copy, Debug)]
struct DrawId {
    request: usize,
    draw: usize,
}

/// A request whose prompt was read and which has draws that did not begin yet.
struct Opened<'a> {
    prefix: Cow<'a, Prefix>,
    /// Logits of every draw's first token, (1, V), on the host.
    first_logits: Tensor,
}

/// A draw that begins in this round.
struct Entered<'a> {
    prefix: Cow<'a, Prefix>,
    /// Logits of its first token, (1, V), on the host.
    first_logits: Tensor,
}

/// A call of `generate` in progress.
pub(crate) struct Generation<'a> {
    model: &'a LanguageModel,
    requests: &'a [Request],
    sampling: &'a Sampling,
    /// Results, filled as draws end. A running draw's `finish` is provisional.
    draws: Vec<Vec<Draw>>,
    /// Requests whose draws have not all begun, each with its next draw.
    waiting: VecDeque<DrawId>,
    opened: Option<Opened<'a>>,
    /// The running draws, in the order of their rows.
    rows: Vec<DrawId>,
    batch: Option<BatchCache>,
}

impl<'a> Generation<'a> {
    pub(crate) fn new(model: &'a LanguageModel, requests: &'a [Request], sampling: &'a Sampling) -> Self {
        let unbegun = Draw { tokens: Vec::new(), finish: Finish::Stopped };
        let with_draws = requests.iter().enumerate().filter(|(_, request)| !request.seeds.is_empty());
        Self {
            model,
            requests,
            sampling,
            draws: requests.iter().map(|request| vec![unbegun.clone(); request.seeds.len()]).collect(),
            waiting: with_draws.map(|(request, _)| DrawId { request, draw: 0 }).collect(),
            opened: None,
            rows: Vec::new(),
            batch: None,
        }
    }

    /// One token for every running draw; false once none is left.
    pub(crate) fn round(&mut self, watcher: &mut dyn Watcher) -> Result<bool> {
        let n_running = self.rows.len();
        let logits = self.step()?;
        let entered = self.admit(watcher.lockstep())?;
        if self.rows.is_empty() {
            return Ok(false);
        }
        let tokens = self.pick(logits.as_ref(), &entered)?;
        drop(logits);
        let mut running = self.deliver(&tokens, watcher);
        self.finish_round(&mut running, watcher);

        // Rows that were in the batch leave it; of those that entered, only the ones that go on need a row.
        if let Some(batch) = &mut self.batch {
            batch.retain(&running[..n_running])?;
        }
        let contexts = entered.iter().zip(&running[n_running..]).filter(|(_, running)| **running);
        let contexts: Vec<_> = contexts.map(|(entered, _)| entered.prefix.cache()).collect();
        if let Some(first) = contexts.first() {
            self.batch.get_or_insert_with(|| BatchCache::like(first)).push(&contexts)?;
        }
        let mut running = running.into_iter();
        self.rows.retain(|_| running.next().unwrap_or(false));
        Ok(true)
    }

    /// The draws, by request and seed.
    pub(crate) fn into_draws(self) -> Vec<Vec<Draw>> {
        self.draws
    }

    /// Logits (rows, V) of the draws in the batch, on the host; none if there are no such draws.
    fn step(&mut self) -> Result<Option<Tensor>> {
        let last = |row: &DrawId| self.draws[row.request][row.draw].tokens.last().copied();
        let tokens: Vec<u32> = self.rows.iter().filter_map(last).collect();
        match &mut self.batch {
            Some(batch) if !tokens.is_empty() => {
                let decoder = self.model.frozen();
                Ok(Some(on_host(&decoder.logits(&batch.step(decoder, &tokens)?)?)?))
            }
            _ => Ok(None),
        }
    }

    /// Lets waiting draws in while there are rows for them, and gives those that came in.
    fn admit(&mut self, lockstep: bool) -> Result<Vec<Entered<'a>>> {
        let mut entered = Vec::new();
        while let Some(&DrawId { request, draw }) = self.waiting.front() {
            let wanted = self.requests[request].seeds.len() - draw;
            let free = self.sampling.max_batch_rows - self.rows.len();
            let n = wanted.min(free);
            if n == 0 || (lockstep && n < wanted) {
                break;
            }
            let opened = match self.opened.take() {
                Some(opened) => opened,
                None => self.open(request)?,
            };
            for draw in draw..draw + n {
                self.rows.push(DrawId { request, draw });
                let (prefix, first_logits) = (opened.prefix.clone(), opened.first_logits.clone());
                entered.push(Entered { prefix, first_logits });
            }
            if n == wanted {
                self.waiting.pop_front();
            } else {
                self.waiting[0].draw += n;
                self.opened = Some(opened);
            }
        }
        Ok(entered)
    }

    fn open(&self, request: usize) -> Result<Opened<'a>> {
        let prefix = match &self.requests[request].prompt {
            Prompt::Tokens(tokens) => Cow::Owned(Prefix::new(self.model, tokens)?),
            Prompt::Prefix(prefix) => Cow::Borrowed(prefix),
        };
        let first_logits = on_host(&self.model.frozen().logits(prefix.last_hidden())?)?;
        Ok(Opened { prefix, first_logits })
    }

    /// The next token of every row: of those in the batch, and then of those that entered.
    fn pick(&self, logits: Option<&Tensor>, entered: &[Entered<'_>]) -> Result<Vec<u32>> {
        let tensors = logits.into_iter().chain(entered.iter().map(|entered| &entered.first_logits));
        let contents = tensors.map(Contents::of).collect::<candle_core::Result<Vec<_>>>()?;
        let vocab_size = self.model.config().vocab_size;
        let rows: Vec<&[f32]> = contents.iter().flat_map(|logits| logits.chunks_exact(vocab_size)).collect();
        let n_tokens = self.model.n_tokens();
        let one = |(row, logits): (&DrawId, &&[f32])| {
            let t = self.draws[row.request][row.draw].tokens.len();
            let uniform = token_uniform(self.requests[row.request].seeds[row.draw], t);
            // What comes after stands for no token.
            pick_token(&logits[..n_tokens], self.sampling, uniform)
        };
        self.rows.par_iter().zip(&rows).with_min_len(8).map(one).collect()
    }

    /// Appends the tokens and asks the watcher; gives which rows go on.
    fn deliver(&mut self, tokens: &[u32], watcher: &mut dyn Watcher) -> Vec<bool> {
        let mut stopped = None;
        let mut running = Vec::with_capacity(tokens.len());
        for (row, &token) in self.rows.iter().zip(tokens) {
            let draw = &mut self.draws[row.request][row.draw];
            if stopped == Some(row.request) {
                running.push(false);
                continue;
            }
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
                forget(row.request, &mut self.waiting, &mut self.opened);
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
                forget(request, &mut self.waiting, &mut self.opened);
            }
        }
    }
}

/// Ends the rows of `request` among those that `running` covers so far.
fn end_rows(request: usize, rows: &[DrawId], running: &mut [bool]) {
    for (row, running) in rows.iter().zip(running) {
        *running &= row.request != request;
    }
}

/// Takes the draws of `request` that have not begun off the queue.
fn forget(request: usize, waiting: &mut VecDeque<DrawId>, opened: &mut Option<Opened<'_>>) {
    // Only the first in the queue can have begun.
    if waiting.front().is_some_and(|row| row.request == request) {
        waiting.pop_front();
        *opened = None;
    }
}

/// A tensor's numbers as f32 on the host, row after row.
fn on_host(logits: &Tensor) -> Result<Tensor> {
    Ok(logits.to_dtype(DType::F32)?.to_device(&Device::Cpu)?.contiguous()?)
}
