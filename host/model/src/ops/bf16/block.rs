//! The unit of work that every kernel computes: up to 32 rows by 32 columns of a product.

use super::tile::Tile;

/// Rows and columns of a block.
pub(super) const SIDE: usize = 32;

/// One block of a product.
pub(super) struct Block<'a> {
    /// Rows 0 to 15, and 16 to 31 if there are so many: a tile for each 32 terms.
    pub(super) left: [&'a [Tile]; 2],
    /// Two tiles for each 32 terms.
    pub(super) right: &'a [Tile],
    /// What is to be fetched meanwhile.
    pub(super) ahead: Ahead,
    /// The result from the block's first entry on.
    pub(super) out: &'a mut [f32],
    /// Entries of `out` from one row to the next.
    pub(super) stride: usize,
    /// How many rows the block has, 1 to 32.
    pub(super) rows: usize,
    /// Pairs of terms in the last tile that are not zeros beyond the operands' depth, at least 1; a kernel may add all 16.
    pub(super) last_pairs: usize,
    /// Whether the sums are added to `out`, instead of written over it.
    pub(super) add: bool,
}

/// The tiles that come after `right`, which the blocks that `right` meets fetch together, each its share.
#[derive(Clone, Copy)]
pub(super) struct Ahead {
    /// Their address; a prefetch faults on none.
    pub(super) start: usize,
    /// Which of the blocks this is.
    pub(super) block: usize,
    /// How many meet `right`.
    pub(super) n_blocks: usize,
}

/// Bytes that are fetched at once.
pub(super) const LINE: usize = 64;
/// Lines of the right operand's two tiles.
const LINES_OF_TILES: usize = 32;

impl Ahead {
    /// Where share number `share` of `n_shares` of this block's own begins, and how many lines of it to fetch for each 32 terms, of
    /// which there are `steps`.
    pub(super) fn share(self, share: usize, n_shares: usize, steps: usize) -> (usize, usize) {
        let (share, n_shares) = (self.block * n_shares + share, self.n_blocks * n_shares);
        // What is read once is read in order, and the processor fetches it better by itself.
        let lines = if n_shares == 1 { 0 } else { LINES_OF_TILES.div_ceil(n_shares) };
        (self.start + share * lines * steps * LINE, lines)
    }
}
