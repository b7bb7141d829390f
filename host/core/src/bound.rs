//! What the most likely tokens alone say of a divergence.
//!
//! In: the log-probabilities that two distributions over one vocabulary give to some tokens. Out: a number that their divergence is not
//! below, and how much of the first's mass was not seen. The tokens outside count as one: by the log-sum inequality this takes away
//! from the divergence and never adds to it. There is no such number above it: where the second distribution gives next to nothing to
//! a token that was not seen, the divergence is as large as one likes.

/// Masses that are smaller than this are rounding, since log-probabilities come as f32.
const ROUNDING: f64 = 1e-6;

/// A divergence seen through some of the tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen {
    /// Nats; the divergence is at least this, but for rounding of about 1e-5.
    pub bound_nats: f64,
    /// The first distribution's mass outside of the tokens, 0 to 1.
    pub tail_mass: f64,
}

/// KL(p ‖ q) through the tokens of `seen`, each with ln p and ln q:
/// `Σ p ln(p/q) + (1-P) ln((1-P)/(1-Q))`, with P and Q the tokens' masses.
pub fn kl_through(seen: impl IntoIterator<Item = (f64, f64)>) -> Seen {
    let (mut sum, mut mass_p, mut mass_q) = (0.0, 0.0, 0.0);
    for (ln_p, ln_q) in seen {
        let p = ln_p.exp();
        mass_p += p;
        mass_q += ln_q.exp();
        // A token that p does not give adds nothing, whatever q gives it.
        if p > 0.0 {
            sum += p * (ln_p - ln_q);
        }
    }
    let tail_mass = f64::max(1.0 - mass_p, 0.0);
    if tail_mass > ROUNDING {
        sum += tail_mass * (tail_mass / f64::max(1.0 - mass_q, ROUNDING)).ln();
    }
    Seen { bound_nats: sum.max(0.0), tail_mass }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn by_hand() {
        // p = (0.5, 0.25, 0.25), q = (0.25, 0.25, 0.5): KL = 0.5 ln 2 - 0.25 ln 2.
        let ln = |p: f64, q: f64| (p.ln(), q.ln());
        let all = kl_through([ln(0.5, 0.25), ln(0.25, 0.25), ln(0.25, 0.5)]);
        assert!((all.bound_nats - 0.25 * 2_f64.ln()).abs() < 1e-12 && all.tail_mass < 1e-12);
        // Of the first alone: 0.5 ln 2 + 0.5 ln (0.5 / 0.75).
        let one = kl_through([ln(0.5, 0.25)]);
        assert!((one.bound_nats - 0.5 * (2_f64.ln() + (0.5_f64 / 0.75).ln())).abs() < 1e-12);
        assert!((one.tail_mass - 0.5).abs() < 1e-12);
        assert_eq!(kl_through([]), Seen { bound_nats: 0.0, tail_mass: 1.0 });
    }

    #[test]
    fn what_has_no_mass_adds_nothing() {
        let seen = kl_through([(0.0, 0.0), (f64::NEG_INFINITY, -3.0), (-9999.0, -3.0)]);
        assert_eq!(seen, Seen { bound_nats: 0.0, tail_mass: 0.0 });
    }

    proptest! {
        #[test]
        fn it_is_never_above_the_divergence_and_grows_with_what_is_seen(
            weights in prop::collection::vec((0.001_f64..1.0, 0.001_f64..1.0), 2..40),
            n_seen in 0_usize..40,
        ) {
            let total = weights.iter().fold((0.0, 0.0), |sum, w| (sum.0 + w.0, sum.1 + w.1));
            let ln: Vec<(f64, f64)> =
                weights.iter().map(|w| ((w.0 / total.0).ln(), (w.1 / total.1).ln())).collect();
            let kl: f64 = ln.iter().map(|(p, q)| p.exp() * (p - q)).sum();
            let n_seen = n_seen.min(ln.len());
            let fewer = kl_through(ln[..n_seen / 2].iter().copied()).bound_nats;
            let bound = kl_through(ln[..n_seen].iter().copied()).bound_nats;
            prop_assert!(fewer <= bound + 1e-5);
            prop_assert!(bound <= kl + 1e-5, "{} {}", bound, kl);
        }
    }
}
