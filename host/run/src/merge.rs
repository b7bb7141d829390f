//! Joining the shards of an artefact: the records of each problem from the shard that has it, in the order of
//! the problems.

use std::path::Path;

use crate::read::Records;
use crate::records::ProblemRecord;
use crate::sealed::record::Record;
use crate::{Error, Result, atomic};

/// Writes the artefact of a whole run from those of its shards, the first shard's first; gives the number of
/// its records. The problem at place i belongs to shard i modulo their number.
///
/// # Errors
///
/// Those of reading; [`Error::Unexpected`] for a record of another problem; [`Error::Io`]. Nothing is written then.
pub fn merge<R: Record>(
    path: &Path,
    mut shards: Vec<Records<R>>,
    problems: impl Iterator<Item = Result<ProblemRecord>>,
) -> Result<u64> {
    let mut n_records = 0;
    atomic::write_with(path, |out| {
        let n_shards = shards.len().max(1);
        for (place, problem) in problems.enumerate() {
            let id = problem?.id;
            let Some(records) = shards.get_mut(place % n_shards) else { break };
            while records.peek()?.is_some_and(|row| row.record.problem() == id) {
                out.write_all(records.line()).map_err(Error::io("write", path))?;
                records.next().transpose()?;
                n_records += 1;
            }
        }
        shards.into_iter().try_for_each(Records::finish)
    })?;
    Ok(n_records)
}
