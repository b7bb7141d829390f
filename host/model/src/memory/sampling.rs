//! What drawing responses and rewriting steps take.
//!
//! Both hold contexts, which rows share, and for each row a tail of its own, as in [`crate::network::cache`]. Room for keys and
//! values doubles as they grow, so a tail of 640 tokens has room for 1,024. candle's own operations give every row its context
//! again, and hold what they had while they make room for more.

use super::bytes::product;
use super::footprint::Footprint;
use super::plan::{Part, Plan};
use crate::network::cache::room_for;
use crate::score::window_kl::{FIRST_POSITIONS, MAX_LOGITS};

/// Responses to be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// Workers that draw at the same time.
    pub workers: usize,
    /// Rows that a worker decodes together.
    pub rows: usize,
    /// Prompts that these rows continue, at most.
    pub prompts: usize,
    /// Tokens of the longest prompt.
    pub prompt_tokens: usize,
    /// Most tokens of a response.
    pub new_tokens: usize,
}

/// Steps to be rewritten, and the rewrites to be compared with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rewritten {
    /// Workers that rewrite at the same time.
    pub workers: usize,
    /// Texts that wait for what others draw, each with its keys and values.
    pub waiting: usize,
    /// Rewrites of a step, which are drawn together.
    pub rewrites: usize,
    /// Tokens of the longest prompt.
    pub prompt_tokens: usize,
    /// Tokens of the longest prompt with its response.
    pub context_tokens: usize,
    /// Tokens of the longest step.
    pub step_tokens: usize,
    /// Tokens after a step that a rewrite is judged by.
    pub window_tokens: usize,
}

impl Footprint<'_> {
    /// Memory that drawing takes.
    pub fn drawing(&self, drawn: &Drawn) -> Plan {
        let Drawn { workers, rows, prompts, prompt_tokens, new_tokens } = *drawn;
        let scored = self.scores(product([rows, prompt_tokens.saturating_add(new_tokens)]));
        let activations = self
            .passing(rows.max(prompt_tokens))
            .saturating_add(scored.max(self.score_block(prompt_tokens, 1)));
        // The last token of a response is not read.
        let cache = self.caches(
            &[(prompts.min(rows) + 1, prompt_tokens)],
            rows,
            prompt_tokens,
            new_tokens.saturating_sub(1),
        );
        self.of_workers(workers, cache, activations, self.picking(rows), 0)
    }

    /// Memory that rewriting takes.
    pub fn rewriting(&self, rewritten: &Rewritten) -> Plan {
        let Rewritten {
            workers,
            waiting,
            rewrites,
            prompt_tokens,
            context_tokens,
            step_tokens,
            window_tokens,
        } = *rewritten;
        let read = step_tokens.saturating_add(window_tokens);
        let reach = context_tokens.saturating_add(read);
        let scored = self.scores(product([rewrites, context_tokens.saturating_add(step_tokens)]));
        let activations = self
            .passing(rewrites.max(prompt_tokens).max(read))
            .saturating_add(scored.max(self.score_block(reach, 1)))
            .saturating_add(self.states(3, read));
        // A rewrite is read in a copy of the context that has room for it and for the window.
        let contexts = [(1, context_tokens), (1, reach)];
        let cache = self.caches(&contexts, rewrites, context_tokens, step_tokens.saturating_sub(1));
        let compared = window_tokens.min((MAX_LOGITS / self.config.vocab_size.max(1)).max(1));
        // The original's at the first positions are kept beside those that are being compared.
        let kept = FIRST_POSITIONS.min(compared);
        let logits = self.picking(rewrites).saturating_add(self.logits(2 * compared + kept, 4));
        let waiting = self
            .caches(&[(waiting, context_tokens)], 0, context_tokens, 0)
            .saturating_add(self.states(waiting, window_tokens));
        self.of_workers(workers, cache, activations, logits, waiting)
    }

    /// What so many workers take, and the caches of texts that wait.
    fn of_workers(&self, workers: usize, cache: u64, activations: u64, logits: u64, waiting: u64) -> Plan {
        let of_all = |bytes: u64| bytes.saturating_mul(workers.max(1) as u64);
        let loading = Plan::new([(Part::Weights, self.weights()), (Part::Files, self.loading())]);
        let working = Plan::new([
            (Part::Weights, self.weights()),
            (Part::Cache, of_all(cache).saturating_add(waiting)),
            (Part::Activations, of_all(activations)),
            (Part::Logits, of_all(logits)),
        ]);
        Plan::fullest([loading, working]).with_allocator(workers)
    }

    /// Bytes of the final hidden states of so many texts. A step's original, what was read last and the rewrite to use are there
    /// together.
    fn states(&self, texts: usize, tokens: usize) -> u64 {
        product([texts, tokens, self.config.hidden_size, self.numbers.activation])
    }

    /// Bytes of what layers compute of so many rows, none of it kept: twice, since the allocator keeps a tensor that has gone
    /// until one of its size comes.
    pub(super) fn passing(&self, rows: usize) -> u64 {
        product([
            2,
            rows,
            self.passing_numbers(),
            self.numbers.activation.max(if self.numbers.is_fused { 0 } else { 4 }),
        ])
    }

    /// Bytes of contexts, each with how often it exists, and of the tails of rows after a context of `context` tokens.
    fn caches(&self, contexts: &[(usize, usize)], rows: usize, context: usize, tail: usize) -> u64 {
        let tokens = |count: usize, tokens: usize| (count as u64).saturating_mul(tokens as u64);
        let of_contexts =
            contexts.iter().fold(0_u64, |sum, (count, n)| sum.saturating_add(tokens(*count, room_for(*n))));
        let of_rows = match self.numbers.is_fused {
            true => tokens(rows, room_for(tail)),
            false => tokens(rows, context.saturating_add(tail)).saturating_mul(2),
        };
        of_contexts.saturating_add(of_rows).saturating_mul(self.cache_of_token())
    }

    /// Bytes of the logits of so many rows and of their copy for the sampler, and of what one row's choice takes.
    fn picking(&self, rows: usize) -> u64 {
        let wide = if self.numbers.is_fused { 0 } else { self.numbers.activation };
        self.logits(rows, 4 + 4 + wide).saturating_add(self.logits(1, 24))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::footprint::Numbers;
    use crate::memory::footprint::tests::{F32, config};
    use candle_core::DType;

    const DRAWN: Drawn = Drawn { workers: 2, rows: 5, prompts: 2, prompt_tokens: 40, new_tokens: 65 };

    #[test]
    fn drawing_by_hand() {
        let config = config();
        let model = Footprint::new(&config, F32);
        let plan = model.drawing(&DRAWN);
        assert_eq!(plan.of(Part::Weights), model.weights());
        // Three contexts of 40 tokens with room for 64, five tails of 64 tokens, 64 bytes a token.
        assert_eq!(plan.of(Part::Cache), 2 * (3 * 64 + 5 * 64) * 64);
        // 40 rows of the prompt, 68 numbers each; a block of scores, 40 · 40, which is more than five rows over 105 tokens.
        assert_eq!(plan.of(Part::Activations), 2 * (2 * 40 * 68 * 4 + 40 * 40 * 4));
        // Twice five rows of 40 numbers, and six rows' worth for a choice.
        assert_eq!(plan.of(Part::Logits), 2 * (2 * 5 + 6) * 40 * 4);
        assert_eq!(plan.parts().len(), 5);
    }

    #[test]
    fn rewriting_by_hand() {
        let config = config();
        let model = Footprint::new(&config, F32);
        let plan = model.rewriting(&Rewritten {
            workers: 1,
            waiting: 3,
            rewrites: 8,
            prompt_tokens: 10,
            context_tokens: 100,
            step_tokens: 20,
            window_tokens: 30,
        });
        // A context of 100 tokens, its copy of 150, and eight tails of 19; three contexts that wait, each with a window's states.
        assert_eq!(plan.of(Part::Cache), (128 + 256 + 8 * 32 + 3 * 128) * 64 + 3 * 30 * 8 * 4);
        // Step and window; a block of scores over 150 tokens; three texts' states of 8 numbers.
        assert_eq!(plan.of(Part::Activations), 2 * 50 * 68 * 4 + 64 * 150 * 4 + 3 * 50 * 8 * 4);
        assert_eq!(plan.of(Part::Logits), (2 * 8 + 6) * 40 * 4 + (2 * 30 + 16) * 40 * 4);
    }

    #[test]
    fn a_model_that_hardly_works_needs_what_loading_takes() {
        let config = crate::ModelConfig { vocab_size: 4000, ..config() };
        let model = Footprint::new(&config, F32);
        let plan = model.drawing(&Drawn { workers: 1, rows: 1, prompts: 1, prompt_tokens: 1, new_tokens: 1 });
        assert_eq!(plan.of(Part::Files), 4000 * 8 * 12);
    }

    #[test]
    fn without_fused_operations_rows_have_contexts_of_their_own() {
        let config = config();
        let model = Footprint::new(&config, Numbers::of(DType::BF16, false));
        assert_eq!(model.drawing(&DRAWN).of(Part::Cache), 2 * (3 * 64 + 2 * 5 * (40 + 64)) * 32);
    }

    #[test]
    fn more_of_anything_takes_no_less() {
        let config = config();
        let model = Footprint::new(&config, F32);
        let more = [
            Drawn { workers: 3, ..DRAWN },
            Drawn { rows: 6, ..DRAWN },
            Drawn { prompts: 3, ..DRAWN },
            Drawn { prompt_tokens: 41, ..DRAWN },
            Drawn { new_tokens: 66, ..DRAWN },
        ];
        assert!(more.iter().all(|more| model.drawing(more).total() >= model.drawing(&DRAWN).total()));
    }
}
