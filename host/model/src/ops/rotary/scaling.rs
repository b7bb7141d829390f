//! How models stretch the rotary embedding over contexts longer than they were first trained on.
//!
//! In: the base frequencies theta^(−2j/head_dim), j = 0 to head_dim/2 − 1, in radians a position. Out: the frequencies that the
//! model turns by, and what cosines and sines are multiplied by. The methods and the names of their constants are those of
//! transformers' `modeling_rope_utils`; frequencies are computed in f64 here and rounded to f32 once.
//!
//! References: Chen et al., "Extending Context Window of Large Language Models via Positional Interpolation", 2023 (linear);
//! Peng et al., "YaRN: Efficient Context Window Extension of Large Language Models", 2023 (YaRN; appendix B.1 for dynamic);
//! Grattafiori et al., "The Llama 3 Herd of Models", 2024 (llama3).

use std::f64::consts::TAU;

/// A way to stretch the rotary embedding.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum RotaryScaling {
    /// None: the frequencies as they are.
    #[default]
    Default,
    /// All frequencies divided by `factor`.
    Linear {
        /// How much longer the context is.
        factor: f64,
    },
    /// A larger theta for sequences longer than `original_positions`, the longer the larger. The only method whose
    /// frequencies depend on the sequence; see [`RotaryTable`](super::RotaryTable).
    Dynamic {
        /// How fast theta grows.
        factor: f64,
        /// The length up to which nothing changes.
        original_positions: usize,
    },
    /// Slow frequencies divided by `factor`, fast ones as they are, a ramp between; cosines and sines multiplied by
    /// `attention_factor`.
    Yarn {
        /// How much longer the context is.
        factor: f64,
        /// What cosines and sines are multiplied by.
        attention_factor: f64,
        /// Frequencies of more turns than this within `original_positions` stay as they are.
        beta_fast: f64,
        /// Frequencies of fewer turns than this are divided by `factor`.
        beta_slow: f64,
        /// The length that the model was first trained on.
        original_positions: usize,
        /// Whether the ramp's ends are moved outwards to whole indices.
        truncate: bool,
    },
    /// Slow frequencies divided by `factor`, fast ones as they are, those between interpolated by their turns within
    /// `original_positions`.
    Llama3 {
        /// How much longer the context is.
        factor: f64,
        /// Frequencies of fewer turns than this are divided by `factor`.
        low_freq_factor: f64,
        /// Frequencies of more turns than this stay as they are.
        high_freq_factor: f64,
        /// The length that the model was first trained on.
        original_positions: usize,
    },
}

impl RotaryScaling {
    /// Whether a sequence of `length` tokens has frequencies of its own.
    pub(super) fn follows_length(&self, length: usize) -> bool {
        matches!(self, Self::Dynamic { original_positions, .. } if length > *original_positions)
    }

    /// What cosines and sines are multiplied by.
    pub(super) fn amplitude(&self) -> f32 {
        match self {
            Self::Yarn { attention_factor, .. } => *attention_factor as f32,
            _ => 1.0,
        }
    }

    /// Frequencies of a sequence of `length` tokens, (head_dim/2,).
    pub(super) fn frequencies(&self, head_dim: usize, theta: f64, length: usize) -> Vec<f32> {
        let dim = head_dim as f64;
        let n = head_dim / 2;
        let base = |theta: f64| (0..n).map(move |j| theta.powf(-2.0 * j as f64 / dim));
        let frequencies: Vec<f64> = match *self {
            Self::Default => base(theta).collect(),
            Self::Linear { factor } => base(theta).map(|frequency| frequency / factor).collect(),
            Self::Dynamic { factor, original_positions } => {
                let stretch = length.max(original_positions) as f64 / original_positions as f64;
                let theta = theta * (factor * stretch - (factor - 1.0)).powf(dim / (dim - 2.0));
                base(theta).collect()
            }
            Self::Yarn { factor, beta_fast, beta_slow, original_positions, truncate, .. } => {
                // The index whose frequency makes so many turns within the original length.
                let index_of =
                    |turns: f64| dim * (original_positions as f64 / (turns * TAU)).ln() / (2.0 * theta.ln());
                let (mut low, mut high) = (index_of(beta_fast), index_of(beta_slow));
                if truncate {
                    (low, high) = (low.floor(), high.ceil());
                }
                (low, high) = (low.max(0.0), high.min(dim - 1.0));
                if low == high {
                    high += 0.001;
                }
                let interpolated = |j: usize| ((j as f64 - low) / (high - low)).clamp(0.0, 1.0);
                let mix = |(j, frequency): (usize, f64)| {
                    let share = interpolated(j);
                    frequency / factor * share + frequency * (1.0 - share)
                };
                base(theta).enumerate().map(mix).collect()
            }
            Self::Llama3 { factor, low_freq_factor, high_freq_factor, original_positions } => {
                let stretch = |frequency: f64| {
                    let turns = original_positions as f64 * frequency / TAU;
                    let kept =
                        ((turns - low_freq_factor) / (high_freq_factor - low_freq_factor)).clamp(0.0, 1.0);
                    (1.0 - kept) * frequency / factor + kept * frequency
                };
                base(theta).map(stretch).collect()
            }
        };
        frequencies.into_iter().map(|frequency| frequency as f32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Head of 4, theta 10,000: frequencies 1 and 1/100.
    fn frequencies(scaling: RotaryScaling, length: usize) -> [f32; 2] {
        scaling.frequencies(4, 10_000.0, length).try_into().unwrap()
    }

    fn assert_close(actual: [f32; 2], expected: [f64; 2]) {
        for (actual, expected) in actual.into_iter().zip(expected) {
            assert!((f64::from(actual) / expected - 1.0).abs() < 1e-6, "{actual} is not {expected}");
        }
    }

    #[test]
    fn linear_divides_every_frequency() {
        assert_close(frequencies(RotaryScaling::Default, 10), [1.0, 0.01]);
        assert_close(frequencies(RotaryScaling::Linear { factor: 4.0 }, 10), [0.25, 0.0025]);
    }

    #[test]
    fn dynamic_raises_theta_beyond_the_original_length() {
        let dynamic = RotaryScaling::Dynamic { factor: 3.0, original_positions: 100 };
        for length in [1, 100] {
            assert_close(frequencies(dynamic, length), [1.0, 0.01]);
            assert!(!dynamic.follows_length(length));
        }
        // At twice the length, theta grows by (3·2 − 2)^(4/2) = 16, so the second frequency falls by its root.
        assert_close(frequencies(dynamic, 200), [1.0, 0.0025]);
        assert!(dynamic.follows_length(101));
    }

    #[test]
    fn yarn_interpolates_the_slow_frequencies() {
        let yarn = |truncate| RotaryScaling::Yarn {
            factor: 8.0,
            attention_factor: 1.5,
            beta_fast: 32.0,
            beta_slow: 1.0,
            original_positions: 1000,
            truncate,
        };
        // 1000/2π = 159.2 turns of the first, 1.6 of the second. Index of 32 turns: 4·ln(1000/201)/(2·ln 10⁴) = 0.348; of 1 turn:
        // 1.101. Truncated they are 0 and 2, and index 1 lies half way.
        assert_close(frequencies(yarn(true), 1), [1.0, 0.01 * (0.5 / 8.0 + 0.5)]);
        let share = (1.0 - 0.348_335) / (1.100_910 - 0.348_335);
        let [first, second] = frequencies(yarn(false), 1);
        assert_eq!(first, 1.0);
        assert!((f64::from(second) - 0.01 * (share / 8.0 + 1.0 - share)).abs() < 1e-6, "{second}");
        assert_eq!(yarn(true).amplitude(), 1.5);
    }

    #[test]
    fn llama3_interpolates_by_turns() {
        let llama3 = |original_positions| RotaryScaling::Llama3 {
            factor: 8.0,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_positions,
        };
        // 100 positions: 15.9 turns of the first, 0.16 of the second.
        assert_close(frequencies(llama3(100), 1), [1.0, 0.01 / 8.0]);
        // 1000 positions: 1.59 turns of the second, (1.5915 − 1)/3 of the way.
        let kept = (10.0 / TAU - 1.0) / 3.0;
        assert_close(frequencies(llama3(1000), 1), [1.0, 0.01 * ((1.0 - kept) / 8.0 + kept)]);
    }
}
