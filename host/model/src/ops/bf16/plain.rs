//! A block of a product on processors without bf16 instructions: products of numbers rounded to bf16, summed in f32.
//!
//! In and out as for the other kernels. The tiles are unpacked to f32 and multiplied by [`crate::ops::matmul`], term by term in
//! order, so that a row's bits depend on nothing but itself.

use super::block::{Block, SIDE};
use super::tile::{ROWS, TERMS, cells};
use crate::ops::matmul::{Matrix, MatrixMut, Update, multiply};
use gemm::Parallelism;

/// Computes the block.
pub(super) fn compute(block: Block<'_>) {
    let Block { left, right, out, stride, rows, add, .. } = block;
    let depth = right.len() / 2 * TERMS;
    let mut lefts = vec![0.0; rows * depth];
    for (row, numbers) in lefts.chunks_exact_mut(depth).enumerate() {
        let cells = left[row / ROWS].iter().flat_map(|tile| &tile.0[row % ROWS * 16..][..16]);
        for (numbers, cell) in numbers.chunks_exact_mut(2).zip(cells) {
            numbers.copy_from_slice(&pair(*cell));
        }
    }
    let mut rights = vec![0.0; depth * SIDE];
    unpack(cells(right), &mut rights);
    let update = if add { Update::Add } else { Update::Overwrite };
    let (left, right) = (Matrix::new(&lefts, rows, depth), Matrix::new(&rights, depth, SIDE));
    multiply(MatrixMut::strided(out, rows, SIDE, stride), update, 1.0, left, right, Parallelism::None);
}

/// Pairs of terms of 32 columns, term by term.
fn unpack(cells: &[u32], numbers: &mut [f32]) {
    for (cells, numbers) in cells.chunks_exact(SIDE).zip(numbers.chunks_exact_mut(2 * SIDE)) {
        let (first, second) = numbers.split_at_mut(SIDE);
        for ((cell, first), second) in cells.iter().zip(first).zip(second) {
            [*first, *second] = pair(*cell);
        }
    }
}

/// The two numbers of a cell.
pub(super) fn pair(cell: u32) -> [f32; 2] {
    [f32::from_bits(cell << 16), f32::from_bits(cell & 0xffff_0000)]
}
