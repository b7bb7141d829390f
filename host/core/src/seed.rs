//! Derived randomness: the seed of a draw depends on what is drawn, never on when or where. Appendix A.1
//! samples 64 responses to a problem; this is what makes each of them reproducible alone.
//!
//! In go the run's seed, the stage, the problem and the number of the draw; out comes a 64-bit seed, and from
//! it a stream of numbers. Order, batching, sharding and resuming therefore change nothing. Seeds are not
//! cryptographic: whoever knows the run's seed can know every draw.

/// The increment of SplitMix64: 2^64 divided by the golden ratio, made odd.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The seed of one draw.
///
/// The hash is part of the format of a run folder and never changes: start from 0, and for each 64-bit word
/// `w` of the input set `state = mix(state + GOLDEN ^ w)`, where `mix` is the finaliser of SplitMix64. The
/// words are `run_seed`; then for `stage` and for `problem` the length in bytes, and the bytes, eight to a
/// word, little endian, the last word filled up with zeros; then `draw`.
///
/// The lengths delimit the texts, so ("ab", "c") and ("a", "bc") differ. `mix` is a bijection and `draw`
/// comes last, so two draws on one problem in one stage never share a seed.
///
/// ```
/// # use ts_core::seed::derive_seed;
/// assert_eq!(derive_seed(1, "sample", "p1", 0), derive_seed(1, "sample", "p1", 0));
/// assert_ne!(derive_seed(1, "sample", "p1", 0), derive_seed(1, "sample", "p1", 1));
/// ```
pub fn derive_seed(run_seed: u64, stage: &str, problem: &str, draw: u64) -> u64 {
    let mut state = absorb(0, run_seed);
    for text in [stage, problem] {
        state = absorb(state, text.len() as u64);
        for chunk in text.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            state = absorb(state, u64::from_le_bytes(word));
        }
    }
    absorb(state, draw)
}

/// SplitMix64 (Steele, Lea and Flood, 2014): 64 bits of state, equidistributed, fast enough to be unseen.
#[derive(Debug, Clone)]
pub struct SplitMix64 {
    state: u64,
}

impl SplitMix64 {
    /// The generator whose stream belongs to `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The stream of `seed` without its first `skipped` words, in constant time.
    pub fn skipping(seed: u64, skipped: u64) -> Self {
        Self { state: seed.wrapping_add(GOLDEN.wrapping_mul(skipped)) }
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix(self.state)
    }

    /// The next number in [0, 1), a multiple of 2^-53.
    pub fn next_f64(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// The next number in 0..n, each equally likely; 0 if n is 0.
    ///
    /// The high half of a product is the answer, and the few low halves that would make some answers likelier
    /// are drawn again (Lemire, 2019).
    pub fn below(&mut self, n: u64) -> u64 {
        if n == 0 {
            return 0;
        }
        let surplus = n.wrapping_neg() % n; // 2^64 mod n
        loop {
            let product = u128::from(self.next_u64()) * u128::from(n);
            if product as u64 >= surplus {
                return (product >> 64) as u64;
            }
        }
    }

    /// Puts the items in random order, each order equally likely (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u64 + 1) as usize;
            items.swap(last, other);
        }
    }
}

fn absorb(state: u64, word: u64) -> u64 {
    mix(state.wrapping_add(GOLDEN) ^ word)
}

/// The finaliser of SplitMix64: a bijection in which every input bit reaches every output bit.
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn split_mix_gives_its_published_stream() {
        let mut rng = SplitMix64::new(1_234_567);
        let stream: Vec<u64> = (0..5).map(|_| rng.next_u64()).collect();
        assert_eq!(
            stream,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423,
                4_593_380_528_125_082_431,
                16_408_922_859_458_223_821,
            ]
        );
    }

    /// Computed apart from this code, and frozen: a change makes every old run irreproducible.
    #[test]
    fn derived_seeds_are_frozen() {
        assert_eq!(derive_seed(0, "", "", 0), 2_391_539_541_053_276_776);
        assert_eq!(derive_seed(1, "sample", "aime-2024-07", 63), 11_009_155_917_875_132_812);
        assert_eq!(derive_seed(u64::MAX, "refine", "Straße", 5), 11_271_573_282_778_376_013);
    }

    #[test]
    fn fields_are_delimited() {
        assert_ne!(derive_seed(0, "ab", "c", 0), derive_seed(0, "a", "bc", 0));
        assert_ne!(derive_seed(0, "", "ab", 0), derive_seed(0, "ab", "", 0));
        assert_ne!(derive_seed(0, "a", "", 0), derive_seed(0, "a\0", "", 0));
    }

    #[test]
    fn draws_on_one_problem_never_share_a_seed() {
        let seeds: HashSet<u64> = (0..100_000).map(|draw| derive_seed(7, "sample", "p", draw)).collect();
        assert_eq!(seeds.len(), 100_000);
    }

    #[test]
    fn below_is_unbiased() {
        let mut rng = SplitMix64::new(3);
        let mut counts = [0_i64; 6];
        for _ in 0..60_000 {
            counts[rng.below(6) as usize] += 1;
        }
        // Standard deviation 91; five of them.
        assert!(counts.iter().all(|n| (n - 10_000).abs() < 456), "{counts:?}");
        assert_eq!(rng.below(0), 0);
        assert_eq!(rng.below(1), 0);
    }

    #[test]
    fn an_index_addresses_the_same_word_as_the_stream() {
        let mut rng = SplitMix64::new(42);
        for t in 0..100 {
            assert_eq!(rng.next_u64(), SplitMix64::skipping(42, t).next_u64());
        }
    }

    proptest! {
        #[test]
        fn numbers_stay_in_range(seed: u64, n in 1_u64..) {
            let mut rng = SplitMix64::new(seed);
            for _ in 0..50 {
                prop_assert!((0.0..1.0).contains(&rng.next_f64()));
                prop_assert!(rng.below(n) < n);
            }
        }

        #[test]
        fn a_shuffle_loses_nothing(seed: u64, n in 0_usize..50) {
            let mut items: Vec<usize> = (0..n).collect();
            SplitMix64::new(seed).shuffle(&mut items);
            items.sort_unstable();
            prop_assert_eq!(items, (0..n).collect::<Vec<_>>());
        }
    }
}
