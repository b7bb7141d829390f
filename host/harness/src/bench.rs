//! What calls cost: how many a second, how long each takes, fuel and memory.
//!
//! In: an opened plugin and inputs. Out: [`Cost`]. Two plugins are compared by measuring both on one quiet
//! machine.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::handle::{Handle, Input};

/// What some calls cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Cost {
    /// Calls made.
    pub calls: usize,
    /// Calls that failed.
    pub failed: usize,
    /// Calls a second, of all threads together.
    pub calls_per_second: f64,
    /// How long a call took, starting its instance and turning its output into JSON included: the 50th, 90th
    /// and 99th percentile, and the longest.
    pub percentiles: [Duration; 4],
    /// Mean and most fuel of a call, units.
    pub fuel: (f64, u64),
    /// Most memory that an instance held, bytes.
    pub memory: u64,
}

/// Calls the plugin on every input in turn, for about so long; at least once each.
pub fn bench(handle: &Handle, inputs: &[Input], threads: usize, time: Duration) -> Cost {
    let next = AtomicUsize::new(0);
    let began = Instant::now();
    let work = || {
        let (mut took, mut failed, mut fuel, mut memory) = (Vec::new(), 0, (0_u128, 0), 0);
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= inputs.len() && began.elapsed() >= time {
                return (took, failed, fuel, memory);
            }
            let Some(input) = inputs.get(at % inputs.len().max(1)) else {
                return (took, failed, fuel, memory);
            };
            let start = Instant::now();
            let answered = handle.call(input);
            took.push(start.elapsed());
            failed += usize::from(answered.failed.is_some());
            let used = answered.fuel.unwrap_or(0);
            fuel = (fuel.0 + u128::from(used), fuel.1.max(used));
            memory = memory.max(answered.memory);
        }
    };
    let parts: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    let elapsed = began.elapsed().as_secs_f64();
    let mut took: Vec<Duration> = parts.iter().flat_map(|part| part.0.iter().copied()).collect();
    took.sort_unstable();
    let at = |share: f64| {
        let last = took.len().saturating_sub(1);
        took.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
    };
    Cost {
        calls: took.len(),
        failed: parts.iter().map(|part| part.1).sum(),
        calls_per_second: took.len() as f64 / elapsed,
        percentiles: [at(0.5), at(0.9), at(0.99), at(1.0)],
        fuel: (
            parts.iter().map(|part| part.2.0).sum::<u128>() as f64 / took.len().max(1) as f64,
            parts.iter().map(|part| part.2.1).max().unwrap_or(0),
        ),
        memory: parts.iter().map(|part| part.3).max().unwrap_or(0),
    }
}
