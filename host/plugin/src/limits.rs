//! How much a plugin may use, and the part of it that is counted while it runs.
//!
//! In: [`Limits`] from a recipe. Out: a `Limiter` in every instance's store, which refuses memory and
//! tables over the limit and remembers that it did, so that a crash that follows is reported as
//! "out of memory".
//!
//! Fuel is the limit that decides: it counts executed instructions, and what the host does for a guest, so it stops a call at the
//! same place on every machine. Processor time is the backstop behind it and is generous for that reason (`call/deadline.rs`).
//!
//! Left out on purpose: counting a component before it is compiled, which is `preflight`, and what compiling it may take, which is
//! `compiler`.

use serde::{Deserialize, Serialize};
use wasmtime::ResourceLimiter;

use crate::load::load_error::LoadError;
use crate::programs::program::FUEL_PER_MS;

/// What one plugin may use. Every field has a default, so a recipe names only those that it changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Fuel for one call, about one unit per WebAssembly instruction. Default 2,000,000,000: about a second.
    pub fuel_per_call: u64,
    /// Processor time of the thread of one call, milliseconds, kept to within 20. Default 60,000: far behind the fuel.
    pub processor_ms_per_call: u64,
    /// Fuel for the programs that one call of a verifier has run, all together: [`crate::FUEL_PER_MS`] for each millisecond of a
    /// program's time. Default 2,400,000,000,000: two minutes.
    pub program_fuel_per_call: u64,
    /// Linear memory of one instance, all its memories together, bytes. Default 256 MiB; at most 4 GiB.
    pub memory_bytes: usize,
    /// Elements of each table of one instance. Default 20,000.
    pub table_elements: usize,
    /// Core instances inside one component instance. Default 64: Python's libraries are one each.
    pub instances: u32,
    /// Data that a plugin may hand over at once (a result, or one log message), bytes as the host holds them.
    /// Default 16 MiB.
    pub return_bytes: usize,
    /// Log text kept from one call, bytes; what is over it is dropped. Default 16 KiB.
    pub log_bytes_per_call: usize,
    /// Native stack of one call, bytes. Default 512 KiB; at most 1 MiB, because threads have 2.
    pub stack_bytes: usize,
    /// Size of a component file, bytes. Default 64 MiB.
    pub component_bytes: u64,
    /// Processor time to compile a component, milliseconds, kept to the second. A component of little code has less. Default
    /// 120,000; a runner, the largest there is, takes 20,000.
    pub compile_ms: u64,
    /// Memory to compile a component, bytes. A component of little code has less. Default 4 GiB.
    pub compile_memory_bytes: u64,
    /// Whether compiled code clamps an address before the processor can guess that it is within bounds, so that a guest does not read
    /// other memory of this process by speculation. Default false: it makes a fresh instance half as dear again, and stands in
    /// docs/benchmarks.md. Runners are always guarded.
    pub guard_speculation: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel_per_call: 2_000_000_000,
            processor_ms_per_call: 60_000,
            program_fuel_per_call: 120_000 * FUEL_PER_MS,
            memory_bytes: 256 * MIB,
            table_elements: 20_000,
            instances: 64,
            return_bytes: 16 * MIB,
            log_bytes_per_call: 16 * KIB,
            stack_bytes: 512 * KIB,
            component_bytes: 64 * MIB as u64,
            compile_ms: 120_000,
            compile_memory_bytes: 4096 * MIB as u64,
            guard_speculation: false,
        }
    }
}

impl Limits {
    /// Refuses values that cannot be enforced, or that no plugin could live with.
    ///
    /// # Errors
    ///
    /// [`LoadError::Limit`] for the first field that is out of range.
    pub fn check(&self) -> Result<(), LoadError> {
        let within = |name, value: u64, least: u64, most: u64| {
            if (least..=most).contains(&value) {
                return Ok(());
            }
            Err(LoadError::Limit { name, value, range: format!("between {least} and {most}") })
        };
        within("fuel_per_call", self.fuel_per_call, 1, u64::MAX)?;
        within("processor_ms_per_call", self.processor_ms_per_call, 1, 1 << 40)?;
        within("program_fuel_per_call", self.program_fuel_per_call, 1, u64::MAX)?;
        within("memory_bytes", self.memory_bytes as u64, 64 * KIB as u64, 4096 * MIB as u64)?;
        within("table_elements", self.table_elements as u64, 1, 10_000_000)?;
        within("instances", u64::from(self.instances), 1, 1000)?;
        within("return_bytes", self.return_bytes as u64, KIB as u64, 4096 * MIB as u64)?;
        within("log_bytes_per_call", self.log_bytes_per_call as u64, 0, 4096 * MIB as u64)?;
        within("stack_bytes", self.stack_bytes as u64, 16 * KIB as u64, MIB as u64)?;
        within("component_bytes", self.component_bytes, 8, 4096 * MIB as u64)?;
        within("compile_ms", self.compile_ms, 1, 1 << 40)?;
        within("compile_memory_bytes", self.compile_memory_bytes, MIB as u64, 1 << 50)
    }
}

/// One kibibyte, in bytes.
const KIB: usize = 1024;
/// One mebibyte, in bytes.
const MIB: usize = 1024 * KIB;

/// Linear memories in one component instance: its own, one for an adapter, and those of what stands in for WASI.
pub(crate) const MEMORIES_PER_INSTANCE: usize = 4;
/// Tables in one component instance.
pub(crate) const TABLES_PER_INSTANCE: usize = 8;

/// Counts what one instance holds.
#[derive(Debug)]
pub(crate) struct Limiter {
    memory_bytes: usize,
    table_elements: usize,
    instances: usize,
    held_bytes: usize,
    refused: bool,
}

impl Limiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            memory_bytes: limits.memory_bytes,
            table_elements: limits.table_elements,
            instances: limits.instances as usize,
            held_bytes: 0,
            refused: false,
        }
    }

    /// Memory that the instance holds, bytes: the most that it held, since memories never shrink.
    pub(crate) fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// Whether something was refused since the last [`Self::start_call`].
    pub(crate) fn refused(&self) -> bool {
        self.refused
    }

    /// Forgets earlier refusals.
    pub(crate) fn start_call(&mut self) {
        self.refused = false;
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let held = self.held_bytes.saturating_add(desired.saturating_sub(current));
        if held > self.memory_bytes {
            self.refused = true;
            return Ok(false);
        }
        self.held_bytes = held;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.refused = true;
        Ok(())
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.refused |= desired > self.table_elements;
        Ok(desired <= self.table_elements)
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        TABLES_PER_INSTANCE
    }

    fn memories(&self) -> usize {
        MEMORIES_PER_INSTANCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_a_recipe_names_only_what_it_changes() {
        assert!(Limits::default().check().is_ok());
        let limits: Limits = serde_json::from_str(r#"{"fuel_per_call": 5}"#).unwrap();
        assert_eq!(limits, Limits { fuel_per_call: 5, ..Limits::default() });
        assert!(serde_json::from_str::<Limits>(r#"{"fule_per_call": 5}"#).is_err());
    }

    #[test]
    fn a_limit_out_of_range_is_named() {
        let error = Limits { stack_bytes: 2 * MIB, ..Limits::default() }.check().unwrap_err();
        assert_eq!(error.to_string(), "limit `stack_bytes` must be between 16384 and 1048576, not 2097152");
    }

    #[test]
    fn memories_are_counted_together_and_a_refusal_is_remembered() {
        let mut limiter = Limiter::new(&Limits { memory_bytes: 3 * 65536, ..Limits::default() });
        assert!(limiter.memory_growing(0, 65536, None).unwrap()); // first memory: 1 page
        assert!(limiter.memory_growing(0, 65536, None).unwrap()); // second memory: 1 page, 2 in all
        assert!(!limiter.refused());
        assert!(!limiter.memory_growing(65536, 3 * 65536, None).unwrap()); // 2 more would be 4
        assert!(limiter.refused());
        limiter.start_call();
        assert!(!limiter.refused());
        assert!(limiter.memory_growing(65536, 2 * 65536, None).unwrap()); // the refused pages were not counted
    }
}
