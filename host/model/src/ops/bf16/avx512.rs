//! A block of a product by AVX-512's bf16 instruction, which adds the product of a pair of terms to each of sixteen sums.
//!
//! In: packed tiles of up to 32 rows and of 32 columns. Out: their sums, added to f32 numbers or written over them. Eight rows are
//! summed at once, in sixteen registers.

use std::arch::x86_64::{
    __m512bh, _MM_HINT_T1, _mm_prefetch, _mm512_dpbf16_ps, _mm512_load_si512, _mm512_loadu_ps,
    _mm512_set1_epi32, _mm512_setzero_ps, _mm512_storeu_ps,
};
use std::mem::transmute;

use super::block::{Block, LINE, SIDE};
use super::tile::{ROWS, TERMS, Tile, cells};

/// Whether this processor has the instructions.
pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bf16")
}

/// Computes the block.
pub(super) fn compute(block: Block<'_>) {
    assert!(is_available(), "AVX-512 BF16 was chosen on a processor without it");
    let Block { left, right, ahead, out, stride, rows, last_pairs, add } = block;
    let right = (right, last_pairs);
    let n_kernels = rows.div_ceil(8);
    let mut row = 0;
    while row < rows {
        let (left, first) = (left[row / ROWS], row % ROWS);
        let out = &mut out[row * stride..];
        let ahead = ahead.share(row / 8, n_kernels, right.0.len() / 2);
        // SAFETY: the features were detected above. Each kernel asks for `add`, slices and a number of rows; it checks that they fit.
        row += unsafe {
            match rows - row {
                1 => kernel::<1>(left, first, right, ahead, out, stride, add),
                2 | 3 => kernel::<2>(left, first, right, ahead, out, stride, add),
                4..8 => kernel::<4>(left, first, right, ahead, out, stride, add),
                _ => kernel::<8>(left, first, right, ahead, out, stride, add),
            }
        };
    }
}

/// `R` rows of the left strip from `first` on, by the right operand, of whose last tile some pairs count; gives `R`.
#[target_feature(enable = "avx512f,avx512bf16")]
fn kernel<const R: usize>(
    left: &[Tile],
    first: usize,
    (right, last_pairs): (&[Tile], usize),
    (mut ahead, lines): (usize, usize),
    out: &mut [f32],
    stride: usize,
    add: bool,
) -> usize {
    assert!(first + R <= ROWS && out.len() >= (R - 1) * stride + 2 * ROWS, "{R} rows of a block");
    let mut sums = [[_mm512_setzero_ps(); 2]; R];
    let out = out.as_mut_ptr();
    if add {
        for (r, sums) in sums.iter_mut().enumerate() {
            for (half, sum) in sums.iter_mut().enumerate() {
                // SAFETY: row r's 32 columns lie in `out`, by the assertion.
                *sum = unsafe { _mm512_loadu_ps(out.add(r * stride + half * ROWS)) };
            }
        }
    }
    let steps = right.len() / 2;
    for (step, (left, right)) in left.iter().zip(right.chunks_exact(2)).enumerate() {
        for _ in 0..lines {
            _mm_prefetch::<_MM_HINT_T1>(ahead as *const i8);
            ahead += LINE;
        }
        let pairs = if step + 1 == steps { last_pairs } else { TERMS / 2 };
        for (pair, columns) in cells(right).as_chunks::<SIDE>().0.iter().enumerate().take(pairs) {
            // SAFETY: the 32 cells of a pair of terms are aligned, and sixteen cells are 32 bf16 numbers.
            let columns: [__m512bh; 2] = [0, 1]
                .map(|half| unsafe { transmute(_mm512_load_si512(columns.as_ptr().add(half * 16).cast())) });
            for (r, sums) in sums.iter_mut().enumerate() {
                let cell = left.0[(first + r) * 16 + pair].cast_signed();
                // SAFETY: 512 bits either way.
                let cell: __m512bh = unsafe { transmute(_mm512_set1_epi32(cell)) };
                for (sum, columns) in sums.iter_mut().zip(columns) {
                    *sum = _mm512_dpbf16_ps(*sum, cell, columns);
                }
            }
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        for (half, sum) in sums.iter().enumerate() {
            // SAFETY: as for reading.
            unsafe { _mm512_storeu_ps(out.add(r * stride + half * ROWS), *sum) };
        }
    }
    R
}
