//! [`target_log_probs`](super::target_log_probs()) in candle's own operations, for devices and dtypes that
//! the fused operation does not take.
//!
//! In and out: as there; the result is f32 (f64 for f64 inputs). Logits exist for one chunk of rows at a time
//! here too. Candle's graph would keep every chunk for the backward pass, so the values are computed off the
//! graph and then passed through an operation that returns them unchanged and whose backward pass computes
//! the chunks again.

use candle_core::{CpuStorage, CudaStorage, CustomOp3, D, Layout, MetalStorage, Result, Shape, Tensor};
use candle_nn::ops::softmax;

use super::{rows_per_chunk, scored_rows};
use crate::ops::known::whole;
use crate::ops::wide;

/// As [`target_log_probs`](super::target_log_probs()), whose caller has checked shapes and targets.
///
/// # Errors
/// If a tensor operation fails.
pub fn portable(hidden: &Tensor, head: &Tensor, targets: &[Option<u32>]) -> Result<Tensor> {
    let op = TargetLogProbs { scored_rows: scored_rows(targets) };
    let log_probs = op.log_probs(&hidden.detach(), &head.detach())?;
    if hidden.track_op() || head.track_op() { hidden.apply_op3(head, &log_probs, op) } else { Ok(log_probs) }
}

/// Returns its third argument; see the head of the file.
struct TargetLogProbs {
    scored_rows: Vec<(usize, u32)>,
}

/// Some scored rows: indices (rows), targets (rows, 1), hidden states (rows, D), logits (rows, V).
struct Chunk {
    rows: Tensor,
    targets: Tensor,
    hidden: Tensor,
    logits: Tensor,
}

impl Chunk {
    fn new(scored_rows: &[(usize, u32)], hidden: &Tensor, head: &Tensor) -> Result<Self> {
        let device = hidden.device();
        let (rows, targets): (Vec<u32>, Vec<u32>) =
            scored_rows.iter().map(|&(row, target)| (row as u32, target)).unzip();
        let rows = Tensor::new(rows, device)?;
        let targets = Tensor::new(targets, device)?.unsqueeze(1)?;
        let hidden = hidden.index_select(&rows, 0)?;
        let logits = hidden.matmul(&head.t()?)?.to_dtype(wide(hidden.dtype()))?;
        Ok(Self { rows, targets, hidden, logits })
    }

    /// ln p(target), (rows,).
    fn log_probs(&self) -> Result<Tensor> {
        let target_logits = self.logits.gather(&self.targets, 1)?.squeeze(1)?;
        target_logits - self.logits.log_sum_exp(D::Minus1)?
    }

    /// The gradient of the logits, g·(onehot(target) − p), (rows, V), for `grad` (N,).
    fn grad_logits(&self, grad: &Tensor) -> Result<Tensor> {
        let grad = grad.index_select(&self.rows, 0)?.unsqueeze(1)?;
        let minus = softmax(&self.logits, D::Minus1)?.broadcast_mul(&grad.neg()?)?;
        minus.scatter_add(&self.targets, &grad, 1)
    }
}

impl TargetLogProbs {
    fn log_probs(&self, hidden: &Tensor, head: &Tensor) -> Result<Tensor> {
        let n_rows = hidden.dim(0)?;
        let mut out = Tensor::zeros(n_rows, wide(hidden.dtype()), hidden.device())?;
        for rows in self.scored_rows.chunks(rows_per_chunk(head.dim(0)?)) {
            let chunk = Chunk::new(rows, hidden, head)?;
            out = out.index_add(&chunk.rows, &chunk.log_probs()?, 0)?;
        }
        Ok(out)
    }
}

impl CustomOp3 for TargetLogProbs {
    fn name(&self) -> &'static str {
        "target_log_probs, portable"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        log_probs: &CpuStorage,
        layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        whole(log_probs, layout)
    }

    fn cuda_fwd(
        &self,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
        log_probs: &CudaStorage,
        layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        whole(log_probs, layout)
    }

    fn metal_fwd(
        &self,
        _: &MetalStorage,
        _: &Layout,
        _: &MetalStorage,
        _: &Layout,
        log_probs: &MetalStorage,
        layout: &Layout,
    ) -> Result<(MetalStorage, Shape)> {
        whole(log_probs, layout)
    }

    fn bwd(
        &self,
        hidden: &Tensor,
        head: &Tensor,
        _log_probs: &Tensor,
        _out: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let is_head_frozen = !head.track_op();
        let (hidden, head, grad) = (hidden.detach(), head.detach(), grad.detach());
        let dtype = hidden.dtype();
        let mut grad_hidden = hidden.zeros_like()?;
        // Sums over chunks stay in f32, whatever the dtype of the head.
        let mut grad_head = match is_head_frozen {
            true => None,
            false => Some(Tensor::zeros(head.dims(), wide(dtype), head.device())?),
        };
        for rows in self.scored_rows.chunks(rows_per_chunk(head.dim(0)?)) {
            let chunk = Chunk::new(rows, &hidden, &head)?;
            let grad_logits = chunk.grad_logits(&grad)?.to_dtype(dtype)?;
            grad_hidden = grad_hidden.index_add(&chunk.rows, &grad_logits.matmul(&head)?, 0)?;
            if let Some(sum) = &mut grad_head {
                let grad_chunk = grad_logits.t()?.matmul(&chunk.hidden)?;
                *sum = (&*sum + grad_chunk.to_dtype(wide(dtype))?)?;
            }
        }
        let grad_head = grad_head.map(|sum| sum.to_dtype(head.dtype())).transpose()?;
        Ok((Some(grad_hidden), grad_head, None))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::DType;

    use super::*;
    use crate::gradcheck::{assert_gradients, tensor};

    #[test]
    fn values_are_those_of_log_softmax() -> Result<()> {
        let (hidden, head) = (tensor(&[5, 3], 1), tensor(&[40, 3], 2));
        let log_softmax = candle_nn::ops::log_softmax(&hidden.matmul(&head.t()?)?, 1)?.to_vec2::<f32>()?;
        let targets = [Some(39), None, Some(0), Some(7), None];
        let out = portable(&hidden, &head, &targets)?.to_vec1::<f32>()?;
        for ((actual, row), target) in out.iter().zip(log_softmax).zip(targets) {
            let expected = target.map_or(0.0, |target| row[target as usize]);
            assert!((actual - expected).abs() < 1e-6);
        }
        Ok(())
    }

    #[test]
    fn gradients_are_right() {
        let inputs = [tensor(&[4, 3], 1), tensor(&[7, 3], 2)];
        let inputs = inputs.map(|input| input.to_dtype(DType::F64).unwrap());
        assert_gradients(&inputs, |t| portable(&t[0], &t[1], &[Some(6), None, Some(0), Some(6)]));
    }
}
