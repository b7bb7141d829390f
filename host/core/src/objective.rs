//! The composite objective, one pair at a time: DPO-L, SFT and their weighted sum (section 3.3), and what rivals of
//! the method minimise instead of DPO-L.
//!
//! In go log-probabilities of whole responses in nats and lengths; out come losses in nats:
//!
//! ```text
//! DPO-L = −log σ( β · [(log π(y_w) − log π_ref(y_w)) − (log π(y_l) − log π_ref(y_l))]
//!                 ± λ · log(ℓ(y_l) / ℓ(y_w)) )
//! total = η · DPO-L + (1 − η) · SFT
//! ```
//!
//! Here β is `beta`, λ is `lambda`, η is `dpo_weight`, y_w is `chosen`, y_l is `rejected`, and π_ref is
//! `reference`.
//!
//! The others know no reference. They look at means a token, log p(y) = log π(y) / |y|:
//!
//! ```text
//! SimPO = −log σ( β · log p(y_w) − β · log p(y_l) − γ )        Meng et al. 2024 (arXiv 2405.14734), equation 6
//! LCPO  = −log σ( logit p(y_w) − logit p(y_l) ),               Hong et al. 2025 (arXiv 2508.10164)
//!         logit p = log( p / (1 − p) )
//! ```
//!
//! LCPO is ORPO's term of odds without its term of likelihood. Training computes them on tensors in `ts-model`; its tests compare with these.

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

/// log σ(x), without underflow: min(x, 0) − log(1 + e^−|x|).
pub fn log_sigmoid(x: f64) -> f64 {
    x.min(0.0) - (-x.abs()).exp().ln_1p()
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
/// [`length_margin`], and with a margin of 0 this is DPO (Rafailov et al., 2023).
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

/// What stage 3 makes of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PairObjective {
    /// DPO-L: the paper's.
    #[default]
    Dpo,
    /// [`simpo`].
    Simpo,
    /// [`lcpo`].
    Lcpo,
}

/// SimPO of one pair, in nats: `beta` is the scale of its rewards, `gamma` the margin that a pair must exceed, and the
/// log-probabilities are means over a response's tokens.
pub fn simpo(beta: f64, gamma: f64, chosen_mean_logp: f64, rejected_mean_logp: f64) -> f64 {
    -log_sigmoid(beta * (chosen_mean_logp - rejected_mean_logp) - gamma)
}

/// The largest mean log-probability a token, in nats, that [`log_odds`] tells from a certainty, whose odds are infinite.
pub const MAX_MEAN_LOGP: f64 = -1e-7;

/// log( p / (1 − p) ) of a mean log-probability log p a token, in nats; above [`MAX_MEAN_LOGP`] that of it.
pub fn log_odds(mean_logp: f64) -> f64 {
    let logp = mean_logp.min(MAX_MEAN_LOGP);
    logp - (-logp.exp_m1()).ln()
}

/// LCPO of one pair, in nats; log-probabilities are means over a response's tokens. It has no setting.
pub fn lcpo(chosen_mean_logp: f64, rejected_mean_logp: f64) -> f64 {
    -log_sigmoid(log_odds(chosen_mean_logp) - log_odds(rejected_mean_logp))
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
        assert_close(dpo_l(beta, chosen, rejected, ref_chosen, ref_rejected, 0.0), (1.0 + e).ln());
        assert_close(loss(LengthMargin::AsPrinted), (1.0 + e / 2.0).ln()); // 0.289052…
        assert_close(loss(LengthMargin::AsDerived), (1.0 + 2.0 * e).ln()); // 0.850425…
    }

    /// 4 tokens of −0.5 nats against 10 of −0.8, beta 2, gamma 0.5: 2 · 0.3 − 0.5 = 0.1, and ln(1 + e^−0.1) = 0.644397.
    #[test]
    fn hand_worked_simpo() {
        let loss = simpo(2.0, 0.5, -2.0 / 4.0, -8.0 / 10.0);
        assert_close(loss, (1.0 + (-0.1_f64).exp()).ln());
        assert!((loss - 0.644_397).abs() < 1e-6, "{loss}");
        // Equal responses are pushed by the margin alone.
        assert_close(simpo(2.0, 0.5, -0.7, -0.7), (1.0 + 0.5_f64.exp()).ln());
    }

    /// Means of ln ¾ and ln ¼: odds of 3 and 1/3, a ratio of 9, and −ln(9 / 10) = 0.105361.
    #[test]
    fn hand_worked_lcpo() {
        assert_close(log_odds(0.75_f64.ln()), 3_f64.ln());
        let loss = lcpo(0.75_f64.ln(), 0.25_f64.ln());
        assert_close(loss, -(0.9_f64).ln());
        assert!((loss - 0.105_361).abs() < 1e-6, "{loss}");
        assert_close(lcpo(-0.3, -0.3), std::f64::consts::LN_2);
        // NLL is the same form of a single response: −log p = −log σ(logit p).
        assert_close(-log_sigmoid(log_odds(-0.4)), 0.4);
        assert!(log_odds(0.0).is_finite() && log_odds(-1e-8) == log_odds(MAX_MEAN_LOGP));
    }

    #[test]
    fn hand_worked_sft_and_sum() {
        assert_close(sft(&[-1.0, -2.0, -6.0]), 3.0);
        assert_eq!(sft(&[]), 0.0);
        assert_close(composite(0.25, 4.0, 8.0), 7.0);
    }

    #[test]
    fn log_sigmoid_is_stable_at_both_ends() {
        assert_close(log_sigmoid(0.0), -std::f64::consts::LN_2);
        assert_eq!(log_sigmoid(-1000.0), -1000.0);
        assert_eq!(log_sigmoid(1000.0), 0.0);
        assert!((log_sigmoid(40.0) + (-40.0_f64).exp()).abs() < 1e-30); // not yet 0
        assert_eq!(log_sigmoid(-1000.0).exp(), 0.0);
        assert_eq!(log_sigmoid(1000.0).exp(), 1.0);
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
        /// What the sign of the margin decides: whether a pair that compresses is pushed less or more than by
        /// DPO.
        #[test]
        fn compression_weakens_the_printed_gradient_and_strengthens_the_derived(
            ([beta, w, l, rw, rl], any_margin) in any_pair(), len_chosen in 1.0..1e3_f64, factor in 1.01..10.0_f64,
        ) {
            // The derivative of DPO-L with respect to the rejected response's log-probability: β · σ(−z),
            // where z is what stands in the sigmoid.
            let push = |margin: f64| beta * log_sigmoid(-(reward_margin(beta, w, l, rw, rl) + margin)).exp();
            let (h, at) = (1e-5, |l: f64| dpo_l(beta, w, l, rw, rl, any_margin));
            let slope = (at(l + h) - at(l - h)) / (2.0 * h);
            prop_assert!((push(any_margin) - slope).abs() < 1e-7, "{} {slope}", push(any_margin));

            let margin = |sign| length_margin(1.0, len_chosen, len_chosen * factor, sign);
            prop_assert!(push(margin(LengthMargin::AsPrinted)) <= push(0.0));
            prop_assert!(push(margin(LengthMargin::AsDerived)) >= push(0.0));
        }

        #[test]
        fn sigmoids_of_opposites_sum_to_one(x in -700.0..700.0_f64) {
            prop_assert!((log_sigmoid(x).exp() + log_sigmoid(-x).exp() - 1.0).abs() < 1e-12);
            prop_assert!(log_sigmoid(x) <= 0.0);
        }
    }
}
