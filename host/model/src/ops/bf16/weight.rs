//! A matrix of weights in bf16 on the CPU: packed for the products that it takes part in, and perhaps the f32 parameters that it is
//! packed from.
//!
//! In: a checkpoint's tensor, or parameters in training. Out: [`PackedWeight`], and from it the rows of an embedding. A model that is
//! only read holds the packing for y = x·Wᵀ, two bytes a weight. One in training holds a second packing, for dx = g·W, and its
//! parameters in f32; both packings are made anew by [`PackedWeight::repack`] after each change of them.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use candle_core::{CpuStorage, DType, Device, Result, Storage, Tensor, bail};
use rayon::prelude::*;

use super::{Entry, PackedMatrix, View};
use crate::ops::embed::check_ids;
use crate::ops::{Contents, embed};

/// The packings of a matrix.
#[derive(Debug)]
pub(crate) struct Packings {
    /// Of W, for x·Wᵀ.
    pub(crate) forward: PackedMatrix,
    /// Of Wᵀ, for g·W; only where gradients flow.
    backward: Option<PackedMatrix>,
}

impl Packings {
    fn new<T: Entry>(weight: &[T], (outputs, inputs): (usize, usize), has_gradients: bool) -> Self {
        let forward = PackedMatrix::new(View::rows(weight, outputs, inputs));
        let backward = has_gradients.then(|| PackedMatrix::new(View::columns(weight, inputs, outputs)));
        Self { forward, backward }
    }

    /// Of Wᵀ.
    ///
    /// # Errors
    /// If the model was loaded without.
    pub(crate) fn backward(&self) -> Result<&PackedMatrix> {
        match &self.backward {
            Some(backward) => Ok(backward),
            None => bail!("a gradient through weights that were loaded to be read only"),
        }
    }
}

/// A matrix (outputs, inputs) of bf16 numbers for f32 activations; cloning shares it.
#[derive(Clone, Debug)]
pub struct PackedWeight {
    shape: (usize, usize),
    packings: Arc<RwLock<Packings>>,
    /// The parameters, f32 on the CPU, (outputs, inputs).
    master: Option<Tensor>,
}

impl PackedWeight {
    /// Packs a matrix of bf16 or f32 numbers on the CPU, to be read or, with `has_gradients`, for gradients to flow through.
    ///
    /// # Errors
    /// If it is no such matrix.
    pub fn frozen(weight: &Tensor, has_gradients: bool) -> Result<Self> {
        let shape = weight.dims2()?;
        let weight = weight.contiguous()?;
        let (storage, layout) = weight.storage_and_layout();
        let packings = match (&*storage, layout.contiguous_offsets()) {
            (Storage::Cpu(CpuStorage::BF16(data)), Some((start, end))) => {
                Packings::new(&data[start..end], shape, has_gradients)
            }
            (Storage::Cpu(CpuStorage::F32(data)), Some((start, end))) => {
                Packings::new(&data[start..end], shape, has_gradients)
            }
            _ => bail!("only bf16 and f32 numbers on the CPU can be packed"),
        };
        Ok(Self { shape, packings: Arc::new(RwLock::new(packings)), master: None })
    }

    /// Packs parameters, an f32 matrix on the CPU, which receive gradients if they are on the graph.
    ///
    /// # Errors
    /// If they are no such matrix.
    pub fn of_parameters(master: &Tensor) -> Result<Self> {
        if master.dtype() != DType::F32 {
            bail!("parameters in {}, not in f32", master.dtype().as_str());
        }
        Ok(Self { master: Some(master.contiguous()?), ..Self::frozen(master, true)? })
    }

    /// Packs the parameters again, which have changed.
    pub fn repack(&self) -> Result<()> {
        let Some(master) = &self.master else { return Ok(()) };
        let (outputs, inputs) = self.shape;
        let weight = Contents::of(master)?;
        let mut packings = self.packings.write().unwrap_or_else(PoisonError::into_inner);
        let Packings { forward, backward } = &mut *packings;
        match backward {
            Some(backward) => forward.0.fill_both(&mut backward.0, &weight, self.shape),
            None => forward.0.fill(View::rows(&weight, outputs, inputs), super::Side::Right),
        }
        Ok(())
    }

    /// The same without a graph.
    pub fn detach(&self) -> Self {
        Self { master: self.master.as_ref().map(Tensor::detach), ..self.clone() }
    }

    /// (outputs, inputs).
    pub fn shape(&self) -> (usize, usize) {
        self.shape
    }

    /// The parameters, where it has any.
    pub(crate) fn master(&self) -> Option<&Tensor> {
        self.master.as_ref()
    }

    pub(crate) fn packings(&self) -> RwLockReadGuard<'_, Packings> {
        self.packings.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes that the packings take.
    pub fn n_bytes(&self) -> usize {
        let packings = self.packings();
        packings.forward.n_bytes() + packings.backward.as_ref().map_or(0, PackedMatrix::n_bytes)
    }

    /// Rows `ids` of the matrix as an embedding, (ids, inputs), in f32; the parameters' own where it has any.
    ///
    /// # Errors
    /// If an id is not below the number of rows.
    pub fn embed(&self, ids: Arc<[u32]>) -> Result<Tensor> {
        if let Some(master) = &self.master {
            return embed(master, ids);
        }
        let (rows, width) = self.shape;
        check_ids(&ids, rows)?;
        let packings = self.packings();
        let mut out = vec![0.0; ids.len() * width];
        out.par_chunks_mut(width.max(1))
            .zip(&ids[..])
            .with_min_len(64)
            .for_each(|(out, &id)| packings.forward.read_row(id as usize, out));
        Tensor::from_vec(out, (ids.len(), width), &Device::Cpu)
    }
}

#[cfg(test)]
mod tests {
    use half::bf16;

    use super::*;
    use crate::gradcheck::tensor;

    #[test]
    fn rows_are_those_of_the_matrix_rounded() {
        let weight = tensor(&[70, 33], 1);
        let packed = PackedWeight::frozen(&weight, false).unwrap();
        let rows = packed.embed(Arc::from([3, 69, 0])).unwrap().to_vec2::<f32>().unwrap();
        let weight = weight.to_vec2::<f32>().unwrap();
        for (row, id) in rows.iter().zip([3, 69, 0]) {
            let expected: Vec<f32> = weight[id].iter().map(|&w| bf16::from_f32(w).to_f32()).collect();
            assert_eq!(*row, expected);
        }
        let error = packed.embed(Arc::from([1, 70])).unwrap_err().to_string();
        assert!(error.contains("token id 70 at row 1"), "{error}");
        // Three panels of 32 rows, two tiles of 32 terms each and two rows of tiles, of 1 KiB.
        assert_eq!(packed.n_bytes(), 3 * 2 * 2 * 1024);
    }

    #[test]
    fn bf16_tensors_pack_as_the_f32_numbers_that_they_are() {
        let weight = tensor(&[40, 50], 2).to_dtype(DType::BF16).unwrap();
        let ids: Arc<[u32]> = (0..40).collect();
        let rows = |weight: &Tensor| {
            let packed = PackedWeight::frozen(weight, true).unwrap();
            packed.embed(ids.clone()).unwrap().to_vec2::<f32>().unwrap()
        };
        assert_eq!(rows(&weight), rows(&weight.to_dtype(DType::F32).unwrap()));
        assert!(PackedWeight::frozen(&weight.to_dtype(DType::F16).unwrap(), false).is_err());
        assert!(PackedWeight::of_parameters(&weight).is_err());
    }
}
