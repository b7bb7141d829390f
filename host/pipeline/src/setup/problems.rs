//! The problems of a run.
//!
//! In: a recipe's `[problems]`. Out: training and held-out problems that share no prompt. Their form in a file is left out on
//! purpose: `ts_run::problems` reads it.

use std::collections::HashMap;
use std::path::Path;

use ts_run::problems::{parse_problems, read_problems};
use ts_run::records::ProblemRecord;

use crate::Error;
use crate::recipe::EMBEDDED;

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

/// Problems as the run's folder holds them.
pub(super) fn problem_lines(problems: &[ProblemRecord]) -> Vec<u8> {
    let mut lines = Vec::new();
    for problem in problems {
        // A record of strings, numbers and JSON values always has a JSON form.
        if serde_json::to_writer(&mut lines, problem).is_ok() {
            lines.push(b'\n');
        }
    }
    lines
}
