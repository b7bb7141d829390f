//! The log-probability of each row's target token: the output head, log-softmax and the choice of one entry,
//! at once.
//!
//! In: hidden states (N, D), the head's weight (V, D), and for each row a target or none. Out: (N,) natural
//! logarithms; 0 in rows without a target. With p the row's distribution and g the gradient of its result,
//! the gradient of the logits is g·(onehot(target) − p).
//!
//! Logits exist for a few hundred rows at a time, in the forward pass and again in the backward pass, and
//! only for rows with a target: a vocabulary of 152k and 9,000 tokens would be 5.5 GB.
//!
//! There is no temperature: log-probabilities in the objective are those of the model itself.

mod head;
mod portable;

use std::sync::{Arc, OnceLock};

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Device, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use crate::ops::backward::gradient;
use crate::ops::bf16::PackedWeight;
use crate::ops::matmul::Update;
use crate::ops::{Contents, all_cpu_f32, f32_slice, kernels};
use head::Head;
pub use portable::portable;

/// Entries of logits that exist at once (64 MiB).
const MAX_LOGITS: usize = 1 << 24;
/// Rows of logits that exist at once, at most.
const MAX_ROWS: usize = 512;
/// Rows that one task handles, at least.
const ROWS_PER_TASK: usize = 16;

/// ln p(target | row) for each row of `hidden` (N, D), under the head `head` (V, D); gives (N,). A row whose
/// target is `None` gives 0 and receives no gradient.
///
/// # Errors
/// If the shapes do not fit, or a target is not below V.
pub fn target_log_probs(hidden: &Tensor, head: &Tensor, targets: Arc<[Option<u32>]>) -> Result<Tensor> {
    check(hidden, head.dims2()?, &targets)?;
    if all_cpu_f32(&[hidden, head]) {
        let op = TargetLogProbs::new(&targets, None);
        hidden.contiguous()?.apply_op2(&head.contiguous()?, op)
    } else {
        portable(hidden, head, &targets)
    }
}

/// [`target_log_probs`] under a head in bf16, for hidden states in f32 on the CPU.
///
/// # Errors
/// If the shapes do not fit, or a target is not below V.
pub fn target_log_probs_in_bf16(
    hidden: &Tensor,
    head: &PackedWeight,
    targets: Arc<[Option<u32>]>,
) -> Result<Tensor> {
    check(hidden, head.shape(), &targets)?;
    let (hidden, op) = (hidden.contiguous()?, TargetLogProbs::new(&targets, Some(head.clone())));
    match head.master().filter(|master| master.track_op()) {
        Some(master) => hidden.apply_op2(master, op),
        None => hidden.apply_op1(op),
    }
}

fn check(hidden: &Tensor, (vocab_size, head_width): (usize, usize), targets: &[Option<u32>]) -> Result<()> {
    let (n_rows, width) = hidden.dims2()?;
    if width != head_width || n_rows != targets.len() {
        bail!(
            "target_log_probs: hidden states ({n_rows}, {width}), head ({vocab_size}, {head_width}), {} targets",
            targets.len()
        );
    }
    for (row, target) in targets.iter().enumerate() {
        if let Some(target) = target
            && *target as usize >= vocab_size
        {
            bail!("target_log_probs: target {target} at row {row} is not in the vocabulary of {vocab_size}");
        }
    }
    Ok(())
}

/// The rows that have a target, and their targets.
fn scored_rows(targets: &[Option<u32>]) -> Vec<(usize, u32)> {
    targets.iter().enumerate().filter_map(|(row, target)| target.map(|target| (row, target))).collect()
}

/// Rows of logits to compute at once.
pub(crate) fn rows_per_chunk(vocab_size: usize) -> usize {
    (MAX_LOGITS / vocab_size.max(1)).clamp(1, MAX_ROWS)
}

struct TargetLogProbs {
    n_rows: usize,
    scored_rows: Vec<(usize, u32)>,
    /// log Σ e^logit of each scored row; set by the forward pass.
    log_sum_exp: OnceLock<Vec<f32>>,
    /// The head in bf16, if it is not a tensor.
    packed: Option<PackedWeight>,
}

/// A chunk of rows: their hidden states, copied together (rows, D), and their logits (rows, V).
struct Chunk {
    hidden: Vec<f32>,
    logits: Vec<f32>,
}

impl Chunk {
    fn new(rows: &[(usize, u32)], hidden: &[f32], head: &Head<'_>) -> Self {
        let (vocab_size, width) = head.shape();
        let mut packed = Vec::with_capacity(rows.len() * width);
        for &(row, _) in rows {
            packed.extend_from_slice(&hidden[row * width..][..width]);
        }
        let mut logits = vec![0.0; rows.len() * vocab_size];
        head.logits(&mut logits, &packed, rows.len());
        Self { hidden: packed, logits }
    }

    /// Turns each row of logits into its gradient, g·(onehot(target) − p).
    fn logits_backward(
        &mut self,
        rows: &[(usize, u32)],
        log_sum_exp: &[f32],
        grad: &[f32],
        vocab_size: usize,
    ) {
        self.logits
            .par_chunks_mut(vocab_size)
            .zip(rows)
            .zip(log_sum_exp)
            .with_min_len(ROWS_PER_TASK)
            .for_each(|((logits, &(row, target)), &log_sum_exp)| {
                kernels::scaled_exp_in_place(logits, log_sum_exp, -grad[row]);
                logits[target as usize] += grad[row];
            });
    }
}

impl TargetLogProbs {
    fn new(targets: &[Option<u32>], packed: Option<PackedWeight>) -> Self {
        let (n_rows, scored_rows) = (targets.len(), scored_rows(targets));
        Self { n_rows, scored_rows, log_sum_exp: OnceLock::new(), packed }
    }

    fn forward(&self, hidden: &[f32], head: &Head<'_>) -> (CpuStorage, Shape) {
        let (vocab_size, _) = head.shape();
        let mut out = vec![0.0; self.n_rows];
        let mut all_log_sum_exp = Vec::with_capacity(self.scored_rows.len());
        for rows in self.scored_rows.chunks(rows_per_chunk(vocab_size)) {
            let mut chunk = Chunk::new(rows, hidden, head);
            let scored: Vec<(f32, f32)> = chunk
                .logits
                .par_chunks_mut(vocab_size)
                .zip(rows)
                .with_min_len(ROWS_PER_TASK)
                .map(|(logits, &(_, target))| {
                    let target_logit = logits[target as usize];
                    let max = kernels::row_max(logits);
                    let log_sum = kernels::exp_in_place(logits, max).ln();
                    // Subtracting in this order keeps the digits of a log-probability near 0.
                    (target_logit - max - log_sum, max + log_sum)
                })
                .collect();
            for (&(row, _), (log_prob, log_sum_exp)) in rows.iter().zip(scored) {
                out[row] = log_prob;
                all_log_sum_exp.push(log_sum_exp);
            }
        }
        // candle runs the forward pass of an operation once, so the cell is empty.
        self.log_sum_exp.get_or_init(|| all_log_sum_exp);
        (CpuStorage::F32(out), Shape::from(self.n_rows))
    }

    /// The gradient of the hidden states; that of the head is written or added to a given one, if there is one.
    fn backward(
        &self,
        hidden: &Tensor,
        head: &Head<'_>,
        grad: &Tensor,
        mut grad_head: Option<(&mut [f32], Update)>,
    ) -> Result<Tensor> {
        let Some(log_sum_exp) = self.log_sum_exp.get() else {
            bail!("target_log_probs: the backward pass ran before the forward pass");
        };
        let (vocab_size, width) = head.shape();
        let grad = grad.contiguous()?;
        let (hiddens, grads) = (Contents::of(hidden)?, Contents::of(&grad)?);
        let mut grad_hidden = vec![0.0; hiddens.len()];
        let n_chunk_rows = rows_per_chunk(vocab_size);
        for (rows, log_sum_exp) in self.scored_rows.chunks(n_chunk_rows).zip(log_sum_exp.chunks(n_chunk_rows))
        {
            let mut chunk = Chunk::new(rows, &hiddens, head);
            chunk.logits_backward(rows, log_sum_exp, &grads, vocab_size);
            if let Some((grad_head, update)) = &mut grad_head {
                head.gradient(grad_head, *update, &chunk.logits, &chunk.hidden, rows.len());
                *update = Update::Add;
            }
            // The packed hidden states have served; their gradient takes their place.
            head.hidden_gradient(&mut chunk.hidden, &chunk.logits, rows.len())?;
            for (&(row, _), grad) in rows.iter().zip(chunk.hidden.chunks(width)) {
                grad_hidden[row * width..][..width].copy_from_slice(grad);
            }
        }
        Tensor::from_vec(grad_hidden, hidden.shape(), &Device::Cpu)
    }
}

impl CustomOp1 for TargetLogProbs {
    fn name(&self) -> &'static str {
        "target_log_probs under a frozen head"
    }

    fn cpu_fwd(&self, hidden: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let Some(packed) = &self.packed else { bail!("target_log_probs: there is no head") };
        Ok(self.forward(f32_slice("target_log_probs", hidden, layout)?, &Head::Packed(packed.packings())))
    }

    fn bwd(&self, hidden: &Tensor, _out: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let Some(packed) = &self.packed else { bail!("target_log_probs: there is no head") };
        Ok(Some(self.backward(hidden, &Head::Packed(packed.packings()), grad, None)?))
    }
}

impl CustomOp2 for TargetLogProbs {
    fn name(&self) -> &'static str {
        "target_log_probs"
    }

    fn cpu_fwd(
        &self,
        hidden: &CpuStorage,
        hidden_layout: &Layout,
        head: &CpuStorage,
        head_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let hidden = f32_slice("target_log_probs", hidden, hidden_layout)?;
        let head = match &self.packed {
            Some(packed) => Head::Packed(packed.packings()),
            None => Head::Dense {
                head: f32_slice("target_log_probs", head, head_layout)?,
                shape: head_layout.shape().dims2()?,
            },
        };
        Ok(self.forward(hidden, &head))
    }

    fn bwd(
        &self,
        hidden: &Tensor,
        head: &Tensor,
        _out: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let parameter = head;
        let contents = Contents::of(head)?;
        let head = match &self.packed {
            Some(packed) => Head::Packed(packed.packings()),
            None => Head::Dense { head: &contents, shape: head.dims2()? },
        };
        if !parameter.track_op() {
            return Ok((Some(self.backward(hidden, &head, grad, None)?), None));
        }
        let mut grad_hidden = None;
        let grad_head = gradient(parameter, |sum, update| {
            grad_hidden = Some(self.backward(hidden, &head, grad, Some((sum, update)))?);
            Ok(())
        })?;
        Ok((grad_hidden, grad_head))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradcheck::{assert_gradients, assert_twins_agree, tensor};

    /// Targets spread over the vocabulary, every third row without one.
    fn targets(n_rows: usize, vocab_size: usize) -> Arc<[Option<u32>]> {
        (0..n_rows).map(|row| (row % 3 != 1).then_some((row * 31 % vocab_size) as u32)).collect()
    }

    #[test]
    fn by_hand() -> Result<()> {
        // logits (0, ln 3): probabilities 1/4 and 3/4
        let hidden = Tensor::new(&[[1.0_f32], [1.0], [0.0]], &Device::Cpu)?;
        let head = Tensor::new(&[[0.0_f32], [3.0_f32.ln()]], &Device::Cpu)?;
        let targets: Arc<[Option<u32>]> = Arc::from([Some(0), Some(1), None]);
        let out = target_log_probs(&hidden, &head, targets)?.to_vec1::<f32>()?;
        assert!((out[0] - 0.25_f32.ln()).abs() < 1e-6);
        assert!((out[1] - 0.75_f32.ln()).abs() < 1e-6);
        assert_eq!(out[2], 0.0);
        Ok(())
    }

    #[test]
    fn gradients_are_right() {
        let inputs = [tensor(&[4, 3], 1), tensor(&[7, 3], 2)];
        assert_gradients(&inputs, |t| target_log_probs(&t[0], &t[1], targets(4, 7)));
        let nothing: Arc<[Option<u32>]> = Arc::from([None; 4]);
        assert_gradients(&inputs, |t| target_log_probs(&t[0], &t[1], nothing.clone()));
    }

    #[test]
    fn twins_agree() {
        for (n_rows, width, vocab_size) in [(1, 8, 384), (1100, 16, 384), (40, 24, 5000)] {
            let targets = targets(n_rows, vocab_size);
            let inputs = [tensor(&[n_rows, width], 1), tensor(&[vocab_size, width], 2)];
            assert_twins_agree(
                &inputs,
                |t| target_log_probs(&t[0], &t[1], targets.clone()),
                |t| portable(&t[0], &t[1], &targets),
            );
        }
    }

    #[test]
    fn an_unknown_target_is_refused() {
        let (hidden, head) = (tensor(&[2, 3], 1), tensor(&[5, 3], 2));
        let error = target_log_probs(&hidden, &head, Arc::from([None, Some(5)])).unwrap_err().to_string();
        assert!(error.contains("target 5 at row 1"), "{error}");
        assert!(target_log_probs(&hidden, &head, Arc::from([None])).is_err());
    }

    #[test]
    fn chunks_respect_both_limits() {
        assert_eq!(rows_per_chunk(384), 512);
        assert_eq!(rows_per_chunk(151_936), 110);
        assert_eq!(rows_per_chunk(usize::MAX), 1);
    }
}
