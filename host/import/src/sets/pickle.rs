//! One text out of a pickle: all that LiveCodeBench's private tests need.
//!
//! In: a pickle of protocol 2 to 5. Out: its text. A pickle is a program; this reads a text out of it without
//! running it.

/// The text that a pickle holds.
///
/// # Errors
///
/// It holds anything else.
pub(super) fn text(pickle: &[u8]) -> Result<&str, String> {
    let mut at = 0;
    loop {
        let (length, head) = match pickle.get(at..) {
            Some([0x80, _, ..]) => (0, 2),
            // A frame, and what keeps a value for later.
            Some([0x95, ..]) => (0, 9),
            Some([0x94, ..]) => (0, 1),
            Some([0x8c, length, ..]) => (usize::from(*length), 2),
            Some([b'X', a, b, c, d, ..]) => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, 5),
            Some([0x8d, rest @ ..]) => {
                let length = rest.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
                (length.and_then(|length| usize::try_from(length).ok()).unwrap_or(usize::MAX), 9)
            }
            _ => return Err("it is not a pickled text".to_owned()),
        };
        let is_text = matches!(pickle[at], 0x8c | b'X' | 0x8d);
        at += head;
        if is_text {
            let bytes = at
                .checked_add(length)
                .and_then(|end| pickle.get(at..end))
                .ok_or("the pickle is cut short")?;
            return std::str::from_utf8(bytes).map_err(|_| "its text is not UTF-8".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_of_text() {
        assert_eq!(text(b"\x80\x04\x8c\x02ab\x94."), Ok("ab"));
        assert_eq!(text(b"\x80\x02X\x02\x00\x00\x00abq\x00."), Ok("ab"));
        assert_eq!(text(b"\x80\x04\x8d\x02\x00\x00\x00\x00\x00\x00\x00ab."), Ok("ab"));
        for bad in [
            &b"\x80\x04\x8c\x09ab"[..],
            b"\x80\x04K\x01.",
            b"",
            b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xffab",
        ] {
            assert!(text(bad).is_err(), "{bad:?}");
        }
    }
}
