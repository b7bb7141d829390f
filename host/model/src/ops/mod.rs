//! The differentiable operations that the decoder is made of.
//!
//! Each operation lives in a file of its own and exists twice: *fused*, for f32 on the CPU, with a backward
//! pass written by hand; and *portable*, for every other device and dtype, made of candle operations that
//! have a gradient. The two are each other's test. A public function looks at its inputs and picks one; its
//! caller never has to.
//!
//! In: tensors whose rows are the tokens of several sequences, one after another and without padding
//! ([`Segments`] says which rows belong together). Out: tensors of the same kind, on candle's graph if an
//! input is.
//!
//! Two promises hold on the CPU. The bits of a row do not depend on the other rows of its batch ([`matmul`]
//! says how). No sum depends on the number of threads: partial sums have fixed bounds and are added in a
//! fixed order.
//!
//! candle's own `softmax_last_dim`, `rms_norm` and `rope` are not used: they have no backward pass and give
//! no error, so that gradients would stop there silently.

mod attention;
mod backward;
pub mod bf16;
mod columns;
mod dropout;
mod embed;
mod few_rows;
pub(crate) mod kernels;
mod known;
mod linear;
pub(crate) mod matmul;
mod rms_norm;
mod rotary;
mod segments;
mod swiglu;
mod target_log_probs;
mod transpose;
pub(crate) mod vectors;
mod weight;

use std::ops::{Deref, Range};

use candle_core::{CpuStorage, DType, Layout, Result, Storage, Tensor, bail};

pub use attention::{Heads, causal_attention};
pub(crate) use attention::{blocks, first_visible, partial, rotation};
pub use backward::Backward;
pub use dropout::dropout;
pub use embed::embed;
pub use linear::linear;
pub use rms_norm::rms_norm;
pub(crate) use rotary::{Angles, Turn};
pub use rotary::{RotaryScaling, RotaryTable};
pub use segments::{Segment, Segments};
pub use swiglu::swiglu;
pub(crate) use target_log_probs::rows_per_chunk;
pub use target_log_probs::target_log_probs;
pub use weight::Weight;

/// The portable twins, for comparison and measurement. The functions of [`ops`](self) choose by themselves.
pub mod portable {
    pub use super::attention::portable as causal_attention;
    pub use super::dropout::portable as dropout;
    pub use super::embed::portable as embed;
    pub use super::linear::portable as linear;
    pub use super::rms_norm::portable as rms_norm;
    pub use super::swiglu::portable as swiglu;
    pub use super::target_log_probs::portable as target_log_probs;
}

/// Whether the fused operations can take these tensors.
pub(crate) fn all_cpu_f32(tensors: &[&Tensor]) -> bool {
    tensors.iter().all(|tensor| tensor.device().is_cpu() && tensor.dtype() == DType::F32)
}

/// The number format of sums and scores: f32 for everything narrower than f64.
pub(crate) fn wide(dtype: DType) -> DType {
    if dtype == DType::F64 { DType::F64 } else { DType::F32 }
}

/// The numbers of a contiguous f32 storage on the CPU.
///
/// # Errors
/// Names `op` if the storage is anything else; the public functions see to it that it is not.
pub(crate) fn f32_slice<'a>(op: &str, storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(data), Some((start, end))) => Ok(&data[start..end]),
        _ => bail!("{op}: the fused operation takes contiguous f32 tensors on the CPU"),
    }
}

/// Read access to the numbers of a tensor, for as long as this value lives.
pub(crate) struct Contents<'a> {
    /// The lock's guard; candle does not export its type.
    storage: Box<dyn Deref<Target = Storage> + 'a>,
    range: Range<usize>,
}

impl<'a> Contents<'a> {
    /// Opens a contiguous f32 tensor on the CPU.
    ///
    /// # Errors
    /// Fails for any other tensor.
    pub(crate) fn of(tensor: &'a Tensor) -> Result<Self> {
        let (storage, layout) = tensor.storage_and_layout();
        let range = match (&*storage, layout.contiguous_offsets()) {
            (Storage::Cpu(CpuStorage::F32(_)), Some((start, end))) => start..end,
            _ => bail!("only a contiguous f32 tensor on the CPU can be read in place"),
        };
        Ok(Self { storage: Box::new(storage), range })
    }
}

impl Deref for Contents<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &**self.storage {
            Storage::Cpu(CpuStorage::F32(data)) => &data[self.range.clone()],
            // `of` refuses every other storage, and the guard keeps this one in place.
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use candle_core::Var;

    use super::*;
    use crate::gradcheck::tensor;

    #[test]
    fn a_frozen_weight_gets_no_gradient_and_takes_none_from_x() -> Result<()> {
        let targets: Arc<[Option<u32>]> = Arc::from([Some(2), None, Some(0)]);
        let apply = |x: &Tensor, [weight, bias, norm]: &[Tensor; 3]| {
            let normed = rms_norm(x, norm, 1e-6)?;
            let out = linear(&normed, weight, Some(bias))?;
            target_log_probs(&linear(&out, weight, None)?, weight, targets.clone())?.sum_all()
        };
        for dtype in [DType::F32, DType::F64] {
            let of = |shape: &[usize], seed| Var::from_tensor(&tensor(shape, seed).to_dtype(dtype)?);
            let (x, weights) = (of(&[3, 4], 1)?, [of(&[4, 4], 2)?, of(&[4], 3)?, of(&[4], 4)?]);
            let trained = apply(&x, &weights.each_ref().map(|var| var.as_tensor().clone()))?.backward()?;
            let frozen = apply(&x, &weights.each_ref().map(Var::as_detached_tensor))?.backward()?;
            assert_eq!((trained.get_ids().count(), frozen.get_ids().count()), (4, 1), "{dtype:?}");
            let of_x = |grads: &candle_core::backprop::GradStore| {
                grads.get(&x).unwrap().to_dtype(DType::F64)?.to_vec2::<f64>()
            };
            assert_eq!(of_x(&trained)?, of_x(&frozen)?);
        }
        Ok(())
    }
}
