//! Matrix products over slices: the one place that calls `gemm`, and the only `unsafe` code among the
//! operations.
//!
//! In: two [`Matrix`] views, left (m, k) and right (k, n), and a [`MatrixMut`] for the result (m, n). Out:
//! the result, `scale`·left·right, written over the view or added to it.
//!
//! **Batch invariance.** A row of the result has the same bits whatever the number m of rows around it.
//! `gemm` sums over k in order with one accumulator an entry, whatever the tile that the entry falls in, but
//! three of its choices look at m:
//!
//! - a single row is a matrix-vector product, which sums in another order: here it is computed as the first
//!   of two;
//! - up to 256 results whose operands are both contiguous along k are sums of sixteen lanes: here the left
//!   operand is then copied into another layout;
//! - long sums are cut at places that depend on the shape: here they are cut every [`DEPTH_BLOCK`] terms,
//!   which is never more than `gemm` takes in one piece.
//!
//! Results of one column (n = 1), which no decoder has, are not invariant.

use gemm::Parallelism;

/// Terms of a sum that are added in one piece. `gemm` cuts no sum of up to 512 terms.
pub(super) const DEPTH_BLOCK: usize = 512;
/// Up to this many results `gemm` may sum in lanes.
const LANE_SUM_RESULTS: usize = 256;

/// A read-only view of a matrix in a slice.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a> Matrix<'a> {
    /// The whole slice as a row-major matrix (rows, cols).
    pub(crate) fn new(data: &'a [f32], rows: usize, cols: usize) -> Self {
        Self::strided(data, rows, cols, cols)
    }

    /// A matrix (rows, cols) at the start of the slice, whose rows begin `row_stride` entries apart.
    pub(crate) fn strided(data: &'a [f32], rows: usize, cols: usize, row_stride: usize) -> Self {
        check_extent(data.len(), rows, cols, row_stride);
        Self { data, rows, cols, row_stride, col_stride: 1 }
    }

    /// The transposed view (cols, rows).
    pub(crate) fn transposed(self) -> Self {
        Self {
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
            ..self
        }
    }
}

/// A writable view of a matrix in a slice; its rows do not overlap.
pub(crate) struct MatrixMut<'a> {
    data: &'a mut [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
}

impl<'a> MatrixMut<'a> {
    /// The whole slice as a row-major matrix (rows, cols).
    pub(crate) fn new(data: &'a mut [f32], rows: usize, cols: usize) -> Self {
        Self::strided(data, rows, cols, cols)
    }

    /// A matrix (rows, cols) at the start of the slice, whose rows begin `row_stride` entries apart.
    pub(crate) fn strided(data: &'a mut [f32], rows: usize, cols: usize, row_stride: usize) -> Self {
        check_extent(data.len(), rows, cols, row_stride);
        Self { data, rows, cols, row_stride }
    }
}

/// Both kinds of view begin with this, and `multiply` relies on it for memory safety.
fn check_extent(length: usize, rows: usize, cols: usize, row_stride: usize) {
    assert!(row_stride >= cols, "rows of {cols} entries overlap at a stride of {row_stride}");
    let extent = if rows == 0 || cols == 0 { 0 } else { (rows - 1) * row_stride + cols };
    assert!(extent <= length, "a matrix of {extent} entries in a slice of {length}");
}

/// What happens to the numbers that the result's view holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Update {
    /// They are replaced.
    Overwrite,
    /// The product is added to them.
    Add,
}

/// As many threads as the current rayon pool has. In a worker's one-thread pool everything stays on that
/// thread.
pub(crate) fn pool_parallelism() -> Parallelism {
    match rayon::current_num_threads() {
        1 => Parallelism::None,
        n_threads => Parallelism::Rayon(n_threads),
    }
}

/// `out` (m, n) = or += `scale` · `left` (m, k) · `right` (k, n).
pub(crate) fn multiply(
    out: MatrixMut<'_>,
    update: Update,
    scale: f32,
    left: Matrix<'_>,
    right: Matrix<'_>,
    parallelism: Parallelism,
) {
    assert_eq!((out.rows, out.cols), (left.rows, right.cols), "shape of the result");
    assert_eq!(left.cols, right.rows, "length of the sums");
    if out.rows == 0 || out.cols == 0 {
        return;
    }
    if left.cols == 0 {
        if update == Update::Overwrite {
            for row in 0..out.rows {
                out.data[row * out.row_stride..][..out.cols].fill(0.0);
            }
        }
        return;
    }
    let summed_in_lanes =
        out.rows * out.cols <= LANE_SUM_RESULTS && left.col_stride == 1 && right.row_stride == 1;
    if out.rows == 1 || summed_in_lanes {
        multiply_few_rows(out, update, scale, left, right, parallelism);
    } else {
        multiply_rows(out, update, scale, left, right, parallelism);
    }
}

/// The product for shapes that `gemm` would treat in a way of their own: the left operand is copied column by
/// column, and a second row of zeros stands below a single one.
fn multiply_few_rows(
    out: MatrixMut<'_>,
    update: Update,
    scale: f32,
    left: Matrix<'_>,
    right: Matrix<'_>,
    parallelism: Parallelism,
) {
    let (rows, cols, depth) = (out.rows, out.cols, left.cols);
    let padded_rows = rows.max(2);
    let mut columns = vec![0.0; padded_rows * depth];
    for (p, column) in columns.chunks_exact_mut(padded_rows).enumerate() {
        for (i, entry) in column[..rows].iter_mut().enumerate() {
            *entry = left.data[i * left.row_stride + p * left.col_stride];
        }
    }
    let left = Matrix::new(&columns, depth, padded_rows).transposed();
    if rows == padded_rows {
        multiply_rows(out, update, scale, left, right, parallelism);
        return;
    }
    let row = &mut out.data[..cols];
    let mut both_rows = vec![0.0; padded_rows * cols];
    both_rows[..cols].copy_from_slice(row);
    multiply_rows(MatrixMut::new(&mut both_rows, padded_rows, cols), update, scale, left, right, parallelism);
    row.copy_from_slice(&both_rows[..cols]);
}

fn multiply_rows(
    out: MatrixMut<'_>,
    update: Update,
    scale: f32,
    left: Matrix<'_>,
    right: Matrix<'_>,
    parallelism: Parallelism,
) {
    let depth = left.cols;
    for first in (0..depth).step_by(DEPTH_BLOCK) {
        let block = DEPTH_BLOCK.min(depth - first);
        let add = update == Update::Add || first > 0;
        let left_block = &left.data[first * left.col_stride..];
        let right_block = &right.data[first * right.row_stride..];
        // SAFETY: `check_extent` ran on all three views, and `multiply` compared their shapes, so every entry
        // (i, j) with i < rows and j < cols of each view, cut to this block of the sum, lies in its slice.
        // `out` is borrowed mutably, so it aliases neither operand, and its entries are distinct because its
        // rows do not overlap. f32 is one of the types that `gemm` takes.
        unsafe {
            gemm::gemm(
                out.rows,
                out.cols,
                block,
                out.data.as_mut_ptr(),
                1,
                out.row_stride as isize,
                add,
                left_block.as_ptr(),
                left.col_stride as isize,
                left.row_stride as isize,
                right_block.as_ptr(),
                right.col_stride as isize,
                right.row_stride as isize,
                1.0,
                scale,
                false,
                false,
                false,
                parallelism,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradcheck::values;

    fn product(left: &[f32], right_transposed: &[f32], m: usize, n: usize, k: usize) -> Vec<f32> {
        let mut out = vec![0.0; m * n];
        let right = Matrix::new(right_transposed, n, k).transposed();
        let left = Matrix::new(left, m, k);
        multiply(MatrixMut::new(&mut out, m, n), Update::Overwrite, 1.0, left, right, Parallelism::None);
        out
    }

    #[test]
    fn two_by_two_by_hand() {
        let (a, b) = ([1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]);
        let mut out = [1.0_f32; 4];
        let (left, right) = (Matrix::new(&a, 2, 2), Matrix::new(&b, 2, 2));
        multiply(MatrixMut::new(&mut out, 2, 2), Update::Add, 2.0, left, right, Parallelism::None);
        // [[1 2] [3 4]] · [[5 6] [7 8]] = [[19 22] [43 50]]
        assert_eq!(out, [39.0, 45.0, 87.0, 101.0]);
    }

    #[test]
    fn rows_do_not_depend_on_the_batch() {
        for k in [1, 2, 3, 64, 128, 384, 514, 600, 1536] {
            for n in [2, 5, 48, 64, 65, 192, 384] {
                let (left, right) = (values(200 * k, 1), values(n * k, 2));
                let whole = product(&left, &right, 200, n, k);
                for batch in [1, 2, 3, 4, 7, 64, 65, 199] {
                    for first in [0, 1, 200 - batch] {
                        let rows = &left[first * k..(first + batch) * k];
                        let part = product(rows, &right, batch, n, k);
                        assert!(
                            part == whole[first * n..(first + batch) * n],
                            "k {k}, n {n}: rows {first}.. of a batch of {batch} differ"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn threads_change_no_bit() {
        let (m, n, k) = (150, 130, 700);
        let (left, right) = (values(m * k, 3), values(k * n, 4));
        let mut out = [vec![0.0; m * n], vec![0.0; m * n]];
        for (out, parallelism) in out.iter_mut().zip([Parallelism::None, Parallelism::Rayon(2)]) {
            let (left, right) = (Matrix::new(&left, m, k), Matrix::new(&right, k, n));
            multiply(MatrixMut::new(out, m, n), Update::Overwrite, 1.0, left, right, parallelism);
        }
        assert_eq!(out[0], out[1]);
    }

    #[test]
    fn a_column_can_be_the_left_row() {
        // The left operand is the first column of a 3 × 2 matrix, transposed: its entries are two apart.
        let columns = [1.0, -1.0, 2.0, -1.0, 3.0, -1.0];
        let left = Matrix::strided(&columns, 3, 1, 2).transposed();
        let right = Matrix::new(&[1.0, 10.0, 1.0, 10.0, 1.0, 10.0], 3, 2);
        let mut out = [0.0; 2];
        multiply(MatrixMut::new(&mut out, 1, 2), Update::Overwrite, 1.0, left, right, Parallelism::None);
        assert_eq!(out, [6.0, 60.0]);
    }

    #[test]
    fn an_empty_sum_is_zero() {
        let mut out = [5.0; 4];
        let (left, right) = (Matrix::new(&[], 2, 0), Matrix::new(&[], 0, 2));
        multiply(MatrixMut::new(&mut out, 2, 2), Update::Overwrite, 1.0, left, right, Parallelism::None);
        assert_eq!(out, [0.0; 4]);
    }
}
