//! GPUs: how one is opened, what memory it has, and whether an error says that there was none left.
//!
//! In: a GPU's number. Out: candle's device. Without the feature `cuda` there is no GPU.

use candle_core::{Device, Error, Result};

use crate::error::without_backtrace;

/// The GPU of this number, counted from 0, for all threads.
///
/// candle has two kinds of device for the same GPU. One gives every thread a queue of work of its own, and nothing makes the queues
/// wait for each other, so that what a worker computed could be read before it is there. This is the other, with one queue for all
/// threads. Tensors of two devices do not mix, even of the same GPU: open one once.
///
/// # Errors
/// If there is no such GPU, or this is a build without the feature `cuda`.
pub fn cuda(ordinal: usize) -> Result<Device> {
    if cfg!(not(feature = "cuda")) {
        return Err(Error::Msg("this ts-host was built without support for GPUs".to_owned()));
    }
    Device::new_cuda_with_stream(ordinal).map_err(without_backtrace)
}

/// Bytes of a GPU's memory that are free now, when all that was begun on it has ended; none for the CPU.
pub fn free_memory(device: &Device) -> Option<u64> {
    of_cuda::free_memory(device)
}

/// Whether a GPU had no memory left.
pub fn is_out_of_memory(error: &Error) -> bool {
    match error {
        Error::Context { inner, .. } | Error::WithPath { inner, .. } | Error::WithBacktrace { inner, .. } => {
            is_out_of_memory(inner)
        }
        Error::Cuda(error) => of_cuda::is_out_of_memory(&**error),
        _ => false,
    }
}

#[cfg(feature = "cuda")]
mod of_cuda {
    use candle_core::Device;
    use candle_core::cuda::CudaError;
    use candle_core::cuda::cudarc::cublas::sys::cublasStatus_t;
    use candle_core::cuda::cudarc::driver::sys::CUresult;

    pub(super) fn free_memory(device: &Device) -> Option<u64> {
        let Device::Cuda(cuda) = device else { return None };
        let stream = cuda.cuda_stream();
        // Memory that was freed is given back when the queue is empty.
        stream.synchronize().ok()?;
        let (free, _) = stream.context().mem_get_info().ok()?;
        u64::try_from(free).ok()
    }

    pub(super) fn is_out_of_memory(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
        match error.downcast_ref() {
            Some(CudaError::Cuda(error)) => error.0 == CUresult::CUDA_ERROR_OUT_OF_MEMORY,
            Some(CudaError::Cublas(error)) => error.0 == cublasStatus_t::CUBLAS_STATUS_ALLOC_FAILED,
            _ => false,
        }
    }

    #[cfg(test)]
    mod tests {
        use candle_core::Error;
        use candle_core::cuda::cudarc::driver::DriverError;

        use super::*;

        #[test]
        fn want_of_memory_is_told_from_other_errors() {
            let of = |result| Error::Cuda(Box::new(CudaError::Cuda(DriverError(result))));
            let is_out_of_memory = crate::device::is_out_of_memory;
            assert!(is_out_of_memory(&of(CUresult::CUDA_ERROR_OUT_OF_MEMORY)));
            assert!(is_out_of_memory(&of(CUresult::CUDA_ERROR_OUT_OF_MEMORY).context("a layer")));
            assert!(!is_out_of_memory(&of(CUresult::CUDA_ERROR_INVALID_VALUE)));
            assert!(!is_out_of_memory(&Error::Msg("out of memory".into())));
        }
    }
}

#[cfg(not(feature = "cuda"))]
mod of_cuda {
    use candle_core::Device;

    pub(super) fn free_memory(_: &Device) -> Option<u64> {
        None
    }

    pub(super) fn is_out_of_memory(_: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
        false
    }

    #[cfg(test)]
    mod tests {
        #[test]
        fn a_build_without_the_feature_says_so() {
            let error = crate::device::cuda(0).unwrap_err();
            assert!(error.to_string().contains("built without support for GPUs"), "{error}");
            assert_eq!(crate::device::free_memory(&super::Device::Cpu), None);
        }
    }
}
