//! Whether the verifier can use the references of the problems, asked before anything is sampled.
//!
//! In: problems. Out: those of which the verifier says, of a response that is empty, that the reference is bad.

use std::sync::{Mutex, PoisonError};
use std::thread;

use ts_core::Outcome;
use ts_plugin::Verifier;
use ts_run::records::ProblemRecord;

use crate::Error;
use crate::responses::grading::grade;

/// Problems that an error names.
const NAMED: usize = 3;

/// A problem whose reference cannot be used.
struct Bad {
    place: usize,
    id: String,
    reason: String,
}

/// What was found of a set's problems: nothing, a warning, or an error.
///
/// # Errors
/// [`Error::BadReferences`] if they are more than `max_failed_share` of all; a problem cannot be read; the verifier cannot be
/// started.
pub(super) fn check(
    verifier: &Verifier,
    set: &'static str,
    problems: impl Iterator<Item = Result<ProblemRecord, Error>> + Send,
    n_workers: usize,
    max_failed_share: f64,
) -> Result<Option<String>, Error> {
    let shared = Mutex::new(problems.enumerate());
    let next = || shared.lock().unwrap_or_else(PoisonError::into_inner).next();
    let ask = || -> Result<(usize, Vec<Bad>), Error> {
        let (mut n, mut bad) = (0, Vec::new());
        while let Some((place, problem)) = next() {
            let problem = problem?;
            let graded = grade(verifier, &problem, "")?;
            if graded.outcome == Outcome::BadReference {
                bad.push(Bad { place, id: problem.id, reason: graded.note });
            }
            n += 1;
        }
        Ok((n, bad))
    };
    let asked = thread::scope(|scope| {
        let threads: Vec<_> = (0..n_workers).map(|_| scope.spawn(ask)).collect();
        let joined = threads.into_iter().map(|thread| {
            thread
                .join()
                .map_err(|_| Error::Worker { message: "the verifier's thread panicked".to_owned() })?
        });
        joined.collect::<Result<Vec<_>, Error>>()
    })?;
    let total: usize = asked.iter().map(|(n, _)| n).sum();
    let mut bad: Vec<Bad> = asked.into_iter().flat_map(|(_, bad)| bad).collect();
    if bad.is_empty() {
        return Ok(None);
    }
    bad.sort_by_key(|bad| bad.place);
    let named = |bad: &Bad| match bad.reason.as_str() {
        "" => format!("`{}`", bad.id),
        reason => format!("`{}` ({reason})", bad.id),
    };
    let mut names: Vec<String> = bad.iter().take(NAMED).map(named).collect();
    names.extend((bad.len() > NAMED).then(|| format!("and {} more", bad.len() - NAMED)));
    let error = Error::BadReferences { n: bad.len(), total, set, names: names.join(", ") };
    match bad.len() as f64 / total as f64 > max_failed_share {
        true => Err(error),
        false => Ok(Some(error.to_string())),
    }
}
