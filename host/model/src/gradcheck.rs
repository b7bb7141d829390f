//! Test support: finite differences, and the comparison of an operation with its twin.
//!
//! In: input tensors and a function of them. Out: a panic that says which entry of which input's gradient is
//! wrong. A function with many outputs is tested through one number, the sum of its outputs with uneven
//! weights.

use candle_core::{DType, Device, Result, Tensor, Var};
use ts_core::seed::SplitMix64;

/// `n` numbers between −1 and 1 that depend on the seed alone.
pub(crate) fn values(n: usize, seed: u64) -> Vec<f32> {
    let mut rng = SplitMix64::new(seed);
    std::iter::repeat_with(|| (2.0 * rng.next_f64() - 1.0) as f32).take(n).collect()
}

/// An f32 tensor of [`values`] on the CPU.
pub(crate) fn tensor(shape: &[usize], seed: u64) -> Tensor {
    Tensor::from_vec(values(shape.iter().product(), seed), shape, &Device::Cpu).unwrap()
}

/// Σ weight·output in f64, with weights between −0.4 and 0.6 that no symmetry cancels.
fn objective(output: &Tensor) -> Result<Tensor> {
    let n = output.elem_count();
    let weights: Vec<f64> = (0..n).map(|i| ((i * 7 + 3) % 11) as f64 / 10.0 - 0.4).collect();
    let weights = Tensor::from_vec(weights, n, output.device())?;
    (output.to_dtype(DType::F64)?.flatten_all()? * weights)?.sum_all()
}

/// The output, and the gradient of the objective with respect to every input, all as f64.
fn evaluate(inputs: &[Tensor], f: impl Fn(&[Tensor]) -> Result<Tensor>) -> Result<(Vec<f64>, Vec<Vec<f64>>)> {
    let vars: Vec<Var> = inputs.iter().map(Var::from_tensor).collect::<Result<_>>()?;
    let tensors: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
    let output = f(&tensors)?;
    let grads = objective(&output)?.backward()?;
    let flat = |tensor: &Tensor| tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>();
    let gradients = vars
        .iter()
        .enumerate()
        .map(|(i, var)| flat(grads.get(var).unwrap_or_else(|| panic!("input {i} received no gradient"))))
        .collect::<Result<_>>()?;
    Ok((flat(&output)?, gradients))
}

/// The largest difference, relative to the largest entry of either (at least to 1e-3).
fn worst_error(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let scale = a.iter().chain(b).fold(1e-3, |scale: f64, x| scale.max(x.abs()));
    let worst = a
        .iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, |worst: f64, error| if error.is_nan() { f64::INFINITY } else { worst.max(error) });
    worst / scale
}

/// Compares the gradient of every entry of every input with central differences. Inputs in f64 are held to a
/// tolerance of 1e-6, others to 2e-3, which is what differences in f32 can show.
pub(crate) fn assert_gradients(inputs: &[Tensor], f: impl Fn(&[Tensor]) -> Result<Tensor>) {
    let (_, gradients) = evaluate(inputs, &f).unwrap();
    for (i, input) in inputs.iter().enumerate() {
        let (step, tolerance) = if input.dtype() == DType::F64 { (1e-5, 1e-6) } else { (5e-3, 2e-3) };
        let entries = input.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap();
        let at = |entry: usize, offset: f64| -> Result<f64> {
            let mut moved = entries.clone();
            moved[entry] += offset;
            let moved = Tensor::from_vec(moved, input.dims(), input.device())?.to_dtype(input.dtype())?;
            let mut inputs = inputs.to_vec();
            inputs[i] = moved;
            objective(&f(&inputs)?)?.to_scalar::<f64>()
        };
        let differences: Vec<f64> = (0..entries.len())
            .map(|entry| Ok((at(entry, step)? - at(entry, -step)?) / (2.0 * step)))
            .collect::<Result<_>>()
            .unwrap();
        let error = worst_error(&gradients[i], &differences);
        assert!(
            error < tolerance,
            "input {i} is off by {error:e}: gradient {:?}, differences {differences:?}",
            gradients[i]
        );
    }
}

/// Compares output and gradients of a fused operation, in f32, with those of its portable twin in f64.
pub(crate) fn assert_twins_agree(
    inputs: &[Tensor],
    fused: impl Fn(&[Tensor]) -> Result<Tensor>,
    portable: impl Fn(&[Tensor]) -> Result<Tensor>,
) {
    let wide: Vec<Tensor> = inputs.iter().map(|input| input.to_dtype(DType::F64).unwrap()).collect();
    let (output, gradients) = evaluate(inputs, fused).unwrap();
    let (expected_output, expected_gradients) = evaluate(&wide, portable).unwrap();
    let error = worst_error(&output, &expected_output);
    assert!(error < 5e-6, "outputs differ by {error:e}");
    for (i, (gradient, expected)) in gradients.iter().zip(&expected_gradients).enumerate() {
        let error = worst_error(gradient, expected);
        assert!(error < 2e-5, "gradients of input {i} differ by {error:e}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_gradient_passes() {
        assert_gradients(&[tensor(&[5], 1)], |t| t[0].sqr());
    }

    #[test]
    #[should_panic(expected = "received no gradient")]
    fn a_missing_gradient_is_found() {
        assert_gradients(&[tensor(&[5], 1), tensor(&[5], 2)], |t| t[0].sqr()? + t[1].detach());
    }

    #[test]
    #[should_panic(expected = "input 0 is off")]
    fn a_wrong_gradient_is_found() {
        // x · detach(x) has the value of x² and half its gradient.
        assert_gradients(&[tensor(&[5], 1)], |t| &t[0] * t[0].detach());
    }
}
