//! `import samples`: responses of another program as a run's samples.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use ts_import::SampleFormat;
use ts_pipeline::{Run, import_samples};

use super::training::{now, recipe, run_folder};
use crate::args::import::{SamplesArgs, SamplesFormat};
use crate::plugin_log::PluginLog;
use crate::progress::Terminal;
use crate::terminal::{note, say};

/// Makes or opens the run, and takes the samples into it.
pub(super) fn run(args: &SamplesArgs) -> Result<()> {
    if args.run.shard.is_some() || args.run.from.is_some() {
        bail!("samples are imported into a whole run of its own: leave --shard and --from out");
    }
    let format = match args.format {
        SamplesFormat::Verl => SampleFormat::Verl,
        SamplesFormat::OpenR1 => SampleFormat::OpenR1,
        SamplesFormat::Lighteval => SampleFormat::Lighteval,
        SamplesFormat::Jsonl => SampleFormat::Jsonl,
    };
    let files = args.files.iter().map(|file| super::hub::fetch_file(file)).collect::<Result<Vec<_>>>()?;
    let recipe = recipe(&args.run)?;
    let folder = run_folder(&args.run, &recipe);
    let progress = Arc::new(Terminal::default());
    let log = PluginLog::new(&progress);
    let done = {
        let mut run = Run::open(recipe, &folder, None, now(), &*progress, Some(log.sink()))?;
        let verb = if run.folder.resumed() { "going on in" } else { "running in" };
        note(format_args!("{verb} {}", folder.display()));
        import_samples(&mut run, format, &files, args.skip_faulty).context("import")
    };
    log.close();
    let done = done?;
    let (named, n_faulty) = &done.faulty;
    for fault in named {
        note(format_args!("passed over {fault}"));
    }
    for (n, what) in [
        (*n_faulty, "rows or responses that cannot be taken"),
        (done.beyond, "responses beyond sample.n_samples"),
        (done.elsewhere, "rows about problems that the run does not train on"),
    ] {
        if n > 0 {
            note(format_args!("passed over {n} {what}"));
        }
    }
    if done.from_text > 0 {
        let what = "came as text; their tokens are the model's tokenizer's, and decode to that text";
        note(format_args!("{} of {} responses {what}", done.from_text, done.records));
    }
    say(format_args!("{} samples in {}", done.records, folder.display()))
}
