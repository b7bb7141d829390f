//! `import`: a public set of problems as a problem set.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::json;
use ts_import::{Columns, Error, Set, problems};

#[cfg(feature = "training")]
use crate::args::import::ImportCommand;
use crate::args::import::{ImportArgs, ImportSet, SetArgs};
use crate::terminal::{note, say, say_json, say_value};

/// Rows that are passed over and named; of more, only the number is said.
const NAMED: usize = 20;

/// Does what was asked for.
pub(super) fn run(args: &ImportArgs) -> Result<()> {
    #[cfg(feature = "training")]
    if let Some(ImportCommand::Samples(args)) = &args.command {
        return super::samples::run(args);
    }
    match &args.set {
        Some(args) => problem_set(args),
        None => bail!("which set? `ts-host import --help` has their names"),
    }
}

/// Reads a set and writes its problems.
fn problem_set(args: &SetArgs) -> Result<()> {
    let set = set(args)?;
    let mut out = Out::create(args.out.as_deref())?;
    let (mut n_problems, mut n_faulty, mut n_same) = (0, 0, 0);
    let mut verifiers = BTreeMap::new();
    let files = args.files.iter().map(|file| super::hub::fetch_file(file)).collect::<Result<Vec<_>>>()?;
    for problem in problems(set, files) {
        let problem = match problem {
            Ok(problem) => problem,
            Err(Error::Duplicate { is_same: true, .. }) if args.skip_duplicates => {
                n_same += 1;
                continue;
            }
            Err(error @ Error::NotAProblem { .. }) if args.skip_faulty => {
                n_faulty += 1;
                if n_faulty <= NAMED {
                    note(format_args!("passed over {error}"));
                }
                continue;
            }
            Err(error) => return Err(error).with_context(|| out.nothing_written()),
        };
        out.write(&problem.line.to_string())?;
        n_problems += 1;
        *verifiers.entry(problem.verifier).or_insert(0) += 1;
    }
    if n_faulty > 0 {
        note(format_args!("passed over {n_faulty} rows that lack something"));
    }
    if n_same > 0 {
        note(format_args!("passed over {n_same} rows that are the same problem as one before"));
    }
    if n_problems == 0 {
        bail!("no problem in {}", names(&args.files));
    }
    let path = out.finish()?;
    if args.json {
        let of_verifiers =
            verifiers.iter().filter_map(|(verifier, n)| Some((verifier.as_ref()?.to_string(), json!(n))));
        return say_value(&json!({
            "problems": n_problems,
            "out": path,
            "faulty_rows": n_faulty,
            "duplicate_rows": n_same,
            "verifiers": of_verifiers.collect::<serde_json::Map<_, _>>(),
        }));
    }
    match path {
        Some(path) => say(format_args!("{n_problems} problems in {}", path.display()))?,
        None => note(format_args!("{n_problems} problems")),
    }
    for (verifier, n) in verifiers {
        match verifier {
            Some(verifier) => note(format_args!("{n} of them for the verifier {verifier}")),
            None => note("the verifier is for you to choose: `ts-host --plugin NAME`"),
        }
    }
    Ok(())
}

fn set(args: &SetArgs) -> Result<Set> {
    let SetArgs { prompt_column, reference_column, id_column, difficulty_column, keep_column, .. } = args;
    let named = [prompt_column, reference_column, id_column, difficulty_column];
    if args.set != ImportSet::Columns && (named.iter().any(|it| it.is_some()) || !keep_column.is_empty()) {
        bail!("only the set `columns` takes names of columns: the other sets have theirs");
    }
    Ok(match args.set {
        ImportSet::Humaneval => Set::HumanEval,
        ImportSet::Mbpp => Set::Mbpp,
        ImportSet::Livecodebench => Set::LiveCodeBench,
        ImportSet::Gsm8k => Set::Gsm8k,
        ImportSet::Math500 => Set::Math,
        ImportSet::Aime => Set::Aime,
        ImportSet::Gpqa => Set::Gpqa,
        ImportSet::OpenR1Math => Set::OpenR1Math,
        ImportSet::DeepScaleR => Set::DeepScaleR,
        ImportSet::Verl => Set::Verl,
        ImportSet::Columns => Set::Columns(Columns {
            prompt: prompt_column.clone().unwrap_or_default(),
            reference: reference_column.clone().unwrap_or_default(),
            id: id_column.clone(),
            difficulty: difficulty_column.clone(),
            kept: keep_column.clone(),
        }),
    })
}

fn names(files: &[PathBuf]) -> String {
    files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// Where problems are written: standard output, or a file, which is there whole or as it was before.
enum Out {
    Standard,
    File { path: PathBuf, part: PathBuf, writer: BufWriter<File> },
}

impl Out {
    fn create(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else { return Ok(Self::Standard) };
        let name = path.file_name().with_context(|| format!("{}: it names no file", path.display()))?;
        let part = path.with_file_name(format!(".{}.part", name.display()));
        let file = File::create(&part).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self::File { path: path.to_owned(), part, writer: BufWriter::new(file) })
    }

    fn write(&mut self, line: &str) -> Result<()> {
        match self {
            Self::Standard => say_json(line),
            Self::File { path, writer, .. } => {
                writeln!(writer, "{line}").with_context(|| format!("cannot write {}", path.display()))
            }
        }
    }

    /// What to say of a row that ends the import.
    fn nothing_written(&self) -> String {
        match self {
            Self::Standard => "the import stops here".to_owned(),
            Self::File { path, .. } => format!("{} is not written", path.display()),
        }
    }

    /// The file that is there now.
    fn finish(mut self) -> Result<Option<PathBuf>> {
        let Self::File { path, part, writer } = &mut self else { return Ok(None) };
        let failed = || format!("cannot write {}", path.display());
        writer.flush().with_context(failed)?;
        writer.get_ref().sync_all().with_context(failed)?;
        std::fs::rename(&*part, &*path).with_context(failed)?;
        Ok(Some(path.clone()))
    }
}

/// Leaves no part of a file behind.
impl Drop for Out {
    fn drop(&mut self) {
        if let Self::File { part, .. } = self {
            let _ = std::fs::remove_file(part);
        }
    }
}
