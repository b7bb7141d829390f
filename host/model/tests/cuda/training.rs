//! Gradients, the optimiser's steps, and work on threads.

use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use ts_model::adapter::AdapterConfig;
use ts_model::adapters::Adapters;
use ts_model::checkpointed::{Gradients, checkpointed_gradients, gradients};
use ts_model::log_prob::{Packed, Sequence};
use ts_model::objective::{Preferences, sft};
use ts_model::optim::{AdamW, AdamWConfig};
use ts_model::shards::{GradientSum, Workers};
use ts_model::{LanguageModel, ModelFolder};

use crate::common::{Case, cases, checkpoints, data};
use crate::{assert_off_by_less, gpu, on_cpu, on_gpu, random_model, relative_error, tokens};

/// Half DPO-L of the first two sequences, half SFT of the first.
fn loss(packed: &Packed, token_log_probs: &Tensor) -> ts_model::Result<Tensor> {
    let log_probs = packed.sum_by_sequence(token_log_probs)?;
    let [chosen, rejected] = [log_probs.narrow(0, 0, 1)?, log_probs.narrow(0, 1, 1)?];
    let constant = |value: f32| Tensor::new(&[value], log_probs.device())?.to_dtype(log_probs.dtype());
    let preferences = Preferences {
        chosen_logp: &chosen,
        rejected_logp: &rejected,
        reference_chosen_logp: &(chosen.detach() - 1.0)?,
        reference_rejected_logp: &(rejected.detach() + 1.0)?,
        length_margin: &constant(0.5)?,
    };
    let total = (preferences.dpo_l(0.1)? + sft(&chosen, &constant(29.0)?)?)?;
    Ok((total.sum_all()? * 0.5)?)
}

/// Gradients of the parameters, activations kept and computed again.
fn both_ways(model: &LanguageModel, packed: &Packed) -> [Gradients; 2] {
    let loss = |log_probs: &Tensor| loss(packed, log_probs);
    [gradients(model, packed, loss).unwrap(), checkpointed_gradients(model, packed, loss).unwrap()]
}

/// The two longer texts of a checkpoint.
fn pair(folder: &Path) -> Packed {
    let sequences: Vec<Sequence> = cases(folder)[1..].iter().map(Case::sequence).collect();
    Packed::new(&sequences).unwrap()
}

/// Two responses to one prompt, which they share.
fn pair_of_one_prompt(model: &LanguageModel, folder: &Path) -> Packed {
    let [.., first, second] = &cases(folder).iter().map(Case::sequence).collect::<Vec<_>>()[..] else {
        panic!("two texts");
    };
    let (prompt, other) = (&first.tokens[..first.prompt_len], &second.tokens[second.prompt_len..]);
    Packed::sharing_prompts(model.frozen(), &[first.clone(), Sequence::new(prompt, other)]).unwrap()
}

/// Every parameter's gradient in f32; all of them together in bf16, where small ones drown in rounding.
fn assert_gradients_agree(name: &str, dtype: DType, actual: &Gradients, expected: &Gradients) {
    assert_eq!(actual.of_parameters.len(), expected.of_parameters.len());
    let pairs = || actual.of_parameters.iter().zip(&expected.of_parameters);
    let all = relative_error(pairs());
    println!("{name} in {dtype:?}: gradients are off by {all:.1e} of their size");
    match dtype {
        DType::F32 => {
            for (index, (actual, expected)) in pairs().enumerate() {
                let error = relative_error([(actual, expected)]);
                assert!(error < 1e-3, "{name}: gradient {index} is off by {error:e} of its size");
            }
        }
        _ => assert!(all < 0.3, "{name} in {dtype:?}: gradients are off by {all:e} of their size"),
    }
}

#[test]
fn gradients_of_all_weights_are_those_of_the_cpu() {
    for (name, folder) in checkpoints() {
        let on_cpu = on_cpu(&folder);
        for packed in [pair(&folder), pair_of_one_prompt(&on_cpu, &folder)] {
            let [expected, _] = both_ways(&on_cpu, &packed);
            for dtype in [DType::F32, DType::BF16] {
                for actual in both_ways(&on_gpu(&folder, dtype), &packed) {
                    assert_gradients_agree(&name, dtype, &actual, &expected);
                }
            }
        }
    }
}

/// With dropout, which drops the same inputs everywhere.
#[test]
fn gradients_of_adapters_are_those_of_the_cpu() {
    for name in ["qwen2-tied", "llama-biases", "qwen3"] {
        let (base, _, adapters) = adapted(name);
        let packed = pair(&base);
        let with = |model: LanguageModel, dtype: DType, device: &Device| {
            model.with_adapters(&adapters.to(dtype, device).unwrap(), 0.2).unwrap().for_pass(7)
        };
        let [expected, _] = both_ways(&with(on_cpu(&base), DType::F32, &Device::Cpu), &packed);
        for dtype in [DType::F32, DType::BF16] {
            for actual in both_ways(&with(on_gpu(&base, dtype), dtype, &gpu()), &packed) {
                assert_gradients_agree(name, dtype, &actual, &expected);
            }
        }
    }
}

/// A base's folder, and what PEFT wrote of adapters to it.
pub(crate) fn adapted(name: &str) -> (PathBuf, AdapterConfig, Adapters) {
    let folder = ModelFolder::of_adapter(&data("lora").join(name), &data("families").join(name));
    let folder = folder.unwrap();
    let (config, adapters) = folder.adapters(&folder.config().unwrap()).unwrap().unwrap();
    (folder.base().to_owned(), config, adapters)
}

/// A large eps keeps rounding of a gradient near 0 from turning a step round.
const SMOOTH: AdamWConfig =
    AdamWConfig { beta1: 0.9, beta2: 0.99, eps: 1e-3, weight_decay: 0.1, max_grad_norm: 1.0 };

fn take_steps(model: &LanguageModel, optimiser: &mut AdamW, packed: &Packed, n: usize) -> Vec<f64> {
    let step = |_| {
        let Gradients { of_parameters, .. } = gradients(model, packed, |l| loss(packed, l)).unwrap();
        optimiser.step(&of_parameters, 1e-2).unwrap().grad_norm
    };
    (0..n).map(step).collect()
}

fn assert_parameters_agree(name: &str, actual: &LanguageModel, expected: &LanguageModel, most: f64) {
    let pairs = actual.parameters().iter().zip(expected.parameters());
    let error = relative_error(pairs.map(|((_, actual), (_, expected))| (&**actual, &**expected)));
    assert_off_by_less(&format!("{name}, parameters"), error, most);
}

/// Steps on the GPU, then on from its state through a file, on the GPU and on the CPU.
#[test]
fn the_optimiser_takes_the_cpu_s_steps() {
    for (name, folder) in checkpoints() {
        let packed = pair(&folder);
        let begin = |model: &LanguageModel| AdamW::new(model.parameters(), SMOOTH).unwrap();
        let (cpu, gpu_model) = (on_cpu(&folder), on_gpu(&folder, DType::F32));
        let (mut of_cpu, mut of_gpu) = (begin(&cpu), begin(&gpu_model));
        let expected = take_steps(&cpu, &mut of_cpu, &packed, 3);
        let actual = take_steps(&gpu_model, &mut of_gpu, &packed, 3);
        for (actual, expected) in actual.iter().zip(&expected) {
            assert!((actual - expected).abs() < 1e-2 * expected, "{name}: norm {actual}, not {expected}");
        }
        assert_parameters_agree(&name, &gpu_model, &cpu, 1e-3);

        let file = tempfile::NamedTempFile::new().unwrap();
        let state = of_gpu.state_tensors().unwrap().into_iter().collect();
        candle_core::safetensors::save(&state, file.path()).unwrap();
        for model in [&cpu, &gpu_model] {
            let mut resumed = begin(model);
            resumed.load_state(candle_core::safetensors::load(file.path(), model.device()).unwrap()).unwrap();
            assert_eq!(resumed.steps(), 3);
            take_steps(model, &mut resumed, &packed, 2);
        }
        assert_parameters_agree(&name, &gpu_model, &cpu, 2e-3);
    }
}

/// In bf16 an f32 copy learns, and the parameter is that copy, rounded.
#[test]
fn a_parameter_in_bf16_is_its_f32_copy_rounded() {
    let (_, folder) = checkpoints().remove(0);
    let (packed, model) = (pair(&folder), on_gpu(&folder, DType::BF16));
    let mut optimiser = AdamW::new(model.parameters(), SMOOTH).unwrap();
    let norms = take_steps(&model, &mut optimiser, &packed, 3);
    assert!(norms.iter().all(|norm| norm.is_finite() && *norm > 0.0), "{norms:?}");
    let state = optimiser.state_tensors().unwrap();
    for (name, parameter) in model.parameters() {
        let master = format!("master.{name}");
        let (_, master) = state.iter().find(|(name, _)| *name == master).unwrap();
        assert_eq!(master.dtype(), DType::F32);
        let rounded = master.to_dtype(DType::BF16).unwrap();
        assert!(crate::numbers(parameter) == crate::numbers(&rounded), "{name} is another");
    }
    // A NaN is named before any parameter changes.
    let mut grads: Vec<Tensor> = model.parameters().iter().map(|(_, p)| p.zeros_like().unwrap()).collect();
    grads[1] = (grads[1].to_dtype(DType::F32).unwrap() * f64::NAN).unwrap();
    let error = optimiser.step(&grads, 1e-2).unwrap_err();
    assert!(error.to_string().contains(&model.parameters()[1].0), "{error}");
}

/// What workers computed is there when another thread adds it up and takes a step, and the step is there when they go on.
#[test]
fn threads_wait_for_each_other() {
    let packs: Vec<Packed> = (0..6)
        .map(|seed| {
            let sequence = |index: u32| Sequence::new(&[1, 2], &tokens(2 * seed + index, 400, 500));
            Packed::new(&[sequence(0), sequence(1)]).unwrap()
        })
        .collect();
    let train = |workers: Option<&Workers>| {
        let model = random_model(DType::F32, &gpu());
        let mut optimiser = AdamW::new(model.parameters(), SMOOTH).unwrap();
        for _ in 0..5 {
            let work = |packed: &Packed| {
                let of = gradients(&model, packed, |log_probs| loss(packed, log_probs))?;
                Ok::<_, ts_model::ModelError>(of.of_parameters)
            };
            let mut sum = GradientSum::default();
            match workers {
                None => packs.iter().try_for_each(|packed| sum.add(work(packed)?)).unwrap(),
                Some(workers) => {
                    workers.for_each_ordered(packs.iter().map(Ok), work, |grads| sum.add(grads)).unwrap();
                }
            }
            optimiser.step(&sum.finish().unwrap(), 1e-3).unwrap();
        }
        model
    };
    let alone = train(None);
    for n_workers in [1, 3] {
        let shared = train(Some(&Workers::new(n_workers).unwrap()));
        assert_parameters_agree(&format!("{n_workers} workers"), &shared, &alone, 1e-5);
    }
}
