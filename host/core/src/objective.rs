//! The composite objective, one pair at a time: DPO-L, SFT and their weighted sum. Section 3.3.
//!
//! In go log-probabilities of whole responses in nats and lengths; out come losses in nats, and the
//! derivatives that a tensor library must reproduce:
//!
//! ```text
//! DPO-L = −log σ( β · [(log π(y_w) − log π_ref(y_w)) − (log π(y_l) − log π_ref(y_l))]
//!                 ± λ · log(ℓ(y_l) / ℓ(y_w)) )
//! total = η · DPO-L + (1 − η) · SFT
//! ```
//!
//! Here β is `beta`, λ is `lambda`, η is `dpo_weight`, y_w is `chosen`, y_l is `rejected`, and π_ref is
//! `reference`.
//! Left out on purpose: batches and tensors. Training computes these same laws elsewhere; its tests compare
//! to here.

use serde::{Deserialize, Serialize};

/// The sign of the length margin.
///
/// The paper prints plus. Its own reward, r − λ · log ℓ under a KL penalty, leads to minus: a margin that a
/// pair must exceed, the larger the more it compresses, which is what its prose describes. With plus, such a
/// pair gets a weaker gradient instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LengthMargin {
    /// Plus: the paper's equation, and its recipe.
    #[default]
    AsPrinted,
    /// Minus: what the paper's reward leads to.
    AsDerived,
}

/// A derivative of a loss with respect to the policy's log-probabilities of one pair. No unit: nats per nat.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairGradient {
    /// With respect to that of the chosen response; never above 0.
    pub chosen: f64,
    /// With respect to that of the rejected response; never below 0.
    pub rejected: f64,
}

/// log σ(x), without underflow: min(x, 0) − log(1 + e^−|x|).
pub fn log_sigmoid(x: f64) -> f64 {
    x.min(0.0) - (-x.abs()).exp().ln_1p()
}

/// σ(x) = 1 / (1 + e^−x), without overflow.
pub fn sigmoid(x: f64) -> f64 {
    log_sigmoid(x).exp()
}

/// ± lambda · log(len_rejected / len_chosen), in nats. Lengths are above 0, in any unit that both share.
///
/// 0 for equal lengths or a lambda of 0. A length of 0 gives an infinity, which the length function's
/// contract rules out.
pub fn length_margin(lambda: f64, len_chosen: f64, len_rejected: f64, sign: LengthMargin) -> f64 {
    if lambda == 0.0 {
        return 0.0; // also where the logarithm is infinite
    }
    let margin = lambda * (len_rejected / len_chosen).ln();
    match sign {
        LengthMargin::AsPrinted => margin,
        LengthMargin::AsDerived => -margin,
    }
}

/// beta · [(chosen − its reference) − (rejected − its reference)]: by how much the policy's implicit reward
/// prefers the chosen response. In nats; above 0 the pair counts as accurate.
pub fn reward_margin(
    beta: f64,
    chosen_logp: f64,
    rejected_logp: f64,
    ref_chosen: f64,
    ref_rejected: f64,
) -> f64 {
    beta * ((chosen_logp - ref_chosen) - (rejected_logp - ref_rejected))
}

/// DPO-L of one pair, in nats. Log-probabilities are sums over the response's tokens; `margin` is
/// [`length_margin`].
pub fn dpo_l(
    beta: f64,
    chosen_logp: f64,
    rejected_logp: f64,
    ref_chosen: f64,
    ref_rejected: f64,
    margin: f64,
) -> f64 {
    -log_sigmoid(reward_margin(beta, chosen_logp, rejected_logp, ref_chosen, ref_rejected) + margin)
}

/// The derivative of [`dpo_l`]: ∓ beta · σ(−z), where z is what stands in the sigmoid.
pub fn dpo_l_gradient(
    beta: f64,
    chosen_logp: f64,
    rejected_logp: f64,
    ref_chosen: f64,
    ref_rejected: f64,
    margin: f64,
) -> PairGradient {
    let z = reward_margin(beta, chosen_logp, rejected_logp, ref_chosen, ref_rejected) + margin;
    let slope = beta * sigmoid(-z);
    PairGradient { chosen: -slope, rejected: slope }
}

/// Plain DPO (Rafailov et al., 2023): DPO-L with lambda = 0.
pub fn dpo(beta: f64, chosen_logp: f64, rejected_logp: f64, ref_chosen: f64, ref_rejected: f64) -> f64 {
    dpo_l(beta, chosen_logp, rejected_logp, ref_chosen, ref_rejected, 0.0)
}

/// SimPO of one pair (Meng et al., 2024, equation 6), in nats: no reference model, and log-probabilities that
/// are means over the response's tokens. `gamma` is the target margin.
pub fn simpo(beta: f64, chosen_mean_logp: f64, rejected_mean_logp: f64, gamma: f64) -> f64 {
    -log_sigmoid(beta * (chosen_mean_logp - rejected_mean_logp) - gamma)
}

/// The derivative of [`simpo`] with respect to the mean log-probabilities; that with respect to their sums is
/// this, divided by the number of tokens.
pub fn simpo_gradient(beta: f64, chosen_mean_logp: f64, rejected_mean_logp: f64, gamma: f64) -> PairGradient {
    let slope = beta * sigmoid(gamma - beta * (chosen_mean_logp - rejected_mean_logp));
    PairGradient { chosen: -slope, rejected: slope }
}

/// SFT of one response: the mean negative log-likelihood of its tokens, in nats per token; 0 without tokens.
pub fn sft(token_logps: &[f64]) -> f64 {
    if token_logps.is_empty() {
        return 0.0;
    }
    -token_logps.iter().sum::<f64>() / token_logps.len() as f64
}

/// dpo_weight · dpo_loss + (1 − dpo_weight) · sft_loss. The paper's weight is 0.5.
pub fn composite(dpo_weight: f64, dpo_loss: f64, sft_loss: f64) -> f64 {
    dpo_weight * dpo_loss + (1.0 - dpo_weight) * sft_loss
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn assert_close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-12, "{a} is not {b}");
    }

    /// The chosen response gained 2 nats and the rejected lost 2, so beta = 0.1 gives 0.4; half the length
    /// gives a margin of ln 2.
    const PAIR: [f64; 5] = [0.1, -10.0, -20.0, -12.0, -18.0];

    #[test]
    fn hand_worked_pair() {
        let [beta, chosen, rejected, ref_chosen, ref_rejected] = PAIR;
        assert_close(reward_margin(beta, chosen, rejected, ref_chosen, ref_rejected), 0.4);

        let e = (-0.4_f64).exp(); // 0.670320…
        let loss = |sign| {
            let margin = length_margin(1.0, 100.0, 200.0, sign);
            dpo_l(beta, chosen, rejected, ref_chosen, ref_rejected, margin)
        };
        assert_close(dpo(beta, chosen, rejected, ref_chosen, ref_rejected), (1.0 + e).ln());
        assert_close(loss(LengthMargin::AsPrinted), (1.0 + e / 2.0).ln()); // 0.289052…
        assert_close(loss(LengthMargin::AsDerived), (1.0 + 2.0 * e).ln()); // 0.850425…
    }

    #[test]
    fn hand_worked_sft_simpo_and_sum() {
        assert_close(sft(&[-1.0, -2.0, -6.0]), 3.0);
        assert_eq!(sft(&[]), 0.0);
        // beta 2, gamma 0.3: z = 2 · (−0.5 + 0.9) − 0.3 = 0.5.
        assert_close(simpo(2.0, -0.5, -0.9, 0.3), (1.0 + (-0.5_f64).exp()).ln());
        assert_close(composite(0.25, 4.0, 8.0), 7.0);
    }

    #[test]
    fn log_sigmoid_is_stable_at_both_ends() {
        assert_close(log_sigmoid(0.0), -std::f64::consts::LN_2);
        assert_eq!(log_sigmoid(-1000.0), -1000.0);
        assert_eq!(log_sigmoid(1000.0), 0.0);
        assert!((log_sigmoid(40.0) + (-40.0_f64).exp()).abs() < 1e-30); // not yet 0
        assert_eq!(sigmoid(-1000.0), 0.0);
        assert_eq!(sigmoid(1000.0), 1.0);
    }

    #[test]
    fn without_lambda_lengths_do_not_matter() {
        assert_eq!(length_margin(0.0, 0.0, 7.0, LengthMargin::AsPrinted), 0.0);
    }

    prop_compose! {
        fn any_pair()(
            beta in 0.01..2.0_f64,
            logps in prop::array::uniform4(-50.0..0.0_f64),
            lambda in 0.0..3.0_f64,
            lengths in prop::array::uniform2(1.0..1e4_f64),
            as_printed: bool,
        ) -> ([f64; 5], f64) {
            let sign = if as_printed { LengthMargin::AsPrinted } else { LengthMargin::AsDerived };
            let [a, b, c, d] = logps;
            ([beta, a, b, c, d], length_margin(lambda, lengths[0], lengths[1], sign))
        }
    }

    proptest! {
        #[test]
        fn dpo_l_gradient_matches_finite_differences(([beta, w, l, rw, rl], margin) in any_pair()) {
            let h = 1e-5;
            let gradient = dpo_l_gradient(beta, w, l, rw, rl, margin);
            let by_chosen =
                (dpo_l(beta, w + h, l, rw, rl, margin) - dpo_l(beta, w - h, l, rw, rl, margin)) / (2.0 * h);
            let by_rejected =
                (dpo_l(beta, w, l + h, rw, rl, margin) - dpo_l(beta, w, l - h, rw, rl, margin)) / (2.0 * h);
            prop_assert!((gradient.chosen - by_chosen).abs() < 1e-7, "{} {}", gradient.chosen, by_chosen);
            prop_assert!((gradient.rejected - by_rejected).abs() < 1e-7);
        }

        #[test]
        fn simpo_gradient_matches_finite_differences(
            beta in 0.1..5.0_f64, w in -5.0..0.0_f64, l in -5.0..0.0_f64, gamma in 0.0..2.0_f64,
        ) {
            let h = 1e-5;
            let gradient = simpo_gradient(beta, w, l, gamma);
            let by_chosen = (simpo(beta, w + h, l, gamma) - simpo(beta, w - h, l, gamma)) / (2.0 * h);
            let by_rejected = (simpo(beta, w, l + h, gamma) - simpo(beta, w, l - h, gamma)) / (2.0 * h);
            prop_assert!((gradient.chosen - by_chosen).abs() < 1e-7);
            prop_assert!((gradient.rejected - by_rejected).abs() < 1e-7);
        }

        /// What the sign of the margin decides: whether a pair that compresses is pushed less or more than by
        /// DPO.
        #[test]
        fn compression_weakens_the_printed_gradient_and_strengthens_the_derived(
            ([beta, w, l, rw, rl], _) in any_pair(), len_chosen in 1.0..1e3_f64, factor in 1.01..10.0_f64,
        ) {
            let push = |margin| dpo_l_gradient(beta, w, l, rw, rl, margin).rejected;
            let margin = |sign| length_margin(1.0, len_chosen, len_chosen * factor, sign);
            prop_assert!(push(margin(LengthMargin::AsPrinted)) <= push(0.0));
            prop_assert!(push(margin(LengthMargin::AsDerived)) >= push(0.0));
        }

        #[test]
        fn sigmoids_agree(x in -700.0..700.0_f64) {
            prop_assert!((sigmoid(x) + sigmoid(-x) - 1.0).abs() < 1e-12);
            prop_assert!(log_sigmoid(x) <= 0.0);
        }
    }
}
