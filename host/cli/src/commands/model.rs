//! The commands that look at a checkpoint, ask it, and score texts with it.

use std::fs::File;
use std::io::{BufRead, BufReader, stdin};
use std::path::Path;

use anyhow::{Context, Result};
use ts_model::chat::TemplateOptions;
use ts_model::generate::Sampling;
use ts_pipeline::model::{
    Averaged, Encoder, Generation, InputLines, Inspection, Memory, Merged, OpenModel, average, generate,
    inspect, merge, score,
};
use ts_recipe::n_threads;

use super::hub::{fetch_folder, fetch_model};
use super::loader;
use crate::args::model::{ModelCommand, ModelEncodeArgs, ModelGenerateArgs, ModelScoreArgs, OpenedArgs};
use crate::terminal::{say, say_json, say_value};

/// Does what was asked for.
pub(super) fn dispatch(command: &ModelCommand) -> Result<()> {
    fetch(command)?;
    match command {
        ModelCommand::Inspect(args) => {
            let recipe = loader().load(&args.recipe, args.set.clone())?;
            show(&inspect(&args.folder, &recipe)?, args.json)
        }
        ModelCommand::Encode(args) => encode(args),
        ModelCommand::Generate(args) => answer(args),
        ModelCommand::Score(args) => score_texts(args),
        ModelCommand::Merge { adapter, out, base } => {
            let Merged { folder, n_adapted, rank, dtype } = merge(adapter, out, base.as_deref())?;
            say(format_args!(
                "{}: {n_adapted} projections merged with adapters of rank {rank}, in {dtype}",
                folder.display()
            ))
        }
        ModelCommand::Average { first, second, weight, out } => {
            let Averaged { folder, n_tensors, dtype } = average(first, second, *weight, out)?;
            say(format_args!(
                "{}: {n_tensors} tensors, {weight} of the first and {} of the second, in {dtype}",
                folder.display(),
                1.0 - weight
            ))
        }
    }
}

/// Downloads what a command names of the hub.
fn fetch(command: &ModelCommand) -> Result<()> {
    match command {
        ModelCommand::Inspect(args) => fetch_model(&args.folder),
        ModelCommand::Encode(args) => fetch_model(&args.folder),
        ModelCommand::Generate(args) => fetch_model(&args.opened.asked.folder),
        ModelCommand::Score(args) => fetch_model(&args.opened.asked.folder),
        // Its own base is not needed where another is given.
        ModelCommand::Merge { adapter, base: Some(base), .. } => {
            fetch_folder(adapter)?;
            fetch_model(base)
        }
        ModelCommand::Merge { adapter, base: None, .. } => fetch_model(adapter),
        ModelCommand::Average { first, second, .. } => {
            fetch_model(first)?;
            fetch_model(second)
        }
    }
}

fn show(model: &Inspection, json: bool) -> Result<()> {
    if json {
        return say_value(model);
    }
    let [queries, keys, width] = model.heads;
    let dtypes: Vec<String> = model.dtypes.iter().map(|(name, n)| format!("{n} in {name}")).collect();
    say(format_args!("{}: {} parameters, {}", model.architecture, model.parameters, dtypes.join(", ")))?;
    say(format_args!(
        "{} layers of {} and {}, {queries} query heads and {keys} key heads of {width}, {} positions",
        model.layers, model.hidden_size, model.intermediate_size, model.context
    ))?;
    let tied = if model.tied { "tied" } else { "a head of its own" };
    say(format_args!(
        "{} rows of vocabulary, {tied}; the tokenizer has {} ids",
        model.vocab_size, model.tokenizer_ids
    ))?;
    for (id, text) in &model.end_of_text {
        say(format_args!("end of text: {id} {text:?}"))?;
    }
    for (text, id) in &model.delimiters {
        say(format_args!("delimiter: {id} {text:?}"))?;
    }
    say(format_args!("chat template: {}", if model.has_chat_template { "its own" } else { "none" }))?;
    say(format_args!("{} bytes of keys and values a token in bf16", model.cache_bytes_per_token))?;
    if let Some(adapter) = &model.adapter {
        say(format_args!(
            "adapter to {}: {} parameters, rank {}, scaling {}, beside {} projections",
            adapter.base, adapter.parameters, adapter.rank, adapter.scaling, adapter.n_adapted
        ))?;
    }
    if let Some(memory) = &model.memory {
        show_memory(memory)?;
    }
    model.notes.iter().try_for_each(|note| say(format_args!("note: {note}")))
}

fn show_memory(memory: &Memory) -> Result<()> {
    let Memory { recipe, device, workers, prompt_tokens, .. } = memory;
    say(format_args!(
        "memory with recipe `{recipe}` on {device}, {workers} workers, prompts of up to {prompt_tokens} tokens:"
    ))?;
    let (rank, modules) = (memory.adapter_rank, memory.adapter_modules.join(" and "));
    for (what, planned) in [
        ("sampling".to_owned(), &memory.sampling),
        (format!("refining, steps of up to {} tokens", memory.step_tokens), &memory.refining),
        ("training".to_owned(), &memory.training),
        (format!("training adapters (LoRA) of rank {rank} on {modules}"), &memory.training_adapters),
    ] {
        say(format_args!("  {what}: up to {}", planned.text))?;
    }
    Ok(())
}

fn answer(args: &ModelGenerateArgs) -> Result<()> {
    let open = open(&args.opened)?;
    let sampling = Sampling {
        temperature: args.temperature,
        top_p: args.top_p,
        max_new_tokens: args.max_new_tokens,
        max_batch_rows: args.max_batch_rows,
    };
    let how = Generation { n_draws: args.draws, seed: args.seed, sampling };
    generate(&open, input(&args.opened.asked.input)?, &how, |line| say_json(&serde_json::to_string(&line)?))
}

fn score_texts(args: &ModelScoreArgs) -> Result<()> {
    let open = open(&args.opened)?;
    score(&open, input(&args.opened.asked.input)?, |line| say_json(&serde_json::to_string(&line)?))
}

fn open(args: &OpenedArgs) -> Result<OpenModel> {
    Ok(OpenModel::open(
        &args.asked.folder,
        options(&args.asked)?,
        args.dtype,
        &args.device,
        n_threads(args.workers),
    )?)
}

fn encode(args: &ModelEncodeArgs) -> Result<()> {
    let encoder = Encoder::open(&args.folder, options(args)?)?;
    let mut input = input(&args.input)?;
    while let Some((_, line)) = encoder.next(&mut input)? {
        say_json(&serde_json::to_string(&line)?)?;
    }
    Ok(())
}

fn options(args: &ModelEncodeArgs) -> Result<TemplateOptions> {
    Ok(TemplateOptions { date: args.date, values: args.template.iter().cloned().collect() })
}

/// The lines of a file, or of standard input.
fn input(path: &Path) -> Result<InputLines<Box<dyn BufRead>>> {
    if path.as_os_str() == "-" {
        return Ok(InputLines::new("standard input", Box::new(BufReader::new(stdin()))));
    }
    let name = path.display().to_string();
    let file = File::open(path).with_context(|| format!("cannot read {name}"))?;
    Ok(InputLines::new(&name, Box::new(BufReader::new(file))))
}
