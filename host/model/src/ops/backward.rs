//! Backward passes whose gradients of matrices of parameters are added up in place.
//!
//! Candle begins the gradient of a tensor with zeros and makes a new tensor for each part that is added, which for a model's matrices
//! is more traffic than the optimiser's. So during a pass of [`Backward`] the operations here that have a matrix among their inputs
//! write its gradient, or add it, into one buffer a parameter ([`gradient`]), and give candle none. Under candle's own `backward` they
//! give it as candle expects.
//!
//! In: one loss, or several in turn, such as those of a model's layers. Out: gradients, each of which is taken once. Candle goes
//! through a graph on the thread that asked for it, so that is where the buffers are meanwhile.

use std::cell::RefCell;
use std::collections::HashMap;
use std::mem::take;

use candle_core::{Device, Result, Tensor, TensorId, Var};

use super::matmul::Update;

type Sums = HashMap<TensorId, Vec<f32>>;

thread_local! {
    /// The sums of the pass that this thread is in.
    static SUMS: RefCell<Option<Sums>> = const { RefCell::new(None) };
}

/// The gradients of backward passes so far.
#[derive(Default)]
pub struct Backward {
    sums: Sums,
    /// Those that candle gave.
    others: HashMap<TensorId, Tensor>,
}

impl Backward {
    /// Adds the gradients of `loss`, a scalar, with respect to variables. Those of other tensors are let go: candle has one for
    /// everything that entered an operation.
    ///
    /// # Errors
    /// If an operation of the backward pass fails.
    pub fn pass<'a>(&mut self, loss: &Tensor, variables: impl IntoIterator<Item = &'a Var>) -> Result<()> {
        let outer = SUMS.replace(Some(take(&mut self.sums)));
        let store = loss.backward();
        self.sums = SUMS.replace(outer).unwrap_or_default();
        let mut store = store?;
        for variable in variables {
            if let Some(gradient) = store.remove(variable) {
                let sum = match self.others.remove(&variable.id()) {
                    Some(sum) => (sum + gradient)?,
                    None => gradient,
                };
                // Candle's may lead back to what it was computed from, and hold that.
                self.others.insert(variable.id(), sum.detach());
            }
        }
        Ok(())
    }

    /// The gradient of a variable, shaped as it; none if no loss reached it, or if it was taken before.
    ///
    /// # Errors
    /// If it has come both ways and cannot be added.
    pub fn take(&mut self, of: &Var) -> Result<Option<Tensor>> {
        let sum = self.sums.remove(&of.id());
        let sum = sum.map(|sum| Tensor::from_vec(sum, of.shape(), &Device::Cpu)).transpose()?;
        match (sum, self.others.remove(&of.id())) {
            (Some(sum), Some(other)) => Ok(Some((sum + other)?)),
            (sum, other) => Ok(sum.or(other)),
        }
    }
}

/// The gradient of `parameter`, f32 on the CPU, to which `add` writes or adds its part; what is to be overwritten is zeros. None if
/// it becomes part of a sum of [`Backward`].
///
/// # Errors
/// Those of `add`.
pub(super) fn gradient(
    parameter: &Tensor,
    add: impl FnOnce(&mut [f32], Update) -> Result<()>,
) -> Result<Option<Tensor>> {
    let fresh = || vec![0.0; parameter.elem_count()];
    // Taken out, because `add` may wait for other threads.
    let sum = SUMS.with_borrow_mut(|sums| sums.as_mut().map(|sums| sums.remove(&parameter.id())));
    let Some(sum) = sum.filter(|_| parameter.is_variable()) else {
        let mut gradient = fresh();
        add(&mut gradient, Update::Overwrite)?;
        return Ok(Some(Tensor::from_vec(gradient, parameter.shape(), &Device::Cpu)?));
    };
    let (mut sum, update) = match sum {
        Some(sum) => (sum, Update::Add),
        None => (fresh(), Update::Overwrite),
    };
    add(&mut sum, update)?;
    SUMS.with_borrow_mut(|sums| sums.get_or_insert_default().insert(parameter.id(), sum));
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::gradcheck::tensor;
    use crate::ops::bf16::{self, PackedWeight};
    use crate::ops::{embed, linear, target_log_probs};
    use crate::testing::assert_tensors_close;

    const IDS: [u32; 4] = [2, 0, 2, 5];

    /// A matrix as embedding, as a projection and as the head, a projection that is computed from another tensor, and a bias.
    fn loss(parameters: &[Var]) -> Result<Tensor> {
        let [tied, inner, bias] = parameters else { panic!("three parameters") };
        let targets: Arc<[Option<u32>]> = Arc::from(IDS.map(Some));
        let x = embed(tied, Arc::from(IDS))?;
        let x = linear(&x, &(inner.as_tensor() * 2.0)?, Some(bias))?;
        let x = (linear(&x, &tied.narrow(0, 0, 3)?, None)? + &x)?;
        (target_log_probs(&linear(&x, inner, None)?, tied, targets)?.sqr()?.sum_all()? / 10.0)?.sqrt()
    }

    #[test]
    fn sums_in_place_are_those_of_candle() -> Result<()> {
        let parameters =
            [tensor(&[6, 3], 1), tensor(&[3, 3], 2), tensor(&[3], 3)].map(|t| Var::from_tensor(&t));
        let parameters = parameters.into_iter().collect::<Result<Vec<_>>>()?;
        let expected = loss(&parameters)?.backward()?;
        for n_passes in [1, 2] {
            let mut backward = Backward::default();
            (0..n_passes).try_for_each(|_| backward.pass(&loss(&parameters)?, &parameters))?;
            for parameter in &parameters {
                let gradient = (backward.take(parameter)?.expect("a gradient") / f64::from(n_passes))?;
                assert_tensors_close(&gradient, expected.get(parameter).expect("a gradient"), 1e-6);
                assert!(backward.take(parameter)?.is_none());
            }
        }
        Ok(())
    }

    #[test]
    fn sums_in_place_are_those_of_candle_in_bf16() -> Result<()> {
        let weight = Var::from_tensor(&tensor(&[40, 40], 1))?;
        let packed = PackedWeight::of_parameters(&weight)?;
        let loss = || {
            let targets: Arc<[Option<u32>]> = Arc::from(IDS.map(Some));
            let x = bf16::linear(&packed.embed(Arc::from(IDS))?, &packed, None)?;
            bf16::target_log_probs(&x, &packed, targets)?.sum_all()
        };
        let mut backward = Backward::default();
        backward.pass(&loss()?, [&weight])?;
        let gradient = backward.take(&weight)?.expect("a gradient");
        let expected = loss()?.backward()?;
        assert_tensors_close(&gradient, expected.get(&weight).expect("a gradient"), 1e-6);
        Ok(())
    }

    /// Candle makes gradients of constants too; kept over many layers they would be as much as what is recomputed.
    #[test]
    fn gradients_of_nothing_else_are_kept() -> Result<()> {
        let (variable, constant) = (Var::from_tensor(&tensor(&[4], 1))?, tensor(&[4], 2));
        let loss = (variable.as_tensor() * &constant)?.sum_all()?;
        assert!(loss.backward()?.get(&constant).is_some());
        let mut backward = Backward::default();
        backward.pass(&loss, [&variable])?;
        assert_eq!((backward.sums.len(), backward.others.len()), (0, 1));
        assert_eq!(
            backward.take(&variable)?.expect("a gradient").to_vec1::<f32>()?,
            constant.to_vec1::<f32>()?
        );
        Ok(())
    }

    #[test]
    fn a_gradient_leads_nowhere() -> Result<()> {
        let [a, b] = [tensor(&[4], 1), tensor(&[4], 2)].map(|t| Var::from_tensor(&t));
        let (a, b) = (a?, b?);
        let loss = (a.as_tensor() * b.as_tensor())?.sum_all()?;
        assert!(loss.backward()?.get(&a).is_some_and(Tensor::track_op));
        let mut backward = Backward::default();
        backward.pass(&loss, [&a, &b])?;
        assert!(!backward.take(&a)?.expect("a gradient").track_op());
        Ok(())
    }

    #[test]
    fn a_pass_that_fails_leaves_nothing_behind() -> Result<()> {
        let weight = Var::from_tensor(&tensor(&[5, 4], 2))?;
        let read_only = PackedWeight::frozen(&tensor(&[4, 5], 1), false)?;
        let x = linear(&tensor(&[3, 4], 3), &weight, None)?;
        let loss = bf16::linear(&x, &read_only, None)?.sum_all()?;
        assert!(Backward::default().pass(&loss, [&weight]).is_err());
        assert!(SUMS.with_borrow(Option::is_none));
        Ok(())
    }
}
