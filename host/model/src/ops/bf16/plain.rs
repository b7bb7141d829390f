//! A block of a product on processors without bf16 instructions: products of numbers rounded to bf16, summed in f32.
//!
//! In and out as for the other kernels. The tiles are unpacked to f32 and multiplied by [`crate::ops::matmul`], term by term in
//! order, so that a row's bits depend on nothing but itself.

use super::block::{Block, SIDE};
use super::tile::{ROWS, TERMS, Tile};
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
    for (tiles, numbers) in right.chunks_exact(2).zip(rights.chunks_exact_mut(TERMS * SIDE)) {
        unpack(tiles, numbers);
    }
    let update = if add { Update::Add } else { Update::Overwrite };
    let (left, right) = (Matrix::new(&lefts, rows, depth), Matrix::new(&rights, depth, SIDE));
    multiply(MatrixMut::strided(out, rows, SIDE, stride), update, 1.0, left, right, Parallelism::None);
}

/// 32 terms of 32 columns, term by term.
fn unpack(tiles: &[Tile], numbers: &mut [f32]) {
    for (half, tile) in tiles.iter().enumerate() {
        for (index, cell) in tile.0.iter().enumerate() {
            let (pair_index, column) = (index / 16, half * ROWS + index % 16);
            let [first, second] = pair(*cell);
            numbers[2 * pair_index * SIDE + column] = first;
            numbers[(2 * pair_index + 1) * SIDE + column] = second;
        }
    }
}

/// The two numbers of a cell.
pub(super) fn pair(cell: u32) -> [f32; 2] {
    [f32::from_bits(cell << 16), f32::from_bits(cell & 0xffff_0000)]
}
