//! Dropout: each entry is 0 with probability `share`, and divided by 1 − `share` otherwise, so that its mean stays.
//!
//! In: x of any shape and a seed. Out: the same shape. Entry i, counted row by row, is decided by number i of the seed's stream,
//! so that the same seed drops the same entries on every device, in the backward pass, and when a layer is computed again. The
//! fused operation keeps no mask: the backward pass draws it again.
//!
//! Reference: Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014.

use candle_core::{CpuStorage, CustomOp1, Device, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;
use ts_core::seed::SplitMix64;

use super::known::with_backward;
use super::{Contents, all_cpu_f32, f32_slice};

/// Entries that one task handles.
const ENTRIES_PER_TASK: usize = 8192;

/// Drops entries of `x`, as `seed` says, each with probability `share`, at least 0 and below 1.
///
/// # Errors
/// If `share` is outside of its range.
pub fn dropout(x: &Tensor, share: f64, seed: u64) -> Result<Tensor> {
    if !(0.0..1.0).contains(&share) {
        bail!("dropout: the share {share} is not at least 0 and below 1");
    }
    if all_cpu_f32(&[x]) {
        x.contiguous()?.apply_op1(Dropout { share, seed })
    } else {
        portable(x, share, seed)
    }
}

/// The same in candle's own operations.
///
/// # Errors
/// If a tensor operation fails.
pub fn portable(x: &Tensor, share: f64, seed: u64) -> Result<Tensor> {
    let ones = vec![1.0; x.elem_count()];
    let factors = Tensor::from_vec(Dropout { share, seed }.apply(&ones), x.shape(), &Device::Cpu)?;
    let factors = factors.to_device(x.device())?.to_dtype(x.dtype())?;
    let value = (x.detach() * &factors)?;
    with_backward(x, value, move |grad| grad * &factors)
}

struct Dropout {
    share: f64,
    seed: u64,
}

impl Dropout {
    fn apply(&self, x: &[f32]) -> Vec<f32> {
        let kept = (1.0 / (1.0 - self.share)) as f32;
        let mut out = vec![0.0; x.len()];
        let tasks = out.par_chunks_mut(ENTRIES_PER_TASK).zip(x.par_chunks(ENTRIES_PER_TASK)).enumerate();
        tasks.for_each(|(task, (out, x))| {
            let mut rng = SplitMix64::skipping(self.seed, (task * ENTRIES_PER_TASK) as u64);
            for (out, x) in out.iter_mut().zip(x) {
                if rng.next_f64() >= self.share {
                    *out = x * kept;
                }
            }
        });
        out
    }
}

impl CustomOp1 for Dropout {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = f32_slice(self.name(), x, layout)?;
        Ok((CpuStorage::F32(self.apply(x)), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _out: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let grad = grad.contiguous()?;
        let grad = self.apply(&Contents::of(&grad)?);
        Ok(Some(Tensor::from_vec(grad, x.shape(), &Device::Cpu)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradcheck::{assert_gradients, assert_twins_agree, tensor};

    #[test]
    fn a_share_is_dropped_and_the_mean_stays() -> Result<()> {
        let n = 100_000;
        let ones = Tensor::ones(n, candle_core::DType::F32, &Device::Cpu)?;
        let out = dropout(&ones, 0.2, 7)?.to_vec1::<f32>()?;
        assert!(out.iter().all(|&x| x == 0.0 || x == 1.25));
        let dropped = out.iter().filter(|&&x| x == 0.0).count() as f64 / n as f64;
        assert!((dropped - 0.2).abs() < 0.005, "{dropped}");
        // The numbers of the seed's stream, in order, whatever the task.
        for i in [0, 1, ENTRIES_PER_TASK - 1, ENTRIES_PER_TASK, n - 1] {
            let is_kept = SplitMix64::skipping(7, i as u64).next_f64() >= 0.2;
            assert_eq!(out[i] != 0.0, is_kept, "entry {i}");
        }
        assert_eq!(dropout(&ones, 0.2, 7)?.to_vec1::<f32>()?, out);
        assert_ne!(dropout(&ones, 0.2, 8)?.to_vec1::<f32>()?, out);
        Ok(())
    }

    #[test]
    fn gradients_are_right_and_twins_agree() {
        assert_gradients(&[tensor(&[5, 7], 1)], |t| dropout(&t[0], 0.4, 3));
        let inputs = [tensor(&[130, 90], 2)];
        assert_twins_agree(&inputs, |t| dropout(&t[0], 0.4, 3), |t| portable(&t[0], 0.4, 3));
    }

    #[test]
    fn nothing_or_less_than_all_is_dropped() {
        assert!(dropout(&tensor(&[2, 2], 1), 1.0, 1).is_err());
        assert!(dropout(&tensor(&[2, 2], 1), f64::NAN, 1).is_err());
        let x = tensor(&[2, 2], 1);
        assert_eq!(dropout(&x, 0.0, 1).unwrap().to_vec2::<f32>().unwrap(), x.to_vec2::<f32>().unwrap());
    }
}
