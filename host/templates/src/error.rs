//! Why no project was written.
//!
//! In: nothing. Out: sentences that say what was wrong, where, and what to do. Left out on purpose: a type for each caller.

use std::path::PathBuf;

/// Why no project was written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The name is none.
    #[error("`{name}` is no name of a plugin: {why}; write it as `my_grader` or `my-grader`")]
    Name {
        /// What was given.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The folder holds something.
    #[error("{} is not empty, and nothing is overwritten; choose another name or another folder", folder.display())]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// The system refused.
    #[error("could not write {}; choose a folder that you may write to", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}
