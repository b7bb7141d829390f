//! Bytes, such as a digest, in hexadecimal.

/// The lower-case hexadecimal digits of some bytes, two for each.
///
/// ```
/// assert_eq!(ts_text::hexadecimal(&[0, 171, 255]), "00abff");
/// ```
pub fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits_of = |byte: &u8| [byte >> 4, byte & 15].map(|digit| char::from(DIGITS[usize::from(digit)]));
    bytes.iter().flat_map(digits_of).collect()
}
