//! Token embedding: row i of the result is the row of the weight that token i names.
//!
//! In: the embedding (V, D) and N token ids. Out: (N, D). The gradient of the weight is, for each token of
//! the vocabulary, the sum of the gradients of its rows.
//!
//! The vocabulary's gradient is dense, because the head that shares the weight makes it so.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use super::backward::gradient;
use super::{Contents, all_cpu_f32, f32_slice, kernels};

/// Looks up `ids` in `weight` (V, D); gives (N, D).
///
/// # Errors
/// If an id is not below V, or `weight` is not a matrix.
pub fn embed(weight: &Tensor, ids: Arc<[u32]>) -> Result<Tensor> {
    let (vocab_size, _) = weight.dims2()?;
    check_ids(&ids, vocab_size)?;
    if all_cpu_f32(&[weight]) {
        weight.contiguous()?.apply_op1(Embed { ids })
    } else {
        portable(weight, &ids)
    }
}

/// Whether every id has a row in a matrix of `vocab_size` rows.
pub(super) fn check_ids(ids: &[u32], vocab_size: usize) -> Result<()> {
    if let Some((row, id)) = ids.iter().enumerate().find(|&(_, &id)| id as usize >= vocab_size) {
        bail!("embed: token id {id} at row {row} is not in the vocabulary of {vocab_size}");
    }
    Ok(())
}

/// The same in candle's own operations. The caller checks `ids`.
///
/// # Errors
/// If a tensor operation fails.
pub fn portable(weight: &Tensor, ids: &[u32]) -> Result<Tensor> {
    let ids = Tensor::new(ids, weight.device())?;
    weight.index_select(&ids, 0)
}

struct Embed {
    ids: Arc<[u32]>,
}

impl CustomOp1 for Embed {
    fn name(&self) -> &'static str {
        "embed"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let weight = f32_slice(self.name(), storage, layout)?;
        let (_, width) = layout.shape().dims2()?;
        let mut out = Vec::with_capacity(self.ids.len() * width);
        for &id in self.ids.iter() {
            out.extend_from_slice(&weight[id as usize * width..][..width]);
        }
        Ok((CpuStorage::F32(out), Shape::from((self.ids.len(), width))))
    }

    fn bwd(&self, weight: &Tensor, _out: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let (_, width) = weight.dims2()?;
        let grad = grad.contiguous()?;
        let grad = Contents::of(&grad)?;
        // Whether zeros are written or a sum is there already, rows are added.
        gradient(weight, |sum, _| {
            for (row, &id) in self.ids.iter().enumerate() {
                kernels::add_assign(&mut sum[id as usize * width..][..width], &grad[row * width..][..width]);
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    use crate::gradcheck::{assert_gradients, assert_twins_agree, tensor};

    #[test]
    fn rows_are_copied_in_order() -> Result<()> {
        let weight = Tensor::new(&[[1.0_f32, 2.0], [3.0, 4.0], [5.0, 6.0]], &Device::Cpu)?;
        let out = embed(&weight, Arc::from([2, 0, 2]))?.to_vec2::<f32>()?;
        assert_eq!(out, [[5.0, 6.0], [1.0, 2.0], [5.0, 6.0]]);
        Ok(())
    }

    #[test]
    fn an_unknown_id_is_refused() {
        let error = embed(&tensor(&[3, 2], 1), Arc::from([0, 3])).unwrap_err().to_string();
        assert!(error.contains("token id 3 at row 1"), "{error}");
    }

    #[test]
    fn gradients_are_right_when_an_id_repeats() {
        let ids: Arc<[u32]> = Arc::from([4, 1, 4, 4, 0]);
        let inputs = [tensor(&[5, 3], 1)];
        assert_gradients(&inputs, |t| embed(&t[0], ids.clone()));
        assert_twins_agree(&inputs, |t| embed(&t[0], ids.clone()), |t| portable(&t[0], &ids));
    }
}
