//! A program and what comes of it, as everyone here knows them: whoever asks for a run, and whoever runs it,
//! in this process or another.
//!
//! Fuel stands for time, so that a program is stopped at the same instruction on every machine.

use serde::{Deserialize, Serialize};

use crate::call::cancel::Cancel;

/// Fuel that stands for a millisecond of CPython itself on the machine that docs/code-grader.md names: what
/// `python_runner` uses for the work that CPython does there in one.
pub const FUEL_PER_MS: u64 = 20_000_000;
/// MiB of memory that a program can be given at most, its interpreter's included.
pub const MAX_PROGRAM_MIB: u32 = 2048;

/// A program, to be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program<'a> {
    /// Its text.
    pub source: &'a str,
    /// Its standard input, or the beginning of it.
    pub input: &'a str,
    /// What it may use.
    pub limits: RunLimits,
}

/// What one program may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLimits {
    /// Milliseconds, counted as fuel: [`FUEL_PER_MS`].
    pub time_ms: u32,
    /// MiB of memory, the interpreter's included; at most [`MAX_PROGRAM_MIB`].
    pub memory_mib: u32,
    /// Bytes of standard output that are kept.
    pub output_bytes: u32,
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// By itself, with this status.
    Exited(u8),
    /// By an error that nothing caught.
    Failed(String),
    /// Never begun: it does not compile.
    NotCompiled(String),
    /// Out of time.
    TimeLimit,
    /// Out of memory.
    MemoryLimit,
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    /// How it ended.
    pub ending: Ending,
    /// Standard output, up to the limit.
    pub output: Vec<u8>,
    /// Whether there was more.
    pub output_cut: bool,
    /// Fuel used, units.
    pub fuel: u64,
    /// Fuel that the compilation of its text took, whenever that was.
    pub compile_fuel: u64,
    /// Memory held at the end, which is the most: bytes.
    pub memory: u64,
}

/// What a run has of the call that it is part of.
#[derive(Debug, Clone)]
pub(crate) struct Share {
    /// Fuel that it may use at most, compilation included, whatever its own limits are.
    pub(crate) fuel: u64,
    /// What calls it off, if anything can.
    pub(crate) cancel: Option<Cancel>,
}

impl Share {
    /// That of a run on its own.
    pub(crate) const WHOLE: Self = Self { fuel: u64::MAX, cancel: None };
}

impl RunLimits {
    /// Its time, as fuel.
    pub(crate) fn fuel(&self) -> u64 {
        u64::from(self.time_ms) * FUEL_PER_MS
    }

    /// Whether what is out of time after so much fuel had less of it than these limits give.
    pub(crate) fn are_cut_short_by(&self, share: u64) -> impl Fn(u64) -> bool + use<> {
        let own = self.fuel();
        move |used| share < own && used >= share
    }
}

impl Ran {
    /// One whose text came to this instead of a program.
    pub(crate) fn before_it_began(ending: Ending, compile_fuel: u64) -> Self {
        Self { ending, output: Vec::new(), output_cut: false, fuel: 0, compile_fuel, memory: 0 }
    }

    /// Fuel for the program and its compilation, whether that had to be done for this run or not.
    pub(crate) fn fuel_in_all(&self) -> u64 {
        self.fuel.saturating_add(self.compile_fuel)
    }
}
