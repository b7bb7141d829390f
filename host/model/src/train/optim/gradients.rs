//! The gradients of a backward pass, one a parameter.
//!
//! In: candle's store and the parameters. Out: a list in the parameters' order, or an error that names every
//! parameter without a gradient. Several of candle's operations have no backward pass and do not say so; a
//! model that uses one would train in part, and this is where that comes out.
//!
//! A missing gradient is an error, and not zero.

use candle_core::backprop::GradStore;
use candle_core::{Tensor, Var};

use crate::error::{ModelError, Result};

/// The gradient of each parameter, in order; shapes as the parameters'.
///
/// # Errors
/// [`ModelError::MissingGradient`] names every parameter that the loss did not reach.
pub fn collect_gradients(grads: &GradStore, params: &[(String, Var)]) -> Result<Vec<Tensor>> {
    let missing: Vec<&str> =
        params.iter().filter(|(_, var)| grads.get(var).is_none()).map(|(name, _)| name.as_str()).collect();
    if !missing.is_empty() {
        return Err(ModelError::MissingGradient { parameter: missing.join(", ") });
    }
    Ok(params.iter().filter_map(|(_, var)| grads.get(var).cloned()).collect())
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
        let grads = (a.sqr().unwrap() * b).unwrap().sum_all().unwrap().backward().unwrap();
        let grads = collect_gradients(&grads, &params).unwrap();
        let values: Vec<Vec<f32>> = grads.iter().map(|grad| grad.to_vec1().unwrap()).collect();
        assert_eq!(values, [[9.0], [12.0]]);
    }

    #[test]
    fn every_missing_one_is_named() {
        let params = [param("reached", 1.0), param("cut", 1.0), param("unused", 1.0)];
        let cut = params[1].1.as_tensor().detach();
        let grads = (params[0].1.as_tensor() * cut).unwrap().sum_all().unwrap().backward().unwrap();
        let error = collect_gradients(&grads, &params).unwrap_err();
        assert!(matches!(&error, ModelError::MissingGradient { parameter } if parameter == "cut, unused"));
    }
}
