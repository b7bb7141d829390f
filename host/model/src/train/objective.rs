//! The training objective as tensors. TokenSqueeze, section 3.3, and what rivals of it minimise.
//!
//! Pure functions from log-probabilities to losses, one value an example; they are differentiable in
//! the log-probabilities under the model in training. The training stage decides how examples are
//! weighted, summed and averaged. The scalar laws that these repeat are in `ts_core::objective` and `ts_core::sequences`.

use candle_core::{DType, Result, Tensor};
use ts_core::objective::MAX_MEAN_LOGP;

/// What DPO-L compares, each tensor of shape `(pairs,)`; log-probabilities are natural, summed over the
/// response's tokens.
pub struct Preferences<'a> {
    /// log pi(chosen | prompt) under the model in training.
    pub chosen_logp: &'a Tensor,
    /// log pi(rejected | prompt) under the model in training.
    pub rejected_logp: &'a Tensor,
    /// log pi_ref(chosen | prompt), a constant.
    pub reference_chosen_logp: &'a Tensor,
    /// log pi_ref(rejected | prompt), a constant.
    pub reference_rejected_logp: &'a Tensor,
    /// The length margin with its sign, `± lambda * ln(len_rejected / len_chosen)`; zeros give DPO.
    pub length_margin: &'a Tensor,
}

impl Preferences<'_> {
    /// The reward margin `beta * [(chosen - reference) - (rejected - reference)]`, without the length
    /// margin; shape `(pairs,)`.
    pub fn reward_margin(&self, beta: f64) -> Result<Tensor> {
        let chosen = (self.chosen_logp - self.reference_chosen_logp)?;
        let rejected = (self.rejected_logp - self.reference_rejected_logp)?;
        (chosen - rejected)? * beta
    }

    /// The implicit reward of the chosen responses, `beta * (chosen - reference)`, and that of the rejected; each of shape `(pairs,)`.
    pub fn rewards(&self, beta: f64) -> Result<[Tensor; 2]> {
        let chosen = (self.chosen_logp - self.reference_chosen_logp)?;
        let rejected = (self.rejected_logp - self.reference_rejected_logp)?;
        Ok([(chosen * beta)?, (rejected * beta)?])
    }

    /// DPO-L of each pair: `-ln sigmoid(reward margin + length margin)`; shape `(pairs,)`.
    pub fn dpo_l(&self, beta: f64) -> Result<Tensor> {
        let logit = (self.reward_margin(beta)? + self.length_margin)?;
        softplus(&logit.neg()?)
    }
}

/// What the objectives without a reference compare, each tensor of shape `(pairs,)`: natural log-probabilities under the model in
/// training, means over the response's tokens.
pub struct MeanPreferences<'a> {
    /// log pi(chosen | prompt) / its tokens.
    pub chosen: &'a Tensor,
    /// log pi(rejected | prompt) / its tokens.
    pub rejected: &'a Tensor,
}

impl MeanPreferences<'_> {
    /// SimPO's rewards of the chosen responses, `beta * chosen`, and of the rejected; each of shape `(pairs,)`.
    pub fn simpo_rewards(&self, beta: f64) -> Result<[Tensor; 2]> {
        Ok([(self.chosen * beta)?, (self.rejected * beta)?])
    }

    /// SimPO of each pair (Meng et al. 2024, equation 6): `-ln sigmoid(beta * (chosen - rejected) - gamma)`; shape `(pairs,)`.
    pub fn simpo(&self, beta: f64, gamma: f64) -> Result<Tensor> {
        let [chosen, rejected] = self.simpo_rewards(beta)?;
        softplus(&((rejected - chosen)? + gamma)?)
    }

    /// LCPO's rewards, the log-odds `ln(p / (1 - p))` of the chosen responses' `p = e^chosen`, and of the rejected; each of shape
    /// `(pairs,)`.
    pub fn lcpo_rewards(&self) -> Result<[Tensor; 2]> {
        Ok([log_odds(self.chosen)?, log_odds(self.rejected)?])
    }

    /// LCPO of each pair (Hong et al. 2025): `-ln sigmoid(log-odds of chosen - log-odds of rejected)`; shape `(pairs,)`.
    pub fn lcpo(&self) -> Result<Tensor> {
        let [chosen, rejected] = self.lcpo_rewards()?;
        softplus(&(rejected - chosen)?)
    }
}

/// `ln(p / (1 - p))` of `ln p`. In f64 on the way: `1 - p` of a response that is nearly certain has few digits in f32.
fn log_odds(mean_logp: &Tensor) -> Result<Tensor> {
    let logp = mean_logp.to_dtype(DType::F64)?.minimum(MAX_MEAN_LOGP)?;
    let rest = (logp.exp()?.neg()? + 1.0)?.log()?;
    (logp - rest)?.to_dtype(mean_logp.dtype())
}

/// PPO's clipped surrogate, negated, of responses with signed `weights`: `-min(r * w, clip(r, 1 - low, 1 + high) * w)` with the
/// ratio `r = e^(mean_logp - reference)` of means over each response's tokens. All of shape `(responses,)`, and so is the result;
/// `reference` and `weights` are constants.
pub fn clipped_ratio(
    mean_logp: &Tensor,
    reference: &Tensor,
    weights: &Tensor,
    low: f64,
    high: f64,
) -> Result<Tensor> {
    let ratio = (mean_logp - reference)?.exp()?;
    let clipped = ratio.maximum(1.0 - low)?.minimum(1.0 + high)?;
    // Where both are the same, one of them has the gradient: the ratio itself within the bounds.
    let (free, bound) = ((&ratio * weights)?, (clipped * weights)?);
    let use_bound = bound.lt(&free)?;
    use_bound.where_cond(&bound, &free)?.neg()
}

/// SFT of each response: its negative log-likelihood a token, in nats; both arguments and the result have
/// shape `(responses,)`.
pub fn sft(logp: &Tensor, n_tokens: &Tensor) -> Result<Tensor> {
    (logp / n_tokens)?.neg()
}

/// `ln(1 + e^x)` without overflow; `softplus(-x)` is `-ln sigmoid(x)`.
fn softplus(x: &Tensor) -> Result<Tensor> {
    let tail = (x.abs()?.neg()?.exp()? + 1.0)?.log()?;
    x.relu()? + tail
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;

    fn tensor(values: &[f32]) -> Tensor {
        Tensor::new(values, &Device::Cpu).unwrap()
    }

    /// beta 0.1, chosen -10 against reference -12, rejected -30 against -25: the reward margin is
    /// 0.1 * (2 + 5) = 0.7; with ln 2 added the loss is ln(1 + e^-1.3931) = 0.22170.
    #[test]
    fn dpo_l_by_hand() {
        let (chosen, rejected) = (tensor(&[-10.0]), tensor(&[-30.0]));
        let (ref_chosen, ref_rejected) = (tensor(&[-12.0]), tensor(&[-25.0]));
        let margin = tensor(&[std::f32::consts::LN_2]);
        let pairs = Preferences {
            chosen_logp: &chosen,
            rejected_logp: &rejected,
            reference_chosen_logp: &ref_chosen,
            reference_rejected_logp: &ref_rejected,
            length_margin: &margin,
        };
        let reward = pairs.reward_margin(0.1).unwrap().to_vec1::<f32>().unwrap()[0];
        assert!((reward - 0.7).abs() < 1e-6);
        let [chosen, rejected] =
            pairs.rewards(0.1).unwrap().map(|rewards| rewards.to_vec1::<f32>().unwrap()[0]);
        assert!((chosen - 0.2).abs() < 1e-6 && (rejected + 0.5).abs() < 1e-6, "{chosen} {rejected}");
        let loss = pairs.dpo_l(0.1).unwrap().to_vec1::<f32>().unwrap()[0];
        let expected = (1.0 + (-(0.7 + std::f64::consts::LN_2)).exp()).ln();
        assert!((f64::from(loss) - expected).abs() < 1e-6, "{loss} {expected}");
    }

    fn numbers(tensor: &Tensor) -> Vec<f64> {
        tensor.to_dtype(DType::F64).unwrap().to_vec1().unwrap()
    }

    /// The losses, and their slopes by finite differences in f64, against the scalar laws: one pair of each kind there is, certain
    /// and improbable responses among them.
    #[test]
    fn objectives_without_a_reference_agree_with_the_scalar_laws() {
        use ts_core::objective as law;
        let pairs = [(-0.5, -0.8), (-0.8, -0.5), (-1e-4, -3.0), (-6.0, -0.01), (-0.2, -0.2)];
        let [chosen, rejected] = [0, 1].map(|side| {
            let values: Vec<f64> = pairs.iter().map(|pair| [pair.0, pair.1][side]).collect();
            Var::from_tensor(&Tensor::new(values, &Device::Cpu).unwrap()).unwrap()
        });
        let preferences = MeanPreferences { chosen: &chosen, rejected: &rejected };
        type Law = fn(f64, f64) -> f64;
        let simpo: Law = |chosen, rejected| law::simpo(2.5, 0.5, chosen, rejected);
        for (losses, law) in
            [(preferences.simpo(2.5, 0.5).unwrap(), simpo), (preferences.lcpo().unwrap(), law::lcpo as Law)]
        {
            let gradients = losses.sum_all().unwrap().backward().unwrap();
            let [of_chosen, of_rejected] =
                [&chosen, &rejected].map(|var| numbers(gradients.get(var).unwrap()));
            for (i, (loss, (c, r))) in numbers(&losses).into_iter().zip(pairs).enumerate() {
                assert!((loss - law(c, r)).abs() < 1e-12, "{loss} {}", law(c, r));
                let h = 1e-7 * c.abs().min(r.abs()).max(1e-3);
                let by_chosen = (law(c + h, r) - law(c - h, r)) / (2.0 * h);
                let by_rejected = (law(c, r + h) - law(c, r - h)) / (2.0 * h);
                let close = |a: f64, b: f64| (a - b).abs() < 1e-5 * a.abs().max(1.0);
                assert!(close(of_chosen[i], by_chosen), "{} {by_chosen}", of_chosen[i]);
                assert!(close(of_rejected[i], by_rejected), "{} {by_rejected}", of_rejected[i]);
            }
        }
        let rewards = preferences.lcpo_rewards().unwrap().map(|rewards| numbers(&rewards)[0]);
        assert!((rewards[0] - law::log_odds(-0.5)).abs() < 1e-12 && rewards[1] < rewards[0]);
        // In f32 no digits are lost where a response is nearly certain, and one that is certain has finite odds.
        let (sure, certain) = (tensor(&[-1e-4]), tensor(&[0.0]));
        let odds = numbers(&log_odds(&sure).unwrap())[0];
        assert!((odds - law::log_odds(f64::from(-1e-4_f32))).abs() < 1e-5, "{odds}");
        assert!((numbers(&log_odds(&certain).unwrap())[0] - law::log_odds(0.0)).abs() < 1e-5);
    }

    /// SimPO and its rewards, and LCPO, as TRL's trainers compute them: `tests/trainers/test_rivals.py` has them compute these numbers again.
    #[test]
    fn objectives_without_a_reference_are_those_of_trl() {
        #[derive(serde::Deserialize)]
        struct Expected {
            beta: f64,
            gamma: f64,
            pairs: Vec<[f64; 2]>,
            simpo: Vec<f64>,
            simpo_rewards: Vec<[f64; 2]>,
            lcpo: Vec<f64>,
        }
        let text = include_str!("../../../../tests/data/rival_losses.json");
        let Expected { beta, gamma, pairs, simpo, simpo_rewards, lcpo } = serde_json::from_str(text).unwrap();
        let [chosen, rejected] = [0, 1].map(|side| {
            Tensor::new(pairs.iter().map(|pair| pair[side]).collect::<Vec<f64>>(), &Device::Cpu).unwrap()
        });
        let preferences = MeanPreferences { chosen: &chosen, rejected: &rejected };
        let close = |ours: &Tensor, trl: &[f64], most: f64| {
            let ours = numbers(ours);
            assert_eq!(ours.len(), trl.len());
            for (ours, trl) in ours.iter().zip(trl) {
                assert!((ours - trl).abs() < most, "{ours} {trl}");
            }
        };
        close(&preferences.simpo(beta, gamma).unwrap(), &simpo, 1e-10);
        for (side, rewards) in preferences.simpo_rewards(beta).unwrap().iter().enumerate() {
            close(rewards, &simpo_rewards.iter().map(|pair| pair[side]).collect::<Vec<_>>(), 1e-10);
        }
        close(&preferences.lcpo().unwrap(), &lcpo, 2e-6); // in f32 there
    }

    /// The surrogate and its slope: within the bounds, beyond either, with either sign.
    #[test]
    fn the_clipped_surrogate_agrees_with_the_scalar_law() {
        use ts_core::sequences as law;
        let cases = [
            (1.5, -1.0, -1.0),
            (-1.5, -1.0, -1.0),
            (1.5, -0.9, -1.0),
            (1.5, -0.5, -1.0),
            (-1.5, -0.5, -1.0),
            (-1.5, -1.5, -1.0),
            (1.5, -1.5, -1.0),
            (0.0, -0.5, -1.0),
        ];
        let column = |of: fn(&(f64, f64, f64)) -> f64| {
            Tensor::new(cases.iter().map(of).collect::<Vec<_>>(), &Device::Cpu)
        };
        let logp = Var::from_tensor(&column(|case| case.1).unwrap()).unwrap();
        let (weights, reference) = (column(|case| case.0).unwrap(), column(|case| case.2).unwrap());
        let losses = clipped_ratio(&logp, &reference, &weights, 0.2, 0.28).unwrap();
        let gradients = losses.sum_all().unwrap().backward().unwrap();
        let slopes = numbers(gradients.get(&logp).unwrap());
        for ((loss, slope), (w, x, r)) in numbers(&losses).into_iter().zip(slopes).zip(cases) {
            let law = |x: f64| law::clipped_ratio(w, x, r, 0.2, 0.28);
            assert!((loss - law(x)).abs() < 1e-12, "{loss} {}", law(x));
            let difference = (law(x + 1e-7) - law(x - 1e-7)) / 2e-7;
            assert!((slope - difference).abs() < 1e-6, "{w} {x}: {slope} {difference}");
        }
    }

    #[test]
    fn sft_by_hand() {
        let loss = sft(&tensor(&[-6.0, -1.0]), &tensor(&[4.0, 2.0])).unwrap();
        assert_eq!(loss.to_vec1::<f32>().unwrap(), [1.5, 0.5]);
    }

    #[test]
    fn softplus_neither_overflows_nor_vanishes() {
        let y = softplus(&tensor(&[-200.0, -20.0, 0.0, 20.0, 200.0])).unwrap().to_vec1::<f32>().unwrap();
        assert_eq!((y[0], y[4]), (0.0, 200.0));
        assert!((y[2] - std::f32::consts::LN_2).abs() < 1e-6 && (y[3] - 20.0).abs() < 1e-6);
    }

    /// d loss / d chosen = -beta * (1 - sigmoid(logit)), and the opposite for rejected: the law in ts-core.
    #[test]
    fn gradients_agree_with_the_scalar_law() {
        let (beta, margin) = (0.3, 0.4);
        for (chosen, rejected) in [(-3.0, -9.0), (-9.0, -3.0), (-1.0, -200.0), (-200.0, -1.0)] {
            let (c, r) = (
                Var::from_tensor(&tensor(&[chosen])).unwrap(),
                Var::from_tensor(&tensor(&[rejected])).unwrap(),
            );
            let (rc, rr, m) = (tensor(&[-5.0]), tensor(&[-6.0]), tensor(&[margin]));
            let pairs = Preferences {
                chosen_logp: &c,
                rejected_logp: &r,
                reference_chosen_logp: &rc,
                reference_rejected_logp: &rr,
                length_margin: &m,
            };
            let grads = pairs.dpo_l(beta).unwrap().sum_all().unwrap().backward().unwrap();
            let logit = beta * f64::from((chosen + 5.0) - (rejected + 6.0)) + f64::from(margin);
            let law = -beta / (1.0 + logit.exp());
            let got = |v: &Var| f64::from(grads.get(v).unwrap().to_vec1::<f32>().unwrap()[0]);
            assert!((got(&c) - law).abs() < 1e-6, "{} {law}", got(&c));
            assert!((got(&r) + law).abs() < 1e-6);
        }
    }
}
