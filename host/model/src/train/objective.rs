//! The training objective as tensors. TokenSqueeze, section 3.3.
//!
//! Pure functions from log-probabilities to losses, one value an example; they are differentiable in
//! `chosen_logp` and `rejected_logp`. The training stage decides how examples are
//! weighted, summed and averaged. The scalar laws that these repeat are in `ts_core::objective`.

use candle_core::{Result, Tensor};

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
