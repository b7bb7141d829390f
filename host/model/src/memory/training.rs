//! What scoring and training take.
//!
//! Training holds weights and moments throughout, and at its fullest either a step's gradients and activations, or what a
//! checkpoint takes while it is written or read.

use super::bytes::product;
use super::footprint::Footprint;
use super::plan::{Part, Plan};
use crate::adapters::Projection;
use crate::ops::rows_per_chunk;
use crate::shards::gradient_sets;

/// Responses to be scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scored {
    /// Workers that score at the same time.
    pub workers: usize,
    /// Tokens that a worker scores together.
    pub tokens: usize,
    /// Tokens of the longest text.
    pub longest: usize,
}

/// Steps of training.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trained {
    /// Workers that each compute a micro-batch at the same time.
    pub workers: usize,
    /// Micro-batches of a step, at most.
    pub micro_batches: usize,
    /// Tokens of a micro-batch, at most.
    pub tokens: usize,
    /// Tokens of the longest text.
    pub longest: usize,
    /// Whether a layer's activations are computed again.
    pub checkpointing: bool,
    /// What is trained instead of the weights.
    pub adapters: Option<Adapters>,
}

/// Low-rank adapters (LoRA), f32, beside weights that stay as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adapters {
    /// Their rank.
    pub rank: usize,
    /// Outputs and inputs of each adapted projection of a layer, of those of [`Footprint::projections`].
    pub shapes: Vec<(usize, usize)>,
}

impl Adapters {
    /// How many numbers the two matrices of every projection are, in one layer.
    fn numbers_of_layer(&self) -> usize {
        self.shapes
            .iter()
            .map(|(outputs, inputs)| self.rank.saturating_mul(outputs + inputs))
            .fold(0, usize::saturating_add)
    }

    /// Numbers that they keep of a token in one layer: the inner product before and after it is scaled, the outer one, and its sum
    /// with what the projection gives.
    fn kept_numbers(&self) -> usize {
        self.shapes.iter().map(|(outputs, _)| self.rank.saturating_add(*outputs).saturating_mul(2)).sum()
    }
}

/// What is trained, and in which size.
struct Parameters {
    n: u64,
    largest: u64,
    /// Bytes of a gradient's number.
    gradient: u64,
    /// Bytes of the optimiser a number: two moments in f32, and an f32 copy of a parameter in half precision.
    optimiser: u64,
}

impl Footprint<'_> {
    /// The projections of a layer, each with its outputs and inputs.
    pub fn projections(&self) -> [(&'static str, usize, usize); 7] {
        Projection::ALL.map(|projection| {
            let (outputs, inputs) = projection.shape(self.config);
            (projection.name(), outputs, inputs)
        })
    }

    /// Adapters of this rank on the projections of these names.
    pub fn adapters(&self, rank: usize, names: &[&str]) -> Adapters {
        let adapted = self.projections().into_iter().filter(|(name, ..)| names.contains(name));
        Adapters { rank, shapes: adapted.map(|(_, outputs, inputs)| (outputs, inputs)).collect() }
    }

    /// Memory that scoring takes.
    pub fn scoring(&self, scored: &Scored) -> Plan {
        let workers = scored.workers.max(1) as u64;
        let activations = self.passing(scored.tokens).saturating_add(self.score_block(scored.longest, 1));
        let loading = Plan::new([(Part::Weights, self.weights()), (Part::Files, self.loading())]);
        let working = Plan::new([
            (Part::Weights, self.weights()),
            (Part::Activations, activations.saturating_mul(workers)),
            (Part::Logits, self.logits_of_texts(scored.tokens).saturating_mul(workers)),
        ]);
        Plan::fullest([loading, working]).with_allocator(scored.workers)
    }

    /// Memory that training takes.
    pub fn training(&self, trained: &Trained) -> Plan {
        let Parameters { n, largest, gradient, optimiser } =
            self.trained_parameters(trained.adapters.as_ref());
        let at_once = trained.workers.clamp(1, trained.micro_batches.max(1));
        let moments = n.saturating_mul(optimiser);
        // The sum, those that wait or are in the making, and in each one that is in the making candle's sums of the largest.
        let sets = trained.micro_batches.max(1).min(gradient_sets(trained.workers).saturating_add(1)) as u64;
        let gradients = n
            .saturating_mul(sets)
            .saturating_add(largest.saturating_mul(2 * at_once as u64))
            .saturating_mul(gradient);
        let weights = match (&trained.adapters, self.numbers.is_packed) {
            (None, false) => self.weights(),
            // The parameters in f32 and both packings.
            (None, true) => n.saturating_mul(4).saturating_add(self.weights().saturating_mul(2)),
            (Some(_), false) => self.weights().saturating_add(n.saturating_mul(4)),
            (Some(_), true) => self.weights().saturating_mul(2).saturating_add(n.saturating_mul(4)),
        };
        let always = [(Part::Weights, weights), (Part::Optimiser, moments)];
        let at = |parts: &[(Part, u64)]| Plan::new(always.iter().chain(parts).copied());
        let of_each = |bytes: u64| bytes.saturating_mul(at_once as u64);
        Plan::fullest([
            at(&[
                (Part::Gradients, gradients),
                (Part::Activations, of_each(self.kept(trained))),
                (Part::Logits, of_each(self.logits_of_texts(trained.tokens))),
            ]),
            // A copy of the moments, and one tensor as bytes.
            at(&[(Part::Files, moments.saturating_add(largest.saturating_mul(4)))]),
        ])
        .with_allocator(trained.workers)
    }

    fn trained_parameters(&self, adapters: Option<&Adapters>) -> Parameters {
        match adapters {
            None => {
                let is_wide = self.numbers.weight == 4 || self.numbers.is_packed;
                let (gradient, optimiser) = if is_wide { (4, 8) } else { (self.numbers.weight as u64, 12) };
                Parameters { n: self.n_parameters(), largest: self.largest_tensor(), gradient, optimiser }
            }
            Some(adapters) => {
                let n = product([adapters.numbers_of_layer(), self.config.num_hidden_layers]);
                let largest =
                    adapters.shapes.iter().map(|(outputs, inputs)| adapters.rank * outputs.max(inputs)).max();
                Parameters { n, largest: largest.unwrap_or(0) as u64, gradient: 4, optimiser: 8 }
            }
        }
    }

    /// Bytes of a micro-batch's activations, the backward pass of a layer among them.
    fn kept(&self, trained: &Trained) -> u64 {
        let (d, layers) = (self.config.hidden_size, self.config.num_hidden_layers);
        let of_adapters = trained.adapters.as_ref().map_or(0, Adapters::kept_numbers);
        let of_layer = self.kept_numbers().saturating_add(of_adapters);
        let kept = match trained.checkpointing {
            // The embedded tokens and what the last norm makes of the last layer's output.
            false => layers.saturating_mul(of_layer).saturating_add(2 * d),
            // Every layer's input and the last one's output, one layer's activations, and the product of its output and gradient.
            true => (layers + 1).saturating_mul(d).saturating_add(of_layer).saturating_add(2 * d),
        };
        let numbers = kept.saturating_add(self.backward_numbers());
        // In candle's operations texts of about the same length are attended to together.
        let together = if self.numbers.is_fused { trained.longest } else { trained.tokens };
        let blocks = self.score_block(together, 2);
        product([trained.tokens, numbers, self.numbers.activation]).saturating_add(blocks)
    }

    /// Bytes of the logits that exist at once while texts are scored: a chunk of rows, in f32, and in the model's own format where
    /// that is another.
    fn logits_of_texts(&self, tokens: usize) -> u64 {
        let rows = rows_per_chunk(self.config.vocab_size).min(tokens);
        let size = if self.numbers.is_fused { 4 } else { self.numbers.activation + 4 * 4 };
        self.logits(rows, size).saturating_add(product([
            rows,
            self.config.hidden_size,
            self.numbers.activation,
        ]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::footprint::Numbers;
    use crate::memory::footprint::tests::{F32, config};
    use candle_core::DType;

    fn trained() -> Trained {
        Trained {
            workers: 2,
            micro_batches: 9,
            tokens: 50,
            longest: 30,
            checkpointing: false,
            adapters: None,
        }
    }

    #[test]
    fn in_bf16_on_the_cpu_matrices_are_packed_twice_beside_what_is_trained() {
        let config = config();
        let wide = Footprint::new(&config, F32);
        let packed = Footprint::new(&config, Numbers::of(DType::BF16, true));
        let (in_f32, in_bf16) = (wide.training(&trained()), packed.training(&trained()));
        let n = wide.n_parameters();
        assert_eq!((in_f32.of(Part::Weights), in_bf16.of(Part::Weights)), (4 * n, (4 + 2 + 2) * n));
        for part in [Part::Gradients, Part::Optimiser, Part::Activations] {
            assert_eq!(in_f32.of(part), in_bf16.of(part), "{part:?}");
        }
        let adapters = Some(packed.adapters(2, &["q_proj"]));
        // q is 8 · 8 and a layer has one: A and B are 16 numbers each.
        let plan = packed.training(&Trained { adapters, ..trained() });
        assert_eq!(plan.of(Part::Weights), 2 * 2 * n + 4 * 2 * 32);
        let scored = packed.scoring(&Scored { workers: 1, tokens: 50, longest: 30 });
        assert_eq!(scored.of(Part::Weights), 2 * n);
    }

    #[test]
    fn scoring_by_hand() {
        let config = config();
        let model = Footprint::new(&config, F32);
        let plan = model.scoring(&Scored { workers: 3, tokens: 50, longest: 30 });
        assert_eq!(plan.of(Part::Activations), 3 * (2 * 50 * 68 * 4 + 30 * 30 * 4));
        // All 50 rows at once: logits of 40 and a copy of 8 hidden numbers.
        assert_eq!(plan.of(Part::Logits), 3 * 50 * (40 + 8) * 4);
    }

    #[test]
    fn training_by_hand() {
        let config = config();
        let model = Footprint::new(&config, F32);
        let n = model.n_parameters();
        let plan = model.training(&trained());
        assert_eq!((plan.of(Part::Weights), plan.of(Part::Optimiser)), (4 * n, 8 * n));
        // Two workers: three sets in the making or waiting, and the sum; the embedding of 320 twice in each of the two.
        assert_eq!(plan.of(Part::Gradients), 4 * (4 * n + 2 * 2 * 320));
        // 50 tokens: 110 numbers in each of two layers, 2·8 outside, 76 in the backward pass; two blocks of scores.
        assert_eq!(plan.of(Part::Activations), 2 * (50 * (2 * 110 + 16 + 76) * 4 + 2 * 30 * 30 * 4));
        // One micro-batch has one set, and one worker.
        let alone = model.training(&Trained { micro_batches: 1, ..trained() });
        assert_eq!(alone.of(Part::Gradients), 4 * (n + 2 * 320));
        assert_eq!(alone.of(Part::Activations), plan.of(Part::Activations) / 2);
    }

    #[test]
    fn checkpointing_keeps_inputs_and_one_layer() {
        let config = config();
        let model = Footprint::new(&config, F32);
        let plan = model.training(&Trained { checkpointing: true, workers: 1, ..trained() });
        assert_eq!(plan.of(Part::Activations), 50 * (3 * 8 + 110 + 16 + 76) * 4 + 2 * 30 * 30 * 4);
    }

    #[test]
    fn adapters_by_hand() {
        let config = config();
        let model = Footprint::new(&config, F32);
        let adapters = model.adapters(2, &model.projections().map(|(name, ..)| name));
        assert_eq!(model.adapters(2, &["q_proj", "v_proj"]).shapes, [(8, 8), (4, 8)]);
        // Outputs and inputs: q 8 + 8, k and v 4 + 8 each, o 8 + 8, gate, up and down 12 + 8 each: 116, at rank 2 in 2 layers.
        let n = 2 * 2 * 116;
        let plan = model.training(&Trained { adapters: Some(adapters), workers: 1, ..trained() });
        assert_eq!(plan.of(Part::Weights), model.weights() + 4 * n);
        assert_eq!(plan.of(Part::Optimiser), 8 * n);
        // Three sets, and twice the largest matrix, of 2 · 12.
        assert_eq!(plan.of(Part::Gradients), 4 * (3 * n + 2 * 24));
        // Outputs are 8 + 4 + 4 + 8 + 12 + 12 + 8 = 56: 2 · (7 · 2 + 56) more in a layer.
        assert_eq!(plan.of(Part::Activations), 50 * (2 * (110 + 140) + 16 + 76) * 4 + 2 * 30 * 30 * 4);
    }

    #[test]
    fn half_precision_learns_in_an_f32_copy() {
        let config = config();
        let model = Footprint::new(&config, Numbers::of(DType::BF16, false));
        let plan = model.training(&trained());
        assert_eq!(plan.of(Part::Optimiser), 12 * model.n_parameters());
    }

    #[test]
    fn a_large_model_with_small_batches_is_fullest_at_a_checkpoint() {
        let config = config();
        let model = Footprint::new(&config, F32);
        let plan =
            model.training(&Trained { workers: 1, micro_batches: 1, tokens: 1, longest: 1, ..trained() });
        assert_eq!(plan.of(Part::Files), 8 * model.n_parameters() + 4 * 320);
    }
}
