//! Work shared by threads, each of which takes the next piece when it is done with one.
//!
//! In: how many pieces, and what to do with the number of one. Out: what came of each, in the order of the pieces whatever the order of
//! the work.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Does the pieces 0 to `n_pieces` on `n_threads` threads (0 counts as 1).
pub(crate) fn in_turn<R: Send + Sync>(
    n_pieces: usize,
    n_threads: usize,
    work: impl Fn(usize) -> R + Sync,
) -> Vec<R> {
    let slots: Vec<OnceLock<R>> = (0..n_pieces).map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    let take = || {
        let piece = next.fetch_add(1, Ordering::Relaxed);
        Some((piece, slots.get(piece)?))
    };
    thread::scope(|scope| {
        for _ in 0..n_threads.max(1) {
            scope.spawn(|| {
                // Each number is taken once, so each slot is filled once.
                while let Some((piece, slot)) = take() {
                    slot.get_or_init(|| work(piece));
                }
            });
        }
    });
    slots.into_iter().filter_map(OnceLock::into_inner).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_came_of_the_pieces_is_in_their_order() {
        let squares = |n_threads| {
            in_turn(50, n_threads, |piece| {
                thread::sleep(Duration::from_micros(50 - piece as u64));
                piece * piece
            })
        };
        let expected: Vec<usize> = (0..50).map(|piece| piece * piece).collect();
        assert!([0, 1, 3, 80].into_iter().all(|n_threads| squares(n_threads) == expected));
        assert_eq!(in_turn(0, 2, |piece| piece), [0; 0]);
    }
}
