//! The gated activation of the feed-forward block: y = silu(gate) · up, where silu(x) = x / (1 + e^-x).
//!
//! In: gate and up, of one shape. Out: that shape. With s = 1 / (1 + e^-gate), the gradients are
//! dup = g · gate·s and dgate = g · up · s·(1 + gate·(1 − s)).
//!
//! Reference: Shazeer, "GLU Variants Improve Transformer", 2020.

use candle_core::{CpuStorage, CustomOp2, Device, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::{Contents, all_cpu_f32, f32_slice, kernels};
use crate::ops::vectors::widest_vectors;

/// Entries that one task handles.
const ENTRIES_PER_TASK: usize = 8192;

/// silu(`gate`) · `up`, entry by entry.
///
/// # Errors
/// If the shapes differ.
pub fn swiglu(gate: &Tensor, up: &Tensor) -> Result<Tensor> {
    if gate.shape() != up.shape() {
        bail!("swiglu: gate has shape {:?}, up {:?}", gate.shape(), up.shape());
    }
    if all_cpu_f32(&[gate, up]) {
        gate.contiguous()?.apply_op2(&up.contiguous()?, SwiGlu)
    } else {
        portable(gate, up)
    }
}

/// The same in candle's own operations.
///
/// # Errors
/// If a tensor operation fails.
pub fn portable(gate: &Tensor, up: &Tensor) -> Result<Tensor> {
    gate.silu()? * up
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + kernels::exp(-x))
}

widest_vectors! {
    /// `out` = silu(`gate`) · `up`.
    fn forward(out: &mut [f32], gate: &[f32], up: &[f32]) {
        for ((out, gate), up) in out.iter_mut().zip(gate).zip(up) {
            *out = gate * sigmoid(*gate) * up;
        }
    }
}

widest_vectors! {
    /// The gradients of `gate` and `up`, given that of the result.
    fn backward(grad_gate: &mut [f32], grad_up: &mut [f32], gate: &[f32], up: &[f32], grad: &[f32]) {
        let n = grad.len();
        let (grad_gate, grad_up, gate, up) = (&mut grad_gate[..n], &mut grad_up[..n], &gate[..n], &up[..n]);
        for i in 0..n {
            let s = sigmoid(gate[i]);
            let silu = gate[i] * s;
            grad_up[i] = grad[i] * silu;
            grad_gate[i] = grad[i] * up[i] * (s + silu * (1.0 - s));
        }
    }
}

struct SwiGlu;

impl CustomOp2 for SwiGlu {
    fn name(&self) -> &'static str {
        "swiglu"
    }

    fn cpu_fwd(
        &self,
        gate: &CpuStorage,
        gate_layout: &Layout,
        up: &CpuStorage,
        up_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let gate = f32_slice(self.name(), gate, gate_layout)?;
        let up = f32_slice(self.name(), up, up_layout)?;
        let mut out = vec![0.0; gate.len()];
        out.par_chunks_mut(ENTRIES_PER_TASK)
            .zip(gate.par_chunks(ENTRIES_PER_TASK))
            .zip(up.par_chunks(ENTRIES_PER_TASK))
            .for_each(|((out, gate), up)| {
                forward(out, gate, up);
            });
        Ok((CpuStorage::F32(out), gate_layout.shape().clone()))
    }

    fn bwd(
        &self,
        gate: &Tensor,
        up: &Tensor,
        _out: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let (gates, ups, grads) = (Contents::of(gate)?, Contents::of(up)?, Contents::of(&grad)?);
        let mut grad_gate = vec![0.0; gates.len()];
        let mut grad_up = vec![0.0; gates.len()];
        grad_gate
            .par_chunks_mut(ENTRIES_PER_TASK)
            .zip(grad_up.par_chunks_mut(ENTRIES_PER_TASK))
            .zip(gates.par_chunks(ENTRIES_PER_TASK))
            .zip(ups.par_chunks(ENTRIES_PER_TASK))
            .zip(grads.par_chunks(ENTRIES_PER_TASK))
            .for_each(|((((grad_gate, grad_up), gate), up), grad)| {
                backward(grad_gate, grad_up, gate, up, grad);
            });
        Ok((
            Some(Tensor::from_vec(grad_gate, gate.shape(), &Device::Cpu)?),
            Some(Tensor::from_vec(grad_up, up.shape(), &Device::Cpu)?),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradcheck::{assert_gradients, assert_twins_agree, tensor};

    #[test]
    fn by_hand() -> Result<()> {
        // silu(0) = 0; silu(2) = 2 / (1 + e^-2) = 1.761594
        let gate = Tensor::new(&[0.0_f32, 2.0, -100.0], &Device::Cpu)?;
        let up = Tensor::new(&[5.0_f32, 10.0, 1.0], &Device::Cpu)?;
        let out = swiglu(&gate, &up)?.to_vec1::<f32>()?;
        assert_eq!(out[0], 0.0);
        assert!((out[1] - 17.615_94).abs() < 1e-4);
        assert!(out[2].abs() < 1e-30);
        Ok(())
    }

    #[test]
    fn gradients_are_right() {
        let inputs = [tensor(&[3, 5], 1), tensor(&[3, 5], 2)];
        assert_gradients(&inputs, |t| swiglu(&t[0], &t[1]));
    }

    #[test]
    fn twins_agree() {
        let inputs = [tensor(&[90, 101], 1), tensor(&[90, 101], 2)];
        assert_twins_agree(&inputs, |t| swiglu(&t[0], &t[1]), |t| portable(&t[0], &t[1]));
    }
}
