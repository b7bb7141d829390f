//! What the artefacts hold: the record of every stage, and the problems that a run begins with.

pub mod artefact;
pub mod problem_file;
pub mod problems;
pub mod prompt;
pub mod records;
