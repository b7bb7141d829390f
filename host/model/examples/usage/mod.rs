//! What a process has used so far, as Linux counts it, and what it is asked for: for the benchmarks beside this folder.
#![allow(dead_code, reason = "each benchmark measures some of it")]

use std::error::Error;

use candle_core::DType;
use rustix::time::{ClockId, clock_gettime};
use ts_model::ModelConfig;

/// Seconds of processor time, of all threads.
pub(crate) fn processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// Bytes that `/proc/self/status` has under a name, such as `VmHWM:`, the largest resident memory.
pub(crate) fn status(name: &str) -> Result<u64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such line")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}

/// The number format that an argument names.
pub(crate) fn dtype_named(name: &str) -> Result<DType, Box<dyn Error>> {
    match name {
        "f32" => Ok(DType::F32),
        "bf16" => Ok(DType::BF16),
        other => Err(format!("{other}: must be f32 or bf16").into()),
    }
}

/// SmolLM2-135M's shape.
pub(crate) fn smollm2() -> ModelConfig {
    ModelConfig::tiny(49_152, 576, 1536, 30, (9, 3))
}
