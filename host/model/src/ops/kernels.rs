//! Arithmetic on single rows: the innermost loops of the fused operations and of the decoding step.
//!
//! In and out: slices of f32. Sums run over sixteen lanes, so that the compiler can vectorise them, and their
//! order depends on the length alone. A NaN that goes in comes out.
//!
//! There are no intrinsics and no `target-cpu` flags. Plain loops that vectorise are enough here, some of them compiled for the widest
//! vectors ([`vectors`](super::vectors)), because almost all the work is in [`matmul`](super::matmul) and [`bf16`](super::bf16),
//! which pick their instruction set at run time.

use super::vectors::widest_vectors;

/// Accumulators that a sum is spread over.
const LANES: usize = 16;

/// e^`x`, within 2e-7 of it relatively for -87 ≤ `x` ≤ 88; beyond, the value at the bound. NaN gives NaN.
///
/// The method is Cephes' `expf`: with t the integer nearest to x / ln 2, e^x = 2^t · e^r, where r = x - t·ln
/// 2 is small enough for a polynomial of degree seven. Unlike the standard library's, this one vectorises.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    /// 1.5 · 2^23. Adding it leaves no room for a fraction, so the sum rounds, and its low bits are the
    /// integer.
    const ROUNDER: f32 = 12_582_912.0;
    // ln 2 in two parts; the first has so few bits that its product with t is exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;

    let x = x.clamp(-87.0, 88.0);
    let rounded = x * std::f32::consts::LOG2_E + ROUNDER;
    let t = rounded - ROUNDER;
    let r = (x - t * LN_2_HIGH) - t * LN_2_LOW;
    let mut polynomial = 1.987_569_1e-4_f32;
    polynomial = polynomial * r + 1.398_199_9e-3;
    polynomial = polynomial * r + 8.333_452e-3;
    polynomial = polynomial * r + 4.166_579_6e-2;
    polynomial = polynomial * r + 1.666_666_6e-1;
    polynomial = polynomial * r + 0.5;
    let exp_r = polynomial * r * r + r + 1.0;
    // The low nine bits of `rounded` hold t; shifted up with the bias they are the exponent field of 2^t.
    let power_of_two = f32::from_bits(rounded.to_bits().wrapping_add(127) << 23);
    exp_r * power_of_two
}

/// Σ `a`ᵢ·`b`ᵢ over the shorter length.
#[inline]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let length = a.len().min(b.len());
    let (a, b) = (&a[..length], &b[..length]);
    let (a_blocks, b_blocks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a_blocks.remainder().iter().zip(b_blocks.remainder()).map(|(a, b)| a * b).sum();
    let mut lanes = [0.0_f32; LANES];
    for (a, b) in a_blocks.zip(b_blocks) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// `y`ᵢ += `alpha`·`x`ᵢ over the shorter length.
#[inline]
pub(crate) fn axpy(alpha: f32, x: &[f32], y: &mut [f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += alpha * x;
    }
}

/// `y`ᵢ += `x`ᵢ over the shorter length.
#[inline]
pub(crate) fn add_assign(y: &mut [f32], x: &[f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += x;
    }
}

widest_vectors! {
    /// The largest entry, NaN set aside; -∞ for an empty row.
    pub(crate) fn row_max(row: &[f32]) -> f32 {
        let larger = |a: f32, b: f32| if b > a { b } else { a };
        let blocks = row.chunks_exact(LANES);
        let rest = blocks.remainder().iter().copied().fold(f32::NEG_INFINITY, larger);
        let mut lanes = [f32::NEG_INFINITY; LANES];
        for block in blocks {
            for lane in 0..LANES {
                lanes[lane] = larger(lanes[lane], block[lane]);
            }
        }
        lanes.into_iter().fold(rest, larger)
    }
}

widest_vectors! {
    /// Replaces each entry x by e^(x - `shift`) and returns their sum.
    pub(crate) fn exp_in_place(row: &mut [f32], shift: f32) -> f32 {
        let mut lanes = [0.0_f32; LANES];
        let mut blocks = row.chunks_exact_mut(LANES);
        for block in &mut blocks {
            for lane in 0..LANES {
                block[lane] = exp(block[lane] - shift);
                lanes[lane] += block[lane];
            }
        }
        let mut sum: f32 = lanes.iter().sum();
        for entry in blocks.into_remainder() {
            *entry = exp(*entry - shift);
            sum += *entry;
        }
        sum
    }
}

widest_vectors! {
    /// Replaces each entry x by `scale` · e^(x - `shift`).
    pub(crate) fn scaled_exp_in_place(row: &mut [f32], shift: f32, scale: f32) {
        for entry in row {
            *entry = scale * exp(*entry - shift);
        }
    }
}

/// Turns logits into probabilities and returns the natural logarithm of their normaliser, log Σ e^x.
#[inline]
pub(crate) fn softmax_in_place(row: &mut [f32]) -> f32 {
    let max = row_max(row);
    let sum = exp_in_place(row, max);
    let inverse = 1.0 / sum;
    for entry in row.iter_mut() {
        *entry *= inverse;
    }
    max + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_within_two_in_ten_million() {
        for step in -87_000..=88_000 {
            let x = step as f32 / 1000.0;
            let exact = f64::from(x).exp();
            let error = (f64::from(exp(x)) - exact).abs() / exact;
            assert!(error < 2e-7, "exp({x}) is off by {error:e}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f32::NAN).is_nan());
        assert!(exp(f32::NEG_INFINITY) < 2e-38);
    }

    #[test]
    fn sums_cover_the_lanes_and_the_rest() {
        for length in [0, 1, 15, 16, 17, 40] {
            let a: Vec<f32> = (1..=length).map(|i| i as f32).collect();
            let squares = length * (length + 1) * (2 * length + 1) / 6;
            assert_eq!(dot(&a, &a), squares as f32);
            let mut y = a.clone();
            axpy(2.0, &a, &mut y);
            assert!(y.iter().zip(&a).all(|(y, a)| *y == 3.0 * a));
        }
    }

    #[test]
    fn row_max_finds_every_place() {
        for length in [1, 16, 21] {
            for place in 0..length {
                let mut row = vec![-2.0_f32; length];
                row[place] = -1.0;
                assert_eq!(row_max(&row), -1.0);
            }
        }
        assert_eq!(row_max(&[]), f32::NEG_INFINITY);
    }

    #[test]
    fn softmax_of_equal_logits_is_uniform_and_shift_does_not_matter() {
        let mut row = vec![1000.0_f32; 20];
        let log_sum_exp = softmax_in_place(&mut row);
        assert!(row.iter().all(|p| (p - 0.05).abs() < 1e-8));
        assert!((log_sum_exp - (1000.0 + 20.0_f32.ln())).abs() < 1e-4);
    }

    #[test]
    fn nan_is_not_swallowed() {
        let mut row = vec![0.0, f32::NAN, 1.0];
        assert!(softmax_in_place(&mut row).is_nan());
    }
}
