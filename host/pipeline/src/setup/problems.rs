//! The problems of a run.
//!
//! In: a recipe's `[problems]`. Out: training and held-out problems that share no prompt.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::Path;

use ts_run::atomic;
use ts_run::digest::sha256_bytes;
use ts_run::manifest::ProblemSetOrigin;
use ts_run::problems::{parse_problems, read_problems};
use ts_run::records::ProblemRecord;

use crate::Error;
use ts_recipe::EMBEDDED;

/// Reads a problem set, or the embedded one; at most `max` problems, 0 for all.
pub(super) fn open_problems(
    source: &str,
    embedded: fn() -> String,
    max: usize,
) -> Result<Vec<ProblemRecord>, Error> {
    let mut problems = match source {
        EMBEDDED => parse_problems(EMBEDDED, embedded().as_bytes())?,
        path => read_problems(Path::new(path))?,
    };
    if max > 0 {
        problems.truncate(max);
    }
    Ok(problems)
}

/// Refuses a held-out problem that is trained on.
pub(super) fn forbid_leaks(train: &[ProblemRecord], heldout: &[ProblemRecord]) -> Result<(), Error> {
    let trained: HashMap<&str, &str> = train.iter().map(|p| (p.prompt.trim(), p.id.as_str())).collect();
    for problem in heldout {
        if let Some(id) = trained.get(problem.prompt.trim()) {
            return Err(Error::Leak { heldout: problem.id.clone(), train: (*id).to_owned() });
        }
    }
    Ok(())
}

/// Problems as a run's folder holds them.
pub(super) fn problem_lines(problems: &[ProblemRecord]) -> Result<Vec<u8>, Error> {
    let mut lines = Vec::new();
    for problem in problems {
        serde_json::to_writer(&mut lines, problem).map_err(|error| Error::Inconsistent {
            file: "the problem set",
            message: format!("problem `{}` has no JSON form: {error}", problem.id),
        })?;
        lines.push(b'\n');
    }
    Ok(lines)
}

/// What the manifest says of a problem set.
pub(super) fn origin(
    split: &str,
    source: &str,
    problems: &[ProblemRecord],
) -> Result<ProblemSetOrigin, Error> {
    let prompts: Vec<[&str; 2]> = problems.iter().map(|p| [p.id.as_str(), p.prompt.as_str()]).collect();
    Ok(ProblemSetOrigin {
        split: split.to_owned(),
        source: source.to_owned(),
        sha256: sha256_bytes(&problem_lines(problems)?),
        prompts_sha256: sha256_bytes(serde_json::json!(prompts).to_string().as_bytes()),
        n: problems.len() as u64,
    })
}

/// Writes a run's [`problem_lines`] into its folder, or checks that those that are there are the same.
pub(super) fn keep(path: &Path, lines: &[u8]) -> Result<(), Error> {
    let found = match std::fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(atomic::write_file(path, lines)?),
        found => found.map_err(|source| Error::File { path: path.to_owned(), source })?,
    };
    if found == lines {
        return Ok(());
    }
    let mut pairs = found.split(|&byte| byte == b'\n').zip(lines.split(|&byte| byte == b'\n'));
    let line = pairs.position(|(found, line)| found != line).map_or(0, |index| index as u64) + 1;
    Err(ts_run::Error::Broken { path: path.to_owned(), line }.into())
}
