//! Drawing responses: many at a time, each as if it were alone.
//!
//! In: [`Request`]s, each a prompt and one seed per draw. Out: one [`Draw`] per seed. A prompt is read once
//! and shared by its draws. Token t of a draw is decided by the t-th uniform of the draw's own seed, and on
//! the CPU a row's bits do not depend on its neighbours; so a draw is a function of (model, prompt, seed,
//! settings), whatever the batch size, the order of requests, or which draws stop early.
//!
//! All running draws receive one token each per round. A [`Watcher`] sees every token and may end a draw or
//! its whole request; stage 2 uses it to end rewrites at a step's end, and the rest of them once the shortest
//! passing one is known (section 3.2). Finished draws leave the batch and waiting ones enter.
//!
//! [`crate::sampler`] turns logits into a token; the rounds themselves are in `rounds`.

pub use super::request::{Draw, Finish, Prompt, Request, Requests, Unwatched, Watch, Watcher};
use super::rounds::Generation;
use crate::error::{ModelError, Result};
use crate::language_model::LanguageModel;
use crate::prefix::check_length;
pub use crate::sampler::Sampling;

/// Draws every request's responses: for each request, a draw for each seed, in the order of the seeds.
///
/// # Errors
/// Settings out of range; an empty prompt, or one that leaves no room for `max_new_tokens`; a request that is
/// too wide for the watcher's lockstep; logits that are not numbers.
pub fn generate(
    model: &LanguageModel,
    requests: &[Request],
    sampling: &Sampling,
    watcher: &mut dyn Watcher,
) -> Result<Vec<Vec<Draw>>> {
    for (number, request) in requests.iter().enumerate() {
        check(model, number, request, sampling, watcher.lockstep())?;
    }
    let mut listed = Listed { requests: requests.iter(), draws: vec![Vec::new(); requests.len()] };
    generate_streamed(model, &mut listed, sampling, watcher)?;
    Ok(listed.draws)
}

/// Draws the responses of requests as they come: a row that is free takes the next draw, of whichever request, so that rows are never
/// left empty because a batch of requests has not ended.
///
/// # Errors
/// As [`generate`].
pub fn generate_streamed(
    model: &LanguageModel,
    requests: &mut dyn Requests,
    sampling: &Sampling,
    watcher: &mut dyn Watcher,
) -> Result<()> {
    sampling.check()?;
    let mut generation = Generation::new(model, requests, sampling);
    while generation.round(watcher)? {}
    Ok(())
}

/// Whether a request can be drawn for.
pub(super) fn check(
    model: &LanguageModel,
    number: usize,
    Request { prompt, seeds }: &Request,
    sampling: &Sampling,
    lockstep: bool,
) -> Result<()> {
    if prompt.len() == 0 {
        return Err(ModelError::Empty { what: "a prompt" });
    }
    check_length(model, prompt.len() + sampling.max_new_tokens)?;
    if lockstep && seeds.len() > sampling.max_batch_rows {
        let (draws, max_batch_rows) = (seeds.len(), sampling.max_batch_rows);
        return Err(ModelError::LockstepTooWide { request: number, draws, max_batch_rows });
    }
    Ok(())
}

/// Requests that are all there from the start.
struct Listed<'a> {
    requests: std::slice::Iter<'a, Request>,
    draws: Vec<Vec<Draw>>,
}

impl Requests for Listed<'_> {
    fn next(&mut self, _may_wait: bool) -> Option<Request> {
        self.requests.next().cloned()
    }

    fn done(&mut self, request: usize, draws: Vec<Draw>) {
        self.draws[request] = draws;
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use proptest::prelude::*;

    use super::*;
    use crate::prefix::Prefix;
    use crate::testing::{random_model, random_tokens, whole};

    fn sampling(temperature: f64, max_batch_rows: usize) -> Sampling {
        Sampling { temperature, top_p: 1.0, max_new_tokens: 25, max_batch_rows }
    }

    fn request(prompt: Vec<u32>, seeds: impl IntoIterator<Item = u64>) -> Request {
        Request { prompt: Prompt::Tokens(prompt), seeds: seeds.into_iter().collect() }
    }

    fn unwatched(model: &LanguageModel, requests: &[Request], sampling: &Sampling) -> Vec<Vec<Draw>> {
        generate(model, requests, sampling, &mut Unwatched).unwrap()
    }

    #[test]
    fn greedy_takes_the_likeliest_token_of_full_forward_passes() {
        let model = random_model(31);
        let prompt = random_tokens(1, 9);
        let draws = unwatched(&model, &[request(prompt.clone(), [0, 1])], &sampling(0.0, 4));
        assert_eq!(draws[0][0], draws[0][1], "seeds do not matter");
        let mut text = prompt;
        for &token in &draws[0][0].tokens {
            let last = whole(&model, &text).narrow(0, text.len() - 1, 1).unwrap();
            let logits =
                model.frozen().logits(&last).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let best = (0..logits.len()).max_by(|&i, &j| logits[i].total_cmp(&logits[j])).unwrap();
            assert_eq!(token as usize, best);
            text.push(token);
        }
    }

    #[test]
    fn ids_without_a_token_are_never_drawn() {
        let model = random_model(36);
        let drawn = |model: &LanguageModel, temperature| {
            let draws = unwatched(model, &[request(vec![1, 2], 0..40)], &sampling(temperature, 16));
            draws.into_iter().flatten().flat_map(|draw| draw.tokens).collect::<Vec<u32>>()
        };
        assert!(drawn(&model, 1.5).iter().any(|&token| token >= 30));
        let model = model.with_n_tokens(30);
        for temperature in [0.0, 1.5] {
            assert!(drawn(&model, temperature).iter().all(|&token| token < 30));
        }
    }

    #[test]
    fn draws_end_at_the_end_of_text_or_at_the_limit() {
        let model = random_model(32);
        let draws = unwatched(&model, &[request(vec![1, 2], 0..60)], &sampling(1.5, 16));
        let mut seen = [0, 0];
        for draw in &draws[0] {
            let (last, before) = draw.tokens.split_last().unwrap();
            assert!(!before.contains(&0), "token 0 ends the text");
            match draw.finish {
                Finish::EndOfText => assert_eq!(*last, 0),
                Finish::TokenLimit => assert_eq!(draw.tokens.len(), 25),
                Finish::Stopped => panic!("nobody stopped it"),
            }
            seen[usize::from(draw.finish == Finish::EndOfText)] += 1;
        }
        assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
    }

    #[test]
    fn a_prefix_and_its_tokens_give_the_same_draws() {
        let model = random_model(33);
        let tokens = random_tokens(3, 40);
        let prefix = Prefix::new(&model, &tokens).unwrap();
        let shared = Request { prompt: Prompt::Prefix(prefix), seeds: (0..5).collect() };
        let sampling = sampling(1.0, 8);
        assert_eq!(
            unwatched(&model, &[shared], &sampling),
            unwatched(&model, &[request(tokens, 0..5)], &sampling)
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        #[test]
        fn a_draw_does_not_depend_on_its_company(
            rows in 1usize..9,
            prompt_lens in prop::collection::vec(1usize..12, 1..4),
            temperature in prop::sample::select(vec![0.7, 1.0, 1.4]),
        ) {
            let model = random_model(34);
            let requests: Vec<Request> = prompt_lens.iter().enumerate()
                .map(|(i, &length)| request(random_tokens(i as u64, length), (0..4).map(|k| 100 * i as u64 + k)))
                .collect();
            let together = unwatched(&model, &requests, &sampling(temperature, rows));
            for (request, draws) in requests.iter().zip(&together) {
                for (&seed, draw) in request.seeds.iter().zip(draws) {
                    let alone = Request { prompt: request.prompt.clone(), seeds: vec![seed] };
                    prop_assert_eq!(&unwatched(&model, &[alone], &sampling(temperature, 1))[0][0], draw);
                }
            }
            let reversed: Vec<Request> = requests.iter().rev().cloned().collect();
            let mut draws = unwatched(&model, &reversed, &sampling(temperature, rows));
            draws.reverse();
            prop_assert_eq!(draws, together);
        }
    }

    /// Stops draw 1 of every request at its third token, and a whole request where it is told to.
    struct Stopper {
        lockstep: bool,
        stop_request_at: Option<(usize, usize, usize)>,
        break_after_rounds: Option<(usize, usize)>,
        rounds: Vec<usize>,
        calls: Vec<(usize, usize, usize)>,
        ended: Vec<(usize, usize, usize)>,
    }

    impl Stopper {
        fn new(lockstep: bool) -> Self {
            Self {
                lockstep,
                stop_request_at: None,
                break_after_rounds: None,
                rounds: vec![0; 4],
                calls: Vec::new(),
                ended: Vec::new(),
            }
        }
    }

    impl Watcher for Stopper {
        fn lockstep(&self) -> bool {
            self.lockstep
        }

        fn after_token(&mut self, request: usize, draw: usize, tokens: &[u32]) -> Watch {
            let call = (request, draw, tokens.len());
            self.calls.push(call);
            if self.stop_request_at == Some(call) {
                Watch::StopRequest
            } else if (draw, tokens.len()) == (1, 3) {
                Watch::StopDraw
            } else {
                Watch::Continue
            }
        }

        fn after_draw(&mut self, request: usize, draw: usize, tokens: &[u32]) {
            self.ended.push((request, draw, tokens.len()));
        }

        fn after_round(&mut self, request: usize) -> ControlFlow<()> {
            self.rounds[request] += 1;
            match self.break_after_rounds {
                Some((which, rounds)) if which == request && self.rounds[request] >= rounds => {
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }

    /// A model that never ends a text by itself, so that only the watcher and the limit do.
    fn endless() -> LanguageModel {
        let model = random_model(35);
        let tensors =
            model.parameters().iter().map(|(name, p)| (name.clone(), p.as_tensor().detach())).collect();
        let config = crate::ModelConfig { eos_token_ids: Vec::new(), ..model.config().clone() };
        LanguageModel::from_tensors(config, tensors).unwrap()
    }

    #[test]
    fn a_watcher_ends_a_draw_and_what_others_drew_stays_the_same() {
        let model = endless();
        let requests = [request(vec![1, 2, 3], 0..4), request(vec![4], 10..14)];
        let free = unwatched(&model, &requests, &sampling(1.0, 3));
        let mut watcher = Stopper::new(false);
        let watched = generate(&model, &requests, &sampling(1.0, 3), &mut watcher).unwrap();
        for (free, watched) in free.iter().zip(&watched) {
            for draw in [0, 2, 3] {
                assert_eq!(free[draw], watched[draw]);
            }
            assert_eq!(watched[1].tokens, free[1].tokens[..3]);
            assert_eq!(watched[1].finish, Finish::Stopped);
        }
        watcher.ended.sort();
        let by_themselves = [0, 1].map(|request| [0, 2, 3].map(|draw| (request, draw, 25)));
        assert_eq!(watcher.ended, by_themselves.concat());
    }

    #[test]
    fn stopping_a_request_ends_its_draws_at_once_and_those_that_wait() {
        let model = endless();
        let requests = [request(vec![1], 0..4), request(vec![2], 10..12)];
        // Two rows: draws 2 and 3 of the first request wait when draw 0 stops it at its fifth token.
        let mut watcher = Stopper { stop_request_at: Some((0, 0, 5)), ..Stopper::new(false) };
        let draws = generate(&model, &requests, &sampling(1.0, 2), &mut watcher).unwrap();
        assert_eq!(draws[0][0].tokens.len(), 5);
        assert_eq!(draws[0][1].tokens.len(), 3, "stopped by itself before");
        assert!(draws[0].iter().all(|draw| draw.finish == Finish::Stopped));
        assert!(draws[0][3].tokens.is_empty());
        assert_eq!((draws[1][0].tokens.len(), draws[1][0].finish), (25, Finish::TokenLimit));
    }

    #[test]
    fn in_lockstep_draws_of_a_request_have_equally_many_tokens() {
        let model = endless();
        let requests = [request(vec![1], 0..3), request(vec![2, 3], 10..14), request(vec![4], 20..22)];
        let mut watcher = Stopper { break_after_rounds: Some((1, 7)), ..Stopper::new(true) };
        let draws = generate(&model, &requests, &sampling(1.0, 5), &mut watcher).unwrap();
        // Calls of a request come in rounds, and a round's draws in order.
        for request in 0..3 {
            let calls: Vec<_> =
                watcher.calls.iter().filter(|call| call.0 == request).map(|call| (call.2, call.1)).collect();
            assert!(calls.is_sorted(), "{calls:?}");
        }
        let lengths: Vec<usize> = draws[1].iter().map(|draw| draw.tokens.len()).collect();
        assert_eq!(lengths, [7, 3, 7, 7]);
        assert_eq!(draws[0][0].finish, Finish::TokenLimit);
        let error = generate(&model, &requests, &sampling(1.0, 3), &mut watcher).unwrap_err();
        assert!(
            matches!(error, ModelError::LockstepTooWide { request: 1, draws: 4, max_batch_rows: 3 }),
            "{error}"
        );
    }

    #[test]
    fn what_cannot_work_is_refused_before_it_starts() {
        let model = random_model(36);
        let refused =
            |requests: &[Request], sampling: Sampling| generate(&model, requests, &sampling, &mut Unwatched);
        assert!(matches!(refused(&[request(vec![], [1])], sampling(1.0, 1)), Err(ModelError::Empty { .. })));
        assert!(matches!(
            refused(&[request(vec![1; 1000], [1])], sampling(1.0, 1)),
            Err(ModelError::ContextTooLong { needed: 1025, limit: 1024 })
        ));
        assert!(matches!(
            refused(&[request(vec![99], [1])], sampling(1.0, 1)),
            Err(ModelError::UnknownToken { .. })
        ));
        assert!(refused(&[], sampling(-1.0, 1)).is_err());
        assert!(refused(&[], sampling(1.0, 1)).unwrap().is_empty());
        assert_eq!(refused(&[request(vec![1], [])], sampling(1.0, 1)).unwrap(), [vec![]]);
    }
}
