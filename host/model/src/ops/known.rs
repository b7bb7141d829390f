//! Values that were computed off candle's graph and are put on it with a backward pass of their own.
//!
//! candle's own operations give a gradient to each of their inputs, also to one that is no parameter and leads to none: of a
//! frozen weight W in x·Wᵀ that is as much memory as the weight, and a third of the time. [`with_backward`] gives a gradient to
//! x alone.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CudaStorage, CustomOp2, Layout, MetalStorage, Result, Shape, Tensor, bail};

/// `value`, as a function of `x` on the graph; `backward` makes the gradient of `x` from that of the value. Off the graph if `x`
/// is.
///
/// # Errors
/// If `value` shares its storage with another tensor.
pub(super) fn with_backward(
    x: &Tensor,
    value: Tensor,
    backward: impl Fn(&Tensor) -> Result<Tensor> + Send + Sync + 'static,
) -> Result<Tensor> {
    if x.track_op() { x.apply_op2(&value, Known(backward)) } else { Ok(value) }
}

/// Returns its second argument.
struct Known<F>(F);

impl<F: Fn(&Tensor) -> Result<Tensor> + Send + Sync> CustomOp2 for Known<F> {
    fn name(&self) -> &'static str {
        "a known value"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        value: &CpuStorage,
        layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        whole(value, layout)
    }

    fn cuda_fwd(
        &self,
        _: &CudaStorage,
        _: &Layout,
        value: &CudaStorage,
        layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        whole(value, layout)
    }

    fn metal_fwd(
        &self,
        _: &MetalStorage,
        _: &Layout,
        value: &MetalStorage,
        layout: &Layout,
    ) -> Result<(MetalStorage, Shape)> {
        whole(value, layout)
    }

    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((Some((self.0)(&grad.detach())?), None))
    }
}

/// A copy of a storage that holds one contiguous tensor and nothing else.
pub(super) fn whole<S: BackendStorage>(storage: &S, layout: &Layout) -> Result<(S, Shape)> {
    if !layout.is_contiguous() || layout.start_offset() != 0 {
        bail!("a known value must fill its storage");
    }
    Ok((storage.try_clone(layout)?, layout.shape().clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn the_value_is_given_and_the_gradient_made() -> Result<()> {
        let x = Var::new(&[1.0_f32, 2.0], &Device::Cpu)?;
        let value = Tensor::new(&[7.0_f32], &Device::Cpu)?;
        let out = with_backward(&x, value.clone(), |grad| grad.broadcast_as(2)? * 3.0)?;
        assert_eq!(out.to_vec1::<f32>()?, [7.0]);
        let grads = (out * 2.0)?.sum_all()?.backward()?;
        assert_eq!(grads.get(&x).map(Tensor::to_vec1::<f32>).transpose()?, Some(vec![6.0, 6.0]));
        assert!(!with_backward(&x.detach(), value, |grad| Ok(grad.clone()))?.track_op());
        Ok(())
    }
}
