//! What memory a GPU has, and the end of it.

use candle_core::{DType, Tensor};
use ts_model::ModelError;
use ts_model::memory::{Available, Bound};

use crate::gpu;

#[test]
fn free_memory_shrinks_by_what_is_taken_and_comes_back() {
    const MIB: u64 = 1 << 20;
    let free = || Available::on_gpu(&gpu()).unwrap();
    assert_eq!(free().bound, Bound::Gpu);
    let before = free().bytes;
    assert!(before > 1024 * MIB, "{before} bytes free");
    let taken = Tensor::zeros((600, 1 << 20), DType::U8, &gpu()).unwrap();
    let during = free().bytes;
    drop(taken);
    let after = free().bytes;
    // Other tests take and give in the meantime.
    assert!(before > during + 300 * MIB && after > during + 300 * MIB, "{before}, {during}, {after}");
}

/// More than there is ends with an error that says so, and what comes after it is computed.
#[test]
fn want_of_memory_is_an_error_with_a_hint() {
    let error = Tensor::zeros((1 << 20, 1 << 22), DType::U8, &gpu()).unwrap_err();
    let error = ModelError::from(error);
    assert!(error.is_out_of_memory(), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("GPU")));
    let sum = Tensor::ones(1000, DType::F32, &gpu()).unwrap().sum_all().unwrap();
    assert_eq!(sum.to_scalar::<f32>().unwrap(), 1000.0);
}
