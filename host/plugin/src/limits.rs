//! How much a plugin may use, and the part of it that is counted while it runs.
//!
//! In: [`Limits`] from a recipe. Out: a `Limiter` in every instance's store, which refuses memory and
//! tables over the limit and remembers that it did, so that a crash that follows is reported as
//! "out of memory".
//!
//! Fuel is the limit that decides: it counts executed instructions, and what the host does for a guest, so it stops a call at the
//! same place on every machine. Processor time is the backstop behind it and is generous for that reason (`call/deadline.rs`).
//!
//! A component is counted before it is compiled by `preflight`; what compiling it may take is kept by `compiler`.

use serde::{Deserialize, Serialize};
use wasmtime::ResourceLimiter;

use crate::programs::program::FUEL_PER_MS;

/// What one plugin may use. The names, units and ranges are those of a recipe's `[plugins.limits]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Fuel for one call, about one unit per WebAssembly instruction. Default 2,000,000,000: about a second.
    pub fuel: u64,
    /// Processor time of the thread of one call, milliseconds, kept to within 20. Default 60,000: far behind the fuel.
    pub processor_ms: u64,
    /// Time of the programs that one call of a verifier has run, all together, milliseconds, each counted as
    /// [`crate::FUEL_PER_MS`] of fuel. Default 120,000.
    pub program_ms: u64,
    /// Linear memory of one instance, all its memories together, MiB. Default 256.
    pub memory_mib: u64,
    /// Data that a plugin may hand over at once (a result, or one log message), KiB as the host holds them. Default 16,384.
    pub output_kib: u64,
    /// Log text kept from one call, KiB; what is over it is dropped. Default 16.
    pub log_kib: u64,
    /// Native stack of one call, KiB. Default 512; at most 1,024, because threads have 2,048.
    pub stack_kib: u64,
    /// Elements of each table of one instance. Default 20,000.
    pub table_elements: u64,
    /// Core instances inside one component instance. Default 64: Python's libraries are one each.
    pub instances: u32,
    /// Size of a component file, MiB. Default 64.
    pub component_mib: u64,
    /// Processor time to compile a component, milliseconds, kept to the second. A component of little code has less. Default
    /// 120,000; a runner, the largest there is, takes 20,000.
    pub compile_ms: u64,
    /// Memory to compile a component, MiB. A component of little code has less. Default 4,096.
    pub compile_memory_mib: u64,
    /// Whether compiled code clamps an address before the processor can guess that it is within bounds, so that a guest does not read
    /// other memory of this process by speculation. Default false: it makes a fresh instance half as dear again (docs/benchmarks.md).
    /// Runners are always guarded.
    pub guard_speculation: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel: 2_000_000_000,
            processor_ms: 60_000,
            program_ms: 120_000,
            memory_mib: 256,
            output_kib: 16_384,
            log_kib: 16,
            stack_kib: 512,
            table_elements: 20_000,
            instances: 64,
            component_mib: 64,
            compile_ms: 120_000,
            compile_memory_mib: 4_096,
            guard_speculation: false,
        }
    }
}

/// A limit whose value cannot be enforced, or that no plugin could live with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfRange {
    /// Name of the field of [`Limits`].
    pub name: &'static str,
    /// The value given, in the field's unit.
    pub value: u64,
    /// The least that it may be.
    pub least: u64,
    /// The most that it may be.
    pub most: u64,
}

impl Limits {
    /// The limits that are out of range, in the order of the fields.
    pub fn out_of_range(&self) -> Vec<OutOfRange> {
        let row = |name, value, least, most| OutOfRange { name, value, least, most };
        let mut rows = vec![
            row("fuel", self.fuel, 1, u64::MAX),
            row("processor_ms", self.processor_ms, 1, 1 << 40),
            row("program_ms", self.program_ms, 1, u64::MAX / FUEL_PER_MS),
            row("memory_mib", self.memory_mib, 1, 4 << 10),
            row("output_kib", self.output_kib, 1, 4 << 20),
            row("log_kib", self.log_kib, 0, 4 << 20),
            row("stack_kib", self.stack_kib, 16, 1 << 10),
            row("table_elements", self.table_elements, 1, 10_000_000),
            row("instances", self.instances.into(), 1, 1_000),
            row("component_mib", self.component_mib, 1, 4 << 10),
            row("compile_ms", self.compile_ms, 1, 1 << 40),
            row("compile_memory_mib", self.compile_memory_mib, 1, 1 << 30),
        ];
        rows.retain(|row| !(row.least..=row.most).contains(&row.value));
        rows
    }

    /// The fuel of [`Self::program_ms`].
    pub(crate) fn program_fuel(&self) -> u64 {
        self.program_ms.saturating_mul(FUEL_PER_MS)
    }

    /// [`Self::memory_mib`] in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        (self.memory_mib as usize) << 20
    }

    /// [`Self::output_kib`] in bytes.
    pub(crate) fn output_bytes(&self) -> usize {
        (self.output_kib as usize) << 10
    }

    /// [`Self::log_kib`] in bytes.
    pub(crate) fn log_bytes(&self) -> usize {
        (self.log_kib as usize) << 10
    }

    /// [`Self::stack_kib`] in bytes.
    pub(crate) fn stack_bytes(&self) -> usize {
        (self.stack_kib as usize) << 10
    }

    /// [`Self::component_mib`] in bytes.
    pub fn component_bytes(&self) -> u64 {
        self.component_mib << 20
    }

    /// [`Self::compile_memory_mib`] in bytes.
    pub(crate) fn compile_memory_bytes(&self) -> u64 {
        self.compile_memory_mib << 20
    }
}

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
            memory_bytes: limits.memory_bytes(),
            table_elements: limits.table_elements as usize,
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
    fn the_defaults_are_valid() {
        assert_eq!(Limits::default().out_of_range(), []);
    }

    #[test]
    fn a_limit_out_of_range_is_named() {
        let limits = Limits { stack_kib: 2048, fuel: 0, ..Limits::default() };
        let names: Vec<_> = limits.out_of_range().iter().map(|limit| limit.name).collect();
        assert_eq!(names, ["fuel", "stack_kib"]);
    }

    #[test]
    fn memories_are_counted_together_and_a_refusal_is_remembered() {
        let mut limiter = Limiter::new(&Limits { memory_mib: 1, ..Limits::default() });
        assert!(limiter.memory_growing(0, 6 << 16, None).unwrap()); // first memory: 6 pages of 16
        assert!(limiter.memory_growing(0, 8 << 16, None).unwrap()); // second memory: 8 pages, 14 in all
        assert!(!limiter.refused());
        assert!(!limiter.memory_growing(6 << 16, 9 << 16, None).unwrap()); // 3 more would be 17
        assert!(limiter.refused());
        limiter.start_call();
        assert!(!limiter.refused());
        assert!(limiter.memory_growing(6 << 16, 8 << 16, None).unwrap()); // the refused pages were not counted
    }
}
