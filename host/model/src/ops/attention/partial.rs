//! Attention over some of the keys, in candle's own operations, and how parts over different keys are put together.
//!
//! In: scores S of queries over keys, and the keys' values. Out: O = softmax(S)·v over those keys alone, and L = log Σ e^S. Parts a
//! and b over keys that have nothing in common make one of both: L = ln(e^Lₐ + e^L_b), O = e^(Lₐ − L)·Oₐ + e^(L_b − L)·O_b. So no
//! keys need be copied beside each other, and no scores exist of more than a part.
//!
//! Shapes are (…, rows, keys) for scores, (…, keys, hd) for values. Numbers are f32, or f64 where the tensors are.
//!
//! Reference: Dao et al., "FlashAttention", 2022, section 3.1.

use candle_core::{D, Result, Tensor};

use crate::ops::wide;

/// A score that stands for −∞: e to it is 0 beside any score, and a row of nothing else is no NaN.
pub(crate) const HIDDEN: f32 = -1e30;

/// The attention of some queries over a part of the keys.
#[derive(Clone, Debug)]
pub(crate) struct Partial {
    /// (…, rows, hd).
    pub(crate) out: Tensor,
    /// (…, rows, 1).
    pub(crate) log_sum_exp: Tensor,
}

/// S = scale · q·kᵀ of queries (…, rows, hd) and keys (…, keys, hd): (…, rows, keys).
///
/// # Errors
/// If a tensor operation fails.
pub(crate) fn scores(queries: &Tensor, keys: &Tensor, scale: f32) -> Result<Tensor> {
    let products = queries.matmul(&keys.transpose(D::Minus2, D::Minus1)?)?;
    products.to_dtype(wide(products.dtype()))? * f64::from(scale)
}

impl Partial {
    /// Of scores (…, rows, keys) and values (…, keys, hd).
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub(crate) fn new(scores: &Tensor, values: &Tensor) -> Result<Self> {
        let max = scores.max_keepdim(D::Minus1)?;
        let weights = scores.broadcast_sub(&max)?.exp()?;
        let total = weights.sum_keepdim(D::Minus1)?;
        let out = weights.to_dtype(values.dtype())?.matmul(values)?.to_dtype(scores.dtype())?;
        Ok(Self { out: out.broadcast_div(&total)?, log_sum_exp: (max + total.log()?)? })
    }

    /// Both parts, whose shapes are the same, as one.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub(crate) fn and(&self, other: &Self) -> Result<Self> {
        let max = self.log_sum_exp.maximum(&other.log_sum_exp)?;
        let share = |part: &Self| (&part.log_sum_exp - &max)?.exp();
        let (own, others) = (share(self)?, share(other)?);
        let total = (&own + &others)?;
        let out = (self.out.broadcast_mul(&own)? + other.out.broadcast_mul(&others)?)?;
        Ok(Self { out: out.broadcast_div(&total)?, log_sum_exp: (max + total.log()?)? })
    }

    /// Applies a change of shape, or a choice of rows, to both tensors.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub(crate) fn map(&self, f: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Self> {
        Ok(Self { out: f(&self.out)?, log_sum_exp: f(&self.log_sum_exp)? })
    }

    /// Parts of different queries, one after another along `dim`.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub(crate) fn cat(parts: &[Self], dim: usize) -> Result<Self> {
        let of =
            |tensor: fn(&Self) -> &Tensor| Tensor::cat(&parts.iter().map(tensor).collect::<Vec<_>>(), dim);
        Ok(Self { out: of(|part| &part.out)?, log_sum_exp: of(|part| &part.log_sum_exp)? })
    }
}

/// Entries to add to the scores of queries that may not see every key: 0, or [`HIDDEN`] where `sees` does not hold, in f32 or f64 as
/// `dtype` needs. Of `rows` and `columns` given as the positions of queries and keys.
///
/// # Errors
/// If a tensor operation fails.
pub(crate) fn mask(
    (n_rows, n_columns): (usize, usize),
    sees: impl Fn(usize, usize) -> bool,
    like: &Tensor,
) -> Result<Tensor> {
    let sees = &sees;
    let entry = |row, column| if sees(row, column) { 0.0 } else { HIDDEN };
    let entries = (0..n_rows).flat_map(|row| (0..n_columns).map(move |column| entry(row, column)));
    Tensor::from_vec(entries.collect(), (n_rows, n_columns), like.device())?.to_dtype(wide(like.dtype()))
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    /// One query over keys whose scores are ln 1, ln 2 and ln 5, with the values 8, 4 and 1.6.
    fn part(scores: &[f64], values: &[f64]) -> Result<Partial> {
        let scores = scores.iter().map(|score| score.ln()).collect::<Vec<f64>>();
        let n = scores.len();
        let scores = Tensor::from_vec(scores, (1, n), &Device::Cpu)?;
        Partial::new(&scores, &Tensor::from_vec(values.to_vec(), (n, 1), &Device::Cpu)?)
    }

    fn numbers(part: &Partial) -> Result<[f64; 2]> {
        let one = |tensor: &Tensor| tensor.flatten_all()?.get(0)?.to_scalar::<f64>();
        Ok([one(&part.out)?, one(&part.log_sum_exp)?.exp()])
    }

    #[test]
    fn parts_make_the_whole_by_hand() -> Result<()> {
        // (1·8 + 2·4 + 5·1.6) / 8 = 3, and Σ e^S = 8; the first two alone give 16/3 and 3.
        let close = |actual: [f64; 2], expected: [f64; 2]| {
            assert!(actual.iter().zip(expected).all(|(a, e)| (a - e).abs() < 1e-12), "{actual:?}");
        };
        let (first, last) = (part(&[1.0, 2.0], &[8.0, 4.0])?, part(&[5.0], &[1.6])?);
        close(numbers(&first)?, [16.0 / 3.0, 3.0]);
        close(numbers(&last)?, [1.6, 5.0]);
        close(numbers(&first.and(&last)?)?, [3.0, 8.0]);
        close(numbers(&last.and(&first)?)?, [3.0, 8.0]);
        close(numbers(&part(&[1.0, 2.0, 5.0], &[8.0, 4.0, 1.6])?)?, [3.0, 8.0]);
        Ok(())
    }

    #[test]
    fn a_part_in_which_everything_is_hidden_adds_nothing() -> Result<()> {
        let hidden = Tensor::full(f64::from(HIDDEN), (1, 2), &Device::Cpu)?;
        let hidden = Partial::new(&hidden, &Tensor::full(9.0, (2, 1), &Device::Cpu)?)?;
        let seen = part(&[1.0, 2.0], &[8.0, 4.0])?;
        for both in [seen.and(&hidden)?, hidden.and(&seen)?] {
            assert_eq!(numbers(&both)?, numbers(&seen)?);
        }
        Ok(())
    }
}
