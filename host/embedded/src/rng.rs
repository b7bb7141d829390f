//! The random stream that draws problems and solutions: SplitMix64, written out so that the same seed gives
//! the same text on every machine and with every version of every dependency (there is none).
//!
//! In: a seed, or the parts of one ([`SplitMix64::from_parts`]: run, stage, problem, draw). Out: uniform
//! 64-bit words and the three draws the generator needs. Streams are derived, never shared: a problem's
//! text does not depend on what was drawn before it. Not for cryptography, and not for sampling tokens.
//!
//! Reference: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.

/// A stream of pseudorandom 64-bit words.
#[derive(Clone, Debug)]
pub struct SplitMix64 {
    state: u64,
}

impl SplitMix64 {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The stream that belongs to a tuple of numbers, such as (seed, level, index). Every part and its
    /// place count.
    pub fn from_parts(parts: &[u64]) -> Self {
        let state = parts.iter().fold(0, |state, &part| Self::new(state ^ part).next_u64());
        Self::new(state)
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.state;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    /// A whole number in `0..bound`, by multiplication instead of division (the bias is below `bound`/2⁶⁴).
    /// `bound` 0 gives 0.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next_u64()) * bound as u128) >> 64) as usize
    }

    /// A whole number in `low..=high`.
    pub fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.below((high - low) as usize + 1) as u32
    }

    /// True `percent` times in a hundred.
    pub fn chance(&mut self, percent: f64) -> bool {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64 * 100.0 < percent
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
    fn matches_the_published_stream() {
        // The first outputs for seed 1234567, as in the reference implementation's test vectors.
        let mut rng = SplitMix64::new(1_234_567);
        assert_eq!(rng.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(rng.next_u64(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn draws_stay_in_range_and_reach_both_ends() {
        let mut rng = SplitMix64::new(1);
        let draws: Vec<u32> = (0..1000).map(|_| rng.between(3, 7)).collect();
        assert_eq!(draws.iter().min(), Some(&3));
        assert_eq!(draws.iter().max(), Some(&7));
        assert_eq!(rng.below(1), 0);
    }

    #[test]
    fn chances_and_weights_are_what_they_say() {
        let mut rng = SplitMix64::new(2);
        let hits = (0..100_000).filter(|_| rng.chance(1.5)).count();
        assert!((1300..1700).contains(&hits), "{hits}");
        let last = (0..10_000).filter(|_| rng.weighted(&[0, 3, 1]) == 2).count();
        assert!((2300..2700).contains(&last), "{last}");
        assert!((0..1000).all(|_| rng.weighted(&[0, 3, 1]) != 0));
    }

    #[test]
    fn every_part_of_a_derived_seed_counts() {
        let first = |parts: &[u64]| SplitMix64::from_parts(parts).next_u64();
        assert_eq!(first(&[1, 2, 3]), first(&[1, 2, 3]));
        assert_ne!(first(&[1, 2, 3]), first(&[1, 3, 2]));
        assert_ne!(first(&[1, 2, 3]), first(&[1, 2, 4]));
    }
}
