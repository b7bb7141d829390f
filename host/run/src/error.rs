//! Everything that can go wrong in a run folder, one variant per cause.
//!
//! The message says what and where; [`Error::hint`] says what to do. The one repair that is safe, cutting off
//! a torn last line, is not an error.

use std::io;
use std::path::{Path, PathBuf};

use ts_rows::Place;

use crate::key::Key;
use crate::manifest::Difference;

/// Why a run folder or a problem set could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried: `read`, `write`, `create`, …
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Its reason.
        source: io::Error,
    },

    /// A record could not be appended; the journal is as it was before.
    #[error("cannot append to {}, which keeps its {n_records} records", path.display())]
    Append {
        /// The journal.
        path: PathBuf,
        /// Whole records in it.
        n_records: u64,
        /// The operating system's reason.
        source: io::Error,
    },

    /// A record that could not be read back, most often because a number in it is infinite or not a number.
    #[error("record {n_records} of {} cannot be written as JSON", path.display())]
    Unwritable {
        /// The journal or file.
        path: PathBuf,
        /// Records before this one.
        n_records: u64,
        /// What is wrong with it.
        source: serde_json::Error,
    },

    /// A line that is not a record of the expected kind.
    #[error("{}:{line}: not a record of this kind", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },

    /// A line that is not whole: it was changed since it was written, or never was a record of this run.
    #[error("{}:{line}: not a whole record of this run: its checksum does not fit", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
    },

    /// A record other than the one that belongs there.
    #[error("{}{}: {}", path.display(), at_line(*line), unexpected(found.as_ref(), expected.as_ref()))]
    Unexpected {
        /// The file.
        path: PathBuf,
        /// The line, from 1; none at the end.
        line: Option<u64>,
        /// What stands there; none at the end.
        found: Option<Key>,
        /// What belongs there; none after the last one.
        expected: Option<Key>,
    },

    /// A key that two records have.
    #[error("{}:{line}: {key} is already on line {first_line}", path.display())]
    Duplicate {
        /// The file.
        path: PathBuf,
        /// The second one's line, from 1.
        line: u64,
        /// The first one's line, from 1.
        first_line: u64,
        /// The key.
        key: Key,
    },

    /// An artefact whose lines are whole, and not those that its stage left.
    #[error("{} is not what its stage left: {records} lines in their order", path.display())]
    Changed {
        /// The artefact.
        path: PathBuf,
        /// How many lines its stage left.
        records: u64,
    },

    /// An artefact that changed while it was being read, or a file that checks itself and does not agree.
    #[error("{} was changed", path.display())]
    Altered {
        /// The file.
        path: PathBuf,
    },

    /// Another process writes this run folder.
    #[error("run folder {} is in use{}", path.display(), by_process(*pid))]
    Locked {
        /// The run folder.
        path: PathBuf,
        /// The process that holds it, where it could be read.
        pid: Option<u32>,
    },

    /// A folder with files in it and no manifest.
    #[error("{} is not empty and not a run folder: it has no manifest.json", path.display())]
    NotARunFolder {
        /// The folder.
        path: PathBuf,
    },

    /// An entry of a run folder that leads to a file elsewhere, or is not a file at all.
    #[error("{} is a link to another file, or no file", path.display())]
    Link {
        /// The entry.
        path: PathBuf,
    },

    /// A manifest of another format.
    #[error("{} has format {found}, and this version reads format {expected}", path.display())]
    Format {
        /// The manifest.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// The format that this version writes.
        expected: u32,
    },

    /// The run in the folder was made from something else.
    #[error("run folder {} belongs to another run: {}", path.display(), list(differences))]
    NotResumable {
        /// The run folder.
        path: PathBuf,
        /// Every field that stops the run from going on.
        differences: Vec<Difference>,
    },

    /// An artefact is not what its finished stage left.
    #[error("{} was changed after stage `{stage}` finished", path.display())]
    ArtefactChanged {
        /// The artefact.
        path: PathBuf,
        /// Its stage.
        stage: String,
    },

    /// A file of a checkpoint or a model is not what its stage left.
    #[error("{} {fault}", path.display())]
    FileChanged {
        /// The file.
        path: PathBuf,
        /// What became of it.
        fault: &'static str,
    },

    /// A stage that has not been run to its end.
    #[error("stage `{stage}` is not done in {}", folder.display())]
    NotDone {
        /// The stage.
        stage: String,
        /// The run folder.
        folder: PathBuf,
    },

    /// A file that cannot hold a problem set.
    #[error("{source_name}: {reason}")]
    NotAProblemSet {
        /// The problem set.
        source_name: String,
        /// What is wrong with it.
        reason: String,
    },

    /// A problem set without problems.
    #[error("{source_name} holds no problem")]
    NoProblems {
        /// The problem set.
        source_name: String,
    },

    /// A row of a problem set that is not a problem.
    #[error("{source_name}{}: {fault}", place.after_name())]
    Problem {
        /// The problem set.
        source_name: String,
        /// Where in it.
        place: Place,
        /// What is wrong with it.
        fault: ProblemFault,
    },
}

/// What is wrong with one row of a problem set.
#[derive(Debug, thiserror::Error)]
pub enum ProblemFault {
    /// It is not a row of such a file.
    #[error(transparent)]
    Row(ts_rows::RowFault),
    /// A field that every problem has.
    #[error("no field `{field}` (nor {aliases})")]
    MissingField {
        /// The field's name.
        field: &'static str,
        /// The other names it may have.
        aliases: String,
    },
    /// A field with a value that it cannot have.
    #[error("field `{name}` must be {expected}")]
    WrongKind {
        /// The field, as the line names it.
        name: String,
        /// What it should hold.
        expected: &'static str,
    },
    /// Two problems with one identifier.
    #[error("problem `{id}` is already {} {first}", if matches!(first, Place::Line(_)) { "on" } else { "at" })]
    DuplicateId {
        /// The identifier.
        id: String,
        /// Where it stands first.
        first: Place,
    },
}

impl Error {
    /// An [`Error::Io`], for `map_err`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    /// What to do about it, as one sentence.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Io { source, path, .. }
                if source.kind() == io::ErrorKind::NotFound && path.is_relative() =>
            {
                "check the path; it is looked for in the folder in which the command runs, not beside the recipe"
            }
            Self::Io { source, .. } | Self::Append { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::WriteZero => {
                    "free some space on that disk and start the same command again; it goes on from here"
                }
                io::ErrorKind::PermissionDenied => "check who owns the folder and whether it may be written",
                io::ErrorKind::NotFound => "check the path",
                io::ErrorKind::IsADirectory => "a file must stand there, and this is a folder",
                io::ErrorKind::NotADirectory => "a folder must stand there, and this is a file",
                _ => "start the same command again once the disk is in order; it goes on from here",
            },
            Self::Unwritable { .. } => {
                "a number in the record is infinite or not a number: training that diverges needs a lower \
                 learning rate"
            }
            Self::Malformed { .. } => "the file was edited, or another version wrote it: restore it",
            Self::Broken { .. } | Self::Unexpected { .. } | Self::Duplicate { .. } => {
                "restore the file; a line of a stage that is not done can also be deleted, and is then computed again"
            }
            Self::Locked { .. } => "wait for the other process, or choose another run folder",
            Self::NotARunFolder { .. } => "choose a new or an empty folder",
            Self::Link { .. } => {
                "a run writes to files of its own folder alone: put a copy in its place, or remove it"
            }
            Self::Format { .. } => "go on with the version that wrote it, or choose another run folder",
            Self::NotResumable { .. } => {
                "choose another run folder, or restore what the run was started with"
            }
            Self::ArtefactChanged { .. }
            | Self::Changed { .. }
            | Self::Altered { .. }
            | Self::FileChanged { .. } => "restore the file, or choose another run folder",
            Self::NotDone { .. } => "run the stage first, or `ts-host run`",
            Self::NoProblems { .. } | Self::NotAProblemSet { .. } => {
                "a problem set is JSON lines, one JSON list, CSV or parquet; a problem on each line or in each row"
            }
            Self::Problem { .. } => {
                "a problem is a line or a row with `id`, `prompt` and `reference`; `ts-host import` makes such of public sets"
            }
        };
        Some(hint.to_owned())
    }
}

fn at_line(line: Option<u64>) -> String {
    line.map_or_else(String::new, |line| format!(":{line}"))
}

fn unexpected(found: Option<&Key>, expected: Option<&Key>) -> String {
    match (found, expected) {
        (Some(found), Some(expected)) => format!("{found} stands where {expected} belongs"),
        (Some(found), None) => format!("{found} does not belong to this run"),
        (None, Some(expected)) => format!("ends where {expected} belongs"),
        (None, None) => "is not as it should be".to_owned(),
    }
}

fn by_process(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" by process {pid}"))
}

fn list(differences: &[Difference]) -> String {
    let texts: Vec<String> = differences.iter().map(Difference::to_string).collect();
    texts.join("; ")
}
