//! Matrix products of bf16 numbers on the CPU, with sums in f32.
//!
//! In: a left operand of f32 numbers (m, k), rounded to bf16 in the call, and a right one (n, k), packed once ([`PackedMatrix`]).
//! Out: left · rightᵀ (m, n) in f32, written over the result or added to it.
//!
//! Four kernels compute the same blocks from the same packing, and the best that the processor has is chosen at run time: AMX,
//! AVX-512's bf16 instruction, and f32 products of the rounded numbers, by AVX2 or plain. They add in different orders or with different
//! roundings, so kernels differ in the last bits; each of them gives a row the same bits whatever rows are around it and however
//! many threads there are, because every entry of the result is one sum over k in order.
//!
//! All three products of a linear layer y = x·Wᵀ are of this form: dx = g·W has Wᵀ as its right operand, and dW = gᵀ·x has gᵀ on
//! the left and xᵀ on the right.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod block;
mod huge_pages;
mod linear;
mod plain;
mod tile;
mod weight;

use std::cell::RefCell;
use std::ops::Range;
use std::sync::OnceLock;

use rayon::prelude::*;

use crate::ops::columns::in_shares;
use crate::ops::matmul::Update;
use block::{Ahead, Block, SIDE};
pub use linear::linear;
pub(crate) use tile::{Entry, View};
use tile::{Packed, ROWS, Side, TERMS, Tile};
pub use weight::PackedWeight;
pub(crate) use weight::Packings;

pub use super::target_log_probs::target_log_probs_in_bf16 as target_log_probs;

/// Up to this many rows, each panel of the right operand is read once and meets all of them.
const FEW_ROWS: usize = 64;
/// Rows of the left operand that a pass over the right one is for; packed, they stay in the second cache.
const ROWS_PER_PASS: usize = 512;
/// Tiles along the sum that a pass covers, at most.
const DEPTH_TILES_PER_PASS: usize = 32;
/// The same of the plain kernel, whose products are cut there in any case ([`crate::ops::matmul`]): so that the sums of many rows are
/// cut where those of few are.
const PLAIN_DEPTH_TILES_PER_PASS: usize = 16;
/// Products of fewer terms than this stay on their thread.
const TERMS_PER_THREAD: usize = 1 << 18;

/// Which kernel computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// Intel's matrix unit.
    Amx,
    /// AVX-512 BF16.
    Avx512,
    /// f32 products of numbers rounded to bf16, by AVX2.
    Avx2,
    /// The same on any processor.
    Plain,
}

impl Kernel {
    /// The best that this processor has.
    pub fn best() -> Self {
        static BEST: OnceLock<Kernel> = OnceLock::new();
        *BEST.get_or_init(|| Self::available()[0])
    }

    /// All that this processor has, the best first.
    pub fn available() -> Vec<Self> {
        let all = [Self::Amx, Self::Avx512, Self::Avx2, Self::Plain];
        all.into_iter().filter(|kernel| kernel.is_available()).collect()
    }

    fn is_available(self) -> bool {
        match self {
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            Self::Amx => amx::is_available(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => avx512::is_available(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => avx2::is_available(),
            Self::Plain => true,
            #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
            _ => false,
        }
    }

    /// A function that computes blocks of `rows` rows, ready on this thread until it is dropped.
    fn begin(self, rows: usize) -> Box<dyn FnMut(Block<'_>)> {
        let _ = rows;
        match self {
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            Self::Amx => {
                let session = amx::Session::new(rows);
                Box::new(move |block| session.compute(block))
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => Box::new(avx512::compute),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => Box::new(avx2::compute),
            _ => Box::new(plain::compute),
        }
    }
}

/// A right operand, (n, k), packed.
#[derive(Clone, Debug)]
pub(crate) struct PackedMatrix(Packed);

impl PackedMatrix {
    /// Packs a matrix.
    pub(crate) fn new<T: Entry>(view: View<'_, T>) -> Self {
        let mut packed = Packed::empty();
        packed.fill(view, Side::Right);
        Self(packed)
    }

    /// n, the columns of a product.
    pub(crate) fn rows(&self) -> usize {
        self.0.rows
    }

    /// k, the terms of its sums.
    pub(crate) fn depth(&self) -> usize {
        self.0.depth
    }

    /// Writes row `row`, (k,), as f32.
    pub(crate) fn read_row(&self, row: usize, to: &mut [f32]) {
        assert!(row < self.rows() && to.len() == self.depth(), "row {row} of {}", self.rows());
        let pairs = self.0.cells(row / SIDE).chunks_exact(SIDE);
        for (to, cells) in to.chunks_mut(2).zip(pairs) {
            let numbers = plain::pair(cells[row % SIDE]);
            to.copy_from_slice(&numbers[..to.len()]);
        }
    }

    /// Bytes that it takes.
    pub(crate) fn n_bytes(&self) -> usize {
        size_of_val(self.0.tiles())
    }
}

thread_local! {
    /// The left operand that this thread packed last: its memory is used again.
    static LEFT: RefCell<Packed> = const { RefCell::new(Packed::empty()) };
    /// The right operand of its last [`multiply_once`].
    static RIGHT: RefCell<Packed> = const { RefCell::new(Packed::empty()) };
}

/// [`multiply`] by a right operand that is packed in the call, which is for this product alone.
pub(crate) fn multiply_once<T: Entry>(
    out: &mut [f32],
    update: Update,
    left: View<'_, T>,
    right: View<'_, T>,
) {
    // Taken out of its cell, because a thread that waits for others may begin another product.
    let mut packed = PackedMatrix(RIGHT.take());
    packed.0.fill(right, Side::Right);
    multiply(out, update, left, &packed);
    RIGHT.set(packed.0);
}

/// `out` (m, n) = or += `left` (m, k) · `right`ᵀ (n, k), on the threads of the current rayon pool.
pub(crate) fn multiply<T: Entry>(out: &mut [f32], update: Update, left: View<'_, T>, right: &PackedMatrix) {
    multiply_by(Kernel::best(), out, update, left, right);
}

/// The same by a certain kernel.
fn multiply_by<T: Entry>(
    kernel: Kernel,
    out: &mut [f32],
    update: Update,
    left: View<'_, T>,
    right: &PackedMatrix,
) {
    let (m, n, depth) = (left.n_rows(), right.rows(), right.depth());
    assert_eq!(left.depth(), depth, "length of the sums");
    assert_eq!(out.len(), m * n, "shape of the result");
    if m == 0 || n == 0 {
        return;
    }
    if depth == 0 {
        if update == Update::Overwrite {
            out.fill(0.0);
        }
        return;
    }
    // Taken out of its cell, because a thread that waits for others may begin another product.
    let mut packed = LEFT.take();
    packed.fill(left, Side::Left);
    let product = Product { kernel, left: &packed, right: &right.0, add: update == Update::Add };
    let n_threads = rayon::current_num_threads().min(m * n * depth / TERMS_PER_THREAD).max(1);
    if n_threads == 1 {
        product.columns(0..m, 0..n, out, n);
    } else if m >= n_threads * FEW_ROWS {
        let share = m.div_ceil(n_threads).next_multiple_of(SIDE);
        out.par_chunks_mut(share * n).enumerate().for_each(|(index, out)| {
            product.columns(index * share..m.min((index + 1) * share), 0..n, out, n);
        });
    } else {
        // Few rows: each thread has columns of its own, which it writes beside the result.
        let share = n.div_ceil(n_threads).next_multiple_of(SIDE);
        in_shares(out, (m, n), share, |columns, part| {
            let width = columns.len();
            product.columns(0..m, columns, part, width);
        });
    }
    LEFT.set(packed);
}

/// `x` (rows, inputs) · `weight`ᵀ (outputs, inputs) by a certain kernel, into `out` (rows, outputs): for benchmarks of kernels.
///
/// # Panics
/// If the lengths do not fit, or the processor has no such kernel.
pub fn product_by(kernel: Kernel, x: &[f32], weight: &PackedWeight, out: &mut [f32]) {
    let (outputs, inputs) = weight.shape();
    let rows = View::rows(x, out.len() / outputs.max(1), inputs);
    multiply_by(kernel, out, Update::Overwrite, rows, &weight.packings().forward);
}

/// A product whose operands are packed.
struct Product<'a> {
    kernel: Kernel,
    left: &'a Packed,
    right: &'a Packed,
    add: bool,
}

impl Product<'_> {
    /// The part of the result in those rows and columns, both of which begin at multiples of 32, into `out`, whose rows are
    /// `stride` entries apart and which begins with the part's first entry.
    fn columns(&self, rows: Range<usize>, columns: Range<usize>, out: &mut [f32], stride: usize) {
        let block_rows = SIDE.min(rows.len());
        let mut compute = self.kernel.begin(block_rows);
        let along = self.left.depth_tiles();
        let (rows_per_pass, tiles_per_pass) = match rows.len() {
            ..=FEW_ROWS => (FEW_ROWS, along),
            _ if self.kernel == Kernel::Plain => (ROWS_PER_PASS, PLAIN_DEPTH_TILES_PER_PASS),
            _ => (ROWS_PER_PASS, along.div_ceil(along.div_ceil(DEPTH_TILES_PER_PASS))),
        };
        // A block at the end of rows or columns is computed here, whole.
        let mut spare = [0.0; SIDE * SIDE];
        for pass in rows.clone().step_by(rows_per_pass) {
            let pass = pass..rows.end.min(pass + rows_per_pass);
            for first_tile in (0..along).step_by(tiles_per_pass) {
                let tiles = first_tile..along.min(first_tile + tiles_per_pass);
                let last_pairs =
                    (self.left.depth.min(tiles.end * TERMS) - (tiles.end - 1) * TERMS).div_ceil(2);
                let add = self.add || first_tile > 0;
                for column in columns.clone().step_by(SIDE) {
                    let panel = column / SIDE * along * 2;
                    let right = &self.right.tiles()[panel + tiles.start * 2..panel + tiles.end * 2];
                    for row in pass.clone().step_by(SIDE) {
                        let (n_rows, n_columns) = (SIDE.min(rows.end - row), SIDE.min(columns.end - column));
                        let strip = |strip: usize| &self.left.tiles()[strip * along..][tiles.clone()];
                        let strips = self.left.tiles().len() / along;
                        let upper = row / ROWS;
                        // The rows of a strip that is not there are not looked at.
                        let left = [strip(upper), strip((upper + 1).min(strips - 1))];
                        let ahead = Ahead {
                            start: (right.as_ptr().addr() + along * 2 * size_of::<Tile>()),
                            block: (row - pass.start) / SIDE,
                            n_blocks: pass.len().div_ceil(SIDE),
                        };
                        let start = (row - rows.start) * stride + (column - columns.start);
                        // A matrix unit that is set up for so many rows computes them all.
                        let rows = if self.kernel == Kernel::Amx { block_rows } else { n_rows };
                        let of =
                            |out, stride| Block { left, right, ahead, out, stride, rows, last_pairs, add };
                        if (n_rows, n_columns) == (rows, SIDE) {
                            compute(of(&mut out[start..], stride));
                        } else {
                            for (row, spare) in spare.chunks_exact_mut(SIDE).take(n_rows).enumerate() {
                                spare[..n_columns].copy_from_slice(&out[start + row * stride..][..n_columns]);
                            }
                            compute(of(&mut spare[..], SIDE));
                            for (row, spare) in spare.chunks_exact(SIDE).take(n_rows).enumerate() {
                                out[start + row * stride..][..n_columns].copy_from_slice(&spare[..n_columns]);
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use half::bf16;

    use super::*;
    use crate::gradcheck::values;

    fn product(kernel: Kernel, left: &[f32], right: &PackedMatrix, m: usize) -> Vec<f32> {
        let mut out = vec![0.0; m * right.rows()];
        multiply_by(kernel, &mut out, Update::Overwrite, View::rows(left, m, right.depth()), right);
        out
    }

    fn rounded(numbers: &[f32]) -> Vec<f64> {
        numbers.iter().map(|&number| bf16::from_f32(number).to_f64()).collect()
    }

    #[test]
    fn two_by_two_by_hand() {
        // [[1 2] [3 4]] · [[5 6] [7 8]]ᵀ = [[17 23] [39 53]]; 1.01 rounds to 1.0078125.
        for kernel in Kernel::available() {
            let right = PackedMatrix::new(View::rows(&[5.0_f32, 6.0, 7.0, 8.0], 2, 2));
            let mut out = [100.0; 4];
            let left = [1.0_f32, 2.0, 3.0, 4.0];
            multiply_by(kernel, &mut out, Update::Add, View::rows(&left, 2, 2), &right);
            assert_eq!(out, [117.0, 123.0, 139.0, 153.0], "{kernel:?}");
            let one = PackedMatrix::new(View::rows(&[1.0_f32], 1, 1));
            assert_eq!(product(kernel, &[1.01], &one, 1), [1.007_812_5], "{kernel:?}");
        }
    }

    #[test]
    fn every_kernel_gives_the_products_of_rounded_numbers() {
        for (m, n, depth) in
            [(1, 1, 1), (3, 33, 31), (16, 32, 32), (17, 64, 65), (31, 50, 600), (70, 96, 1100)]
        {
            let (left, right) = (values(m * depth, 1), values(n * depth, 2));
            let packed = PackedMatrix::new(View::rows(&right, n, depth));
            let (lefts, rights) = (rounded(&left), rounded(&right));
            for kernel in Kernel::available() {
                let actual = product(kernel, &left, &packed, m);
                for (place, actual) in actual.iter().enumerate() {
                    let (row, column) = (place / n, place % n);
                    let terms = (0..depth).map(|k| lefts[row * depth + k] * rights[column * depth + k]);
                    let size: f64 = terms.clone().map(f64::abs).sum();
                    let difference = (f64::from(*actual) - terms.sum::<f64>()).abs();
                    assert!(
                        difference <= 1e-6 * size,
                        "{kernel:?} ({m}, {n}, {depth}): {difference:e} of {size}"
                    );
                }
            }
        }
    }

    #[test]
    fn rows_and_columns_are_the_same_operand_transposed() {
        let (m, n, depth) = (40, 45, 70);
        let (left, right) = (values(m * depth, 1), values(n * depth, 2));
        let transposed = |from: &[f32], rows: usize| -> Vec<f32> {
            (0..from.len()).map(|i| from[i % rows * depth + i / rows]).collect()
        };
        let by_rows = PackedMatrix::new(View::rows(&right, n, depth));
        let right = transposed(&right, n);
        let by_columns = PackedMatrix::new(View::columns(&right, n, depth));
        for kernel in Kernel::available() {
            let expected = product(kernel, &left, &by_rows, m);
            let mut actual = vec![0.0; m * n];
            let left = transposed(&left, m);
            multiply_by(kernel, &mut actual, Update::Overwrite, View::columns(&left, m, depth), &by_columns);
            assert_eq!(actual, expected, "{kernel:?}");
        }
        let mut row = vec![0.0; depth];
        for index in 0..n {
            by_rows.read_row(index, &mut row);
            let expected: Vec<f32> =
                (0..depth).map(|k| bf16::from_f32(right[k * n + index]).to_f32()).collect();
            assert_eq!(row, expected);
        }
    }

    #[test]
    fn rows_do_not_depend_on_the_batch_nor_on_threads() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        for (n, depth) in [(64, 64), (45, 600), (2000, 1100)] {
            let (left, right) = (values(200 * depth, 1), values(n * depth, 2));
            let right = PackedMatrix::new(View::rows(&right, n, depth));
            for kernel in Kernel::available() {
                let whole = product(kernel, &left, &right, 200);
                for batch in [1, 2, 3, 15, 16, 17, 33, 64, 65, 199] {
                    for first in [0, 1, 200 - batch] {
                        let rows = &left[first * depth..(first + batch) * depth];
                        let part = product(kernel, rows, &right, batch);
                        let in_threads = pool.install(|| product(kernel, rows, &right, batch));
                        let expected = &whole[first * n..(first + batch) * n];
                        assert!(part == expected, "{kernel:?}, n {n}: rows {first}.. of {batch} differ");
                        assert!(in_threads == expected, "{kernel:?}, n {n}: {batch} rows differ on threads");
                    }
                }
            }
        }
    }

    #[test]
    fn a_nan_comes_out_and_an_empty_sum_is_zero() {
        for kernel in Kernel::available() {
            let right = PackedMatrix::new(View::rows(&[1.0_f32; 4], 2, 2));
            assert!(product(kernel, &[f32::NAN, 0.0], &right, 1).iter().all(|number| number.is_nan()));
            let empty = PackedMatrix::new(View::<f32>::rows(&[], 2, 0));
            let mut out = [5.0; 2];
            multiply_by(kernel, &mut out, Update::Overwrite, View::<f32>::rows(&[], 1, 0), &empty);
            assert_eq!(out, [0.0; 2]);
        }
    }
}
