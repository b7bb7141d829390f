//! The affine map of a row: y = x·Wᵀ + b, with the weight stored as checkpoints store it, (outputs, inputs).
//!
//! In: x (N, I), the weight (O, I) and perhaps a bias (O). Out: (N, O). With g the gradient of y, the
//! gradients are dx = g·W, dW = gᵀ·x and db = Σ over rows of g.
//!
//! On the CPU a row's result has the same bits in every batch, so that a sequence scored alone, scored beside
//! others or decoded token by token meets the same matrix products.

use candle_core::{CpuStorage, CustomOp2, CustomOp3, Device, Layout, Result, Shape, Tensor, bail};

use super::backward::gradient;
use super::few_rows;
use super::known::with_backward;
use super::matmul::{Matrix, MatrixMut, Update, multiply, pool_parallelism};
use super::{Contents, all_cpu_f32, f32_slice, kernels};

/// `x` (N, I) · `weight`ᵀ (O, I) + `bias` (O); gives (N, O).
///
/// # Errors
/// If the shapes do not fit.
pub fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    check_shapes(x, weight.dims2()?, bias)?;
    match bias {
        None if all_cpu_f32(&[x, weight]) => x.contiguous()?.apply_op2(&weight.contiguous()?, Linear),
        Some(bias) if all_cpu_f32(&[x, weight, bias]) => {
            x.contiguous()?.apply_op3(&weight.contiguous()?, &bias.contiguous()?, Linear)
        }
        _ => portable(x, weight, bias),
    }
}

/// Whether a weight (outputs, inputs) and a bias fit the rows of `x`.
pub(super) fn check_shapes(
    x: &Tensor,
    (outputs, weight_inputs): (usize, usize),
    bias: Option<&Tensor>,
) -> Result<()> {
    let (_, inputs) = x.dims2()?;
    if inputs != weight_inputs {
        bail!("linear: rows of {inputs} entries, weight for {weight_inputs}");
    }
    if let Some(bias) = bias
        && bias.dims1()? != outputs
    {
        bail!("linear: {outputs} outputs, bias of {}", bias.dims1()?);
    }
    Ok(())
}

/// The gradient of the bias (O,), given that of the result (N, O).
pub(super) fn bias_gradient(grads: &[f32], bias: &Tensor) -> Result<Tensor> {
    let mut sum = vec![0.0; bias.elem_count()];
    for row in grads.chunks(sum.len().max(1)) {
        kernels::add_assign(&mut sum, row);
    }
    Tensor::from_vec(sum, bias.shape(), &Device::Cpu)
}

/// The same in candle's own operations.
///
/// # Errors
/// If a tensor operation fails.
pub fn portable(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    if weight.track_op() || bias.is_some_and(Tensor::track_op) {
        return product(x, weight, bias);
    }
    // Frozen: of the three, x alone may get a gradient.
    let (value, weight) = (product(&x.detach(), weight, bias)?, weight.clone());
    with_backward(x, value, move |grad| grad.matmul(&weight))
}

fn product(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let out = x.matmul(&weight.t()?)?;
    match bias {
        None => Ok(out),
        Some(bias) => out.broadcast_add(bias),
    }
}

struct Linear;

/// x (N, I), weight (O, I), bias (O): gives (N, O).
fn forward(x: &[f32], weight: &[f32], bias: Option<&[f32]>, shape: (usize, usize)) -> Vec<f32> {
    let (outputs, inputs) = shape;
    let rows = x.len().checked_div(inputs).unwrap_or(0);
    let (mut out, update) = match bias {
        None => (vec![0.0; rows * outputs], Update::Overwrite),
        Some(bias) => (bias.repeat(rows), Update::Add),
    };
    if few_rows::multiply(&mut out, update, x, weight, shape) {
        return out;
    }
    multiply(
        MatrixMut::new(&mut out, rows, outputs),
        update,
        1.0,
        Matrix::new(x, rows, inputs),
        Matrix::new(weight, outputs, inputs).transposed(),
        pool_parallelism(),
    );
    out
}

/// The gradients of x and of the weight, each only if it is asked for by being on the graph.
fn backward(x: &Tensor, weight: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
    let ((rows, inputs), (outputs, _)) = (x.dims2()?, weight.dims2()?);
    let grads = Contents::of(grad)?;
    let grads = Matrix::new(&grads, rows, outputs);

    let mut grad_x = None;
    if x.track_op() {
        let weights = Contents::of(weight)?;
        let mut out = vec![0.0; rows * inputs];
        multiply(
            MatrixMut::new(&mut out, rows, inputs),
            Update::Overwrite,
            1.0,
            grads,
            Matrix::new(&weights, outputs, inputs),
            pool_parallelism(),
        );
        grad_x = Some(Tensor::from_vec(out, (rows, inputs), &Device::Cpu)?);
    }

    let mut grad_weight = None;
    if weight.track_op() {
        let xs = Contents::of(x)?;
        grad_weight = gradient(weight, |sum, update| {
            multiply(
                MatrixMut::new(sum, outputs, inputs),
                update,
                1.0,
                grads.transposed(),
                Matrix::new(&xs, rows, inputs),
                pool_parallelism(),
            );
            Ok(())
        })?;
    }
    Ok((grad_x, grad_weight))
}

impl CustomOp2 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = f32_slice("linear", x, x_layout)?;
        let weight = f32_slice("linear", weight, weight_layout)?;
        let shape = weight_layout.shape().dims2()?;
        let out = forward(x, weight, None, shape);
        Ok((CpuStorage::F32(out), Shape::from((x_layout.dims()[0], shape.0))))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _out: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        backward(x, weight, &grad.contiguous()?)
    }
}

impl CustomOp3 for Linear {
    fn name(&self) -> &'static str {
        "linear with bias"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = f32_slice("linear", x, x_layout)?;
        let weight = f32_slice("linear", weight, weight_layout)?;
        let bias = f32_slice("linear", bias, bias_layout)?;
        let shape = weight_layout.shape().dims2()?;
        let out = forward(x, weight, Some(bias), shape);
        Ok((CpuStorage::F32(out), Shape::from((x_layout.dims()[0], shape.0))))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _out: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let (grad_x, grad_weight) = backward(x, weight, &grad)?;
        if !bias.track_op() {
            return Ok((grad_x, grad_weight, None));
        }
        let grad_bias = bias_gradient(&Contents::of(&grad)?, bias)?;
        Ok((grad_x, grad_weight, Some(grad_bias)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradcheck::{assert_gradients, assert_twins_agree, tensor};

    #[test]
    fn by_hand() -> Result<()> {
        let x = Tensor::new(&[[1.0_f32, 2.0]], &Device::Cpu)?;
        let weight = Tensor::new(&[[3.0_f32, 4.0], [5.0, 6.0], [0.0, 1.0]], &Device::Cpu)?;
        let bias = Tensor::new(&[0.5_f32, 0.0, -2.0], &Device::Cpu)?;
        assert_eq!(linear(&x, &weight, Some(&bias))?.to_vec2::<f32>()?, [[11.5, 17.0, 0.0]]);
        assert_eq!(linear(&x, &weight, None)?.to_vec2::<f32>()?, [[11.0, 17.0, 2.0]]);
        Ok(())
    }

    #[test]
    fn gradients_are_right() {
        for (rows, inputs, outputs) in [(1, 3, 4), (4, 5, 3), (3, 1, 2)] {
            let (x, weight) = (tensor(&[rows, inputs], 1), tensor(&[outputs, inputs], 2));
            let bias = tensor(&[outputs], 3);
            assert_gradients(&[x.clone(), weight.clone()], |t| linear(&t[0], &t[1], None));
            assert_gradients(&[x, weight, bias], |t| linear(&t[0], &t[1], Some(&t[2])));
        }
    }

    #[test]
    fn twins_agree() {
        for (rows, inputs, outputs) in [(1, 64, 48), (33, 129, 65), (600, 96, 40)] {
            let inputs = [tensor(&[rows, inputs], 1), tensor(&[outputs, inputs], 2), tensor(&[outputs], 3)];
            assert_twins_agree(
                &inputs,
                |t| linear(&t[0], &t[1], Some(&t[2])),
                |t| portable(&t[0], &t[1], Some(&t[2])),
            );
        }
    }

    #[test]
    fn a_row_has_the_same_bits_in_every_batch() -> Result<()> {
        for inputs in [64, 128, 384, 1536] {
            let (x, weight) = (tensor(&[200, inputs], 1), tensor(&[384, inputs], 2));
            let bias = tensor(&[384], 3);
            let whole = linear(&x, &weight, Some(&bias))?.to_vec2::<f32>()?;
            for batch in [1, 2, 7, 64] {
                for first in [0, 13, 200 - batch] {
                    let part = linear(&x.narrow(0, first, batch)?, &weight, Some(&bias))?;
                    assert!(
                        part.to_vec2::<f32>()? == whole[first..first + batch],
                        "{inputs} inputs: rows {first}.. of a batch of {batch} differ"
                    );
                }
            }
        }
        Ok(())
    }

    #[test]
    fn strided_inputs_are_taken() -> Result<()> {
        let (x, weight) = (tensor(&[6, 4], 1), tensor(&[6, 3], 2));
        let expected = linear(&x.t()?.contiguous()?, &weight.t()?.contiguous()?, None)?;
        let actual = linear(&x.t()?, &weight.t()?, None)?;
        assert_eq!(actual.to_vec2::<f32>()?, expected.to_vec2::<f32>()?);
        Ok(())
    }
}
