//! Numbers of a tensor that are none: NaN, infinite, or too large for the format that they are to be
//! converted to.
//!
//! In: a tensor's bytes. Out: the first such number, and its place. One of them makes every logit NaN, which
//! shows hours later and far from its cause.

use candle_core::DType;
use half::{bf16, f16};

/// The smallest magnitude that rounds to infinity in half precision.
const F16_OVERFLOW: f32 = 65520.0;
/// The same for bfloat16: half a unit in the last place above the largest.
const BF16_OVERFLOW: f32 = f32::from_bits(0x7F7F_8000);

/// Index and value of the first number that is not finite in `stored`, or would not be in `target`.
///
/// A magnitude's bits, read as an integer, are in the order of the magnitudes, with infinity and NaN above
/// all others.
pub(super) fn first_not_finite(bytes: &[u8], stored: DType, target: DType) -> Option<(usize, f64)> {
    let limit = match target {
        DType::F16 => F16_OVERFLOW,
        DType::BF16 => BF16_OVERFLOW,
        _ => f32::INFINITY,
    };
    match stored {
        DType::F16 => {
            let limit = f16::INFINITY.to_bits();
            first::<2>(bytes, |b| u16::from_le_bytes(b) & 0x7FFF >= limit)
                .map(|(index, b)| (index, f16::from_le_bytes(b).to_f64()))
        }
        DType::BF16 => {
            // A number of this format reaches the limit if it is that or more when it is widened.
            let limit = limit.to_bits().div_ceil(1 << 16) as u16;
            first::<2>(bytes, |b| u16::from_le_bytes(b) & 0x7FFF >= limit)
                .map(|(index, b)| (index, bf16::from_le_bytes(b).to_f64()))
        }
        _ => {
            let limit = limit.to_bits();
            first::<4>(bytes, |b| u32::from_le_bytes(b) & 0x7FFF_FFFF >= limit)
                .map(|(index, b)| (index, f64::from(f32::from_le_bytes(b))))
        }
    }
}

/// The first number that is bad. Looks at many before it decides, so that the loop has no branch.
fn first<const N: usize>(bytes: &[u8], is_bad: impl Fn([u8; N]) -> bool) -> Option<(usize, [u8; N])> {
    const BLOCK: usize = 1024;
    let (numbers, _) = bytes.as_chunks::<N>();
    let block =
        numbers.chunks(BLOCK).position(|block| block.iter().fold(false, |any, &b| any | is_bad(b)))?;
    let start = block * BLOCK;
    let offset = numbers[start..].iter().position(|&b| is_bad(b))?;
    Some((start + offset, numbers[start + offset]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_f32(value: f32, target: DType) -> bool {
        let mut values = vec![1.0_f32; 3000];
        values[2500] = value;
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        match first_not_finite(&bytes, DType::F32, target) {
            None => true,
            Some((index, found)) => {
                assert_eq!((index, found.to_bits()), (2500, f64::from(value).to_bits()));
                false
            }
        }
    }

    #[test]
    fn what_is_no_number_is_found_and_what_would_be_none() {
        for target in [DType::F32, DType::F16, DType::BF16] {
            for value in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                assert!(!check_f32(value, target), "{value}");
            }
            for value in [0.0, -0.0, f32::MIN_POSITIVE, 1e-45, -65504.0] {
                assert!(check_f32(value, target), "{value}");
            }
        }
        for value in [65519.99, 65520.0, 1e38, 3.39e38, f32::MAX, f32::from_bits(0x7F7F_7FFF), BF16_OVERFLOW]
        {
            assert_eq!(check_f32(value, DType::F16), f16::from_f32(value).is_finite(), "{value}");
            assert_eq!(check_f32(-value, DType::BF16), bf16::from_f32(value).is_finite(), "{value}");
            assert!(check_f32(value, DType::F32));
        }
    }

    #[test]
    fn half_formats_are_read_bit_by_bit() {
        for bits in 0..=u16::MAX {
            let bytes = bits.to_le_bytes();
            let finite = |stored, target| first_not_finite(&bytes, stored, target).is_none();
            assert_eq!(finite(DType::F16, DType::F32), f16::from_bits(bits).is_finite());
            assert_eq!(finite(DType::BF16, DType::F32), bf16::from_bits(bits).is_finite());
            assert_eq!(finite(DType::BF16, DType::BF16), bf16::from_bits(bits).is_finite());
            let as_half = f16::from_f32(bf16::from_bits(bits).to_f32());
            assert_eq!(finite(DType::BF16, DType::F16), as_half.is_finite());
        }
    }
}
