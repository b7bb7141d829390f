//! A model that was trained elsewhere, taken over as the one that the run trained.
//!
//! In: a run, and a folder with a whole checkpoint or an adapter in PEFT's layout. Out: `model/`, with the weights of that folder and
//! the tokenizer of the run's base; an empty `train.jsonl`; and the manifest, in which the stage `train` is done. The stages after it,
//! and the report, go on from there.
//!
//! What counts is the manifest, written last. A run that had adopted another model forgets it first, and what was measured of it:
//! killed anywhere, the run either has the old model and goes on measuring it, or has none.

use std::fmt::{Debug, Display};
use std::path::{Path, PathBuf};

use candle_core::DType;
use ts_model::weights::{Weights, copy_texts, copy_weights};
use ts_model::{ModelConfig, ModelFolder, TextTokenizer, adapter};
use ts_run::manifest::Adoption;
use ts_run::{Artefact, atomic, digest};

use crate::setup::dtype_of;
use crate::stage::Stage;
use crate::{Error, Run};

/// What was taken over.
#[derive(Clone, Debug)]
pub struct Adopted {
    /// The run's `model/`.
    pub model: PathBuf,
    /// Whether it is an adapter.
    pub is_adapter: bool,
    /// Digest of the folder.
    pub sha256: String,
    /// Whether another adopted model was there before.
    pub replaced: bool,
    /// Whether it computes what the run's base computes: its training left no trace.
    pub is_base: bool,
}

/// Takes a trained model over. `trained_with` is what its user says of its training; `now` is the time, RFC 3339.
///
/// # Errors
/// [`Error::Trained`] for a run that trained a model by itself, or has begun to; [`Error::OtherModel`] for a model of another family,
/// shape or tokenizer than the run's base; [`Error::MissingStage`] if there is nothing to train on yet; what cannot be read or written.
pub fn adopt(run: &mut Run<'_>, folder: &Path, trained_with: &str, now: &str) -> Result<Adopted, Error> {
    run.require(Stage::Pair)?;
    let replaced = check_untrained(run)?;
    let base = run.checkpoint_folder();
    let trained = ModelFolder::open_over(folder, base.base())?;
    check_tokenizer(run, folder)?;
    let is_adapter = trained.adapter().is_some();
    let model = run.folder.path_of(Artefact::Model);
    // Beside its place, so that whatever is wrong with it stops this before anything is changed.
    let ready = run.folder.path().join("adopted");
    atomic::write_folder(&ready, |partial| match is_adapter {
        true => fill_from_adapter(run, folder, partial),
        false => fill_from_checkpoint(run, folder, partial),
    })?;
    let config = base.config()?;
    let is_base = trained.weights(&config)?.equal(&mut base.weights(&config)?, DType::F32)?;

    if replaced {
        run.folder.undo(Stage::EvalResult.name(), Artefact::EvalResult)?;
        for report in [Artefact::ReportJson, Artefact::ReportMd, Artefact::ReportHtml] {
            atomic::remove_file(&run.folder.path_of(report))?;
        }
        run.folder.undo_adoption(Stage::Train.name())?;
    }
    atomic::move_folder(&ready, &model)?;
    atomic::write_file(&run.folder.path_of(Artefact::Train), b"")?;
    let source = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let sha256 = digest::sha256_folder(&model, None)?.sha256;
    let adoption = Adoption {
        source: source.display().to_string(),
        trained_with: trained_with.to_owned(),
        adopted: now.to_owned(),
        sha256: sha256.clone(),
    };
    run.folder.mark_adopted(Stage::Train.name(), Artefact::Train, adoption)?;
    Ok(Adopted { model, is_adapter, sha256, replaced, is_base })
}

/// Refuses a run that trained by itself; whether it has adopted a model before.
fn check_untrained(run: &Run<'_>) -> Result<bool, Error> {
    let trained = |how: String| Err(Error::Trained { folder: run.folder.path().to_owned(), how });
    if run.folder.manifest().adopted.is_some() {
        return Ok(true);
    }
    if run.folder.is_done(Stage::Train.name()) {
        return trained("has trained its model itself".to_owned());
    }
    let journal = run.folder.path_of(Artefact::Train);
    if std::fs::metadata(journal).is_ok_and(|file| file.len() > 0) {
        return trained("is in training itself".to_owned());
    }
    Ok(false)
}

/// Fills a folder with a whole checkpoint's weights and configuration, and with what else the run's base has.
fn fill_from_checkpoint(run: &Run<'_>, folder: &Path, partial: &Path) -> Result<(), Error> {
    let base = run.checkpoint_folder().config()?;
    let config = ModelConfig::read(folder)?;
    check_shape(folder, &config, &base)?;
    copy_weights(folder, &Weights::open(folder, &config)?, partial)?;
    run.checkpoint_folder().copy_companions(partial)?;
    // Of what was copied, which is what counts: end-of-text ids stand in two files.
    let config = ModelConfig::read(partial)?;
    let ends = |config: &ModelConfig| {
        let mut ids = config.eos_token_ids.clone();
        ids.sort_unstable();
        format!("{ids:?}")
    };
    same(folder, "eos_token_id", ends(&config), ends(&base))?;
    Ok(Weights::open(partial, &config)?.check_values(dtype_of(run.recipe.model.dtype))?)
}

/// Fills a folder with an adapter, and with the tokenizer of the run's base.
fn fill_from_adapter(run: &Run<'_>, folder: &Path, partial: &Path) -> Result<(), Error> {
    let base = run.checkpoint_folder();
    if base.adapter().is_some() {
        // The export had the two merged, so that this adapter is of neither.
        let (what, expected) = ("the folder".to_owned(), "an adapter already".to_owned());
        let found = "an adapter; merge it first (ts-host model merge FOLDER --base EXPORT/model)".to_owned();
        return Err(Error::OtherModel { folder: folder.to_owned(), what, found, expected });
    }
    adapter::read(folder, &base.config()?)?;
    adapter::copy(folder, partial, run.name_of_base()?)?;
    Ok(copy_texts(base.texts(), partial)?)
}

/// Compares all of a configuration that decides what the weights compute.
fn check_shape(folder: &Path, trained: &ModelConfig, base: &ModelConfig) -> Result<(), Error> {
    let (t, b) = (trained, base);
    same_debug(folder, "model_type", &t.family, &b.family)?;
    same(folder, "vocab_size", t.vocab_size, b.vocab_size)?;
    same(folder, "hidden_size", t.hidden_size, b.hidden_size)?;
    same(folder, "intermediate_size", t.intermediate_size, b.intermediate_size)?;
    same(folder, "num_hidden_layers", t.num_hidden_layers, b.num_hidden_layers)?;
    same(folder, "num_attention_heads", t.num_attention_heads, b.num_attention_heads)?;
    same(folder, "num_key_value_heads", t.num_key_value_heads, b.num_key_value_heads)?;
    same(folder, "head_dim", t.head_dim, b.head_dim)?;
    same(folder, "max_position_embeddings", t.max_position_embeddings, b.max_position_embeddings)?;
    same(folder, "rope_theta", t.rope_theta, b.rope_theta)?;
    same_debug(folder, "rope_scaling", &t.rope_scaling, &b.rope_scaling)?;
    same_debug(folder, "biases", &t.biases, &b.biases)?;
    same(folder, "rms_norm_eps", t.rms_norm_eps, b.rms_norm_eps)?;
    same(folder, "tie_word_embeddings", t.tie_word_embeddings, b.tie_word_embeddings)?;
    let windows = |config: &ModelConfig| -> Vec<_> {
        (0..config.num_hidden_layers).map(|layer| config.window(layer)).collect()
    };
    same_debug(folder, "sliding windows", &windows(t), &windows(b))
}

/// Checks that the folder's own tokenizer, if it has one, is the run's: every token, and every held-out prompt.
fn check_tokenizer(run: &Run<'_>, folder: &Path) -> Result<(), Error> {
    if !folder.join("tokenizer.json").exists() {
        return Ok(());
    }
    let (trained, base) = (TextTokenizer::read(folder)?, &run.tokenizer);
    for id in 0..trained.vocab_size().max(base.vocab_size()) as u32 {
        let token = |tokenizer: &TextTokenizer| {
            let text =
                tokenizer.token_bytes(id).ok().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
            let special = if tokenizer.is_special(id) { ", special" } else { "" };
            text.map_or_else(|| "none".to_owned(), |text| format!("{text:?}{special}"))
        };
        // Bytes that are no text by themselves are told apart too.
        if trained.token_bytes(id).ok() != base.token_bytes(id).ok()
            || trained.is_special(id) != base.is_special(id)
        {
            let what = format!("token {id} of its tokenizer");
            let (found, expected) = (token(&trained), token(base));
            return Err(Error::OtherModel { folder: folder.to_owned(), what, found, expected });
        }
    }
    for problem in run.heldout.problems()? {
        let problem = problem?;
        let ids = trained.encode(&run.prompt_text(&problem)?)?;
        let what = format!("the prompt of `{}` by its tokenizer", problem.id);
        same_debug(folder, &what, &ids, &run.prompt_tokens(&problem)?)?;
    }
    Ok(())
}

fn same<T: PartialEq + Display>(folder: &Path, what: &str, found: T, expected: T) -> Result<(), Error> {
    if found == expected {
        return Ok(());
    }
    let (found, expected) = (found.to_string(), expected.to_string());
    Err(Error::OtherModel { folder: folder.to_owned(), what: what.to_owned(), found, expected })
}

fn same_debug<T: PartialEq + Debug>(folder: &Path, what: &str, found: &T, expected: &T) -> Result<(), Error> {
    if found == expected {
        return Ok(());
    }
    same(folder, what, shown(found), shown(expected))
}

/// A value as a message shows it: no longer than a line.
fn shown(value: &impl Debug) -> String {
    format!("{value:?}").chars().take(120).collect()
}
