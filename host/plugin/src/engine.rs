//! The WebAssembly engine: how guests are compiled, and the one thread that counts their epochs.
//!
//! In: [`Limits`] and the number of calls at once. Out: a `wasmtime::Engine` whose guests consume fuel, can
//! be interrupted, start from copy-on-write images in a pool of ready memories, and compute the same on every
//! machine (no threads, no garbage collector, fixed NaN bits).
//!
//! Runners have an engine of their own: an interpreter is large and works for long, where a grader is small
//! and works for microseconds, so memory is guarded by protected pages instead of instructions, and the stack
//! is deep.

use std::time::Duration;

use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, OperatorCost, PoolingAllocationConfig};

use crate::limits::{Limits, MEMORIES_PER_INSTANCE, TABLES_PER_INSTANCE};
use crate::load::load_error::LoadError;
use crate::programs::deep_stack::{HOST_STACK, PROGRAM_STACK};
use crate::programs::program::MAX_PROGRAM_MIB;
use crate::programs::sandbox;

/// Length of one epoch, milliseconds: how often the host looks at a guest that computes.
const EPOCH_MS: u64 = 10;

/// Builds the engine and starts its ticker, which ends when the last user of the engine is gone.
pub(crate) fn start(limits: &Limits, max_parallel: usize) -> Result<Engine, LoadError> {
    let pooled = Engine::new(config(limits).allocation_strategy(pool(limits, max_parallel)));
    // Where the address space for a pool cannot be had, memories on demand give the same answers, slower.
    let engine = pooled.or_else(|_| Engine::new(&config(limits))).map_err(|error| engine_error(&error))?;
    ticking(engine)
}

/// Tables of an interpreter that is linked at run time are larger than a plugin's.
const PROGRAM_TABLE_ELEMENTS: u64 = 200_000;

/// The limits of a runner, where a run sets none of its own.
pub(crate) fn runner_limits(limits: &Limits) -> Limits {
    Limits {
        memory_mib: MAX_PROGRAM_MIB.into(),
        table_elements: PROGRAM_TABLE_ELEMENTS,
        stack_kib: PROGRAM_STACK as u64 >> 10,
        output_kib: limits.output_kib.max((4 * sandbox::WRITE_BYTES as u64).div_ceil(1024)),
        fuel: limits.fuel.max(2_000_000_000),
        ..limits.clone()
    }
}

/// Builds the engine of runners, and starts its ticker.
pub(crate) fn start_for_runners(limits: &Limits, max_parallel: usize) -> Result<Engine, LoadError> {
    let pool = pool_for_runners(limits, max_parallel);
    let pooled = Engine::new(config_for_runners(limits).allocation_strategy(pool));
    let engine = pooled.or_else(|_| Engine::new(&config_for_runners(limits)));
    ticking(engine.map_err(|error| engine_error(&error))?)
}

/// An engine that compiles for the others, and runs nothing: without a pool and without a clock, which
/// compiled code does not depend on.
pub(crate) fn to_compile(limits: &Limits, is_runner: bool) -> wasmtime::Result<Engine> {
    Engine::new(&if is_runner { config_for_runners(&runner_limits(limits)) } else { config(limits) })
}

fn config_for_runners(limits: &Limits) -> Config {
    let mut config = common(limits);
    config
        .memory_reservation(4 << 30) // all that an address can reach: no access needs a check
        .async_stack_size(limits.stack_bytes() + HOST_STACK); // no call is asynchronous; the engine insists
    config
}

/// Slots for two programs in each call, and for runners that are being loaded.
fn pool_for_runners(limits: &Limits, max_parallel: usize) -> InstanceAllocationStrategy {
    let live =
        u32::try_from(max_parallel.saturating_mul(2).saturating_add(2)).unwrap_or(u32::MAX).clamp(4, 256);
    let keep_resident = if PoolingAllocationConfig::is_pagemap_scan_available() { 64 << 20 } else { 0 };
    InstanceAllocationStrategy::Pooling(pool_of(limits, live, 16 << 20, keep_resident))
}

/// The engine, with a thread that counts its epochs and ends when the last user of the engine is gone.
fn ticking(engine: Engine) -> Result<Engine, LoadError> {
    let weak = engine.weak();
    std::thread::Builder::new()
        .name("plugin-epochs".into())
        .spawn(move || {
            while let Some(engine) = weak.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(Duration::from_millis(EPOCH_MS));
            }
        })
        .map_err(|error| LoadError::Engine { reason: format!("no thread for the clock: {error}") })?;
    Ok(engine)
}

fn engine_error(error: &wasmtime::Error) -> LoadError {
    LoadError::Engine { reason: format!("{error:#}") }
}

/// What instructions cost: one unit, and one for each byte where one moves many, as the engine has it; but
/// those that call the host cost as much as it is worth.
fn cost() -> OperatorCost {
    OperatorCost { MemoryGrow: u8::MAX, TableGrow: u8::MAX, ..OperatorCost::new() }
}

fn common(limits: &Limits) -> Config {
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .operator_cost(cost())
        .epoch_interruption(true)
        .max_wasm_stack(limits.stack_bytes())
        .memory_init_cow(true)
        .concurrency_support(false)
        .wasm_memory64(false)
        .wasm_multi_memory(true) // what joins the parts of a composed component takes it
        .relaxed_simd_deterministic(true)
        .cranelift_nan_canonicalization(true);
    config
}

fn config(limits: &Limits) -> Config {
    let mut config = common(limits);
    // A fresh instance for each call must cost no change of the address space: threads wait for each other
    // there, and two of them graded more slowly than one. So bounds are checked by instructions and not by
    // protected pages, and a memory's pages stay as they are for the next instance. The guards of speculation
    // need protected pages, and such changes with them: they are there for who has strangers' plugins and
    // texts in one process, and pays for it. A guest has no clock and answers with indices and verdicts; but
    // who sends it texts over HTTP has a clock.
    config
        .signals_based_traps(limits.guard_speculation)
        .memory_reservation(limits.memory_bytes() as u64)
        .memory_guard_size(0);
    let guards = if limits.guard_speculation { "true" } else { "false" };
    for guard in ["enable_heap_access_spectre_mitigation", "enable_table_access_spectre_mitigation"] {
        // SAFETY: the flag is about speculation; compiled code obeys the same bounds with and without it.
        unsafe { config.cranelift_flag_set(guard, guards) };
    }
    config
}

/// Slots for every instance that can be alive: those in a call, and those that handles keep for the next one.
fn pool(limits: &Limits, max_parallel: usize) -> InstanceAllocationStrategy {
    let live = u32::try_from(max_parallel.saturating_mul(16)).unwrap_or(u32::MAX).clamp(64, 1024);
    // Bytes that are cleared by writing when an instance goes, the rest by giving pages back to the system.
    // Where the system reports which pages were written (Linux 6.7), only those are cleared; elsewhere all up
    // to here, so few is better.
    let keep_resident = if PoolingAllocationConfig::is_pagemap_scan_available() { 4 << 20 } else { 64 << 10 };
    InstanceAllocationStrategy::Pooling(pool_of(limits, live, 4 << 20, keep_resident))
}

/// A pool of so many instances, whose own data have at most `instance_bytes`.
fn pool_of(
    limits: &Limits,
    live: u32,
    instance_bytes: usize,
    keep_resident: usize,
) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(live)
        .total_core_instances(live.saturating_mul(limits.instances))
        .max_core_instances_per_component(limits.instances)
        .max_component_instance_size(instance_bytes)
        .max_core_instance_size(instance_bytes)
        .total_memories(live * MEMORIES_PER_INSTANCE as u32)
        .max_memories_per_component(MEMORIES_PER_INSTANCE as u32)
        .max_memory_size(limits.memory_bytes())
        .total_tables(live * TABLES_PER_INSTANCE as u32)
        .max_tables_per_component(TABLES_PER_INSTANCE as u32)
        .max_tables_per_module(TABLES_PER_INSTANCE as u32)
        .table_elements(limits.table_elements as usize)
        .total_stacks(0) // no call is asynchronous
        .pagemap_scan(Enabled::Auto)
        .linear_memory_keep_resident(keep_resident)
        .table_keep_resident(keep_resident);
    pool
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without it the engine would quietly go on without a pool.
    #[test]
    fn the_pool_fits_the_configuration_whatever_the_limit_on_memory() {
        for memory_mib in [1, Limits::default().memory_mib, 1 << 10] {
            let limits = Limits { memory_mib, ..Limits::default() };
            let pooled = Engine::new(config(&limits).allocation_strategy(pool(&limits, 2)));
            assert!(pooled.is_ok(), "{memory_mib}: {:?}", pooled.err());
        }
        let limits = runner_limits(&Limits::default());
        let pool = pool_for_runners(&limits, 2);
        let pooled = Engine::new(config_for_runners(&limits).allocation_strategy(pool));
        assert!(pooled.is_ok(), "{:?}", pooled.err());
    }
}
