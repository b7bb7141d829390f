//! x·Wᵀ for few rows of x, as sampling has them, in f32: every weight is read once, in order, and nothing is packed beforehand.
//!
//! In: x (N, I) and W (O, I). Out: (N, O). The bits are those of [`crate::ops::matmul`], whatever N is: each result is a sum over I in
//! order with one rounding a term, cut where sums are cut there. So a row may be computed here alone, and by `gemm` in a batch.
//!
//! `gemm` puts its operands into another order at each call, which for few rows costs several times the product.

use std::ops::Range;

use super::columns::in_shares;
use super::matmul::{DEPTH_BLOCK, Update};

/// More rows than this are `gemm`'s: with registers of 512 bits, and of 256.
const MOST_ROWS: [usize; 2] = [64, 8];
/// Outputs that are summed side by side.
const OUTPUTS: usize = 16;
/// Terms of a product that is worth another thread.
const TERMS_PER_THREAD: usize = 1 << 17;

/// W's part of some outputs and terms, the other way round: (terms, outputs).
type Block = [[f32; OUTPUTS]; DEPTH_BLOCK];
/// Sixteen terms of it.
type Square = [[f32; OUTPUTS]; 16];
/// The weights of sixteen outputs, in squares of sixteen terms.
type Lines<'a> = [&'a [[f32; 16]]; OUTPUTS];

/// `out` (N, O) = or += `x` (N, I) · `weight`ᵀ (O, I), on the threads of the current rayon pool. False, and nothing is done, where
/// there are too many rows or the processor has no such instructions.
pub(super) fn multiply(
    out: &mut [f32],
    update: Update,
    x: &[f32],
    weight: &[f32],
    (outputs, inputs): (usize, usize),
) -> bool {
    let Some((columns, most_rows)) = best() else { return false };
    let rows = x.len().checked_div(inputs).unwrap_or(0);
    if rows == 0 || rows > most_rows {
        return false;
    }
    let product = Product { x, weight, rows, inputs, add: update == Update::Add };
    let n_threads = rayon::current_num_threads().min(outputs * inputs * rows / TERMS_PER_THREAD).max(1);
    if n_threads == 1 {
        columns(&product, 0..outputs, out);
        return true;
    }
    let share = outputs.div_ceil(n_threads).next_multiple_of(OUTPUTS);
    in_shares(out, (rows, outputs), share, |range, part| columns(&product, range, part));
    true
}

struct Product<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    rows: usize,
    inputs: usize,
    add: bool,
}

/// Computes some outputs of all rows into (N, outputs in the range).
type Columns = fn(&Product<'_>, Range<usize>, &mut [f32]);

/// The version for this processor, if it multiplies and adds with one rounding, and the most rows that it is good for.
#[cfg(target_arch = "x86_64")]
fn best() -> Option<(Columns, usize)> {
    #[target_feature(enable = "avx512f,fma")]
    fn avx512(product: &Product<'_>, outputs: Range<usize>, out: &mut [f32]) {
        product.columns(outputs, out, |lines, place, columns, ahead| {
            turn_in_registers(lines, place, columns, ahead);
        });
    }
    #[target_feature(enable = "avx2,fma")]
    fn avx2(product: &Product<'_>, outputs: Range<usize>, out: &mut [f32]) {
        product.columns(outputs, out, |lines, place, columns, _| {
            for (term, column) in columns.iter_mut().enumerate() {
                for (entry, line) in column.iter_mut().zip(lines) {
                    *entry = line[place][term];
                }
            }
        });
    }
    if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("fma") {
        // SAFETY: the line above saw that the processor has both.
        return Some((|product, outputs, out| unsafe { avx512(product, outputs, out) }, MOST_ROWS[0]));
    }
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        // SAFETY: as above.
        return Some((|product, outputs, out| unsafe { avx2(product, outputs, out) }, MOST_ROWS[1]));
    }
    None
}

/// Turns a square by shuffles of pairs, of fours, and twice of whole lanes of four, and fetches the lines that lie `ahead` numbers
/// further on.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx512f")]
fn turn_in_registers(lines: &Lines<'_>, place: usize, columns: &mut Square, ahead: usize) {
    use std::arch::x86_64::*;

    // Loops instead of `map`, whose closure would not be compiled into this function.
    let mut rows = [_mm512_setzero_ps(); 16];
    for (row, line) in rows.iter_mut().zip(lines) {
        let line = line[place].as_ptr();
        _mm_prefetch::<_MM_HINT_T1>(line.wrapping_add(ahead).cast());
        // SAFETY: a line's square is as wide as a register.
        *row = unsafe { _mm512_loadu_ps(line) };
    }
    let mut next = rows;
    for pair in 0..8 {
        let (a, b) = (rows[2 * pair], rows[2 * pair + 1]);
        next[2 * pair] = _mm512_unpacklo_ps(a, b);
        next[2 * pair + 1] = _mm512_unpackhi_ps(a, b);
    }
    for four in (0..16).step_by(4) {
        let [a, b, c, d] = [next[four], next[four + 1], next[four + 2], next[four + 3]];
        rows[four] = _mm512_shuffle_ps::<0x44>(a, c);
        rows[four + 1] = _mm512_shuffle_ps::<0xee>(a, c);
        rows[four + 2] = _mm512_shuffle_ps::<0x44>(b, d);
        rows[four + 3] = _mm512_shuffle_ps::<0xee>(b, d);
    }
    // Lane l of row 4i + k has column 4l + k of the rows 4i to 4i + 3.
    for k in 0..4 {
        let [a, b, c, d] = [rows[k], rows[4 + k], rows[8 + k], rows[12 + k]];
        let even = [_mm512_shuffle_f32x4::<0x88>(a, b), _mm512_shuffle_f32x4::<0x88>(c, d)];
        let odd = [_mm512_shuffle_f32x4::<0xdd>(a, b), _mm512_shuffle_f32x4::<0xdd>(c, d)];
        next[k] = _mm512_shuffle_f32x4::<0x88>(even[0], even[1]);
        next[4 + k] = _mm512_shuffle_f32x4::<0x88>(odd[0], odd[1]);
        next[8 + k] = _mm512_shuffle_f32x4::<0xdd>(even[0], even[1]);
        next[12 + k] = _mm512_shuffle_f32x4::<0xdd>(odd[0], odd[1]);
    }
    for (column, number) in columns.iter_mut().zip(next) {
        // SAFETY: as for reading.
        unsafe { _mm512_storeu_ps(column.as_mut_ptr(), number) };
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn best() -> Option<(Columns, usize)> {
    None
}

impl Product<'_> {
    /// `turn` writes a square of the lines as columns, and may fetch what lies so many numbers further on.
    #[inline(always)]
    fn columns(
        &self,
        outputs: Range<usize>,
        out: &mut [f32],
        turn: impl Fn(&Lines<'_>, usize, &mut Square, usize),
    ) {
        let (width, first_output) = (outputs.len(), outputs.start);
        let mut block: Block = [[0.0; OUTPUTS]; DEPTH_BLOCK];
        for start in outputs.clone().step_by(OUTPUTS) {
            let n_outputs = OUTPUTS.min(outputs.end - start);
            for first in (0..self.inputs).step_by(DEPTH_BLOCK) {
                let terms = first..self.inputs.min(first + DEPTH_BLOCK);
                self.turn(&mut block, start..start + n_outputs, terms.clone(), &turn);
                let add = self.add || first > 0;
                let mut row = 0;
                while row < self.rows {
                    let out = &mut out[row * width + start - first_output..];
                    row += match self.rows - row {
                        1 => self.rows_of::<1>(row, terms.clone(), &block, out, (width, n_outputs), add),
                        2 | 3 => self.rows_of::<2>(row, terms.clone(), &block, out, (width, n_outputs), add),
                        4..8 => self.rows_of::<4>(row, terms.clone(), &block, out, (width, n_outputs), add),
                        _ => self.rows_of::<8>(row, terms.clone(), &block, out, (width, n_outputs), add),
                    };
                }
            }
        }
    }

    /// Writes those outputs' weights of those terms the other way round; outputs that are not there are what they were.
    #[inline(always)]
    fn turn(
        &self,
        block: &mut Block,
        outputs: Range<usize>,
        terms: Range<usize>,
        turn: &impl Fn(&Lines<'_>, usize, &mut Square, usize),
    ) {
        let (squares, rest) = block[..terms.len()].as_chunks_mut::<16>();
        let n_squares = if outputs.len() == OUTPUTS { squares.len() } else { 0 };
        let line = |output: usize| &self.weight[output * self.inputs..][terms.clone()];
        if n_squares > 0 {
            let mut lines: Lines<'_> = [&[]; OUTPUTS];
            for (output, squares) in lines.iter_mut().enumerate() {
                *squares = line(outputs.start + output).as_chunks().0;
            }
            for (place, square) in squares.iter_mut().enumerate() {
                turn(&lines, place, square, OUTPUTS * self.inputs);
            }
        }
        let by_one = squares[n_squares..].as_flattened_mut().iter_mut().chain(rest);
        for (term, entries) in by_one.enumerate() {
            for (entry, output) in entries.iter_mut().zip(outputs.clone()) {
                *entry = line(output)[16 * n_squares + term];
            }
        }
    }

    /// `R` rows from `row` on; gives `R`.
    #[inline(always)]
    fn rows_of<const R: usize>(
        &self,
        row: usize,
        terms: Range<usize>,
        block: &Block,
        out: &mut [f32],
        (width, n_outputs): (usize, usize),
        add: bool,
    ) -> usize {
        let xs: [&[f32]; R] = std::array::from_fn(|r| &self.x[(row + r) * self.inputs..][terms.clone()]);
        let mut sums = [[0.0_f32; OUTPUTS]; R];
        for (term, weights) in block[..terms.len()].iter().enumerate() {
            for (sums, x) in sums.iter_mut().zip(xs) {
                let x = x[term];
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum = x.mul_add(*weight, *sum);
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            for (out, sum) in out[r * width..][..n_outputs].iter_mut().zip(sums) {
                *out = if add { *out + sum } else { *sum };
            }
        }
        R
    }
}

#[cfg(test)]
mod tests {
    use gemm::Parallelism;

    use super::*;
    use crate::gradcheck::values;
    use crate::ops::matmul::{self, Matrix, MatrixMut};

    #[test]
    fn two_rows_by_hand() {
        // [1 2] and [3 4] by [5 6], [7 8] and [9 10].
        let mut out = [100.0; 6];
        if multiply(&mut out, Update::Add, &[1.0, 2.0, 3.0, 4.0], &[5.0, 6.0, 7.0, 8.0, 9.0, 10.0], (3, 2)) {
            assert_eq!(out, [117.0, 123.0, 129.0, 139.0, 153.0, 167.0]);
        }
    }

    #[test]
    fn the_bits_are_those_of_the_matrix_product() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        for (outputs, inputs) in [(1, 1), (2, 17), (16, 16), (45, 600), (384, 128), (700, 1100)] {
            let weight = values(outputs * inputs, 2);
            for rows in [1, 2, 3, 5, 8, 9, 15, 32] {
                let x = values(rows * inputs, 1);
                for update in [Update::Overwrite, Update::Add] {
                    let mut expected = values(rows * outputs, 3);
                    let (mut alone, mut on_threads) = (expected.clone(), expected.clone());
                    let run = |out: &mut [f32]| multiply(out, update, &x, &weight, (outputs, inputs));
                    if !run(&mut alone) {
                        continue; // too many rows for this processor, or none of its instructions
                    }
                    assert!(pool.install(|| run(&mut on_threads)));
                    let whole = MatrixMut::new(&mut expected, rows, outputs);
                    let (x, weight) = (Matrix::new(&x, rows, inputs), Matrix::new(&weight, outputs, inputs));
                    matmul::multiply(whole, update, 1.0, x, weight.transposed(), Parallelism::None);
                    if outputs > 1 {
                        assert!(alone == expected, "{rows} rows, ({outputs}, {inputs})");
                    }
                    assert!(on_threads == alone, "{rows} rows, ({outputs}, {inputs}) on threads");
                }
            }
        }
    }

    #[test]
    fn more_rows_are_left_to_the_matrix_product() {
        assert!(!multiply(&mut [0.0; 65], Update::Overwrite, &[0.0; 65], &[0.0], (1, 1)));
        assert!(!multiply(&mut [], Update::Overwrite, &[], &[0.0], (1, 1)));
    }
}
