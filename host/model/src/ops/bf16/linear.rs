//! The affine map of a row, y = x·Wᵀ + b, with W in bf16.
//!
//! In: x (N, I) in f32, a [`PackedWeight`] (O, I) and perhaps a bias (O) in f32. Out: (N, O) in f32. All three products of the
//! forward and the backward pass are of numbers rounded to bf16 with sums in f32; gradients arrive in f32. Weights without
//! parameters receive none.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, CustomOp3, Device, Layout, Result, Shape, Tensor};

use super::{PackedWeight, View, multiply, multiply_once};
use crate::ops::backward::gradient;
use crate::ops::linear::{bias_gradient, check_shapes};
use crate::ops::matmul::Update;
use crate::ops::{Contents, f32_slice};

/// `x` (N, I) · `weight`ᵀ (O, I) + `bias` (O); gives (N, O).
///
/// # Errors
/// If the shapes do not fit, or `x` is not in f32 on the CPU.
pub fn linear(x: &Tensor, weight: &PackedWeight, bias: Option<&Tensor>) -> Result<Tensor> {
    check_shapes(x, weight.shape(), bias)?;
    let x = x.contiguous()?;
    let op = Linear { weight: weight.clone(), bias: bias.cloned() };
    match (weight.master().filter(|master| master.track_op()), bias) {
        (None, _) => x.apply_op1(op),
        (Some(master), None) => x.apply_op2(master, op),
        (Some(master), Some(bias)) => x.apply_op3(master, bias, op),
    }
}

struct Linear {
    weight: PackedWeight,
    bias: Option<Tensor>,
}

impl Linear {
    fn forward(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = f32_slice("linear in bf16", x, layout)?;
        let (outputs, inputs) = self.weight.shape();
        let rows = layout.dims()[0];
        let (mut out, update) = match &self.bias {
            None => (vec![0.0; rows * outputs], Update::Overwrite),
            Some(bias) => (Contents::of(&bias.contiguous()?)?.repeat(rows), Update::Add),
        };
        let packings = self.weight.packings();
        multiply(&mut out, update, View::rows(x, rows, inputs), &packings.forward);
        Ok((CpuStorage::F32(out), Shape::from((rows, outputs))))
    }

    /// The gradient of x, if x is on the graph.
    fn grad_x(&self, x: &Tensor, grads: &[f32]) -> Result<Option<Tensor>> {
        if !x.track_op() {
            return Ok(None);
        }
        let ((rows, inputs), (outputs, _)) = (x.dims2()?, self.weight.shape());
        let mut out = vec![0.0; rows * inputs];
        let packings = self.weight.packings();
        multiply(&mut out, Update::Overwrite, View::rows(grads, rows, outputs), packings.backward()?);
        Ok(Some(Tensor::from_vec(out, (rows, inputs), &Device::Cpu)?))
    }

    /// The gradient of the parameters.
    fn grad_weight(&self, x: &Tensor, master: &Tensor, grads: &[f32]) -> Result<Option<Tensor>> {
        let ((rows, _), (outputs, inputs)) = (x.dims2()?, self.weight.shape());
        let xs = Contents::of(x)?;
        let (grads, xs) = (View::columns(grads, outputs, rows), View::columns(&xs, inputs, rows));
        gradient(master, |sum, update| {
            multiply_once(sum, update, grads, xs);
            Ok(())
        })
    }
}

impl CustomOp1 for Linear {
    fn name(&self) -> &'static str {
        "linear in bf16, frozen"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        self.forward(x, layout)
    }

    fn bwd(&self, x: &Tensor, _out: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let grad = grad.contiguous()?;
        self.grad_x(x, &Contents::of(&grad)?)
    }
}

impl CustomOp2 for Linear {
    fn name(&self) -> &'static str {
        "linear in bf16"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        _master: &CpuStorage,
        _master_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.forward(x, x_layout)
    }

    fn bwd(
        &self,
        x: &Tensor,
        master: &Tensor,
        _out: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let grads = Contents::of(&grad)?;
        Ok((self.grad_x(x, &grads)?, self.grad_weight(x, master, &grads)?))
    }
}

impl CustomOp3 for Linear {
    fn name(&self) -> &'static str {
        "linear in bf16, with bias"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        _master: &CpuStorage,
        _master_layout: &Layout,
        _bias: &CpuStorage,
        _bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.forward(x, x_layout)
    }

    fn bwd(
        &self,
        x: &Tensor,
        master: &Tensor,
        bias: &Tensor,
        _out: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let grads = Contents::of(&grad)?;
        let grad_bias = bias_gradient(&grads, bias)?;
        Ok((self.grad_x(x, &grads)?, self.grad_weight(x, master, &grads)?, Some(grad_bias)))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Var};

    use super::*;
    use crate::gradcheck::tensor;
    use crate::ops;

    /// Numbers that bf16 holds, so that only products are rounded: not at all.
    fn round(tensor: &Tensor) -> Tensor {
        tensor.to_dtype(DType::BF16).unwrap().to_dtype(DType::F32).unwrap()
    }

    fn assert_close(actual: &Tensor, expected: &Tensor) {
        let difference = (actual - expected).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>();
        let size = expected.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
        assert!(difference.unwrap() <= 2e-6 * size.max(1.0), "{actual} {expected}");
    }

    #[test]
    fn values_and_gradients_are_those_of_the_f32_operation_on_rounded_numbers() {
        for (rows, inputs, outputs) in [(1, 64, 48), (33, 129, 65), (100, 96, 40)] {
            let x = Var::from_tensor(&round(&tensor(&[rows, inputs], 1))).unwrap();
            let weight = Var::from_tensor(&round(&tensor(&[outputs, inputs], 2))).unwrap();
            let bias = Var::from_tensor(&tensor(&[outputs], 3)).unwrap();
            let seed = round(&tensor(&[rows, outputs], 4));
            let packed = PackedWeight::of_parameters(&weight).unwrap();
            for bias in [None, Some(bias.as_tensor())] {
                let actual = linear(&x, &packed, bias).unwrap();
                let expected = ops::linear(&x, &weight, bias).unwrap();
                assert_close(&actual, &expected);
                let gradients = |out: &Tensor| (out * &seed).unwrap().sum_all().unwrap().backward().unwrap();
                let (actual, expected) = (gradients(&actual), gradients(&expected));
                for variable in [Some(x.as_tensor()), Some(weight.as_tensor()), bias].into_iter().flatten() {
                    assert_close(actual.get(variable).unwrap(), expected.get(variable).unwrap());
                }
                // Frozen weights pass the gradient on and receive none.
                let out = linear(&x, &packed.detach(), bias.map(Tensor::detach).as_ref()).unwrap();
                let frozen = gradients(&out);
                assert_close(frozen.get(&x).unwrap(), expected.get(&x).unwrap());
                assert!(frozen.get(&weight).is_none());
            }
        }
    }

    #[test]
    fn changed_parameters_count_once_they_are_packed_again() {
        let (x, weight) = (round(&tensor(&[3, 40], 1)), Var::from_tensor(&tensor(&[50, 40], 2)).unwrap());
        let packed = PackedWeight::of_parameters(&weight).unwrap();
        let before = linear(&x, &packed, None).unwrap();
        weight.set(&(weight.as_tensor() * 2.0).unwrap()).unwrap();
        assert_close(&linear(&x, &packed, None).unwrap(), &before);
        packed.repack().unwrap();
        assert_close(&linear(&x, &packed.detach(), None).unwrap(), &(before * 2.0).unwrap());
    }

    #[test]
    fn gradients_through_weights_that_are_only_read_are_refused() {
        let (x, weight) = (Var::from_tensor(&tensor(&[3, 4], 1)).unwrap(), tensor(&[5, 4], 2));
        let packed = PackedWeight::frozen(&weight, false).unwrap();
        let loss = linear(&x, &packed, None).unwrap().sum_all().unwrap();
        assert!(loss.backward().unwrap_err().to_string().contains("read only"));
        assert!(linear(&tensor(&[3, 5], 1), &packed, None).is_err());
    }
}
