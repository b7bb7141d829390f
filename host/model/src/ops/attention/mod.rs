//! Causal grouped-query attention over packed sequences, rotary positions included.
//!
//! In: queries (N, n_heads·head_dim), keys and values (N, n_kv_heads·head_dim), before the rotation. Out: (N,
//! n_heads·head_dim). Within a segment, token i sees tokens 0 to i; positions begin at 0 in each segment.
//! Consecutive query heads share a key-value head.
//!
//! With q and k rotated, S = q·kᵀ/√head_dim and P = softmax(S) over what is visible, the result is O = P·v.
//! The forward pass keeps log Σ e^S a row, (N, n_heads), from which the backward pass computes P again
//! instead of storing it. With g the gradient of O: dv = Pᵀ·g, dP = g·vᵀ, dS = P ∘ (dP − rowsum(g ∘
//! O))/√head_dim, dq = dS·k, dk = dSᵀ·q.
//!
//! Reference: Dao et al., "FlashAttention", 2022, appendix B (the backward pass).
//! Left out on purpose: keys and values from a cache. Decoding has its own step; see [`crate::network::cache`].

mod portable;

use std::sync::{Arc, OnceLock};

use candle_core::{CpuStorage, CustomOp3, Device, Layout, Result, Shape, Tensor, bail};
use gemm::Parallelism;
use rayon::prelude::*;

use crate::ops::matmul::{Matrix, MatrixMut, Update, multiply};
use crate::ops::{Angles, Contents, RotaryTable, Segments, Turn, all_cpu_f32, f32_slice, kernels};
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

/// Attention of `q` (N, n_heads·head_dim) over `k` and `v` (N, n_kv_heads·head_dim); gives the shape of `q`.
///
/// # Errors
/// If the shapes do not fit the heads and segments, or `n_kv_heads` does not divide `n_heads`, or the table
/// is for another size of head.
pub fn causal_attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    heads: Heads,
    segments: &Segments,
    rotary: &RotaryTable,
) -> Result<Tensor> {
    let Heads { n_heads, n_kv_heads, head_dim } = heads;
    if n_kv_heads == 0 || n_heads == 0 || n_heads % n_kv_heads != 0 {
        bail!("causal_attention: {n_kv_heads} key-value heads do not divide {n_heads} heads");
    }
    if rotary.head_dim() != head_dim {
        bail!("causal_attention: rotary table for heads of {}, not {head_dim}", rotary.head_dim());
    }
    let n_rows = segments.n_rows();
    for (what, tensor, width) in
        [("q", q, heads.query_width()), ("k", k, heads.kv_width()), ("v", v, heads.kv_width())]
    {
        if tensor.dims() != [n_rows, width] {
            bail!("causal_attention: {what} has shape {:?}, not ({n_rows}, {width})", tensor.dims());
        }
    }
    let angles = rotary.angles(segments.longest());
    if all_cpu_f32(&[q, k, v]) {
        let log_sum_exp = OnceLock::new();
        let op = CausalAttention { heads, segments: segments.clone(), angles, log_sum_exp };
        q.contiguous()?.apply_op3(&k.contiguous()?, &v.contiguous()?, op)
    } else {
        portable(q, k, v, heads, segments, rotary)
    }
}

struct CausalAttention {
    heads: Heads,
    segments: Segments,
    angles: Arc<Angles>,
    /// log Σ e^S of each row and head, (N, n_heads); set by the forward pass.
    log_sum_exp: OnceLock<Vec<f32>>,
}

/// What the backward pass reads of one segment; q and k are rotated. Shapes (length, width).
struct SegmentInputs<'a> {
    q: &'a [f32],
    k: &'a [f32],
    v: &'a [f32],
    out: &'a [f32],
    log_sum_exp: &'a [f32],
    grad: &'a [f32],
}

/// What the backward pass writes of one segment; zeros at first.
struct SegmentGrads<'a> {
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

impl CausalAttention {
    fn rotated(&self, rows: &[f32], width: usize) -> Vec<f32> {
        let mut rows = rows.to_vec();
        self.angles.rotate_rows(&mut rows, width, Turn::Forward);
        rows
    }

    /// One segment: q and k rotated, (length, width) each; writes `out` and `log_sum_exp`.
    fn forward_segment(&self, q: &[f32], k: &[f32], v: &[f32], out: &mut [f32], log_sum_exp: &mut [f32]) {
        let heads = self.heads;
        let (q_width, kv_width) = (heads.query_width(), heads.kv_width());
        let length = q.len() / q_width;
        let mut scores = vec![0.0; QUERY_BLOCK.min(length) * length];
        for head in 0..heads.n_heads {
            let kv_head = head / heads.group_size();
            for first in (0..length).step_by(QUERY_BLOCK) {
                let rows = QUERY_BLOCK.min(length - first);
                let seen = first + rows;
                let k = head_view(k, kv_head, heads, kv_width, 0, seen).transposed();
                let q = head_view(q, head, heads, q_width, first, rows);
                let block = MatrixMut::new(&mut scores, rows, seen);
                multiply(block, Update::Overwrite, heads.scale(), q, k, Parallelism::None);
                for (row, scores) in scores.chunks_exact_mut(seen).take(rows).enumerate() {
                    let (visible, future) = scores.split_at_mut(first + row + 1);
                    log_sum_exp[(first + row) * heads.n_heads + head] = kernels::softmax_in_place(visible);
                    future.fill(0.0);
                }
                product(
                    head_view_mut(out, head, heads, q_width, first, rows),
                    Matrix::new(&scores, rows, seen),
                    head_view(v, kv_head, heads, kv_width, 0, seen),
                );
            }
        }
    }

    /// One segment; the gradients of q and k are those of the rotated ones.
    fn backward_segment(&self, inputs: &SegmentInputs<'_>, grads: &mut SegmentGrads<'_>) {
        let heads = self.heads;
        let (q_width, kv_width, head_dim) = (heads.query_width(), heads.kv_width(), heads.head_dim);
        let length = inputs.q.len() / q_width;
        let mut probs = vec![0.0; QUERY_BLOCK.min(length) * length];
        let mut grad_probs = probs.clone();
        for head in 0..heads.n_heads {
            let kv_head = head / heads.group_size();
            for first in (0..length).step_by(QUERY_BLOCK) {
                let rows = QUERY_BLOCK.min(length - first);
                let seen = first + rows;
                let q = head_view(inputs.q, head, heads, q_width, first, rows);
                let grad = head_view(inputs.grad, head, heads, q_width, first, rows);
                let k = head_view(inputs.k, kv_head, heads, kv_width, 0, seen);
                let v = head_view(inputs.v, kv_head, heads, kv_width, 0, seen);
                product(MatrixMut::new(&mut probs, rows, seen), q, k.transposed());
                product(MatrixMut::new(&mut grad_probs, rows, seen), grad, v.transposed());

                let blocks = probs.chunks_exact_mut(seen).zip(grad_probs.chunks_exact_mut(seen));
                for (row, (probs, grad_probs)) in blocks.take(rows).enumerate() {
                    let start = (first + row) * q_width + head * head_dim;
                    let out = &inputs.out[start..start + head_dim];
                    let mean_grad = kernels::dot(out, &inputs.grad[start..start + head_dim]);
                    let log_sum_exp = inputs.log_sum_exp[(first + row) * heads.n_heads + head];
                    scores_backward(
                        probs,
                        grad_probs,
                        first + row + 1,
                        heads.scale(),
                        log_sum_exp,
                        mean_grad,
                    );
                }

                let probs = Matrix::new(&probs, rows, seen);
                let grad_scores = Matrix::new(&grad_probs, rows, seen);
                product(head_view_mut(grads.q, head, heads, q_width, first, rows), grad_scores, k);
                let grad_k = head_view_mut(grads.k, kv_head, heads, kv_width, 0, seen);
                add_product(grad_k, grad_scores.transposed(), q);
                let grad_v = head_view_mut(grads.v, kv_head, heads, kv_width, 0, seen);
                add_product(grad_v, probs.transposed(), grad);
            }
        }
    }
}

/// One row: turns q·k into P, and dP into dS; entries from `visible` on become 0.
fn scores_backward(
    probs: &mut [f32],
    grad_probs: &mut [f32],
    visible: usize,
    scale: f32,
    log_sum_exp: f32,
    mean_grad: f32,
) {
    let seen = probs[..visible].iter_mut().zip(&mut grad_probs[..visible]);
    for (prob, grad_prob) in seen {
        *prob = kernels::exp(*prob * scale - log_sum_exp);
        *grad_prob = *prob * (*grad_prob - mean_grad) * scale;
    }
    probs[visible..].fill(0.0);
    grad_probs[visible..].fill(0.0);
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
        let (q_width, kv_width) = (self.heads.query_width(), self.heads.kv_width());
        let mut out = vec![0.0; q.len()];
        let mut log_sum_exp = vec![0.0; self.segments.n_rows() * self.heads.n_heads];
        self.segments
            .ranges()
            .par_iter()
            .zip(self.segments.split_mut(&mut out, q_width))
            .zip(self.segments.split_mut(&mut log_sum_exp, self.heads.n_heads))
            .for_each(|((range, out), log_sum_exp)| {
                let q = self.rotated(&q[range.start * q_width..range.end * q_width], q_width);
                let kv = range.start * kv_width..range.end * kv_width;
                let k = self.rotated(&k[kv.clone()], kv_width);
                self.forward_segment(&q, &k, &v[kv], out, log_sum_exp);
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
        self.segments
            .ranges()
            .par_iter()
            .zip(self.segments.split_mut(&mut grad_q, q_width))
            .zip(self.segments.split_mut(&mut grad_k, kv_width))
            .zip(self.segments.split_mut(&mut grad_v, kv_width))
            .for_each(|(((range, grad_q), grad_k), grad_v)| {
                let rows = |width: usize| range.start * width..range.end * width;
                let inputs = SegmentInputs {
                    q: &self.rotated(&qs[rows(q_width)], q_width),
                    k: &self.rotated(&ks[rows(kv_width)], kv_width),
                    v: &vs[rows(kv_width)],
                    out: &outs[rows(q_width)],
                    log_sum_exp: &log_sum_exp[rows(n_heads)],
                    grad: &gs[rows(q_width)],
                };
                let mut grads = SegmentGrads { q: grad_q, k: grad_k, v: grad_v };
                self.backward_segment(&inputs, &mut grads);
                self.angles.rotate_rows(grads.q, q_width, Turn::Back);
                self.angles.rotate_rows(grads.k, kv_width, Turn::Back);
            });
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
        let out = causal_attention(&q, &k, &v, heads, &segments, &rotary)?.to_vec2::<f32>()?;
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
        let out = causal_attention(&q, &q, &v, heads, &segments, &rotary)?.to_vec2::<f32>()?;
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
            assert_gradients(&inputs, |t| causal_attention(&t[0], &t[1], &t[2], heads, &segments, &rotary));
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
            assert_twins_agree(
                &inputs(heads, segments.n_rows()),
                |t| causal_attention(&t[0], &t[1], &t[2], heads, &segments, &rotary),
                |t| portable(&t[0], &t[1], &t[2], heads, &segments, &rotary),
            );
        }
        Ok(())
    }

    #[test]
    fn a_segment_has_the_same_bits_alone_and_a_prefix_the_same_as_the_whole() -> Result<()> {
        let heads = heads(4, 2, 8);
        let rotary = RotaryTable::new(8, 10_000.0)?;
        let [q, k, v] = inputs(heads, 300);
        let attend = |first: usize, lengths: &[usize]| -> Result<Vec<Vec<f32>>> {
            let segments = Segments::from_lengths(lengths.iter().copied());
            let rows = |t: &Tensor| t.narrow(0, first, segments.n_rows());
            causal_attention(&rows(&q)?, &rows(&k)?, &rows(&v)?, heads, &segments, &rotary)?.to_vec2()
        };
        let packed = attend(0, &[100, 129, 71])?;
        assert!(attend(100, &[129])? == packed[100..229]);
        for prefix in [3, 16, 63, 64, 65, 128] {
            assert!(attend(100, &[prefix])? == packed[100..100 + prefix], "prefix of {prefix}");
        }
        Ok(())
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() -> Result<()> {
        let rotary = RotaryTable::new(4, 10_000.0)?;
        let [q, k, v] = inputs(heads(2, 1, 4), 3);
        let segments = Segments::from_lengths([2]);
        assert!(causal_attention(&q, &k, &v, heads(2, 1, 4), &segments, &rotary).is_err());
        let segments = Segments::from_lengths([3]);
        assert!(causal_attention(&q, &k, &v, heads(3, 2, 4), &segments, &rotary).is_err());
        assert!(causal_attention(&q, &k, &v, heads(4, 2, 2), &segments, &rotary).is_err());
        Ok(())
    }
}
