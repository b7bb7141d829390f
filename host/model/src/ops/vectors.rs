//! Plain loops compiled for wide vectors.
//!
//! In: a function whose loops vectorise. Out: the same function, compiled three times, which calls the version for the widest
//! vectors that the machine has. The three give the same bits, because Rust contracts no products and sums. Processors other
//! than x86-64 take the plain version.

/// Compiles a function for several instruction sets and calls the best that the machine has.
macro_rules! widest_vectors {
    ($(#[$meta:meta])* $visibility:vis fn $name:ident $(<$generic:ident: $bound:ident>)? ($($argument:ident: $kind:ty),* $(,)?) $(-> $result:ty)? $body:block) => {
        $(#[$meta])*
        $visibility fn $name $(<$generic: $bound>)? ($($argument: $kind),*) $(-> $result)? {
            #[inline(always)]
            fn plain $(<$generic: $bound>)? ($($argument: $kind),*) $(-> $result)? $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw")]
                fn avx512 $(<$generic: $bound>)? ($($argument: $kind),*) $(-> $result)? {
                    plain($($argument),*)
                }

                #[target_feature(enable = "avx2")]
                fn avx2 $(<$generic: $bound>)? ($($argument: $kind),*) $(-> $result)? {
                    plain($($argument),*)
                }

                if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") {
                    // SAFETY: the line above saw that the machine has all that `avx512` asks for.
                    return unsafe { avx512($($argument),*) };
                }
                if is_x86_feature_detected!("avx2") {
                    // SAFETY: the line above saw that the machine has AVX2, all that `avx2` asks for.
                    return unsafe { avx2($($argument),*) };
                }
            }
            plain($($argument),*)
        }
    };
}

pub(crate) use widest_vectors;

/// Has the memory `entries` after the beginning of `from` fetched, which may lie beyond it.
#[inline(always)]
pub(crate) fn prefetch<T>(from: &[T], entries: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let address = from.as_ptr().wrapping_add(entries);
        // SAFETY: every x86-64 processor has the instruction, and it faults on no address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (from, entries);
}
