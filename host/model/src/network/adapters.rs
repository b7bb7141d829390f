//! Low-rank adapters of the decoder's projections (LoRA): y = W·x + scaling · B·A·dropout(x), with A (rank, inputs) and
//! B (outputs, rank).
//!
//! In: a pair of matrices for each adapted projection. Out: what an adapter adds to a projection's result ([`Adapter::apply`]),
//! or to its weight ([`Adapters::merge`]), which is the same function without dropout and costs nothing when it is computed.
//!
//! Names are PEFT's: a projection is known by the last part of its name, such as `q_proj`, and its matrices are `lora_A.weight`
//! and `lora_B.weight` under `base_model.model.`.
//!
//! Reference: Hu et al., "LoRA: low-rank adaptation of large language models", 2021.

use candle_core::{DType, Device, Tensor};
use ts_core::seed::derive_seed;

use crate::config::ModelConfig;
use crate::error::Result;
use crate::ops;

/// A kind of projection that each layer has one of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Projection {
    /// `self_attn.q_proj`
    Query,
    /// `self_attn.k_proj`
    Key,
    /// `self_attn.v_proj`
    Value,
    /// `self_attn.o_proj`
    Output,
    /// `mlp.gate_proj`
    Gate,
    /// `mlp.up_proj`
    Up,
    /// `mlp.down_proj`
    Down,
}

impl Projection {
    /// All of them, in the order of the forward pass.
    pub const ALL: [Self; 7] =
        [Self::Query, Self::Key, Self::Value, Self::Output, Self::Gate, Self::Up, Self::Down];

    /// Its name within a layer.
    pub fn path(self) -> &'static str {
        match self {
            Self::Query => "self_attn.q_proj",
            Self::Key => "self_attn.k_proj",
            Self::Value => "self_attn.v_proj",
            Self::Output => "self_attn.o_proj",
            Self::Gate => "mlp.gate_proj",
            Self::Up => "mlp.up_proj",
            Self::Down => "mlp.down_proj",
        }
    }

    /// The last part of its name.
    pub fn name(self) -> &'static str {
        self.path().rsplit('.').next().unwrap_or_default()
    }

    /// (outputs, inputs) of its weight.
    pub fn shape(self, config: &ModelConfig) -> (usize, usize) {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let heads = |n: usize| n * config.head_dim;
        match self {
            Self::Query => (heads(config.num_attention_heads), hidden),
            Self::Key | Self::Value => (heads(config.num_key_value_heads), hidden),
            Self::Output => (hidden, heads(config.num_attention_heads)),
            Self::Gate | Self::Up => (inner, hidden),
            Self::Down => (hidden, inner),
        }
    }
}

/// A projection of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Which layer, from 0.
    pub layer: usize,
    /// Which of its projections.
    pub projection: Projection,
}

impl Place {
    /// All places of a model's projections of these kinds, in the order of the forward pass.
    pub fn all(config: &ModelConfig, projections: &[Projection]) -> Vec<Self> {
        let of_layer = |layer| {
            let wanted = Projection::ALL.into_iter().filter(|projection| projections.contains(projection));
            wanted.map(move |projection| Self { layer, projection })
        };
        (0..config.num_hidden_layers).flat_map(of_layer).collect()
    }

    /// The place of the weight `name`, such as `model.layers.0.self_attn.q_proj.weight`; `None` if it is no projection's.
    fn of_weight(name: &str) -> Option<Self> {
        let (layer, path) = name.strip_prefix("model.layers.")?.strip_suffix(".weight")?.split_once('.')?;
        let projection = Projection::ALL.into_iter().find(|projection| projection.path() == path)?;
        Some(Self { layer: layer.parse().ok()?, projection })
    }

    /// The module's name in the model, such as `model.layers.0.self_attn.q_proj`.
    pub fn module(self) -> String {
        format!("model.layers.{}.{}", self.layer, self.projection.path())
    }

    /// The names of A and of B in an adapter's file.
    pub fn tensor_names(self) -> [String; 2] {
        ["lora_A", "lora_B"].map(|matrix| format!("base_model.model.{}.{matrix}.weight", self.module()))
    }
}

/// The matrices of an adapted projection.
#[derive(Clone, Debug)]
pub struct Pair {
    /// Which projection.
    pub place: Place,
    /// A, (rank, inputs).
    pub down: Tensor,
    /// B, (outputs, rank).
    pub up: Tensor,
}

/// The adapters of a model.
#[derive(Clone, Debug)]
pub struct Adapters {
    /// What B·A is multiplied by.
    pub scaling: f64,
    /// In the order of the forward pass, one a place.
    pub pairs: Vec<Pair>,
}

impl Adapters {
    /// The weight `name` of the model with its adapter in it, computed in f32 (f64 for f64) and rounded once to `dtype`;
    /// just the weight, as `dtype`, if it has no adapter.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn merge(&self, name: &str, weight: &Tensor, dtype: DType) -> Result<Tensor> {
        let place =
            Place::of_weight(name).map(|place| self.pairs.binary_search_by_key(&place, |pair| pair.place));
        let Some(Ok(index)) = place else { return Ok(weight.to_dtype(dtype)?) };
        let Pair { down, up, .. } = &self.pairs[index];
        let wide = ops::wide(dtype);
        let like_weight = |tensor: &Tensor| tensor.detach().to_dtype(wide)?.to_device(weight.device());
        let delta = (like_weight(up)?.matmul(&like_weight(down)?)? * self.scaling)?;
        Ok((weight.to_dtype(wide)? + delta)?.to_dtype(dtype)?)
    }

    /// One set of adapters that adds what both add: the ranks add up, and the scalings are in B. In f32 on the CPU.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn joined(&self, other: &Self, config: &ModelConfig) -> Result<Self> {
        let mut places: Vec<Place> = self.pairs.iter().chain(&other.pairs).map(|pair| pair.place).collect();
        places.sort();
        places.dedup();
        let cpu = Device::Cpu;
        let plain = |tensor: &Tensor| tensor.detach().to_dtype(DType::F32)?.to_device(&cpu);
        let (first, second) = (self.rank(), other.rank());
        let pair = |place: Place| -> Result<Pair> {
            let (outputs, inputs) = place.projection.shape(config);
            let (mut downs, mut ups) = (Vec::new(), Vec::new());
            for (adapters, rank) in [(self, first), (other, second)] {
                let (down, up) = match adapters.pairs.iter().find(|pair| pair.place == place) {
                    Some(Pair { down, up, .. }) => (plain(down)?, (plain(up)? * adapters.scaling)?),
                    None => (
                        Tensor::zeros((rank, inputs), DType::F32, &cpu)?,
                        Tensor::zeros((outputs, rank), DType::F32, &cpu)?,
                    ),
                };
                downs.push(down);
                ups.push(up);
            }
            Ok(Pair { place, down: Tensor::cat(&downs, 0)?, up: Tensor::cat(&ups, 1)? })
        };
        Ok(Self { scaling: 1.0, pairs: places.into_iter().map(pair).collect::<Result<_>>()? })
    }

    /// The same matrices in another number format or on another device.
    ///
    /// # Errors
    /// If memory cannot be had.
    pub fn to(&self, dtype: DType, device: &Device) -> Result<Self> {
        let moved = |tensor: &Tensor| tensor.to_device(device)?.to_dtype(dtype);
        let pair = |pair: &Pair| -> Result<Pair> {
            Ok(Pair { place: pair.place, down: moved(&pair.down)?, up: moved(&pair.up)? })
        };
        Ok(Self { scaling: self.scaling, pairs: self.pairs.iter().map(pair).collect::<Result<_>>()? })
    }

    /// Rows of A; 0 without a pair.
    pub fn rank(&self) -> usize {
        self.pairs.first().and_then(|pair| pair.down.dims().first().copied()).unwrap_or(0)
    }

    /// How many numbers the matrices hold.
    pub fn n_values(&self) -> usize {
        self.pairs.iter().map(|pair| pair.down.elem_count() + pair.up.elem_count()).sum()
    }

    /// The adapter of each place, without dropout.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (Place, Adapter)> + '_ {
        self.pairs.iter().map(|Pair { place, down, up }| {
            (*place, Adapter { down: down.clone(), up: up.clone(), scaling: self.scaling, dropout: None })
        })
    }
}

/// What a projection has beside its weight.
#[derive(Clone, Debug)]
pub struct Adapter {
    down: Tensor,
    up: Tensor,
    scaling: f64,
    dropout: Option<Dropout>,
}

#[derive(Clone, Copy, Debug)]
struct Dropout {
    share: f64,
    seed: u64,
}

impl Adapter {
    /// scaling · B·A·dropout(x), (N, outputs), of x (N, inputs).
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn apply(&self, x: &Tensor) -> Result<Tensor> {
        let down = match self.dropout {
            None => ops::linear(x, &self.down, None)?,
            Some(Dropout { share, seed }) => ops::linear(&ops::dropout(x, share, seed)?, &self.down, None)?,
        };
        // On the narrow side.
        let down = if self.scaling == 1.0 { down } else { (down * self.scaling)? };
        Ok(ops::linear(&down, &self.up, None)?)
    }

    /// Drops a share of the inputs, those that the pass's seed and the place decide.
    pub(crate) fn drop_inputs(&mut self, place: Place, share: f64, pass_seed: u64) {
        let seed = derive_seed(pass_seed, "dropout", place.projection.path(), place.layer as u64);
        self.dropout = Some(Dropout { share, seed });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decoder::Linear;
    use crate::ops::Weight;

    fn matrix<const N: usize, const M: usize>(rows: &[[f32; M]; N]) -> Tensor {
        Tensor::new(rows, &Device::Cpu).unwrap()
    }

    const PLACE: Place = Place { layer: 0, projection: Projection::Value };

    /// x = (1, 2), A = (3 1), B = (1, −1)ᵀ, scaling 2: A·x = 5, scaled 10, B·10 = (10, −10).
    fn by_hand() -> Adapters {
        let pair = Pair { place: PLACE, down: matrix(&[[3.0, 1.0]]), up: matrix(&[[1.0], [-1.0]]) };
        Adapters { scaling: 2.0, pairs: vec![pair] }
    }

    #[test]
    fn an_adapter_adds_its_product() {
        let adapters = by_hand();
        let (_, adapter) = adapters.parts().next().unwrap();
        let x = matrix(&[[1.0, 2.0]]);
        assert_eq!(adapter.apply(&x).unwrap().to_vec2::<f32>().unwrap(), [[10.0, -10.0]]);
        // Beside a weight of (1 0 / 0 1) and a bias of (0, 1).
        let weight = matrix(&[[1.0, 0.0], [0.0, 1.0]]);
        let bias = Some(Tensor::new(&[0.0_f32, 1.0], &Device::Cpu).unwrap());
        let linear =
            Linear { weight: Weight::Tensor(weight.clone()), bias: bias.clone(), adapter: Some(adapter) };
        assert_eq!(linear.apply(&x).unwrap().to_vec2::<f32>().unwrap(), [[11.0, -7.0]]);
        // And in the weight: I + 2·B·A = (7 2 / −6 −1).
        let name = format!("{}.weight", PLACE.module());
        let merged = adapters.merge(&name, &weight, DType::F32).unwrap();
        assert_eq!(merged.to_vec2::<f32>().unwrap(), [[7.0, 2.0], [-6.0, -1.0]]);
        let linear = Linear { weight: Weight::Tensor(merged), bias, adapter: None };
        assert_eq!(linear.apply(&x).unwrap().to_vec2::<f32>().unwrap(), [[11.0, -7.0]]);
        let other = adapters.merge("model.layers.0.self_attn.q_proj.weight", &weight, DType::F32).unwrap();
        assert_eq!(other.to_vec2::<f32>().unwrap(), weight.to_vec2::<f32>().unwrap());
    }

    #[test]
    fn joined_adapters_add_what_both_add() {
        let config = ModelConfig::tiny(8, 2, 2, 1, (1, 1));
        let key = Place { projection: Projection::Key, ..PLACE };
        let other = Adapters {
            scaling: 0.5,
            pairs: [key, PLACE]
                .map(|place| Pair {
                    place,
                    down: matrix(&[[1.0, 0.0], [0.0, 4.0]]),
                    up: matrix(&[[2.0, 0.0], [0.0, 1.0]]),
                })
                .into(),
        };
        let joined = by_hand().joined(&other, &config).unwrap();
        assert_eq!((joined.rank(), joined.pairs.len()), (3, 2));
        let zeros = matrix(&[[0.0, 0.0], [0.0, 0.0]]);
        let weight = |place: Place| {
            let name = format!("{}.weight", place.module());
            joined.merge(&name, &zeros, DType::F32).unwrap().to_vec2::<f32>().unwrap()
        };
        // 0.5·(2 0 / 0 4), and with 2·(3 1 / −3 −1) on top.
        assert_eq!(weight(key), [[1.0, 0.0], [0.0, 2.0]]);
        assert_eq!(weight(PLACE), [[7.0, 2.0], [-6.0, 0.0]]);
    }

    #[test]
    fn names_and_shapes_are_those_of_the_decoder_s_tensors() {
        let config = ModelConfig { head_dim: 6, ..ModelConfig::tiny(40, 32, 48, 2, (4, 2)) };
        let tensors: std::collections::BTreeMap<_, _> = config.tensors().into_iter().collect();
        let places = Place::all(&config, &Projection::ALL);
        assert_eq!(places.len(), 14);
        assert!(places.is_sorted());
        for place in places {
            let (outputs, inputs) = place.projection.shape(&config);
            assert_eq!(tensors[&format!("{}.weight", place.module())], [outputs, inputs], "{place:?}");
        }
        for (name, _) in config.tensors() {
            let place = Place::of_weight(&name);
            assert_eq!(place.is_some(), name.ends_with("_proj.weight"), "{name}");
            assert!(place.is_none_or(|place| format!("{}.weight", place.module()) == name));
        }
        assert_eq!(
            PLACE.tensor_names(),
            [
                "base_model.model.model.layers.0.self_attn.v_proj.lora_A.weight",
                "base_model.model.model.layers.0.self_attn.v_proj.lora_B.weight"
            ]
        );
    }
}
