//! Draws from servers, as the tokens that a run keeps.
//!
//! In: a prompt and a seed. Out: the tokens that a server drew; from a server that gives text alone those that the text is tokenised
//! to, if they make the same text, and a word that it was so. Threads that wait for servers leave the cores to others.

use std::sync::{Arc, Mutex, Once, PoisonError};
use std::thread;

use ts_core::seed::derive_seed;
use ts_model::TextTokenizer;
use ts_servers::{Content, Fleet, Prompt, Request};

use crate::progress::Progress;
use crate::responses::sampler::sampler;
use crate::responses::turnstile::Turnstile;
use crate::setup::servers::{Sampler, Served};
use crate::{Error, Run};

/// What a server draws with: its seeds have 63 bits.
pub(crate) fn server_seed(run: &Run<'_>, stage: &str, problem: &str, draw: u32) -> u64 {
    derive_seed(run.recipe.run.seed, stage, problem, u64::from(draw)) & i64::MAX as u64
}

/// How to draw.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    /// 0 is greedy.
    pub(crate) temperature: f64,
    /// Above 0, at most 1.
    pub(crate) top_p: f64,
    /// Tokens.
    pub(crate) max_new_tokens: usize,
}

/// One draw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RemoteDraw {
    /// With the token that ends the text, where there is one.
    pub(crate) tokens: Vec<u32>,
    /// Whether the model ended it.
    pub(crate) finished: bool,
    /// Whether the server gave text alone.
    pub(crate) retokenised: bool,
}

/// Servers that draw for a run.
pub(crate) struct Remote<'a> {
    sampler: Sampler,
    tokenizer: &'a TextTokenizer,
    /// The ids that end a text.
    end: Vec<u32>,
    turnstile: Turnstile,
    progress: &'a dyn Progress,
    /// What was said of texts, once.
    told: Once,
    told_of_length: Once,
    /// The prompt that was made last, and its problem.
    last_prompt: Mutex<Option<(String, Arc<Prompt>)>>,
}

impl<'a> Remote<'a> {
    /// The servers of a run with one of its models.
    ///
    /// # Errors
    /// If one has to be started and does not.
    pub(crate) fn open(run: &'a Run<'_>, served: Served) -> Result<Self, Error> {
        let sampler = sampler(run, served)?;
        let end = run.checkpoint_folder().config()?.eos_token_ids;
        let turnstile = Turnstile::new(run.model_workers().count());
        let (tokenizer, progress) = (&run.tokenizer, run.progress);
        Ok(Self {
            sampler,
            tokenizer,
            end,
            turnstile,
            progress,
            told: Once::new(),
            told_of_length: Once::new(),
            last_prompt: Mutex::default(),
        })
    }

    /// The servers.
    pub(crate) fn fleet(&self) -> &Fleet {
        &self.sampler
    }

    /// Lets threads compute.
    pub(crate) fn turnstile(&self) -> &Turnstile {
        &self.turnstile
    }

    /// A prompt, and its text if that makes the same tokens.
    pub(crate) fn prompt(&self, tokens: Vec<u32>) -> Result<Prompt, Error> {
        let text = self.tokenizer.decode(&tokens)?;
        let text = (self.tokenizer.encode(&text)? == tokens).then_some(text);
        Ok(Prompt { tokens, text })
    }

    /// The prompt of a problem, made once while draws of that problem follow one another.
    pub(crate) fn prompt_of(
        &self,
        problem: &str,
        tokens: impl FnOnce() -> Result<Vec<u32>, Error>,
    ) -> Result<Arc<Prompt>, Error> {
        let mut last = self.last_prompt.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, prompt)) = &*last
            && of == problem
        {
            return Ok(Arc::clone(prompt));
        }
        let prompt = Arc::new(self.prompt(tokens()?)?);
        *last = Some((problem.to_owned(), Arc::clone(&prompt)));
        Ok(prompt)
    }

    /// One draw. The thread waits.
    pub(crate) fn draw(
        &self,
        problem: &str,
        prompt: &Prompt,
        seed: u64,
        how: How,
    ) -> Result<RemoteDraw, Error> {
        let How { temperature, top_p, max_new_tokens } = how;
        let n_tokens = self.tokenizer.vocab_size();
        let end = &self.end;
        let request = Request { prompt, seed, temperature, top_p, max_tokens: max_new_tokens, end, n_tokens };
        let completion = self.fleet().complete(&request)?;
        let finished = completion.finished;
        match completion.content {
            Content::Tokens(tokens) => Ok(RemoteDraw { tokens, finished, retokenised: false }),
            Content::Text(text) => {
                let tokens = self.tokens_of(&text, finished)?;
                let tokens = tokens.ok_or_else(|| Error::NotTokenised { problem: problem.to_owned() })?;
                self.tell_of_text(tokens.len(), completion.n_tokens);
                Ok(RemoteDraw { tokens, finished, retokenised: true })
            }
        }
    }

    /// A draw for each seed, all at once.
    pub(crate) fn draw_all(
        &self,
        problem: &str,
        prompt: &Prompt,
        seeds: &[u64],
        how: How,
    ) -> Result<Vec<RemoteDraw>, Error> {
        self.ask_all(seeds, |seed| self.draw(problem, prompt, *seed, how))
    }

    /// Asks about all items at once, as far as servers take that many, and waits for the answers; the first error is the cause of others.
    pub(crate) fn ask_all<I: Sync, O: Send>(
        &self,
        items: &[I],
        ask: impl Fn(&I) -> Result<O, Error> + Sync,
    ) -> Result<Vec<O>, Error> {
        let share = items.len().div_ceil(self.fleet().capacity().max(1)).max(1);
        let ask_some = |items: &[I]| items.iter().map(&ask).collect::<Result<Vec<O>, Error>>();
        thread::scope(|scope| {
            let threads: Vec<_> = items
                .chunks(share)
                .map(|items| thread::Builder::new().spawn_scoped(scope, || ask_some(items)))
                .collect::<Result<_, _>>()
                .map_err(ts_model::ModelError::Thread)?;
            let answers = threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect();
            Ok(Error::first_cause(answers)?.into_iter().flatten().collect())
        })
    }

    /// Says, once, that responses are tokenised here, and once that this gives other tokens than were drawn.
    fn tell_of_text(&self, n_here: usize, n_drawn: Option<usize>) {
        self.told.call_once(|| {
            self.progress.warn(
                "the server gives text and no token ids: it is tokenised here, and records say so (`retokenised`)",
            );
        });
        if let Some(n_drawn) = n_drawn.filter(|n_drawn| n_drawn.abs_diff(n_here) > 1) {
            self.told_of_length.call_once(|| {
                self.progress.warn(&format!(
                    "a response of {n_drawn} tokens, by the server's count, has {n_here} when its text is tokenised: \
                     lengths and log-probabilities of such responses are not those of what was drawn"
                ));
            });
        }
    }

    /// The tokens of a server's text, if they make it. A text may show the token that ends it.
    fn tokens_of(&self, text: &str, finished: bool) -> Result<Option<Vec<u32>>, Error> {
        let mut tokens = self.tokenizer.encode(text)?;
        if self.tokenizer.decode(&tokens)? != text {
            return Ok(None);
        }
        if finished {
            if tokens.last().is_some_and(|last| self.end.contains(last)) {
                return Ok(Some(tokens));
            }
            tokens.extend(self.end.first());
        }
        Ok(Some(tokens))
    }
}
