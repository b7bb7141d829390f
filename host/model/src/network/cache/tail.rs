//! Attention of one query over the few keys that nobody shares: the innermost loops of sampling.
//!
//! In: slices of one row and one head. Out: weights, and values summed by them. The loops are plain and
//! vectorise, with the machine's widest vectors ([`crate::ops::vectors`]), and no sum is split by their width.

use crate::ops::kernels;
use crate::ops::vectors::widest_vectors;

/// Columns of the values that are summed at once, in registers.
const VALUE_LANES: usize = 32;

/// Keys of one head, (head_dim, `capacity`), perhaps without the first entries of the first row.
#[derive(Clone, Copy)]
pub(super) struct Keys<'a> {
    pub(super) entries: &'a [f32],
    pub(super) capacity: usize,
}

widest_vectors! {
    /// Completes a row of attention weights. `scores` holds the scores of the first `n_context` positions;
    /// those of the others are `scale` · query · key. All of them then become weights.
    pub(super) fn finish_weights(scores: &mut [f32], n_context: usize, query: &[f32], scale: f32, keys: Keys<'_>) {
        add_scores(&mut scores[n_context..], query, scale, keys);
        kernels::softmax_in_place(scores);
    }
}

widest_vectors! {
    /// `out` += Σₜ `weights`ₜ · valueₜ, for values (capacity, head_dim).
    pub(super) fn add_values(out: &mut [f32], weights: &[f32], values: &[f32]) {
        let head_dim = out.len();
        for (block, out) in out.chunks_mut(VALUE_LANES).enumerate() {
            let start = block * VALUE_LANES;
            if let Ok(out) = <&mut [f32; VALUE_LANES]>::try_from(&mut *out) {
                let mut sums = *out;
                for (weight, value) in weights.iter().zip(values.chunks_exact(head_dim)) {
                    for (sum, entry) in sums.iter_mut().zip(&value[start..start + VALUE_LANES]) {
                        *sum += weight * entry;
                    }
                }
                *out = sums;
            } else {
                for (weight, value) in weights.iter().zip(values.chunks_exact(head_dim)) {
                    kernels::axpy(*weight, &value[start..start + out.len()], out);
                }
            }
        }
    }
}

/// `scores`ₜ += `scale` · query · keyₜ, for an even head_dim.
#[inline(always)]
fn add_scores(scores: &mut [f32], query: &[f32], scale: f32, Keys { entries, capacity }: Keys<'_>) {
    let n = scores.len();
    if n == 0 {
        return;
    }
    // Two entries of the query at a time: half the loads and stores of `scores`. The last two rows may lack their ends.
    for (pair, keys) in query.chunks_exact(2).zip(entries.chunks(2 * capacity)) {
        let (first, second) = (scale * pair[0], scale * pair[1]);
        let (first_keys, second_keys) = (&keys[..n], &keys[capacity..][..n]);
        for t in 0..n {
            scores[t] += first * first_keys[t] + second * second_keys[t];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradcheck::values;

    #[test]
    fn attention_by_hand() {
        // head_dim 2, capacity 3, two positions in use after one in the context.
        let keys = [1.0, 0.0, 9.0, 0.0, 2.0, 9.0];
        let mut weights = [0.5f32.ln(), 0.0, 0.0];
        // Scores: ln 1/2 as given; query · (1, 0) = ln 1/4; query · (0, 2) = ln 1/4.
        let query = [0.25f32.ln(), 0.5 * 0.25f32.ln()];
        finish_weights(&mut weights, 1, &query, 1.0, Keys { entries: &keys, capacity: 3 });
        for (weight, expected) in weights.iter().zip([0.5, 0.25, 0.25]) {
            assert!((weight - expected).abs() < 1e-6, "{weights:?}");
        }
        let mut out = [10.0, 20.0];
        add_values(&mut out, &weights[1..], &[1.0, 2.0, 3.0, 4.0, 9.0, 9.0]);
        assert!((out[0] - 11.0).abs() < 1e-5 && (out[1] - 21.5).abs() < 1e-5, "{out:?}");
    }

    #[test]
    fn every_width_of_a_head_is_summed() {
        for head_dim in [2, 32, 40, 64, 128] {
            let (weights, entries) = (values(7, 1), values(8 * head_dim, 2));
            let mut out = vec![0.0; head_dim];
            add_values(&mut out, &weights, &entries);
            for (column, actual) in out.iter().enumerate() {
                let expected: f32 = (0..7).map(|t| weights[t] * entries[t * head_dim + column]).sum();
                assert!((actual - expected).abs() < 1e-5, "{head_dim}, column {column}");
            }
        }
    }
}
