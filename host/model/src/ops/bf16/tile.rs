//! How operands are packed: tiles of 16 rows by 32 terms of a sum, in the order in which the kernels read them.
//!
//! In: a [`View`] of f32 or bf16 numbers. Out: [`Packed`] tiles. A tile is 16 × 16 cells of 32 bits, and a cell is a pair of
//! neighbouring terms, (2p, 2p + 1). In a tile of the left operand cell (i, p) is row i's pair p. In the right operand two tiles hold
//! 32 rows, which become columns of the result, and lie as 16 × 32 cells: cell (p, j) is row j's pair p, so that 32 columns lie side
//! by side and everything is read in order. Rows and terms beyond the operand's are zeros.
//!
//! Packing is plain code. It is memory-bound: of every line more than one tile's part is read at once, and what follows is fetched
//! meanwhile.

use std::ops::Range;

use half::bf16;
use rayon::prelude::*;

use super::huge_pages;
use crate::ops::transpose::transpose;
use crate::ops::vectors::{prefetch, widest_vectors};

/// Rows of a tile.
pub(super) const ROWS: usize = 16;
/// Terms of a tile.
pub(super) const TERMS: usize = 32;

/// Strips or panels that are packed at once where lines lie across them, so that more of a line is read than its part in one of them.
const GROUPS_AT_ONCE: usize = 16;
/// How far along a line it is fetched, while it is packed.
const TILES_AHEAD: usize = 8;
/// Entries of a matrix that a thread packs one way and the other before it goes on: as f32, half the second cache.
const ENTRIES_PER_BAND: usize = 1 << 17;
/// Operands of fewer tiles are packed on one thread.
const TILES_PER_THREAD: usize = 256;

/// 16 × 16 pairs of bf16 numbers, the first of a pair in the lower half; or half of 16 × 32 of them.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Tile(pub(super) [u32; 256]);

impl Tile {
    const ZERO: Self = Self([0; 256]);
}

/// The cells of tiles that lie side by side.
pub(super) fn cells(tiles: &[Tile]) -> &[u32] {
    let n_cells = size_of_val(tiles) / size_of::<u32>();
    // SAFETY: tiles are arrays of cells, without padding.
    unsafe { std::slice::from_raw_parts(tiles.as_ptr().cast(), n_cells) }
}

/// A number that is packed: rounded to the nearest bf16, ties to even.
pub(crate) trait Entry: Copy + Sync {
    fn bits(self) -> u16;
}

impl Entry for bf16 {
    #[inline(always)]
    fn bits(self) -> u16 {
        self.to_bits()
    }
}

impl Entry for f32 {
    #[inline(always)]
    fn bits(self) -> u16 {
        let bits = self.to_bits();
        // The carry of a NaN's payload could make it an infinity; it stays a NaN.
        let rounded = (bits + (0x7fff + (bits >> 16 & 1))) >> 16;
        let quiet = bits >> 16 | 0x40;
        (if self.is_nan() { quiet } else { rounded }) as u16
    }
}

/// A read-only operand of `rows` rows and `depth` terms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a, T> {
    data: &'a [T],
    rows: usize,
    depth: usize,
    /// Entries from one line to the next; lines are rows, or terms if `is_transposed`.
    stride: usize,
    is_transposed: bool,
}

impl<'a, T: Entry> View<'a, T> {
    /// Row r's term k is entry r·depth + k.
    pub(crate) fn rows(data: &'a [T], rows: usize, depth: usize) -> Self {
        Self::new(data, rows, depth, depth, false)
    }

    /// Row r's term k is entry k·rows + r.
    pub(crate) fn columns(data: &'a [T], rows: usize, depth: usize) -> Self {
        Self::new(data, rows, depth, rows, true)
    }

    fn new(data: &'a [T], rows: usize, depth: usize, stride: usize, is_transposed: bool) -> Self {
        assert_eq!(data.len(), rows * depth, "entries of an operand ({rows}, {depth})");
        Self { data, rows, depth, stride, is_transposed }
    }

    /// How many rows.
    pub(super) fn n_rows(&self) -> usize {
        self.rows
    }

    /// How many terms.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }
}

/// Which operand tiles are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Strips of 16 rows; a strip's tiles follow the terms.
    Left,
    /// Panels of 32 rows; two tiles for each 32 terms.
    Right,
}

impl Side {
    /// Tiles side by side.
    fn tiles(self) -> usize {
        match self {
            Self::Left => 1,
            Self::Right => 2,
        }
    }
}

/// A packed operand.
#[derive(Clone, Debug, Default)]
pub(super) struct Packed {
    /// The tiles, and then what is left of larger operands that were packed here before.
    room: Vec<Tile>,
    n_tiles: usize,
    pub(super) rows: usize,
    pub(super) depth: usize,
}

impl Packed {
    /// Nothing yet.
    pub(super) const fn empty() -> Self {
        Self { room: Vec::new(), n_tiles: 0, rows: 0, depth: 0 }
    }

    /// The cells of a panel of the right operand: for each pair of terms, 32 of them.
    pub(super) fn cells(&self, panel: usize) -> &[u32] {
        let n = self.depth_tiles() * Side::Right.tiles();
        cells(&self.tiles()[panel * n..(panel + 1) * n])
    }

    /// Its tiles: strip after strip, or panel after panel.
    pub(super) fn tiles(&self) -> &[Tile] {
        &self.room[..self.n_tiles]
    }

    /// Tiles along the terms.
    pub(super) fn depth_tiles(&self) -> usize {
        self.depth.div_ceil(TERMS)
    }

    /// Packs `view` in place of what was there, whose memory it uses again.
    pub(super) fn fill<T: Entry>(&mut self, view: View<'_, T>, side: Side) {
        self.make_room(view.rows, view.depth, side);
        self.fill_part(view, side, 0..view.rows, 0..view.depth);
    }

    /// Packs a matrix (rows, terms) twice, as right operands: it, and its transpose. Of bands of its rows that stay in a cache, so
    /// that memory is read once.
    pub(super) fn fill_both<T: Entry>(
        &mut self,
        transposed: &mut Self,
        data: &[T],
        (rows, terms): (usize, usize),
    ) {
        self.make_room(rows, terms, Side::Right);
        transposed.make_room(terms, rows, Side::Right);
        let (view, across) = (View::rows(data, rows, terms), View::columns(data, terms, rows));
        let band = (ENTRIES_PER_BAND * rayon::current_num_threads() / terms.max(1))
            .next_multiple_of(2 * ROWS)
            .max(2 * ROWS);
        for first in (0..rows).step_by(band) {
            let band = first..rows.min(first + band);
            self.fill_part(view, Side::Right, band.clone(), 0..terms);
            transposed.fill_part(across, Side::Right, 0..terms, band);
        }
    }

    /// Becomes an operand of that shape, of which nothing is packed.
    fn make_room(&mut self, rows: usize, depth: usize, side: Side) {
        (self.rows, self.depth) = (rows, depth);
        self.n_tiles = rows.div_ceil(ROWS * side.tiles()) * side.tiles() * self.depth_tiles();
        if self.room.capacity() < self.n_tiles {
            self.room = Vec::with_capacity(self.n_tiles);
            huge_pages::advise(self.room.spare_capacity_mut());
        }
        if self.room.len() < self.n_tiles {
            self.room.resize(self.n_tiles, Tile::ZERO);
        }
    }

    /// Packs certain rows and terms of `view`. They begin where a strip or panel and a tile do, and end so or at the operand's end.
    fn fill_part<T: Entry>(
        &mut self,
        view: View<'_, T>,
        side: Side,
        rows: Range<usize>,
        terms: Range<usize>,
    ) {
        let (along, group) = (self.depth_tiles(), side.tiles());
        let (first, last) = (rows.start / (ROWS * group), rows.end.div_ceil(ROWS * group));
        let places = terms.start / TERMS..terms.end.div_ceil(TERMS);
        if first == last || places.is_empty() {
            return;
        }
        let tiles = &mut self.room[first * group * along..last * group * along];
        let at_once = if view.is_transposed { GROUPS_AT_ONCE } else { 1 };
        let pack_groups = |(chunk, tiles): (usize, &mut [Tile])| {
            for place in places.clone() {
                for (index, tiles) in tiles.chunks_exact_mut(along * group).enumerate() {
                    let tiles = &mut tiles[place * group..][..group];
                    for half in 0..group {
                        let strip = (first + chunk * at_once + index) * group + half;
                        pack_tile(tiles, half, view, strip * ROWS, place * TERMS);
                    }
                }
            }
        };
        if (last - first) * group * places.len() < TILES_PER_THREAD {
            tiles.chunks_mut(along * group * at_once).enumerate().for_each(pack_groups);
        } else {
            tiles.par_chunks_mut(along * group * at_once).enumerate().for_each(pack_groups);
        }
    }
}

widest_vectors! {
    /// Packs 16 rows and 32 terms from those on: one tile of the left operand, or half number `half` of two of the right one.
    fn pack_tile<T: Entry>(tiles: &mut [Tile], half: usize, view: View<'_, T>, first_row: usize, first_term: usize) {
        let (rows, terms) = (ROWS.min(view.rows.saturating_sub(first_row)), TERMS.min(view.depth - first_term));
        let mut cells = [[0_u32; 16]; 16];
        if view.is_transposed {
            // Lines are terms: two of them give a row of cells, one for each row of the operand.
            let mut lines = [[0_u16; ROWS]; TERMS];
            for (term, line) in lines.iter_mut().enumerate().take(if rows > 0 { terms } else { 0 }) {
                let from = &view.data[(first_term + term) * view.stride + first_row..][..rows];
                prefetch(from, TILES_AHEAD * ROWS);
                to_bits(from, line);
            }
            for (cells, lines) in cells.iter_mut().zip(lines.chunks_exact(2)) {
                for (row, cell) in cells.iter_mut().enumerate() {
                    *cell = u32::from(lines[0][row]) | u32::from(lines[1][row]) << 16;
                }
            }
        } else {
            for (row, cells) in cells.iter_mut().enumerate().take(rows) {
                let mut line = [0_u16; TERMS];
                let from = &view.data[(first_row + row) * view.stride + first_term..][..terms];
                prefetch(from, TILES_AHEAD * TERMS);
                prefetch(from, TILES_AHEAD * TERMS + TERMS / 2);
                to_bits(from, &mut line);
                for (cell, pair) in cells.iter_mut().zip(line.chunks_exact(2)) {
                    *cell = u32::from(pair[0]) | u32::from(pair[1]) << 16;
                }
            }
        }
        let width = 16 * tiles.len();
        let is_as_wanted = view.is_transposed == (tiles.len() == Side::Right.tiles());
        if !is_as_wanted {
            transpose(&mut cells);
        }
        let lines = tiles.iter_mut().flat_map(|tile| tile.0.chunks_exact_mut(width));
        for (line, cells) in lines.zip(&cells) {
            line[half * 16..][..16].copy_from_slice(cells);
        }
    }
}

/// Rounds the numbers of a line that may be shorter than the tile.
#[inline(always)]
fn to_bits<T: Entry, const N: usize>(from: &[T], to: &mut [u16; N]) {
    if let Ok(from) = <&[T; N]>::try_from(from) {
        for (to, from) in to.iter_mut().zip(from) {
            *to = from.bits();
        }
    } else {
        for (to, from) in to.iter_mut().zip(from) {
            *to = from.bits();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f32_rounds_to_the_nearest_bf16_as_half_does() {
        let numbers = [0.0, -0.0, 1.0, 1.003_906_2, 1.011_718_8, 3.4e38, 1e-40, f32::INFINITY, -7.3e-5];
        for number in numbers {
            assert_eq!(number.bits(), bf16::from_f32(number).to_bits(), "{number}");
        }
        for seed in 0..10_000_u32 {
            let number = f32::from_bits(seed.wrapping_mul(2_654_435_761));
            if !number.is_nan() {
                assert_eq!(number.bits(), bf16::from_f32(number).to_bits(), "{number:e}");
            }
        }
        assert!(bf16::from_bits(f32::NAN.bits()).is_nan());
        assert!(bf16::from_bits(f32::from_bits(0x7f80_0001).bits()).is_nan());
    }

    #[test]
    fn cells_lie_where_the_kernels_look_for_them() {
        // 33 rows of 34 terms: two panels of two tiles of rows, two tiles of terms.
        let (rows, depth) = (33, 34);
        let entry = |row: usize, term: usize| bf16::from_f32((row * 3 + term) as f32);
        let by_rows: Vec<bf16> = (0..rows * depth).map(|i| entry(i / depth, i % depth)).collect();
        let by_terms: Vec<bf16> = (0..rows * depth).map(|i| entry(i % rows, i / rows)).collect();
        let bits = |row: usize, term: usize| match row < rows && term < depth {
            true => u32::from(entry(row, term).to_bits()),
            false => 0,
        };
        for view in [View::rows(&by_rows, rows, depth), View::columns(&by_terms, rows, depth)] {
            let (mut left, mut right) = (Packed::empty(), Packed::empty());
            left.fill(view, Side::Left);
            right.fill(view, Side::Right);
            assert_eq!((left.tiles().len(), right.tiles().len()), (6, 8));
            for row in 0..48 {
                for pair in 0..32 {
                    let cell = bits(row, 2 * pair) | bits(row, 2 * pair + 1) << 16;
                    let left = left.tiles()[row / 16 * 2 + pair / 16].0[row % 16 * 16 + pair % 16];
                    let right = right.cells(row / 32)[pair * 32 + row % 32];
                    assert_eq!((left, right), (cell, cell), "{row} {pair}");
                }
            }
        }
    }
}
