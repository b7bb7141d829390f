//! What the kernels for products in bf16 cost beside each other, and beside products in f32: processor time on one thread.
//!
//! `cargo run --release -p ts-model --example bench_bf16 [ROUNDS]`
//!
//! Products of 1 to 512 rows by a matrix of 1536 by 576 numbers, as in SmolLM2-135M, by every kernel that the processor has. Each round
//! goes through all of them in turn; a figure is the median of the rounds, and a ratio is that of the median times.

mod usage;

use std::error::Error;

use candle_core::{DType, Device, Tensor};
use ts_model::ops::bf16::{Kernel, PackedWeight, product_by};
use ts_model::shards::{CANDLE_THREADS_VARIABLE, Workers};
use ts_model::{ModelError, ops};
use usage::processor_seconds;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const OUTPUTS: usize = 1536;
const INPUTS: usize = 576;
/// Rows of all products of one measurement together.
const ROWS: usize = 4096;

fn main() -> Result<(), Box<dyn Error>> {
    // SAFETY: this is the first statement of the program, so no other thread exists that could read the environment.
    unsafe { std::env::set_var(CANDLE_THREADS_VARIABLE, "1") };
    let rounds: usize = std::env::args().nth(1).map_or(Ok(9), |text| text.parse())?;
    Workers::new(1)?.map_ordered(vec![()], |()| compare(rounds))?;
    Ok(())
}

fn compare(rounds: usize) -> Result<(), ModelError> {
    let device = Device::Cpu;
    let weight = Tensor::randn(0.0_f32, 1.0, (OUTPUTS, INPUTS), &device)?;
    let packed = PackedWeight::frozen(&weight.to_dtype(DType::BF16)?, false)?;
    let kernels = Kernel::available();
    println!(
        "GFLOP/s of a core; in brackets how many times as fast as the plain kernel, median of {rounds} rounds"
    );
    for rows in [1, 8, 64, 512] {
        let x = Tensor::randn(0.0_f32, 1.0, (rows, INPUTS), &device)?;
        let numbers = x.flatten_all()?.to_vec1::<f32>()?;
        let mut out = vec![0.0; rows * OUTPUTS];
        // Of each kernel, and then of f32.
        let mut seconds = vec![Vec::with_capacity(rounds); kernels.len() + 1];
        for _ in 0..rounds {
            for (kernel, seconds) in kernels.iter().zip(&mut seconds) {
                let began = processor_seconds();
                for _ in 0..ROWS / rows {
                    product_by(*kernel, &numbers, &packed, &mut out);
                }
                seconds.push(processor_seconds() - began);
            }
            let began = processor_seconds();
            for _ in 0..ROWS / rows {
                ops::linear(&x, &weight, None)?;
            }
            seconds[kernels.len()].push(processor_seconds() - began);
        }
        let medians: Vec<f64> = seconds.into_iter().map(median).collect();
        let plain = medians[kernels.len() - 1];
        let figures = medians.iter().map(|seconds| {
            let operations = (2 * ROWS * OUTPUTS * INPUTS) as f64;
            format!("{:.0} ({:.2})", operations / seconds / 1e9, plain / seconds)
        });
        let names = kernels.iter().map(|kernel| format!("{kernel:?}")).chain(["f32".to_owned()]);
        let all: Vec<String> = names.zip(figures).map(|(name, figure)| format!("{name} {figure}")).collect();
        println!("{rows:>4} rows: {}", all.join(", "));
    }
    Ok(())
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
