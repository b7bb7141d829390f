//! A matrix of weights as the decoder multiplies by it, whatever its number format.
//!
//! In: a tensor in the activations' format, or bf16 numbers packed for the CPU, whose activations are f32. Out: the operations that
//! a decoder needs of a matrix, each of which picks its way here and nowhere else.

use std::sync::Arc;

use candle_core::{DType, Device, Result, Tensor, bail};

use super::bf16::{self, PackedWeight};
use super::{embed, linear, target_log_probs};

/// A matrix (outputs, inputs); cloning shares it.
#[derive(Clone, Debug)]
pub enum Weight {
    /// In the format of the activations; on the graph if it is a parameter.
    Tensor(Tensor),
    /// bf16 on the CPU, for f32 activations.
    Packed(PackedWeight),
}

impl Weight {
    /// `x` (N, inputs) · selfᵀ + `bias` (outputs); gives (N, outputs).
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn linear(&self, x: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
        match self {
            Self::Tensor(weight) => linear(x, weight, bias),
            Self::Packed(weight) => bf16::linear(x, weight, bias),
        }
    }

    /// Its rows `ids`, (ids, inputs).
    ///
    /// # Errors
    /// If an id is not below the number of rows.
    pub fn embed(&self, ids: Arc<[u32]>) -> Result<Tensor> {
        match self {
            Self::Tensor(weight) => embed(weight, ids),
            Self::Packed(weight) => weight.embed(ids),
        }
    }

    /// ln p(target | row) of each row of `hidden` (N, inputs) with this matrix as the output head, (N,); 0 without a target.
    ///
    /// # Errors
    /// If the shapes do not fit, or a target is not below the number of rows.
    pub fn target_log_probs(&self, hidden: &Tensor, targets: Arc<[Option<u32>]>) -> Result<Tensor> {
        match self {
            Self::Tensor(head) => target_log_probs(hidden, head, targets),
            Self::Packed(head) => bf16::target_log_probs(hidden, head, targets),
        }
    }

    /// (outputs, inputs).
    pub fn shape(&self) -> Result<(usize, usize)> {
        match self {
            Self::Tensor(weight) => weight.dims2(),
            Self::Packed(weight) => Ok(weight.shape()),
        }
    }

    /// The tensor that it is.
    ///
    /// # Errors
    /// If its numbers are packed.
    pub fn into_tensor(self) -> Result<Tensor> {
        match self {
            Self::Tensor(tensor) => Ok(tensor),
            Self::Packed(_) => bail!("packed numbers where a tensor is needed"),
        }
    }

    /// The same without a graph.
    pub fn detach(&self) -> Self {
        match self {
            Self::Tensor(weight) => Self::Tensor(weight.detach()),
            Self::Packed(weight) => Self::Packed(weight.detach()),
        }
    }

    /// Where it is.
    pub fn device(&self) -> &Device {
        match self {
            Self::Tensor(weight) => weight.device(),
            Self::Packed(_) => &Device::Cpu,
        }
    }

    /// The number format of the activations that it takes and gives.
    pub fn activation_dtype(&self) -> DType {
        match self {
            Self::Tensor(weight) => weight.dtype(),
            Self::Packed(_) => DType::F32,
        }
    }
}
