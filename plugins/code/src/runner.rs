//! What runs programs: `wit/runner.wit` as a trait, so that tests can do without a host.
//!
//! In: a program, its input, its limits. Out: what it wrote and how it ended. Left out on purpose: fuel and memory used,
//! which no grade depends on.

/// Runs programs, each in a fresh instance.
pub trait Runner {
    /// The languages that can be run.
    fn languages(&self) -> Vec<String>;

    /// Runs one program. An error means that nothing can be said of it, and says why.
    fn run(&self, language: &str, source: &str, input: &str, limits: &Limits) -> Result<Ran, String>;
}

/// What one run may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Milliseconds.
    pub time_ms: u32,
    /// Mebibytes.
    pub memory_mib: u32,
    /// Bytes of output that are kept.
    pub output_bytes: u32,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with this status; 0 is success.
    Exited(u8),
    /// By an error that nothing caught; says which.
    Failed(String),
    /// Never begun: it does not compile; says why.
    NotCompiled(String),
    /// Out of time.
    TimeLimit,
    /// Out of memory.
    MemoryLimit,
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// How it ended.
    pub ending: Ending,
    /// What it wrote, up to the limit.
    pub output: Vec<u8>,
    /// Whether it wrote more than that.
    pub output_cut: bool,
}
