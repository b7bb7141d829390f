//! Root-mean-square normalisation: y = x / sqrt(mean(x²) + eps) · weight, row by row.
//!
//! In: x (N, D) and the weight (D). Out: (N, D). With r = 1 / sqrt(mean(x²) + eps), g the gradient of y and s
//! the sum of gᵢ·wᵢ·xᵢ over a row, the gradients are dxᵢ = r·gᵢ·wᵢ − r³·s·xᵢ / D and dwᵢ = Σ over rows of
//! gᵢ·r·xᵢ.
//!
//! Reference: Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019. The backward pass computes r
//! again, which is cheaper than storing it.

use candle_core::{CpuStorage, CustomOp2, D, DType, Device, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::known::with_backward;
use super::{Contents, all_cpu_f32, f32_slice, kernels};

/// Rows that one task handles; also the bounds of the partial sums of the weight's gradient.
const ROWS_PER_TASK: usize = 64;

/// Normalises the rows of `x` (N, D) and scales them by `weight` (D); gives (N, D).
///
/// # Errors
/// If the shapes do not fit, or D is 0.
pub fn rms_norm(x: &Tensor, weight: &Tensor, eps: f64) -> Result<Tensor> {
    let ((_, width), weight_width) = (x.dims2()?, weight.dims1()?);
    if width != weight_width || width == 0 {
        bail!("rms_norm: rows of {width} entries, weight of {weight_width}");
    }
    if all_cpu_f32(&[x, weight]) {
        x.contiguous()?.apply_op2(&weight.contiguous()?, RmsNorm { eps: eps as f32 })
    } else {
        portable(x, weight, eps)
    }
}

/// The same in candle's own operations. Half precision is normalised in f32, as the Hugging Face models do.
///
/// # Errors
/// If a tensor operation fails.
pub fn portable(x: &Tensor, weight: &Tensor, eps: f64) -> Result<Tensor> {
    let dtype = x.dtype();
    let wide = match dtype {
        DType::F16 | DType::BF16 => x.to_dtype(DType::F32)?,
        _ => x.clone(),
    };
    let root_mean_square = (wide.sqr()?.mean_keepdim(D::Minus1)? + eps)?.sqrt()?;
    let normed = wide.broadcast_div(&root_mean_square)?.to_dtype(dtype)?;
    if weight.track_op() {
        return normed.broadcast_mul(weight);
    }
    let (value, weight) = (normed.detach().broadcast_mul(weight)?, weight.clone());
    with_backward(&normed, value, move |grad| grad.broadcast_mul(&weight))
}

struct RmsNorm {
    eps: f32,
}

impl RmsNorm {
    fn inverse_rms(&self, row: &[f32]) -> f32 {
        1.0 / (kernels::dot(row, row) / row.len() as f32 + self.eps).sqrt()
    }

    /// One row: writes the gradient of x and adds to that of the weight.
    fn backward_row(
        &self,
        x: &[f32],
        weight: &[f32],
        grad: &[f32],
        grad_x: &mut [f32],
        grad_weight: &mut [f32],
    ) {
        let r = self.inverse_rms(x);
        // `grad_x` holds g·w until the sum over it is known.
        for ((grad_x, grad), weight) in grad_x.iter_mut().zip(grad).zip(weight) {
            *grad_x = grad * weight;
        }
        let shrink = kernels::dot(grad_x, x) * r * r * r / x.len() as f32;
        for (grad_x, x) in grad_x.iter_mut().zip(x) {
            *grad_x = *grad_x * r - x * shrink;
        }
        for ((grad_weight, grad), x) in grad_weight.iter_mut().zip(grad).zip(x) {
            *grad_weight += grad * x * r;
        }
    }
}

impl CustomOp2 for RmsNorm {
    fn name(&self) -> &'static str {
        "rms_norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = f32_slice(self.name(), x, x_layout)?;
        let weight = f32_slice(self.name(), weight, weight_layout)?;
        let width = weight.len();
        let mut out = vec![0.0; x.len()];
        let task = ROWS_PER_TASK * width;
        out.par_chunks_mut(task).zip(x.par_chunks(task)).for_each(|(out, x)| {
            for (out, x) in out.chunks_mut(width).zip(x.chunks(width)) {
                let r = self.inverse_rms(x);
                for ((out, x), weight) in out.iter_mut().zip(x).zip(weight) {
                    *out = x * r * weight;
                }
            }
        });
        Ok((CpuStorage::F32(out), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _out: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let (xs, weights, grads) = (Contents::of(x)?, Contents::of(weight)?, Contents::of(&grad)?);
        let (xs, weights, grads): (&[f32], &[f32], &[f32]) = (&xs, &weights, &grads);
        let width = weights.len();
        let task = ROWS_PER_TASK * width;
        let mut grad_x = vec![0.0; xs.len()];
        let partial_sums: Vec<Vec<f32>> = grad_x
            .par_chunks_mut(task)
            .zip(xs.par_chunks(task))
            .zip(grads.par_chunks(task))
            .map(|((grad_x, x), grad)| {
                let mut grad_weight = vec![0.0; width];
                let rows = grad_x.chunks_mut(width).zip(x.chunks(width)).zip(grad.chunks(width));
                for ((grad_x, x), grad) in rows {
                    self.backward_row(x, weights, grad, grad_x, &mut grad_weight);
                }
                grad_weight
            })
            .collect();
        let mut grad_weight = vec![0.0; width];
        for partial_sum in &partial_sums {
            kernels::add_assign(&mut grad_weight, partial_sum);
        }
        let grad_weight = match weight.track_op() {
            true => Some(Tensor::from_vec(grad_weight, width, &Device::Cpu)?),
            false => None,
        };
        Ok((Some(Tensor::from_vec(grad_x, x.shape(), &Device::Cpu)?), grad_weight))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradcheck::{assert_gradients, assert_twins_agree, tensor};

    #[test]
    fn three_four_five() -> Result<()> {
        // mean(3², 4²) = 12.5, its root 3.5355
        let x = Tensor::new(&[[3.0_f32, 4.0]], &Device::Cpu)?;
        let weight = Tensor::new(&[1.0_f32, 10.0], &Device::Cpu)?;
        let out = rms_norm(&x, &weight, 0.0)?.to_vec2::<f32>()?;
        assert!((out[0][0] - 0.848_528).abs() < 1e-6 && (out[0][1] - 11.313_708).abs() < 1e-5);
        Ok(())
    }

    #[test]
    fn gradients_are_right() {
        for (rows, width) in [(1, 1), (3, 5), (2, 37)] {
            let inputs = [tensor(&[rows, width], 1), tensor(&[width], 2)];
            assert_gradients(&inputs, |t| rms_norm(&t[0], &t[1], 1e-1));
        }
    }

    #[test]
    fn twins_agree() {
        for (rows, width) in [(1, 16), (130, 33), (64, 192)] {
            let inputs = [tensor(&[rows, width], 3), tensor(&[width], 4)];
            assert_twins_agree(&inputs, |t| rms_norm(&t[0], &t[1], 1e-6), |t| portable(&t[0], &t[1], 1e-6));
        }
    }

    #[test]
    fn a_weight_of_another_width_is_refused() {
        assert!(rms_norm(&tensor(&[2, 4], 1), &tensor(&[3], 1), 1e-6).is_err());
    }
}
