//! What runs programs: `wit/runner.wit` as a trait, so that tests can do without a host.
//!
//! In: a program, its input, its limits. Out: what it wrote, how it ended, and the fuel that it used.

/// Fuel that stands for a millisecond, as the host counts it: docs/code-grader.md.
pub const FUEL_PER_MS: u64 = 20_000_000;

/// Runs programs, each in a fresh instance.
pub trait Runner {
    /// The languages that can be run.
    fn languages(&self) -> Vec<String>;

    /// Runs one program. An error means that nothing can be said of it, and says why.
    fn run(&self, program: Program<'_>) -> Result<Ran, String>;

    /// Runs two programs, each of which reads what the other writes, a line at a time, up to U+0004. An error
    /// means that nothing can be said of them, and says why.
    fn converse(&self, first: Program<'_>, second: Program<'_>) -> Result<(Ran, Ran), String>;
}

/// A program, to be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Program<'a> {
    /// Its language.
    pub language: &'a str,
    /// Its text.
    pub source: &'a str,
    /// Its standard input, or the beginning of it.
    pub input: &'a str,
    /// What it may use.
    pub limits: Limits,
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
    /// Fuel that it used, units of which [`FUEL_PER_MS`] are a millisecond.
    pub fuel: u64,
}
