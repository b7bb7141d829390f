//! The gradients of a loss, one a parameter.
//!
//! In: a loss, or what backward passes gave, and the parameters. Out: a list in the parameters' order, or an error that names every
//! parameter without a gradient. Several of candle's operations have no backward pass and do not say so; a
//! model that uses one would train in part, and this is where that comes out.
//!
//! A missing gradient is an error, and not zero.

use candle_core::{Tensor, Var};

use crate::error::{ModelError, Result};
use crate::ops::Backward;

/// The gradient of each parameter, in order; shapes as the parameters'.
///
/// # Errors
/// [`ModelError::MissingGradient`] names every parameter that the loss did not reach.
pub fn gradients_of(loss: &Tensor, params: &[(String, Var)]) -> Result<Vec<Tensor>> {
    let mut backward = Backward::default();
    backward.pass(loss, params.iter().map(|(_, var)| var))?;
    in_order(backward, params)
}

/// The same of what passes gave.
pub(crate) fn in_order(mut backward: Backward, params: &[(String, Var)]) -> Result<Vec<Tensor>> {
    let (mut gradients, mut missing) = (Vec::with_capacity(params.len()), Vec::new());
    for (name, var) in params {
        match backward.take(var)? {
            Some(gradient) => gradients.push(gradient),
            None => missing.push(name.as_str()),
        }
    }
    match missing.is_empty() {
        true => Ok(gradients),
        false => Err(ModelError::MissingGradient { parameter: missing.join(", ") }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    fn param(name: &str, value: f32) -> (String, Var) {
        (name.into(), Var::new(&[value], &Device::Cpu).unwrap())
    }

    #[test]
    fn gradients_come_in_order() {
        let params = [param("b", 2.0), param("a", 3.0)];
        let (b, a) = (params[0].1.as_tensor(), params[1].1.as_tensor());
        let loss = (a.sqr().unwrap() * b).unwrap().sum_all().unwrap();
        let grads = gradients_of(&loss, &params).unwrap();
        let values: Vec<Vec<f32>> = grads.iter().map(|grad| grad.to_vec1().unwrap()).collect();
        assert_eq!(values, [[9.0], [12.0]]);
    }

    #[test]
    fn every_missing_one_is_named() {
        let params = [param("reached", 1.0), param("cut", 1.0), param("unused", 1.0)];
        let cut = params[1].1.as_tensor().detach();
        let loss = (params[0].1.as_tensor() * cut).unwrap().sum_all().unwrap();
        let error = gradients_of(&loss, &params).unwrap_err();
        assert!(matches!(&error, ModelError::MissingGradient { parameter } if parameter == "cut, unused"));
    }
}
