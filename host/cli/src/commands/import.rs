//! `import`: a public set of programming problems as a problem set.

use anyhow::{Context, Result};
use ts_import::{Format, import};

use crate::args::{ImportArgs, ImportFormat};
use crate::terminal::say;

/// Reads a set and writes its problems.
pub(super) fn run(args: &ImportArgs) -> Result<()> {
    let format = match args.format {
        ImportFormat::Humaneval => Format::HumanEval,
        ImportFormat::Mbpp => Format::Mbpp,
        ImportFormat::Livecodebench => Format::LiveCodeBench,
    };
    let problems = import(format, &args.file)?;
    let lines: String = problems.iter().map(|problem| format!("{problem}\n")).collect();
    std::fs::write(&args.out, lines).with_context(|| format!("cannot write {}", args.out.display()))?;
    say(format_args!("{} problems in {}", problems.len(), args.out.display()))
}
