//! [`causal_attention`](super::causal_attention()) in candle's own operations, for devices and dtypes that
//! the fused operation does not take.
//!
//! In and out: as there. Segments are sorted into classes by length, each class padded to one length and
//! computed as a batch, so that short sequences do not pay for long ones and a device is not kept busy with
//! one sequence at a time. Padding stands after the real tokens, where causality hides it, and is dropped
//! from the result; so is what a segment's stem sees, which is computed where it stands for itself. Softmax runs in f32 for half
//! precision. Attention itself goes block by block ([`super::blocks`]).

use std::collections::BTreeMap;

use candle_core::{Result, Tensor};

use super::rotation::Rotation;
use super::{Heads, blocks};
use crate::ops::{RotaryTable, Segment, Segments};

/// The shortest length that segments are padded to.
const SHORTEST_CLASS: usize = 16;

/// As [`causal_attention`](super::causal_attention()), whose caller has checked the shapes.
///
/// # Errors
/// If a tensor operation fails.
pub fn portable(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    heads: Heads,
    segments: &Segments,
    rotary: &RotaryTable,
    window: Option<usize>,
) -> Result<Tensor> {
    let mut places = vec![0; segments.n_rows()];
    let mut n_padded_rows = 0;
    let mut outs = Vec::new();
    for (length, members) in length_classes(segments) {
        for (Segment { stem, own }, place) in members.iter().zip((n_padded_rows..).step_by(length)) {
            for (row, place) in own.clone().zip(place + stem.len()..) {
                places[row] = place as u32;
            }
        }
        n_padded_rows += members.len() * length;
        let rows = padded_rows(&members, length);
        let class = Class {
            heads,
            length,
            window,
            lengths: members.iter().map(|segment| segment.len()).collect(),
            rows,
        };
        outs.push(class.attend(q, k, v, rotary)?);
    }
    if outs.is_empty() {
        return Ok(q.clone());
    }
    let n_rows = places.len();
    let places = Tensor::from_vec(places, n_rows, q.device())?;
    Tensor::cat(&outs, 0)?.index_select(&places, 0)
}

/// Groups segments that are padded to one length. Where all members are equally long there is no padding.
fn length_classes(segments: &Segments) -> Vec<(usize, Vec<&Segment>)> {
    let mut classes: BTreeMap<usize, Vec<&Segment>> = BTreeMap::new();
    for segment in segments.iter().filter(|segment| !segment.own.is_empty()) {
        let class = segment.len().next_power_of_two().max(SHORTEST_CLASS);
        classes.entry(class).or_default().push(segment);
    }
    let longest = |members: &[&Segment]| members.iter().map(|segment| segment.len()).max().unwrap_or(0);
    classes.into_values().map(|members| (longest(&members), members)).collect()
}

/// For each place of the padded batch, the row that stands there; a padded place repeats its segment's last
/// row.
fn padded_rows(members: &[&Segment], length: usize) -> Vec<u32> {
    let padded = |segment: &&Segment| {
        let last = segment.own.end - 1;
        let padding = std::iter::repeat_n(last, length - segment.len());
        segment.rows().chain(padding).map(|row| row as u32).collect::<Vec<u32>>()
    };
    members.iter().flat_map(padded).collect()
}

/// Segments that are computed together.
struct Class {
    heads: Heads,
    length: usize,
    window: Option<usize>,
    /// Of each segment, without padding.
    lengths: Vec<usize>,
    rows: Vec<u32>,
}

impl Class {
    /// Gives (batch·length, n_heads·head_dim).
    fn attend(&self, q: &Tensor, k: &Tensor, v: &Tensor, rotary: &RotaryTable) -> Result<Tensor> {
        let Self { heads: Heads { n_heads, n_kv_heads, head_dim }, length, window, .. } = *self;
        let batch = self.lengths.len();
        let group_size = n_heads / n_kv_heads;
        let rows = Tensor::new(&self.rows[..], q.device())?;
        let lens: Vec<_> = self.lengths.iter().map(|&length| (0, length)).collect();
        let rotation = Rotation::new(rotary, &lens, length, q)?;
        let q = rotation.apply(&q.index_select(&rows, 0)?, n_heads)?;
        let k = rotation.apply(&k.index_select(&rows, 0)?, n_kv_heads)?;
        let v = rotation.split(&v.index_select(&rows, 0)?, n_kv_heads)?;

        let q = q.reshape((batch, n_kv_heads, group_size, length, head_dim))?;
        blocks::causal(&q, &k, &v, self.heads.scale(), window)?
            .transpose(1, 2)?
            .reshape((batch * length, n_heads * head_dim))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_pad_to_their_longest_member() {
        let segments = Segments::with_stems([(0..0, 20), (0..0, 3), (0..0, 0), (0..18, 12), (0..0, 5)]);
        let [first, second, _, fourth, fifth] = segments.as_slice() else { panic!("five segments") };
        assert_eq!(length_classes(&segments), [(5, vec![second, fifth]), (30, vec![first, fourth])]);
    }

    #[test]
    fn padding_repeats_the_last_row() {
        let segments = Segments::with_stems([(0..0, 5), (0..0, 2), (0..2, 1)]);
        let [_, second, third] = segments.as_slice() else { panic!("three segments") };
        assert_eq!(padded_rows(&[second, third], 4), [5, 6, 6, 6, 0, 1, 7, 7]);
    }
}
