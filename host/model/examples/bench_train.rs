//! Training speed of the fused operations beside their portable twins, in one process on the CPU.
//!
//! Run with `cargo run --release -p ts-model --example bench_train -- [steps] [workers]` (6 steps and 2
//! workers if not given). Out: for each size of model the best step's tokens a second, and the ratio. A step
//! is forward, backward and AdamW on 16 sequences of 128 random tokens.
//!
//! The fused operations run as in training, one shard a worker; the portable ones on the whole batch, with
//! candle's matrix products on all threads and the rest on one, which suits them better than a shared pool on
//! a busy machine. `tests/python/bench_torch.py` measures the same models with PyTorch.
//!
//! The crate's decoder chooses operations by itself; the model here is the same one, written over either
//! kind.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use candle_core::{Device, Result, Tensor, Var};
use ts_model::ops::{self, Heads, RotaryTable, Segments, portable};
use ts_model::optim::{AdamW, AdamWConfig, gradients_of};
use ts_model::shards::{CANDLE_THREADS_VARIABLE, Workers, sum_gradients};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const VOCAB_SIZE: usize = 512;
const SEQUENCES: usize = 16;
const LENGTH: usize = 128;
const EPS: f64 = 1e-6;

/// Which of the twins a model is made of.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Fused,
    Portable,
}

impl Kind {
    fn rms_norm(self, x: &Tensor, weight: &Tensor) -> Result<Tensor> {
        match self {
            Self::Fused => ops::rms_norm(x, weight, EPS),
            Self::Portable => portable::rms_norm(x, weight, EPS),
        }
    }

    fn linear(self, x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
        match self {
            Self::Fused => ops::linear(x, weight, bias),
            Self::Portable => portable::linear(x, weight, bias),
        }
    }

    fn swiglu(self, gate: &Tensor, up: &Tensor) -> Result<Tensor> {
        match self {
            Self::Fused => ops::swiglu(gate, up),
            Self::Portable => portable::swiglu(gate, up),
        }
    }
}

/// The shape of a Qwen2 decoder with tied embeddings.
struct Size {
    hidden: usize,
    feed_forward: usize,
    n_layers: usize,
    heads: Heads,
}

const SIZES: [Size; 2] = [
    Size {
        hidden: 128,
        feed_forward: 512,
        n_layers: 4,
        heads: Heads { n_heads: 4, n_kv_heads: 2, head_dim: 32 },
    },
    Size {
        hidden: 192,
        feed_forward: 640,
        n_layers: 6,
        heads: Heads { n_heads: 6, n_kv_heads: 2, head_dim: 32 },
    },
];

struct Layer {
    attention_norm: Tensor,
    /// Queries, keys, values: weight and bias.
    qkv: [(Tensor, Tensor); 3],
    out: Tensor,
    feed_forward_norm: Tensor,
    gate: Tensor,
    up: Tensor,
    down: Tensor,
}

struct Model {
    params: Vec<(String, Var)>,
    embedding: Tensor,
    layers: Vec<Layer>,
    final_norm: Tensor,
    heads: Heads,
    rotary: RotaryTable,
}

/// Sequences of one shard, packed.
#[derive(Clone)]
struct Batch {
    ids: Arc<[u32]>,
    targets: Arc<[Option<u32>]>,
    segments: Segments,
}

impl Model {
    fn new(size: &Size) -> Result<Self> {
        let mut params = Vec::new();
        let mut param = |shape: &[usize], mean: f32, deviation: f32| -> Result<Tensor> {
            let var = Var::from_tensor(&Tensor::randn(mean, deviation, shape, &Device::Cpu)?)?;
            params.push((format!("parameter {}", params.len()), var.clone()));
            Ok(var.as_tensor().clone())
        };
        let (hidden, heads) = (size.hidden, size.heads);
        let embedding = param(&[VOCAB_SIZE, hidden], 0.0, 0.05)?;
        let mut layers = Vec::new();
        for _ in 0..size.n_layers {
            let mut projection = |width: usize| -> Result<_> {
                Ok((param(&[width, hidden], 0.0, 0.05)?, param(&[width], 0.0, 0.0)?))
            };
            let qkv = [
                projection(heads.query_width())?,
                projection(heads.kv_width())?,
                projection(heads.kv_width())?,
            ];
            layers.push(Layer {
                attention_norm: param(&[hidden], 1.0, 0.0)?,
                qkv,
                out: param(&[hidden, heads.query_width()], 0.0, 0.02)?,
                feed_forward_norm: param(&[hidden], 1.0, 0.0)?,
                gate: param(&[size.feed_forward, hidden], 0.0, 0.05)?,
                up: param(&[size.feed_forward, hidden], 0.0, 0.05)?,
                down: param(&[hidden, size.feed_forward], 0.0, 0.02)?,
            });
        }
        let final_norm = param(&[hidden], 1.0, 0.0)?;
        let rotary = RotaryTable::new(heads.head_dim, 10_000.0)?;
        Ok(Self { params, embedding, layers, final_norm, heads, rotary })
    }

    fn n_params(&self) -> usize {
        self.params.iter().map(|(_, var)| var.elem_count()).sum()
    }

    /// Log-probabilities of the batch's targets, (N,).
    fn log_probs(&self, batch: &Batch, kind: Kind) -> Result<Tensor> {
        let mut x = match kind {
            Kind::Fused => ops::embed(&self.embedding, batch.ids.clone())?,
            Kind::Portable => portable::embed(&self.embedding, &batch.ids)?,
        };
        for layer in &self.layers {
            let normed = kind.rms_norm(&x, &layer.attention_norm)?;
            let project = |(weight, bias): &(Tensor, Tensor)| kind.linear(&normed, weight, Some(bias));
            let [q, k, v] = &layer.qkv;
            let (q, k, v) = (project(q)?, project(k)?, project(v)?);
            let attention = match kind {
                Kind::Fused => ops::causal_attention,
                Kind::Portable => portable::causal_attention,
            };
            let mixed = attention(&q, &k, &v, self.heads, &batch.segments, &self.rotary, None)?;
            x = (x + kind.linear(&mixed, &layer.out, None)?)?;
            let normed = kind.rms_norm(&x, &layer.feed_forward_norm)?;
            let gated = kind
                .swiglu(&kind.linear(&normed, &layer.gate, None)?, &kind.linear(&normed, &layer.up, None)?)?;
            x = (x + kind.linear(&gated, &layer.down, None)?)?;
        }
        let hidden = kind.rms_norm(&x, &self.final_norm)?;
        match kind {
            Kind::Fused => ops::target_log_probs(&hidden, &self.embedding, batch.targets.clone()),
            Kind::Portable => portable::target_log_probs(&hidden, &self.embedding, &batch.targets),
        }
    }

    /// Gradients of the mean negative log-likelihood of `n_tokens` tokens, for this part of them.
    fn gradients(&self, batch: &Batch, n_tokens: usize, kind: Kind) -> ts_model::Result<Vec<Tensor>> {
        let loss = (self.log_probs(batch, kind)?.sum_all()? * (-1.0 / n_tokens as f64))?;
        gradients_of(&loss, &self.params)
    }
}

/// `sequences` sequences of tokens that look random.
fn batch(sequences: usize) -> Batch {
    let tokens = (0..sequences * LENGTH).map(|i| (i as u32).wrapping_mul(2_654_435_761) >> 23);
    Batch {
        ids: tokens.clone().collect(),
        targets: tokens.map(|token| Some((token * 7 + 1) % VOCAB_SIZE as u32)).collect(),
        segments: Segments::from_lengths(vec![LENGTH; sequences]),
    }
}

/// The best step's tokens a second.
fn tokens_per_second(size: &Size, kind: Kind, n_steps: usize, workers: &Workers) -> ts_model::Result<f64> {
    let model = Model::new(size)?;
    let mut adamw = AdamW::new(&model.params, AdamWConfig::default())?;
    let n_tokens = SEQUENCES * LENGTH;
    let mut best = f64::INFINITY;
    for _ in 0..n_steps {
        let start = Instant::now();
        let gradients = match kind {
            Kind::Fused => {
                let shards = vec![batch(SEQUENCES / workers.count()); workers.count()];
                let part = |shard: Batch| model.gradients(&shard, n_tokens, kind);
                sum_gradients(workers.map_ordered(shards, part)?)?
            }
            Kind::Portable => model.gradients(&batch(SEQUENCES), n_tokens, kind)?,
        };
        adamw.step(&gradients, 1e-3)?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(n_tokens as f64 / best)
}

fn main() -> std::result::Result<(), Box<dyn Error>> {
    // SAFETY: this is the first statement of the program, so no other thread exists that could read the
    // environment.
    unsafe { std::env::set_var(CANDLE_THREADS_VARIABLE, "1") };
    let mut args = std::env::args().skip(1);
    let mut number = |default: usize| args.next().map_or(Ok(default), |arg| arg.parse());
    let (n_steps, n_workers) = (number(6)?, number(2)?);
    let workers = Workers::new(n_workers.clamp(1, SEQUENCES))?;
    println!("{SEQUENCES} x {LENGTH} tokens a step, best of {n_steps} steps, {} workers", workers.count());
    for size in &SIZES {
        let portable = tokens_per_second(size, Kind::Portable, n_steps, &workers)?;
        let fused = tokens_per_second(size, Kind::Fused, n_steps, &workers)?;
        let millions = Model::new(size)?.n_params() as f64 / 1e6;
        println!(
            "{millions:.2} M parameters: fused {fused:.0} tokens/s, portable {portable:.0} tokens/s, ratio {:.2}",
            fused / portable
        );
    }
    Ok(())
}
