//! AdamW: Adam with decoupled weight decay and clipping by the global norm.
//!
//! In: one gradient a parameter, and the step's learning rate. Out: updated parameters. With g the clipped
//! gradient and t the number of the step from 1:
//!
//! ```text
//! m ← β₁·m + (1 − β₁)·g        v ← β₂·v + (1 − β₂)·g²
//! w ← w − lr · ( m/(1 − β₁ᵗ) / (√(v/(1 − β₂ᵗ)) + eps) + weight_decay·w )
//! ```
//!
//! Weight decay touches matrices only, not norms' weights and biases; 0 gives Adam, which the paper uses
//! (section A.2). Moments are f32 whatever the parameter's dtype. A parameter in half precision has an f32
//! copy here that is what learns, because a step of 5e-6 is lost in bf16's eight bits; the parameter is that
//! copy, rounded.
//!
//! Reference: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019. [`AdamW::state_tensors`]
//! hands the state out, [`AdamW::load_state`] takes it back; files are the caller's.

use std::cell::RefCell;
use std::collections::HashMap;

use candle_core::{CpuStorage, D, DType, InplaceOp1, Layout, Tensor, Var};
use rayon::prelude::*;

use crate::error::{ModelError, Result};
use crate::ops::vectors::widest_vectors;
use crate::ops::{Contents, kernels};

/// Entries that one task handles; also the bounds of the norm's partial sums.
const ENTRIES_PER_TASK: usize = 16_384;

/// The name of the step counter among the state's tensors.
const STEP: &str = "step";

/// The settings of [`AdamW`]; `default()` is Adam as the paper has it, with the usual clipping at 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWConfig {
    /// Decay of the first moment, at least 0 and below 1.
    pub beta1: f64,
    /// Decay of the second moment, at least 0 and below 1.
    pub beta2: f64,
    /// Added to the root of the second moment, above 0.
    pub eps: f64,
    /// Weight decay of matrices, a share of the weight for each unit of learning rate; 0 for Adam.
    pub weight_decay: f64,
    /// Gradients whose global norm is larger are scaled down to it, above 0; infinite for no clipping.
    pub max_grad_norm: f64,
}

impl Default for AdamWConfig {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0, max_grad_norm: 1.0 }
    }
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReport {
    /// The global norm of the gradients before clipping.
    pub grad_norm: f64,
}

/// The optimiser: parameters, their moments, and the number of steps taken.
#[derive(Debug)]
pub struct AdamW {
    config: AdamWConfig,
    params: Vec<Param>,
    steps: u32,
}

#[derive(Debug)]
struct Param {
    name: String,
    var: Var,
    state: State,
}

/// The moments of a parameter, where the arithmetic happens.
#[derive(Debug)]
enum State {
    /// f32 on the CPU: one pass over plain memory.
    Host { first_moment: Vec<f32>, second_moment: Vec<f32> },
    /// Elsewhere: f32 tensors on the parameter's device, and the f32 copy of a parameter of another dtype.
    Device { first_moment: Tensor, second_moment: Tensor, master: Option<Tensor> },
}

/// The numbers of one step for one parameter.
#[derive(Clone, Copy)]
struct Update {
    beta1: f64,
    beta2: f64,
    eps: f64,
    learning_rate: f64,
    weight_decay: f64,
    /// What gradients are multiplied by, at most 1.
    clip: f64,
    /// 1/(1 − β₁ᵗ) and 1/(1 − β₂ᵗ).
    corrections: (f64, f64),
}

impl AdamW {
    /// An optimiser of these parameters that has taken no step.
    ///
    /// # Errors
    /// [`ModelError::Optimizer`] for a setting outside its range; or if memory cannot be had.
    pub fn new(params: &[(String, Var)], config: AdamWConfig) -> Result<Self> {
        let share = |value: f64| (0.0..1.0).contains(&value);
        let checks = [
            ("beta1", config.beta1, share(config.beta1), "at least 0 and below 1"),
            ("beta2", config.beta2, share(config.beta2), "at least 0 and below 1"),
            ("eps", config.eps, config.eps > 0.0 && config.eps.is_finite(), "finite and above 0"),
            (
                "weight_decay",
                config.weight_decay,
                config.weight_decay >= 0.0 && config.weight_decay.is_finite(),
                "finite and not below 0",
            ),
            ("max_grad_norm", config.max_grad_norm, config.max_grad_norm > 0.0, "above 0"),
        ];
        for (field, value, is_valid, allowed) in checks {
            if !is_valid {
                return Err(ModelError::Optimizer { field, value, allowed });
            }
        }
        let params = params
            .iter()
            .map(|(name, var)| Ok(Param { name: name.clone(), var: var.clone(), state: State::zeros(var)? }));
        Ok(Self { config, params: params.collect::<Result<_>>()?, steps: 0 })
    }

    /// How many steps were taken.
    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// Takes one step: `grads` in the parameters' order. On an error no parameter has changed.
    ///
    /// # Errors
    /// [`ModelError::GradientCount`] if there is not one gradient a parameter,
    /// [`ModelError::NonFiniteGradient`] if one holds NaN or infinity.
    pub fn step(&mut self, grads: &[Tensor], learning_rate: f64) -> Result<StepReport> {
        self.step_with(grads, learning_rate, |_| Ok(()))
    }

    /// The same; `updated` is called with the place of each parameter as soon as it has changed, while its numbers are at hand, so
    /// that what depends on it can follow.
    ///
    /// # Errors
    /// As [`AdamW::step`], and those of `updated`, which come when some parameters have changed.
    pub fn step_with(
        &mut self,
        grads: &[Tensor],
        learning_rate: f64,
        mut updated: impl FnMut(usize) -> Result<()>,
    ) -> Result<StepReport> {
        if grads.len() != self.params.len() {
            return Err(ModelError::GradientCount { expected: self.params.len(), actual: grads.len() });
        }
        let squares = sums_of_squares(grads)?;
        if let Some((param, _)) = self.params.iter().zip(&squares).find(|(_, square)| !square.is_finite()) {
            return Err(ModelError::NonFiniteGradient { parameter: param.name.clone() });
        }
        let grad_norm = squares.iter().sum::<f64>().sqrt();
        self.steps += 1;
        let AdamWConfig { beta1, beta2, eps, weight_decay, max_grad_norm } = self.config;
        let correction = |beta: f64| 1.0 / (1.0 - beta.powf(f64::from(self.steps)));
        let update = Update {
            beta1,
            beta2,
            eps,
            learning_rate,
            weight_decay,
            clip: if grad_norm > max_grad_norm { max_grad_norm / grad_norm } else { 1.0 },
            corrections: (correction(beta1), correction(beta2)),
        };
        for (place, (param, grad)) in self.params.iter_mut().zip(grads).enumerate() {
            let weight_decay = if param.var.rank() > 1 { weight_decay } else { 0.0 };
            param.update(grad, Update { weight_decay, ..update })?;
            updated(place)?;
        }
        Ok(StepReport { grad_norm })
    }

    /// The state as named f32 tensors, in the parameters' order, and the step as an i64 scalar named `step`.
    /// Together with the parameters it is all that a resumed run needs.
    ///
    /// # Errors
    /// If memory cannot be had.
    pub fn state_tensors(&self) -> Result<Vec<(String, Tensor)>> {
        let mut tensors = Vec::new();
        for Param { name, var, state } in &self.params {
            let (first_moment, second_moment, master) = match state {
                State::Host { first_moment, second_moment } => {
                    let tensor = |data: &[f32]| Tensor::from_slice(data, var.shape(), var.device());
                    (tensor(first_moment)?, tensor(second_moment)?, None)
                }
                State::Device { first_moment, second_moment, master } => {
                    (first_moment.clone(), second_moment.clone(), master.clone())
                }
            };
            tensors.push((format!("first_moment.{name}"), first_moment));
            tensors.push((format!("second_moment.{name}"), second_moment));
            tensors.extend(master.map(|master| (format!("master.{name}"), master)));
        }
        let device = candle_core::Device::Cpu;
        tensors.push((STEP.into(), Tensor::new(i64::from(self.steps), &device)?));
        Ok(tensors)
    }

    /// Replaces the state by one from [`AdamW::state_tensors`], whose tensors go one by one. On an error the state is as it was.
    ///
    /// # Errors
    /// [`ModelError::OptimizerState`] if a tensor is missing or does not fit.
    pub fn load_state(&mut self, mut tensors: HashMap<String, Tensor>) -> Result<()> {
        let broken =
            |tensor: &str, reason: String| ModelError::OptimizerState { tensor: tensor.into(), reason };
        let steps = tensors.get(STEP).ok_or_else(|| broken(STEP, "is missing".into()))?;
        let steps = steps.to_scalar::<i64>().map_err(|error| broken(STEP, error.to_string()))?;
        let steps = u32::try_from(steps).map_err(|_| broken(STEP, format!("is {steps}")))?;

        let mut take = |kind: &str, param: &Param| {
            let name = format!("{kind}.{}", param.name);
            let Some(tensor) = tensors.remove(&name) else { return Err(broken(&name, "is missing".into())) };
            if tensor.dims() != param.var.dims() || tensor.dtype() != DType::F32 {
                let (dtype, shape) = (tensor.dtype().as_str(), tensor.dims());
                return Err(broken(&name, format!("is {dtype} {shape:?}, not f32 {:?}", param.var.dims())));
            }
            Ok(tensor.to_device(param.var.device())?.contiguous()?)
        };
        let mut states = Vec::with_capacity(self.params.len());
        for param in &self.params {
            let (first_moment, second_moment) = (take("first_moment", param)?, take("second_moment", param)?);
            states.push(match &param.state {
                State::Host { .. } => State::Host {
                    first_moment: Contents::of(&first_moment)?.to_vec(),
                    second_moment: Contents::of(&second_moment)?.to_vec(),
                },
                State::Device { master, .. } => {
                    let master = master.as_ref().map(|_| take("master", param)).transpose()?;
                    State::Device { first_moment, second_moment, master }
                }
            });
        }
        for (param, state) in self.params.iter_mut().zip(states) {
            param.state = state;
        }
        self.steps = steps;
        Ok(())
    }
}

impl State {
    fn zeros(var: &Var) -> Result<Self> {
        if var.device().is_cpu() && var.dtype() == DType::F32 {
            // Two of them, and no copy: what was never written takes no memory.
            let zeros = || vec![0.0; var.elem_count()];
            return Ok(Self::Host { first_moment: zeros(), second_moment: zeros() });
        }
        let first_moment = Tensor::zeros(var.shape(), DType::F32, var.device())?;
        let second_moment = first_moment.zeros_like()?;
        let master = match var.dtype() {
            DType::F32 => None,
            _ => Some(var.as_detached_tensor().to_dtype(DType::F32)?),
        };
        Ok(Self::Device { first_moment, second_moment, master })
    }
}

impl Param {
    fn update(&mut self, grad: &Tensor, update: Update) -> Result<()> {
        match &mut self.state {
            State::Host { first_moment, second_moment } => {
                let grad = grad.to_dtype(DType::F32)?.contiguous()?;
                let (grad, moments) = (Contents::of(&grad)?, RefCell::new((first_moment, second_moment)));
                Ok(self.var.inplace_op1(&HostUpdate { grad: &grad, moments, update })?)
            }
            State::Device { first_moment, second_moment, master } => {
                let Update { beta1, beta2, eps, learning_rate, weight_decay, clip, corrections } = update;
                let grad = (grad.to_dtype(DType::F32)? * clip)?;
                *first_moment = ((&*first_moment * beta1)? + (&grad * (1.0 - beta1))?)?;
                *second_moment = ((&*second_moment * beta2)? + (grad.sqr()? * (1.0 - beta2))?)?;
                let root = ((&*second_moment * corrections.1)?.sqrt()? + eps)?;
                let direction = ((&*first_moment * corrections.0)? / root)?;
                let weight = master.clone().unwrap_or_else(|| self.var.as_detached_tensor());
                let weight =
                    ((&weight * (1.0 - learning_rate * weight_decay))? - (direction * learning_rate)?)?;
                self.var.set(&weight.to_dtype(self.var.dtype())?)?;
                if master.is_some() {
                    *master = Some(weight);
                }
                Ok(())
            }
        }
    }
}

/// The update of an f32 parameter on the CPU, in one pass over weight, moments and gradient.
struct HostUpdate<'a> {
    grad: &'a [f32],
    moments: RefCell<(&'a mut Vec<f32>, &'a mut Vec<f32>)>,
    update: Update,
}

impl InplaceOp1 for HostUpdate<'_> {
    fn name(&self) -> &'static str {
        "adamw"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let (CpuStorage::F32(data), Some((start, end))) = (storage, layout.contiguous_offsets()) else {
            candle_core::bail!("adamw: the fused step takes a contiguous f32 parameter");
        };
        let moments = &mut *self.moments.borrow_mut();
        let update = &self.update;
        data[start..end]
            .par_chunks_mut(ENTRIES_PER_TASK)
            .zip(moments.0.par_chunks_mut(ENTRIES_PER_TASK))
            .zip(moments.1.par_chunks_mut(ENTRIES_PER_TASK))
            .zip(self.grad.par_chunks(ENTRIES_PER_TASK))
            .for_each(|(((weights, firsts), seconds), grads)| {
                update_entries(weights, firsts, seconds, grads, update);
            });
        Ok(())
    }
}

widest_vectors! {
    /// The update of some entries of a parameter, of its moments and by its gradient.
    fn update_entries(weights: &mut [f32], firsts: &mut [f32], seconds: &mut [f32], grads: &[f32], update: &Update) {
        let Update { beta1, beta2, eps, learning_rate, weight_decay, clip, corrections } = *update;
        let (beta1, one_minus_beta1) = (beta1 as f32, (1.0 - beta1) as f32);
        let (beta2, one_minus_beta2) = (beta2 as f32, (1.0 - beta2) as f32);
        let (correction1, correction2) = (corrections.0 as f32, corrections.1 as f32);
        let (learning_rate, weight_decay, eps, clip) =
            (learning_rate as f32, weight_decay as f32, eps as f32, clip as f32);
        let moments = firsts.iter_mut().zip(seconds);
        for ((weight, (first, second)), grad) in weights.iter_mut().zip(moments).zip(grads) {
            let grad = grad * clip;
            *first = beta1 * *first + one_minus_beta1 * grad;
            *second = beta2 * *second + one_minus_beta2 * grad * grad;
            let direction = *first * correction1 / ((*second * correction2).sqrt() + eps);
            *weight -= learning_rate * (direction + weight_decay * *weight);
        }
    }
}

/// Σ entry² of each gradient: on the CPU in f64 over parts of fixed bounds, elsewhere in f32.
fn sums_of_squares(grads: &[Tensor]) -> Result<Vec<f64>> {
    if grads.iter().any(|grad| !grad.device().is_cpu()) {
        let sums = grads.iter().map(device_sum_of_squares).collect::<Result<Vec<_>>>()?;
        // All of them at once: a device is asked, and waited for, once a step.
        let sums = if sums.is_empty() { Vec::new() } else { Tensor::stack(&sums, 0)?.to_vec1::<f32>()? };
        return Ok(sums.into_iter().map(f64::from).collect());
    }
    grads.iter().map(host_sum_of_squares).collect()
}

fn host_sum_of_squares(grad: &Tensor) -> Result<f64> {
    let grad = grad.to_dtype(DType::F32)?.contiguous()?;
    let parts = Contents::of(&grad)?;
    Ok(parts.chunks(ENTRIES_PER_TASK).map(|part| f64::from(kernels::dot(part, part))).sum())
}

/// A scalar on the gradient's device. Row by row first: candle computes a sum over everything in one block of threads.
fn device_sum_of_squares(grad: &Tensor) -> Result<Tensor> {
    let squares = grad.to_dtype(DType::F32)?.sqr()?;
    let of_rows = if squares.rank() > 1 { squares.sum(D::Minus1)? } else { squares };
    Ok(of_rows.sum_all()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradcheck::tensor;

    fn config() -> AdamWConfig {
        AdamWConfig { beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay: 0.1, max_grad_norm: f64::INFINITY }
    }

    fn params(shapes: &[&[usize]]) -> Vec<(String, Var)> {
        let var = |(i, shape): (usize, &&[usize])| {
            (format!("p{i}"), Var::from_tensor(&tensor(shape, i as u64)).unwrap())
        };
        shapes.iter().enumerate().map(var).collect()
    }

    fn flat(tensor: &Tensor) -> Vec<f32> {
        tensor.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn two_steps_by_hand() {
        let device = candle_core::Device::Cpu;
        let var = Var::new(&[[1.0_f32]], &device).unwrap();
        let mut adamw = AdamW::new(&[("w".into(), var.clone())], config()).unwrap();
        let grad = |g: f32| [Tensor::new(&[[g]], &device).unwrap()];
        // Corrected moments are g and g², so the first direction is 1: w = 1 - 0.1·(1 + 0.1·1) = 0.89.
        let report = adamw.step(&grad(2.0), 0.1).unwrap();
        assert_eq!(report.grad_norm, 2.0);
        assert!((flat(&var)[0] - 0.89).abs() < 1e-6);
        // m = 0.9·0.2 - 0.1 = 0.08, v = 0.99·0.04 + 0.01 = 0.0496; corrected 0.08/0.19 and 0.0496/0.0199.
        adamw.step(&grad(-1.0), 0.1).unwrap();
        let direction = 0.08_f64 / 0.19 / (0.0496_f64 / 0.0199).sqrt();
        let expected = 0.89 - 0.1 * (direction + 0.1 * 0.89);
        assert!((f64::from(flat(&var)[0]) - expected).abs() < 1e-6);
        assert_eq!(adamw.steps(), 2);
    }

    #[test]
    fn a_device_sums_squares_row_by_row() {
        let device = candle_core::Device::Cpu;
        let scalar = |tensor: Tensor| device_sum_of_squares(&tensor).unwrap().to_scalar::<f32>().unwrap();
        let matrix = Tensor::new(&[[3.0_f32, 4.0], [0.0, 12.0]], &device).unwrap();
        assert_eq!(scalar(matrix.clone()), 169.0);
        assert_eq!(scalar(matrix.to_dtype(DType::BF16).unwrap()), 169.0);
        assert_eq!(scalar(matrix.get(0).unwrap()), 25.0);
        assert_eq!(scalar(matrix.get(1).unwrap().get(1).unwrap()), 144.0);
    }

    #[test]
    fn vectors_do_not_decay() {
        let params = params(&[&[3], &[3, 1]]);
        let before: Vec<_> = params.iter().map(|(_, var)| flat(var)).collect();
        let zeros = [tensor(&[3], 0).zeros_like().unwrap(), tensor(&[3, 1], 0).zeros_like().unwrap()];
        AdamW::new(&params, config()).unwrap().step(&zeros, 0.5).unwrap();
        assert_eq!(flat(&params[0].1), before[0]);
        for (after, before) in flat(&params[1].1).iter().zip(&before[1]) {
            assert!((after - 0.95 * before).abs() < 1e-7);
        }
    }

    #[test]
    fn clipping_scales_all_gradients_by_the_global_norm() {
        let device = candle_core::Device::Cpu;
        let grads = [Tensor::new(&[3.0_f32], &device).unwrap(), Tensor::new(&[4.0_f32], &device).unwrap()];
        // A large eps makes the step all but linear in the gradient.
        let config = AdamWConfig { eps: 1e6, max_grad_norm: 1.0, ..config() };
        let params = params(&[&[1], &[1]]);
        let before: Vec<f32> = params.iter().map(|(_, var)| flat(var)[0]).collect();
        let mut adamw = AdamW::new(&params, config).unwrap();
        assert_eq!(adamw.step(&grads, 1e6).unwrap().grad_norm, 5.0);
        let moved: Vec<f32> =
            params.iter().zip(before).map(|((_, var), before)| before - flat(var)[0]).collect();
        assert!((moved[0] - 0.6).abs() < 1e-5 && (moved[1] - 0.8).abs() < 1e-5, "{moved:?}");
    }

    #[test]
    fn both_ways_of_updating_agree() {
        let params = params(&[&[40, 30], &[7]]);
        let wide: Vec<_> = params
            .iter()
            .map(|(name, var)| (name.clone(), Var::from_tensor(&var.to_dtype(DType::F64).unwrap()).unwrap()))
            .collect();
        let config = AdamWConfig { max_grad_norm: 2.0, ..config() };
        let (mut host, mut device) =
            (AdamW::new(&params, config).unwrap(), AdamW::new(&wide, config).unwrap());
        for step in 0..5 {
            let grads = [tensor(&[40, 30], 10 + step), tensor(&[7], 20 + step)];
            host.step(&grads, 0.01).unwrap();
            device.step(&grads, 0.01).unwrap();
        }
        for ((_, a), (_, b)) in params.iter().zip(&wide) {
            assert!(flat(a).iter().zip(flat(b)).all(|(a, b)| (a - b).abs() < 1e-6));
        }
    }

    #[test]
    fn half_precision_learns_in_its_f32_copy() {
        let start = Tensor::new(&[[1.0_f32]], &candle_core::Device::Cpu).unwrap();
        let var = Var::from_tensor(&start.to_dtype(DType::BF16).unwrap()).unwrap();
        let config = AdamWConfig { weight_decay: 0.0, ..config() };
        let mut adamw = AdamW::new(&[("w".into(), var.clone())], config).unwrap();
        // Each step is 1e-3; bf16 cannot tell 0.999 from 1 but 0.992 it can.
        for _ in 0..8 {
            adamw.step(std::slice::from_ref(&start), 1e-3).unwrap();
        }
        assert_eq!(flat(&var), [0.992_187_5]);
        let (name, master) = &adamw.state_tensors().unwrap()[2];
        assert_eq!(name, "master.w");
        assert!((flat(master)[0] - 0.992).abs() < 1e-6);
    }

    #[test]
    fn a_resumed_run_takes_the_same_steps() {
        for dtype in [DType::F32, DType::BF16] {
            let convert = |params: Vec<(String, Var)>| -> Vec<(String, Var)> {
                let var = |var: &Var| Var::from_tensor(&var.to_dtype(dtype).unwrap()).unwrap();
                params.iter().map(|(name, v)| (name.clone(), var(v))).collect()
            };
            let whole = convert(params(&[&[50, 400], &[9]]));
            let grads = |step: u64| [tensor(&[50, 400], 30 + step), tensor(&[9], 40 + step)];
            let mut adamw = AdamW::new(&whole, config()).unwrap();
            for step in 0..3 {
                adamw.step(&grads(step), 0.01).unwrap();
            }

            let copy =
                |(name, var): &(String, Var)| (name.clone(), Var::from_tensor(&var.copy().unwrap()).unwrap());
            let resumed: Vec<_> = whole.iter().map(copy).collect();
            let state: HashMap<_, _> = adamw.state_tensors().unwrap().into_iter().collect();
            let mut second = AdamW::new(&resumed, config()).unwrap();
            second.load_state(state).unwrap();
            for step in 3..5 {
                adamw.step(&grads(step), 0.01).unwrap();
                second.step(&grads(step), 0.01).unwrap();
            }
            for ((_, a), (_, b)) in whole.iter().zip(&resumed) {
                assert_eq!(flat(a), flat(b));
            }
        }
    }

    #[test]
    fn bad_gradients_change_nothing() {
        let params = params(&[&[2]]);
        let before = flat(&params[0].1);
        let mut adamw = AdamW::new(&params, config()).unwrap();
        let nan = Tensor::new(&[0.0_f32, f32::NAN], &candle_core::Device::Cpu).unwrap();
        let error = adamw.step(&[nan], 0.1).unwrap_err();
        assert!(
            matches!(&error, ModelError::NonFiniteGradient { parameter } if parameter == "p0"),
            "{error}"
        );
        assert!(matches!(
            adamw.step(&[], 0.1).unwrap_err(),
            ModelError::GradientCount { expected: 1, actual: 0 }
        ));
        assert_eq!((flat(&params[0].1), adamw.steps()), (before, 0));
    }

    #[test]
    fn broken_states_and_settings_are_refused() {
        let params = params(&[&[2]]);
        let mut adamw = AdamW::new(&params, config()).unwrap();
        let mut state: HashMap<_, _> = adamw.state_tensors().unwrap().into_iter().collect();
        state.insert("second_moment.p0".into(), tensor(&[3], 1));
        let error = adamw.load_state(state).unwrap_err();
        assert!(error.to_string().contains("second_moment.p0"), "{error}");
        assert!(AdamW::new(&params, AdamWConfig { beta2: 1.0, ..config() }).is_err());
        assert!(AdamW::new(&params, AdamWConfig { eps: 0.0, ..config() }).is_err());
    }
}
