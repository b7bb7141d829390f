//! Drawing for a worker's inbox: its items become requests as rows are free, and their draws results.
//!
//! In: an [`Inbox`], and two functions: from an item to its request, and from an item and its draws to its result. Out: every item's
//! result, given as soon as its last draw has ended. Rows are refilled across items, so a worker's batch stays full to the end.

use std::collections::HashMap;

use super::generate::{Draw, Request, Requests, Sampling, Watcher, generate_streamed};
use crate::error::ModelError;
use crate::language_model::LanguageModel;
use crate::shards::Inbox;

/// Items of a worker that are to be held at once beyond those that its rows draw for: enough that one that takes long does not make
/// the others wait.
const SPARE_ITEMS: usize = 16;

/// How many items `n_workers` workers are to hold at once ([`crate::shards::Workers::serve_ordered`]), of each of which `n_draws` are
/// drawn.
pub fn items_held(sampling: &Sampling, n_draws: u32, n_workers: usize) -> usize {
    sampling.prompts_at_once(n_draws).saturating_add(SPARE_ITEMS).saturating_mul(n_workers)
}

/// Into how many parts to cut the draws of each prompt: so many that every worker has one where there are fewer prompts than
/// workers. A part reads the prompt again, so that more would be work for nothing.
pub fn parts_of_draws(n_prompts: u64, n_draws: u32, n_workers: usize) -> u32 {
    let workers = u32::try_from(n_workers).unwrap_or(u32::MAX);
    if n_prompts >= n_workers as u64 { 1 } else { workers.min(n_draws).max(1) }
}

/// Draws for every item of the inbox.
///
/// # Errors
/// Those of [`generate_streamed`]. What `request` or `result` cannot do is its item's own result.
pub fn serve<I, O, E: From<ModelError>>(
    model: &LanguageModel,
    sampling: &Sampling,
    watcher: &mut dyn Watcher,
    inbox: &mut Inbox<'_, I, O, E>,
    request: impl FnMut(&I) -> Result<Request, E>,
    result: impl FnMut(I, Vec<Draw>) -> Result<O, E>,
) -> Result<(), E> {
    let mut stream = Stream { inbox, request, result, items: HashMap::new(), n_requests: 0 };
    Ok(generate_streamed(model, &mut stream, sampling, watcher)?)
}

struct Stream<'s, 'a, I, O, E, Q, R> {
    inbox: &'s mut Inbox<'a, I, O, E>,
    request: Q,
    result: R,
    /// By the number of their request: the number in the inbox, and the item.
    items: HashMap<usize, (usize, I)>,
    n_requests: usize,
}

impl<I, O, E, Q, R> Requests for Stream<'_, '_, I, O, E, Q, R>
where
    Q: FnMut(&I) -> Result<Request, E>,
    R: FnMut(I, Vec<Draw>) -> Result<O, E>,
{
    fn next(&mut self, may_wait: bool) -> Option<Request> {
        loop {
            let (index, item) = self.inbox.take(may_wait)?;
            match (self.request)(&item) {
                Ok(request) => {
                    self.items.insert(self.n_requests, (index, item));
                    self.n_requests += 1;
                    return Some(request);
                }
                Err(error) => self.inbox.give(index, Err(error)),
            }
        }
    }

    fn done(&mut self, request: usize, draws: Vec<Draw>) {
        if let Some((index, item)) = self.items.remove(&request) {
            let result = (self.result)(item, draws);
            self.inbox.give(index, result);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::{Prompt, Unwatched, generate};
    use crate::shards::Workers;
    use crate::testing::{random_model, random_tokens};

    fn request(item: &u64) -> Request {
        let prompt = Prompt::Tokens(random_tokens(*item, 1 + *item as usize % 7));
        Request { prompt, seeds: (10 * item..10 * item + 1 + item % 4).collect() }
    }

    #[test]
    fn results_come_in_order_and_are_those_of_each_item_alone() {
        let model = random_model(41);
        let sampling = Sampling { temperature: 1.0, top_p: 1.0, max_new_tokens: 20, max_batch_rows: 5 };
        let alone = |item: u64| generate(&model, &[request(&item)], &sampling, &mut Unwatched).unwrap();
        let expected: Vec<Vec<Draw>> = (0..30).flat_map(alone).collect();
        for (n_workers, n_held) in [(1, 1), (1, 40), (3, 4), (3, 60)] {
            let mut results = Vec::new();
            Workers::new(n_workers)
                .unwrap()
                .serve_ordered(
                    n_held,
                    (0..30).map(Ok::<u64, ModelError>),
                    |inbox| {
                        let result = |_, draws| Ok(draws);
                        serve(&model, &sampling, &mut Unwatched, inbox, |item| Ok(request(item)), result)
                    },
                    |draws: Vec<Draw>| {
                        results.push(draws);
                        Ok(())
                    },
                )
                .unwrap();
            assert_eq!(results, expected, "{n_workers} workers, {n_held} held");
        }
    }

    #[test]
    fn the_first_error_in_order_comes_out_whichever_kind_it_is() {
        let model = random_model(41);
        let sampling = Sampling { temperature: 1.0, top_p: 1.0, max_new_tokens: 20, max_batch_rows: 5 };
        // Item 7 makes no request, item 9 one that cannot be drawn for, item 11 no result.
        for (faults, message) in [(vec![7, 9, 11], "7"), (vec![9, 11], "a prompt"), (vec![11], "11")] {
            for n_workers in [1, 3] {
                let mut n_results = 0;
                let wrong =
                    |item: u64| ModelError::WorkerPanicked { item: item as usize, message: String::new() };
                let error = Workers::new(n_workers)
                    .unwrap()
                    .serve_ordered(
                        20,
                        (0..30).map(Ok),
                        |inbox| {
                            let request = |item: &u64| match item {
                                7 if faults.contains(&7) => Err(wrong(7)),
                                9 if faults.contains(&9) => {
                                    Ok(Request { prompt: Prompt::Tokens(Vec::new()), seeds: vec![1] })
                                }
                                _ => Ok(request(item)),
                            };
                            let result = |item: u64, _| if item == 11 { Err(wrong(11)) } else { Ok(item) };
                            serve(&model, &sampling, &mut Unwatched, inbox, request, result)
                        },
                        |_| {
                            n_results += 1;
                            Ok(())
                        },
                    )
                    .unwrap_err();
                assert!(error.to_string().contains(message), "{faults:?}, {n_workers} workers: {error}");
                assert!(n_results <= 11, "{n_results}");
            }
        }
    }

    #[test]
    fn settings_that_cannot_be_are_an_error_though_no_item_was_taken() {
        let model = random_model(41);
        let sampling = Sampling { temperature: -1.0, top_p: 1.0, max_new_tokens: 20, max_batch_rows: 5 };
        for n_workers in [1, 3] {
            let error = Workers::new(n_workers)
                .unwrap()
                .serve_ordered(
                    5,
                    (0..30).map(Ok::<u64, ModelError>),
                    |inbox| {
                        let request = |item: &u64| Ok(request(item));
                        serve(&model, &sampling, &mut Unwatched, inbox, request, |_, draws| Ok(draws))
                    },
                    |_| Ok(()),
                )
                .unwrap_err();
            assert!(error.to_string().contains("temperature"), "{error}");
        }
    }

    #[test]
    fn one_prompt_is_drawn_by_every_worker() {
        assert_eq!(parts_of_draws(1, 64, 2), 2);
        assert_eq!(parts_of_draws(3, 64, 4), 4);
        assert_eq!(parts_of_draws(4, 64, 4), 1);
        assert_eq!(parts_of_draws(1, 3, 8), 3);
        assert_eq!(parts_of_draws(0, 0, 2), 1);
    }
}
