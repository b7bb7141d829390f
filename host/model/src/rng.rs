//! Random numbers that are derived, not shared: SplitMix64, addressed by index.
//!
//! The t-th number of a seed is a pure function of (seed, t), so that a draw's tokens do not depend on what
//! else is in the batch, on its order, or on how often the run was resumed. In: a 64-bit seed. Out: uniforms
//! in [0, 1), normals.
//!
//! Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
//! Left out on purpose: how seeds are made from (run, stage, problem, draw); the caller decides that.

/// 2⁶⁴ divided by the golden ratio, made odd: the step between two states.
const GOLDEN_GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

/// A stream of pseudorandom 64-bit words.
#[derive(Clone, Debug)]
pub struct SplitMix64 {
    state: u64,
}

impl SplitMix64 {
    /// The stream of `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The stream of `seed` without its first `skipped` words, in constant time.
    pub fn skipping(seed: u64, skipped: u64) -> Self {
        Self { state: seed.wrapping_add(GOLDEN_GAMMA.wrapping_mul(skipped)) }
    }

    /// The next word.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN_GAMMA);
        let mut word = self.state;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    /// The next word as a number in [0, 1), with 53 random bits.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A standard normal, by Box and Muller's method; uses two words.
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// The uniform in [0, 1) that decides token `t` of the draw with `seed`.
pub fn token_uniform(seed: u64, t: usize) -> f64 {
    SplitMix64::skipping(seed, t as u64).uniform()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_the_published_stream() {
        // First outputs for seed 1234567 of the reference implementation.
        let mut rng = SplitMix64::new(1_234_567);
        assert_eq!(rng.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(rng.next_u64(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn an_index_addresses_the_same_number_as_the_stream() {
        let mut rng = SplitMix64::new(42);
        for t in 0..100 {
            assert_eq!(rng.uniform(), token_uniform(42, t));
        }
    }

    #[test]
    fn normals_have_mean_zero_and_variance_one() {
        let mut rng = SplitMix64::new(7);
        let draws: Vec<f64> = (0..100_000).map(|_| rng.normal()).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / draws.len() as f64;
        assert!(mean.abs() < 0.01, "{mean}");
        assert!((variance - 1.0).abs() < 0.02, "{variance}");
    }
}
