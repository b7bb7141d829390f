//! The random stream that draws problems and solutions: what the generator needs over
//! [`ts_core::seed::SplitMix64`].
//!
//! In: a seed, or the parts of one ([`Stream::from_parts`]: run, stage, problem, draw). Out: the draws that
//! the generator needs. The same seed gives the same text on every machine. Streams are derived, never
//! shared: a problem's text does not depend on what was drawn before it. Bounds are slightly biased: the
//! problem sets that ship were drawn by the plain product, and must not change.

use ts_core::seed::SplitMix64;

/// A stream of random draws.
#[derive(Clone, Debug)]
pub struct Stream(SplitMix64);

impl Stream {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        Self(SplitMix64::new(seed))
    }

    /// The stream that belongs to a tuple of numbers, such as (seed, level, index). Every part and its
    /// place count.
    pub fn from_parts(parts: &[u64]) -> Self {
        let state = parts.iter().fold(0, |state, &part| SplitMix64::new(state ^ part).next_u64());
        Self::new(state)
    }

    /// A whole number in `0..bound`, by multiplication instead of division (the bias is below `bound`/2⁶⁴).
    /// `bound` 0 gives 0.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.0.next_u64()) * bound as u128) >> 64) as usize
    }

    /// A whole number in `low..=high`.
    pub fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.below((high - low) as usize + 1) as u32
    }

    /// True `percent` times in a hundred.
    pub fn chance(&mut self, percent: f64) -> bool {
        self.0.next_f64() * 100.0 < percent
    }

    /// The index of one of `weights`, drawn in proportion to them. They need not sum to anything in
    /// particular, but not to 0.
    pub fn weighted(&mut self, weights: &[u32]) -> usize {
        let mut rest = self.below(weights.iter().sum::<u32>() as usize) as u32;
        for (index, &weight) in weights.iter().enumerate() {
            if rest < weight {
                return index;
            }
            rest -= weight;
        }
        weights.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_stay_in_range_and_reach_both_ends() {
        let mut rng = Stream::new(1);
        let draws: Vec<u32> = (0..1000).map(|_| rng.between(3, 7)).collect();
        assert_eq!(draws.iter().min(), Some(&3));
        assert_eq!(draws.iter().max(), Some(&7));
        assert_eq!(rng.below(1), 0);
    }

    #[test]
    fn chances_and_weights_are_what_they_say() {
        let mut rng = Stream::new(2);
        let hits = (0..100_000).filter(|_| rng.chance(1.5)).count();
        assert!((1300..1700).contains(&hits), "{hits}");
        let last = (0..10_000).filter(|_| rng.weighted(&[0, 3, 1]) == 2).count();
        assert!((2300..2700).contains(&last), "{last}");
        assert!((0..1000).all(|_| rng.weighted(&[0, 3, 1]) != 0));
    }

    #[test]
    fn every_part_of_a_derived_seed_counts() {
        let first = |parts: &[u64]| Stream::from_parts(parts).below(usize::MAX);
        assert_eq!(first(&[1, 2, 3]), first(&[1, 2, 3]));
        assert_ne!(first(&[1, 2, 3]), first(&[1, 3, 2]));
        assert_ne!(first(&[1, 2, 3]), first(&[1, 2, 4]));
    }
}
