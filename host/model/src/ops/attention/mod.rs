//! Causal grouped-query attention over packed sequences, rotary positions included.
//!
//! In: queries (N, n_heads·head_dim), keys and values (N, n_kv_heads·head_dim), before the rotation. Out: (N,
//! n_heads·head_dim). Within a segment, token i sees tokens 0 to i, or with a window of w tokens the last w of them, itself
//! included; positions begin at 0 in each segment. A segment's stem is seen by its own tokens, whose results are those of a segment
//! that has the stem's tokens for itself, to the bit. Consecutive query heads share a key-value head.
//!
//! With q and k rotated, S = q·kᵀ/√head_dim and P = softmax(S) over what is visible, the result is O = P·v.
//! The forward pass keeps log Σ e^S a row, (N, n_heads), from which the backward pass computes P again
//! instead of storing it. With g the gradient of O: dv = Pᵀ·g, dP = g·vᵀ, dS = P ∘ (dP − rowsum(g ∘
//! O))/√head_dim, dq = dS·k, dk = dSᵀ·q.
//!
//! Reference: Dao et al., "FlashAttention", 2022, appendix B (the backward pass).
//! Keys and values from a cache are attended to in [`crate::network::cache`].

pub(crate) mod blocks;
pub(crate) mod partial;
mod portable;
pub(crate) mod rotation;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use candle_core::{CpuStorage, CustomOp3, Device, Layout, Result, Shape, Tensor, bail};
use gemm::Parallelism;
use rayon::prelude::*;

use crate::ops::matmul::{Matrix, MatrixMut, Update, multiply};
use crate::ops::vectors::widest_vectors;
use crate::ops::{Angles, Contents, RotaryTable, Segment, Segments, Turn, all_cpu_f32, f32_slice, kernels};
pub use portable::portable;

/// Query rows that are handled at once; their scores stay in the cache.
const QUERY_BLOCK: usize = 64;

/// How many heads attention has, and how large they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    /// Heads of the queries and of the result.
    pub n_heads: usize,
    /// Heads of keys and values; divides `n_heads`.
    pub n_kv_heads: usize,
    /// Entries of a head; even.
    pub head_dim: usize,
}

impl Heads {
    /// Width of the queries and of the result.
    pub fn query_width(&self) -> usize {
        self.n_heads * self.head_dim
    }

    /// Width of the keys and of the values.
    pub fn kv_width(&self) -> usize {
        self.n_kv_heads * self.head_dim
    }

    /// Query heads that share a key-value head.
    pub fn group_size(&self) -> usize {
        self.n_heads / self.n_kv_heads
    }

    /// What the scores are multiplied by, 1/√head_dim.
    pub fn scale(&self) -> f32 {
        1.0 / (self.head_dim as f32).sqrt()
    }
}

/// The first position that the query at `position` sees.
pub(crate) fn first_visible(position: usize, window: Option<usize>) -> usize {
    window.map_or(0, |window| (position + 1).saturating_sub(window))
}

/// Attention of `q` (N, n_heads·head_dim) over `k` and `v` (N, n_kv_heads·head_dim); gives the shape of `q`.
///
/// # Errors
/// If the shapes do not fit the heads and segments, or `n_kv_heads` does not divide `n_heads`, or the table is for another
/// size of head, or the window is 0.
pub fn causal_attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    heads: Heads,
    segments: &Segments,
    rotary: &RotaryTable,
    window: Option<usize>,
) -> Result<Tensor> {
    let Heads { n_heads, n_kv_heads, head_dim } = heads;
    if n_kv_heads == 0 || n_heads == 0 || n_heads % n_kv_heads != 0 {
        bail!("causal_attention: {n_kv_heads} key-value heads do not divide {n_heads} heads");
    }
    if rotary.head_dim() != head_dim {
        bail!("causal_attention: rotary table for heads of {}, not {head_dim}", rotary.head_dim());
    }
    if window == Some(0) {
        bail!("causal_attention: a window of 0 tokens");
    }
    let n_rows = segments.n_rows();
    for (what, tensor, width) in
        [("q", q, heads.query_width()), ("k", k, heads.kv_width()), ("v", v, heads.kv_width())]
    {
        if tensor.dims() != [n_rows, width] {
            bail!("causal_attention: {what} has shape {:?}, not ({n_rows}, {width})", tensor.dims());
        }
    }
    if all_cpu_f32(&[q, k, v]) {
        let angles = segments.iter().map(|segment| rotary.angles(0..segment.len())).collect();
        let log_sum_exp = OnceLock::new();
        let op = CausalAttention { heads, segments: segments.clone(), angles, window, log_sum_exp };
        q.contiguous()?.apply_op3(&k.contiguous()?, &v.contiguous()?, op)
    } else {
        portable(q, k, v, heads, segments, rotary, window)
    }
}

struct CausalAttention {
    heads: Heads,
    segments: Segments,
    /// Of each segment.
    angles: Vec<Arc<Angles>>,
    window: Option<usize>,
    /// log Σ e^S of each row and head, (N, n_heads); set by the forward pass.
    log_sum_exp: OnceLock<Vec<f32>>,
}

/// What both passes read of one segment; q and k are rotated. Shapes (own tokens, width) for q, (all tokens, width) for k and v.
struct Inputs<'a> {
    /// Tokens of the stem, which are keys and not queries.
    n_stem: usize,
    q: Vec<f32>,
    k: Vec<f32>,
    v: Cow<'a, [f32]>,
}

/// What the backward pass reads besides, (own tokens, width) each.
struct Outputs<'a> {
    out: &'a [f32],
    log_sum_exp: &'a [f32],
    grad: &'a [f32],
}

/// What the backward pass writes of one segment, shaped like its inputs; zeros at first.
struct Grads<'a> {
    q: &'a mut [f32],
    k: &'a mut [f32],
    v: &'a mut [f32],
}

/// The view of one head in rows `first..first + rows` of a matrix whose rows are `width` wide.
fn head_view(data: &[f32], head: usize, heads: Heads, width: usize, first: usize, rows: usize) -> Matrix<'_> {
    Matrix::strided(&data[first * width + head * heads.head_dim..], rows, heads.head_dim, width)
}

/// As [`head_view`], to be written.
fn head_view_mut(
    data: &mut [f32],
    head: usize,
    heads: Heads,
    width: usize,
    first: usize,
    rows: usize,
) -> MatrixMut<'_> {
    MatrixMut::strided(&mut data[first * width + head * heads.head_dim..], rows, heads.head_dim, width)
}

/// `out` = `left`·`right`, on this thread.
fn product(out: MatrixMut<'_>, left: Matrix<'_>, right: Matrix<'_>) {
    multiply(out, Update::Overwrite, 1.0, left, right, Parallelism::None);
}

/// `out` += `left`·`right`, on this thread.
fn add_product(out: MatrixMut<'_>, left: Matrix<'_>, right: Matrix<'_>) {
    multiply(out, Update::Add, 1.0, left, right, Parallelism::None);
}

/// The rows `range` of a matrix whose rows are `width` wide.
fn rows_of<'a>(data: &'a [f32], range: &Range<usize>, width: usize) -> &'a [f32] {
    &data[range.start * width..range.end * width]
}

/// The rows of all tokens of a segment, one after another.
fn tokens_of<'a>(data: &'a [f32], segment: &Segment, width: usize) -> Cow<'a, [f32]> {
    let own = rows_of(data, &segment.own, width);
    match segment.stem.is_empty() {
        true => own.into(),
        false => [rows_of(data, &segment.stem, width), own].concat().into(),
    }
}

impl<'a> Inputs<'a> {
    fn new(qkv: [&'a [f32]; 3], segment: &Segment, heads: Heads, angles: &Angles) -> Self {
        let [q, k, v] = qkv;
        let (q_width, kv_width, n_stem) = (heads.query_width(), heads.kv_width(), segment.stem.len());
        let mut q = rows_of(q, &segment.own, q_width).to_vec();
        let mut k = tokens_of(k, segment, kv_width).into_owned();
        angles.rotate_rows(&mut q, q_width, n_stem, Turn::Forward);
        angles.rotate_rows(&mut k, kv_width, 0, Turn::Forward);
        Self { n_stem, q, k, v: tokens_of(v, segment, kv_width) }
    }
}

/// What a block of queries sees: `n` keys, the first at `start`.
#[derive(Clone, Copy)]
struct Seen {
    start: usize,
    n: usize,
}

impl Seen {
    /// Of `rows` queries, the first at position `first`.
    fn by(first: usize, rows: usize, window: Option<usize>) -> Self {
        let start = first_visible(first, window);
        Self { start, n: first + rows - start }
    }

    /// Which of these keys the query at `position` sees.
    fn of(self, position: usize, window: Option<usize>) -> Range<usize> {
        first_visible(position, window) - self.start..position + 1 - self.start
    }
}

impl CausalAttention {
    /// Most keys that a block of queries sees in a segment of `length` tokens.
    fn most_seen(&self, length: usize) -> usize {
        self.window.map_or(length, |window| length.min(window.saturating_add(QUERY_BLOCK)))
    }

    /// One segment; writes `out` and `log_sum_exp` of its own tokens.
    fn forward_segment(&self, inputs: &Inputs<'_>, out: &mut [f32], log_sum_exp: &mut [f32]) {
        let heads = self.heads;
        let (q_width, kv_width) = (heads.query_width(), heads.kv_width());
        let (n_stem, n_own) = (inputs.n_stem, inputs.q.len() / q_width);
        let mut scores = vec![0.0; QUERY_BLOCK.min(n_own) * self.most_seen(n_stem + n_own)];
        for head in 0..heads.n_heads {
            let kv_head = head / heads.group_size();
            for first in (0..n_own).step_by(QUERY_BLOCK) {
                let rows = QUERY_BLOCK.min(n_own - first);
                let seen = Seen::by(n_stem + first, rows, self.window);
                let k = head_view(&inputs.k, kv_head, heads, kv_width, seen.start, seen.n).transposed();
                let q = head_view(&inputs.q, head, heads, q_width, first, rows);
                let block = MatrixMut::new(&mut scores, rows, seen.n);
                multiply(block, Update::Overwrite, heads.scale(), q, k, Parallelism::None);
                for (row, scores) in scores.chunks_exact_mut(seen.n).take(rows).enumerate() {
                    let visible = seen.of(n_stem + first + row, self.window);
                    scores[..visible.start].fill(0.0);
                    scores[visible.end..].fill(0.0);
                    log_sum_exp[(first + row) * heads.n_heads + head] =
                        kernels::softmax_in_place(&mut scores[visible]);
                }
                product(
                    head_view_mut(out, head, heads, q_width, first, rows),
                    Matrix::new(&scores, rows, seen.n),
                    head_view(&inputs.v, kv_head, heads, kv_width, seen.start, seen.n),
                );
            }
        }
    }

    /// One segment; the gradients of q and k are those of the rotated ones.
    fn backward_segment(&self, inputs: &Inputs<'_>, outputs: &Outputs<'_>, grads: &mut Grads<'_>) {
        let heads = self.heads;
        let (q_width, kv_width, head_dim) = (heads.query_width(), heads.kv_width(), heads.head_dim);
        let (n_stem, n_own) = (inputs.n_stem, inputs.q.len() / q_width);
        let mut probs = vec![0.0; QUERY_BLOCK.min(n_own) * self.most_seen(n_stem + n_own)];
        let mut grad_probs = probs.clone();
        for head in 0..heads.n_heads {
            let kv_head = head / heads.group_size();
            for first in (0..n_own).step_by(QUERY_BLOCK) {
                let rows = QUERY_BLOCK.min(n_own - first);
                let seen = Seen::by(n_stem + first, rows, self.window);
                let q = head_view(&inputs.q, head, heads, q_width, first, rows);
                let grad = head_view(outputs.grad, head, heads, q_width, first, rows);
                let k = head_view(&inputs.k, kv_head, heads, kv_width, seen.start, seen.n);
                let v = head_view(&inputs.v, kv_head, heads, kv_width, seen.start, seen.n);
                product(MatrixMut::new(&mut probs, rows, seen.n), q, k.transposed());
                product(MatrixMut::new(&mut grad_probs, rows, seen.n), grad, v.transposed());

                let blocks = probs.chunks_exact_mut(seen.n).zip(grad_probs.chunks_exact_mut(seen.n));
                for (row, (probs, grad_probs)) in blocks.take(rows).enumerate() {
                    let start = (first + row) * q_width + head * head_dim;
                    let out = &outputs.out[start..start + head_dim];
                    let mean_grad = kernels::dot(out, &outputs.grad[start..start + head_dim]);
                    let log_sum_exp = outputs.log_sum_exp[(first + row) * heads.n_heads + head];
                    scores_backward(
                        probs,
                        grad_probs,
                        seen.of(n_stem + first + row, self.window),
                        heads.scale(),
                        log_sum_exp,
                        mean_grad,
                    );
                }

                let probs = Matrix::new(&probs, rows, seen.n);
                let grad_scores = Matrix::new(&grad_probs, rows, seen.n);
                product(head_view_mut(grads.q, head, heads, q_width, first, rows), grad_scores, k);
                let grad_k = head_view_mut(grads.k, kv_head, heads, kv_width, seen.start, seen.n);
                add_product(grad_k, grad_scores.transposed(), q);
                let grad_v = head_view_mut(grads.v, kv_head, heads, kv_width, seen.start, seen.n);
                add_product(grad_v, probs.transposed(), grad);
            }
        }
    }

    /// The gradients of one segment's q, k and v; gives those of k and v of its stem, which others add to.
    fn gradients(
        &self,
        inputs: &Inputs<'_>,
        outputs: &Outputs<'_>,
        angles: &Angles,
        own: Grads<'_>,
    ) -> Option<[Vec<f32>; 2]> {
        let Inputs { n_stem, k, v, .. } = inputs;
        let (q_width, kv_width) = (self.heads.query_width(), self.heads.kv_width());
        let mut whole = (*n_stem > 0).then(|| [vec![0.0; k.len()], vec![0.0; v.len()]]);
        let Grads { q: grad_q, k: own_k, v: own_v } = own;
        {
            let (k, v) = match &mut whole {
                None => (&mut *own_k, &mut *own_v),
                Some([k, v]) => (&mut k[..], &mut v[..]),
            };
            let mut grads = Grads { q: grad_q, k, v };
            self.backward_segment(inputs, outputs, &mut grads);
            angles.rotate_rows(grads.q, q_width, *n_stem, Turn::Back);
            angles.rotate_rows(grads.k, kv_width, 0, Turn::Back);
        }
        whole.map(|[mut k, mut v]| {
            own_k.copy_from_slice(&k[n_stem * kv_width..]);
            own_v.copy_from_slice(&v[n_stem * kv_width..]);
            k.truncate(n_stem * kv_width);
            v.truncate(n_stem * kv_width);
            [k, v]
        })
    }
}

widest_vectors! {
    /// One row: turns q·k into P, and dP into dS; entries that are not `visible` become 0.
    fn scores_backward(
        probs: &mut [f32],
        grad_probs: &mut [f32],
        visible: Range<usize>,
        scale: f32,
        log_sum_exp: f32,
        mean_grad: f32,
    ) {
        let seen = probs[visible.clone()].iter_mut().zip(&mut grad_probs[visible.clone()]);
        for (prob, grad_prob) in seen {
            *prob = kernels::exp(*prob * scale - log_sum_exp);
            *grad_prob = *prob * (*grad_prob - mean_grad) * scale;
        }
        for row in [probs, grad_probs] {
            row[..visible.start].fill(0.0);
            row[visible.end..].fill(0.0);
        }
    }
}

impl CustomOp3 for CausalAttention {
    fn name(&self) -> &'static str {
        "causal_attention"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        q_layout: &Layout,
        k: &CpuStorage,
        k_layout: &Layout,
        v: &CpuStorage,
        v_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let q = f32_slice(self.name(), q, q_layout)?;
        let k = f32_slice(self.name(), k, k_layout)?;
        let v = f32_slice(self.name(), v, v_layout)?;
        let mut out = vec![0.0; q.len()];
        let mut log_sum_exp = vec![0.0; self.segments.n_rows() * self.heads.n_heads];
        self.segments
            .as_slice()
            .par_iter()
            .zip(&self.angles)
            .zip(self.segments.split_mut(&mut out, self.heads.query_width()))
            .zip(self.segments.split_mut(&mut log_sum_exp, self.heads.n_heads))
            .for_each(|(((segment, angles), out), log_sum_exp)| {
                let inputs = Inputs::new([q, k, v], segment, self.heads, angles);
                self.forward_segment(&inputs, out, log_sum_exp);
            });
        // candle runs the forward pass of an operation once, so the cell is empty.
        self.log_sum_exp.get_or_init(|| log_sum_exp);
        Ok((CpuStorage::F32(out), q_layout.shape().clone()))
    }

    fn bwd(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        out: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let Some(log_sum_exp) = self.log_sum_exp.get() else {
            bail!("causal_attention: the backward pass ran before the forward pass");
        };
        let grad = grad.contiguous()?;
        let (qs, ks, vs) = (Contents::of(q)?, Contents::of(k)?, Contents::of(v)?);
        let (outs, gs) = (Contents::of(out)?, Contents::of(&grad)?);
        let (qs, ks, vs): (&[f32], &[f32], &[f32]) = (&qs, &ks, &vs);
        let (outs, gs): (&[f32], &[f32]) = (&outs, &gs);
        let n_heads = self.heads.n_heads;
        let (q_width, kv_width) = (self.heads.query_width(), self.heads.kv_width());
        let (mut grad_q, mut grad_k) = (vec![0.0; qs.len()], vec![0.0; ks.len()]);
        let mut grad_v = vec![0.0; vs.len()];
        let of_stems: Vec<_> = self
            .segments
            .as_slice()
            .par_iter()
            .zip(&self.angles)
            .zip(self.segments.split_mut(&mut grad_q, q_width))
            .zip(self.segments.split_mut(&mut grad_k, kv_width))
            .zip(self.segments.split_mut(&mut grad_v, kv_width))
            .map(|((((segment, angles), q), k), v)| {
                let inputs = Inputs::new([qs, ks, vs], segment, self.heads, angles);
                let outputs = Outputs {
                    out: rows_of(outs, &segment.own, q_width),
                    log_sum_exp: rows_of(log_sum_exp, &segment.own, n_heads),
                    grad: rows_of(gs, &segment.own, q_width),
                };
                self.gradients(&inputs, &outputs, angles, Grads { q, k, v })
            })
            .collect();
        for (Segment { stem, .. }, of_stem) in self.segments.iter().zip(of_stems) {
            let Some([k, v]) = of_stem else { continue };
            kernels::add_assign(&mut grad_k[stem.start * kv_width..stem.end * kv_width], &k);
            kernels::add_assign(&mut grad_v[stem.start * kv_width..stem.end * kv_width], &v);
        }
        Ok((
            Some(Tensor::from_vec(grad_q, q.shape(), &Device::Cpu)?),
            Some(Tensor::from_vec(grad_k, k.shape(), &Device::Cpu)?),
            Some(Tensor::from_vec(grad_v, v.shape(), &Device::Cpu)?),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradcheck::{assert_gradients, assert_twins_agree, tensor};
    use crate::ops::RotaryScaling;

    fn heads(n_heads: usize, n_kv_heads: usize, head_dim: usize) -> Heads {
        Heads { n_heads, n_kv_heads, head_dim }
    }

    fn inputs(heads: Heads, n_rows: usize) -> [Tensor; 3] {
        [
            tensor(&[n_rows, heads.query_width()], 1),
            tensor(&[n_rows, heads.kv_width()], 2),
            tensor(&[n_rows, heads.kv_width()], 3),
        ]
    }

    #[test]
    fn the_first_token_of_a_segment_sees_itself_alone() -> Result<()> {
        let heads = heads(2, 1, 4);
        let [q, k, v] = inputs(heads, 3);
        let rotary = RotaryTable::new(4, 10_000.0)?;
        let segments = Segments::from_lengths([2, 1]);
        let out = causal_attention(&q, &k, &v, heads, &segments, &rotary, None)?.to_vec2::<f32>()?;
        let v = v.to_vec2::<f32>()?;
        for row in [0, 2] {
            assert_eq!(out[row], [&v[row][..], &v[row]].concat(), "both heads share the values");
        }
        Ok(())
    }

    #[test]
    fn two_tokens_by_hand() -> Result<()> {
        // Row 1 is orthogonal to the key of row 0 after both are turned; its scores are found here from the
        // definition.
        let heads = heads(1, 1, 2);
        let q = Tensor::new(&[[1.0_f32, 0.0], [1.0, 0.0]], &Device::Cpu)?;
        let v = Tensor::new(&[[1.0_f32, 0.0], [0.0, 1.0]], &Device::Cpu)?;
        let rotary = RotaryTable::new(2, 10_000.0)?;
        let segments = Segments::from_lengths([2]);
        let out = causal_attention(&q, &q, &v, heads, &segments, &rotary, None)?.to_vec2::<f32>()?;
        // q1 and k0 are one radian apart: scores cos(1)/√2 and 1/√2.
        let (far, near) = ((1.0_f64.cos() / 2.0_f64.sqrt()).exp(), (1.0 / 2.0_f64.sqrt()).exp());
        assert!((f64::from(out[1][0]) - far / (far + near)).abs() < 1e-6);
        assert!((f64::from(out[1][1]) - near / (far + near)).abs() < 1e-6);
        Ok(())
    }

    #[test]
    fn gradients_are_right() -> Result<()> {
        for (heads, lengths) in
            [(heads(1, 1, 2), vec![1]), (heads(2, 2, 4), vec![3, 1]), (heads(4, 2, 2), vec![1, 4, 2])]
        {
            let rotary = RotaryTable::new(heads.head_dim, 100.0)?;
            let segments = Segments::from_lengths(lengths);
            let inputs = inputs(heads, segments.n_rows());
            for window in [None, Some(1), Some(2), Some(3)] {
                assert_gradients(&inputs, |t| {
                    causal_attention(&t[0], &t[1], &t[2], heads, &segments, &rotary, window)
                });
            }
        }
        Ok(())
    }

    #[test]
    fn twins_agree() -> Result<()> {
        for (heads, lengths) in [
            (heads(4, 2, 16), vec![65, 1, 130, 64]),
            (heads(6, 1, 6), vec![33, 33]),
            (heads(3, 3, 8), vec![600]),
        ] {
            let rotary = RotaryTable::new(heads.head_dim, 10_000.0)?;
            let segments = Segments::from_lengths(lengths);
            for window in [None, Some(2), Some(20), Some(64), Some(100), Some(10_000)] {
                assert_twins_agree(
                    &inputs(heads, segments.n_rows()),
                    |t| causal_attention(&t[0], &t[1], &t[2], heads, &segments, &rotary, window),
                    |t| portable(&t[0], &t[1], &t[2], heads, &segments, &rotary, window),
                );
            }
        }
        Ok(())
    }

    /// Every kind of scaling, both ways, with gradients; the segments are longer and shorter than the original length.
    #[test]
    fn scaled_twins_agree_and_their_gradients_are_right() -> Result<()> {
        let (factor, original_positions) = (4.0, 20);
        let yarn = RotaryScaling::Yarn {
            factor,
            attention_factor: 1.2,
            beta_fast: 32.0,
            beta_slow: 1.0,
            original_positions,
            truncate: true,
        };
        let llama3 =
            RotaryScaling::Llama3 { factor, low_freq_factor: 1.0, high_freq_factor: 4.0, original_positions };
        let dynamic = |original_positions| RotaryScaling::Dynamic { factor, original_positions };
        for scaling in
            [RotaryScaling::Linear { factor }, yarn, llama3, dynamic(original_positions), dynamic(2)]
        {
            let heads_of_eight = heads(4, 2, 8);
            let rotary = RotaryTable::scaled(8, 10_000.0, scaling)?;
            let segments = Segments::from_lengths([70, 5, 25, 30]);
            assert_twins_agree(
                &inputs(heads_of_eight, segments.n_rows()),
                |t| causal_attention(&t[0], &t[1], &t[2], heads_of_eight, &segments, &rotary, None),
                |t| portable(&t[0], &t[1], &t[2], heads_of_eight, &segments, &rotary, None),
            );
            let heads_of_four = heads(2, 1, 4);
            let rotary = RotaryTable::scaled(4, 100.0, scaling)?;
            let segments = Segments::from_lengths([4, 2]);
            assert_gradients(&inputs(heads_of_four, 6), |t| {
                causal_attention(&t[0], &t[1], &t[2], heads_of_four, &segments, &rotary, Some(3))
            });
        }
        Ok(())
    }

    #[test]
    fn a_window_of_one_gives_the_values_back_and_a_wide_one_changes_no_bit() -> Result<()> {
        let heads = heads(2, 2, 4);
        let [q, k, v] = inputs(heads, 130);
        let rotary = RotaryTable::new(4, 10_000.0)?;
        let segments = Segments::from_lengths([130]);
        let attend =
            |window| causal_attention(&q, &k, &v, heads, &segments, &rotary, window)?.to_vec2::<f32>();
        assert!(attend(Some(1))? == v.to_vec2::<f32>()?);
        assert!(attend(Some(130))? == attend(None)?);
        assert!(attend(Some(129))? != attend(None)?);
        assert!(attend(Some(129))?[..129] == attend(None)?[..129]);
        assert!(attend(Some(0)).is_err());
        Ok(())
    }

    #[test]
    fn a_segment_has_the_same_bits_alone_and_a_prefix_the_same_as_the_whole() -> Result<()> {
        let heads = heads(4, 2, 8);
        let rotary = RotaryTable::new(8, 10_000.0)?;
        let [q, k, v] = inputs(heads, 300);
        for window in [None, Some(50)] {
            let attend = |first: usize, lengths: &[usize]| -> Result<Vec<Vec<f32>>> {
                let segments = Segments::from_lengths(lengths.iter().copied());
                let rows = |t: &Tensor| t.narrow(0, first, segments.n_rows());
                let (q, k, v) = (rows(&q)?, rows(&k)?, rows(&v)?);
                causal_attention(&q, &k, &v, heads, &segments, &rotary, window)?.to_vec2()
            };
            let packed = attend(0, &[100, 129, 71])?;
            assert!(attend(100, &[129])? == packed[100..229]);
            for prefix in [3, 16, 63, 64, 65, 128] {
                assert!(attend(100, &[prefix])? == packed[100..100 + prefix], "prefix of {prefix}");
            }
        }
        Ok(())
    }

    /// A prompt of 70 tokens with responses of 40, 1 and 100, and another sequence between them.
    fn sharing() -> (Segments, Segments, Vec<u32>) {
        let shared = Segments::with_stems([(0..0, 110), (0..0, 9), (0..70, 1), (0..70, 100)]);
        let apart = Segments::from_lengths([110, 9, 71, 170]);
        let rows = shared.iter().flat_map(Segment::rows).map(|row| row as u32).collect();
        (shared, apart, rows)
    }

    #[test]
    fn what_follows_a_shared_stem_has_the_bits_that_it_has_apart() -> Result<()> {
        let heads = heads(4, 2, 8);
        let rotary = RotaryTable::new(8, 10_000.0)?;
        let (shared, apart, rows) = sharing();
        let inputs = inputs(heads, shared.n_rows());
        let places = Tensor::new(&rows[..], &Device::Cpu)?;
        for window in [None, Some(1), Some(30), Some(69), Some(75), Some(500)] {
            let [q, k, v] = &inputs;
            let together = causal_attention(q, k, v, heads, &shared, &rotary, window)?;
            let [q, k, v] = [q, k, v].map(|t| t.index_select(&places, 0));
            let apart = causal_attention(&q?, &k?, &v?, heads, &apart, &rotary, window)?;
            assert!(together.index_select(&places, 0)?.to_vec2::<f32>()? == apart.to_vec2::<f32>()?);
        }
        Ok(())
    }

    #[test]
    fn a_stem_gets_the_gradients_of_all_that_see_it() -> Result<()> {
        let few = Segments::with_stems([(0..0, 4), (0..3, 2), (0..0, 1), (0..2, 3)]);
        let (heads_of_two, rotary) = (heads(4, 2, 2), RotaryTable::new(2, 100.0)?);
        let (many, ..) = sharing();
        let (heads_of_eight, long_rotary) = (heads(4, 2, 8), RotaryTable::new(8, 10_000.0)?);
        for window in [None, Some(2), Some(4), Some(80)] {
            assert_gradients(&inputs(heads_of_two, few.n_rows()), |t| {
                causal_attention(&t[0], &t[1], &t[2], heads_of_two, &few, &rotary, window)
            });
            assert_twins_agree(
                &inputs(heads_of_eight, many.n_rows()),
                |t| causal_attention(&t[0], &t[1], &t[2], heads_of_eight, &many, &long_rotary, window),
                |t| portable(&t[0], &t[1], &t[2], heads_of_eight, &many, &long_rotary, window),
            );
        }
        Ok(())
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() -> Result<()> {
        let rotary = RotaryTable::new(4, 10_000.0)?;
        let [q, k, v] = inputs(heads(2, 1, 4), 3);
        let segments = Segments::from_lengths([2]);
        assert!(causal_attention(&q, &k, &v, heads(2, 1, 4), &segments, &rotary, None).is_err());
        let segments = Segments::from_lengths([3]);
        assert!(causal_attention(&q, &k, &v, heads(3, 2, 4), &segments, &rotary, None).is_err());
        assert!(causal_attention(&q, &k, &v, heads(4, 2, 2), &segments, &rotary, None).is_err());
        Ok(())
    }
}
