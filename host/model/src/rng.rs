//! Random numbers for tokens and for initial weights, from the streams of [`ts_core::seed`].
//!
//! The t-th number of a seed is a pure function of (seed, t), so that a draw's tokens do not depend on what
//! else is in the batch, on its order, or on how often the run was resumed.

use ts_core::seed::SplitMix64;

/// The uniform in [0, 1) that decides token `t` of the draw with `seed`.
pub fn token_uniform(seed: u64, t: usize) -> f64 {
    SplitMix64::skipping(seed, t as u64).next_f64()
}

/// A standard normal, by Box and Muller's method; uses two words.
pub fn normal(rng: &mut SplitMix64) -> f64 {
    let radius = (-2.0 * (1.0 - rng.next_f64()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.next_f64()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_take_the_stream_s_numbers_in_order() {
        let mut rng = SplitMix64::new(42);
        assert!((0..100).all(|t| rng.next_f64() == token_uniform(42, t)));
    }

    #[test]
    fn normals_have_mean_zero_and_variance_one() {
        let mut rng = SplitMix64::new(7);
        let draws: Vec<f64> = (0..100_000).map(|_| normal(&mut rng)).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / draws.len() as f64;
        assert!(mean.abs() < 0.01, "{mean}");
        assert!((variance - 1.0).abs() < 0.02, "{variance}");
    }
}
