//! Numbers of bytes: products that do not overflow, and how people read them.

/// The product of counts and sizes; the largest number there is if that is too small for it.
pub(super) fn product<const N: usize>(factors: [usize; N]) -> u64 {
    factors.iter().fold(1, |product: u64, &factor| product.saturating_mul(factor as u64))
}

/// A number of bytes as people read it, in units of 1,024: `812 KiB`, `3.4 GiB`.
pub fn human(bytes: u64) -> String {
    let units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    let Some((shift, unit)) = units.into_iter().find(|(shift, _)| bytes >> shift > 0) else {
        return format!("{bytes} bytes");
    };
    let number = bytes as f64 / (1_u64 << shift) as f64;
    // Three digits at most: what they stand for is a bound.
    if number < 9.95 { format!("{number:.1} {unit}") } else { format!("{number:.0} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_saturate() {
        assert_eq!(product([2, 3, 7]), 42);
        assert_eq!(product([usize::MAX, 2]), u64::MAX);
        assert_eq!(product([usize::MAX, usize::MAX, 0]), 0);
    }

    #[test]
    fn people_read_three_digits() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1.0 KiB"),
            (10_188, "9.9 KiB"),
            (10_240, "10 KiB"),
            (812 << 10, "812 KiB"),
            (3 << 29, "1.5 GiB"),
            (u64::MAX, "16777216 TiB"),
        ] {
            assert_eq!(human(bytes), text);
        }
    }
}
