//! A checkpoint by itself, without a run: what it is, what it answers, what it thinks of a text, what it is with an adapter merged, and what two are together. For people who look at a model, and
//! for scripts that compare it with another program.

mod asked;
mod average;
mod generate;
mod inspect;
mod lines;
mod merge;
mod score;

use std::path::Path;

use candle_core::{DType, Device};
use ts_model::LanguageModel;
use ts_model::chat::TemplateOptions;
use ts_model::shards::Workers;
use ts_recipe::Dtype;

pub use self::asked::{Encoded, Encoder};
pub use self::average::{Averaged, average};
pub use self::generate::{Generation, generate};
pub use self::inspect::{Inspection, Memory, Planned, inspect};
pub use self::lines::{Fault, InputLines};
pub use self::merge::{Merged, merge};
pub use self::score::score;
use crate::Error;
use crate::setup::{dtype_of, open_device, open_folder};

/// A checkpoint, ready to compute with.
pub struct OpenModel {
    model: LanguageModel,
    encoder: Encoder,
    workers: Workers,
}

impl OpenModel {
    /// Loads a checkpoint folder, or an adapter's with its base, to a device, `cpu` or `cuda:N`; `n_workers` is how many threads work with it.
    ///
    /// # Errors
    /// Whatever of the folder cannot be read; a device that there is not.
    pub fn open(
        folder: &Path,
        options: TemplateOptions,
        dtype: Dtype,
        device: &str,
        n_workers: usize,
    ) -> Result<Self, Error> {
        let open = open_folder(folder, None)?;
        let (dtype, device): (DType, Device) = (dtype_of(dtype), open_device(device)?);
        // On an accelerator one thread, with large batches.
        let n_workers = if device.is_cpu() { n_workers } else { 1 };
        let encoder = Encoder::of(open.folder.texts(), options)?;
        let model = LanguageModel::load_from(&open.folder, dtype, &device)?;
        let model = model.with_n_tokens(encoder.tokenizer.vocab_size());
        Ok(Self { model, encoder, workers: Workers::new(n_workers)? })
    }
}
