//! A block of a product on processors with AVX2 and no bf16 instructions: products of numbers rounded to bf16, summed in f32.
//!
//! In: packed tiles of up to 32 rows and of 32 columns. Out: their sums, added to f32 numbers or written over them. For each 32 terms the
//! tiles are unpacked to f32, which stays in the first cache, and multiplied from there, up to six rows by sixteen columns at once, in twelve
//! registers. A sum takes its terms one by one in order, each product unrounded, wherever the rows around it are.

use std::arch::x86_64::{
    __m256, _MM_HINT_T1, _mm_prefetch, _mm256_and_si256, _mm256_fmadd_ps, _mm256_loadu_ps,
    _mm256_loadu_si256, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_ps, _mm256_slli_epi32,
    _mm256_storeu_ps, _mm256_storeu_si256,
};

use super::block::{Block, LINE, SIDE};
use super::tile::{ROWS, TERMS, cells};

/// Rows that are summed at once, at most.
const ROWS_AT_ONCE: usize = 6;
/// Columns that are summed at once, and of them in one register.
const COLUMNS_AT_ONCE: usize = 16;
const LANES: usize = 8;

/// Pairs of terms of a tile.
const PAIRS: usize = TERMS / 2;
/// The first numbers of cells, and their second ones.
type Unpacked<const N: usize> = [[f32; N]; 2];

/// Whether this processor has the instructions.
pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

/// Computes the block.
pub(super) fn compute(block: Block<'_>) {
    assert!(is_available(), "AVX2 was chosen on a processor without it");
    // SAFETY: the features were detected above.
    unsafe { compute_by_tiles(block) }
}

#[target_feature(enable = "avx2,fma")]
fn compute_by_tiles(block: Block<'_>) {
    let Block { left, right, ahead, out, stride, rows, last_pairs, add } = block;
    let mut lefts: [Unpacked<PAIRS>; SIDE] = [[[0.0; PAIRS]; 2]; SIDE];
    let mut rights: [Unpacked<SIDE>; PAIRS] = [[[0.0; SIDE]; 2]; PAIRS];
    let steps = right.len() / 2;
    let (mut ahead, lines) = ahead.share(0, 1, steps);
    for (step, right) in right.chunks_exact(2).enumerate() {
        for _ in 0..lines {
            _mm_prefetch::<_MM_HINT_T1>(ahead as *const i8);
            ahead += LINE;
        }
        for (cells, numbers) in cells(right).as_chunks().0.iter().zip(&mut rights) {
            unpack(cells, numbers);
        }
        for (row, numbers) in lefts.iter_mut().enumerate().take(rows) {
            unpack(&left[row / ROWS][step].0.as_chunks().0[row % ROWS], numbers);
        }
        let rights = &rights[..if step + 1 == steps { last_pairs } else { PAIRS }];
        let add = add || step > 0;
        let mut row = 0;
        while row < rows {
            let (lefts, out) = (&lefts[row..rows], &mut out[row * stride..]);
            // As even as can be: few rows at once leave the processor waiting for their sums.
            row += match lefts.len().div_ceil(lefts.len().div_ceil(ROWS_AT_ONCE)) {
                1 => sum::<1>(lefts, rights, out, stride, add),
                2 => sum::<2>(lefts, rights, out, stride, add),
                3 => sum::<3>(lefts, rights, out, stride, add),
                4 => sum::<4>(lefts, rights, out, stride, add),
                5 => sum::<5>(lefts, rights, out, stride, add),
                _ => sum::<ROWS_AT_ONCE>(lefts, rights, out, stride, add),
            };
        }
    }
}

/// The first `R` rows by all 32 columns; gives `R`.
#[target_feature(enable = "avx2,fma")]
fn sum<const R: usize>(
    lefts: &[Unpacked<PAIRS>],
    rights: &[Unpacked<SIDE>],
    out: &mut [f32],
    stride: usize,
    add: bool,
) -> usize {
    assert!(lefts.len() >= R && rights.len() <= PAIRS, "{R} rows of a block");
    assert!(out.len() >= (R - 1) * stride + SIDE, "{R} rows of a block's result");
    for first in (0..SIDE).step_by(COLUMNS_AT_ONCE) {
        let mut sums = [[_mm256_setzero_ps(); COLUMNS_AT_ONCE / LANES]; R];
        if add {
            for (r, sums) in sums.iter_mut().enumerate() {
                // SAFETY: row r's 32 columns lie in `out`, by the assertion.
                *sums = unsafe { columns(out.as_ptr().add(r * stride + first)) };
            }
        }
        for (pair, rights) in rights.iter().enumerate() {
            for (term, right) in rights.iter().enumerate() {
                // SAFETY: sixteen of the 32 columns from `first` on.
                let right = unsafe { columns(right.as_ptr().add(first)) };
                for (sums, left) in sums.iter_mut().zip(lefts) {
                    let left = _mm256_set1_ps(left[term][pair]);
                    for (sum, right) in sums.iter_mut().zip(right) {
                        *sum = _mm256_fmadd_ps(left, right, *sum);
                    }
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            for (part, sum) in sums.iter().enumerate() {
                // SAFETY: as for reading.
                unsafe { _mm256_storeu_ps(out.as_mut_ptr().add(r * stride + first + part * LANES), *sum) };
            }
        }
    }
    R
}

/// The numbers of cells.
#[target_feature(enable = "avx2,fma")]
fn unpack<const N: usize>(cells: &[u32; N], [first, second]: &mut Unpacked<N>) {
    let seconds = _mm256_set1_epi32(0xffff_0000_u32.cast_signed());
    let numbers = first.as_chunks_mut::<LANES>().0.iter_mut().zip(second.as_chunks_mut::<LANES>().0);
    for (cells, (first, second)) in cells.as_chunks::<LANES>().0.iter().zip(numbers) {
        // SAFETY: eight cells are read, and eight numbers written twice.
        unsafe {
            let cells = _mm256_loadu_si256(cells.as_ptr().cast());
            _mm256_storeu_si256(first.as_mut_ptr().cast(), _mm256_slli_epi32::<16>(cells));
            _mm256_storeu_si256(second.as_mut_ptr().cast(), _mm256_and_si256(cells, seconds));
        }
    }
}

/// Sixteen numbers.
///
/// # Safety
/// They can be read from there on.
#[target_feature(enable = "avx2,fma")]
unsafe fn columns(from: *const f32) -> [__m256; COLUMNS_AT_ONCE / LANES] {
    // SAFETY: the caller says so.
    [0, 1].map(|part| unsafe { _mm256_loadu_ps(from.add(part * LANES)) })
}
