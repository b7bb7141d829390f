//! Numbers as they are typed.

/// A number of threads.
pub(super) fn threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 0..=1024) => Ok(number),
        _ => Err("must be a whole number from 0 to 1024".to_owned()),
    }
}

/// A number that bounds something; to a million, so that nothing overflows.
pub(super) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=1_000_000) => Ok(number),
        _ => Err("must be a whole number from 1 to 1000000".to_owned()),
    }
}
