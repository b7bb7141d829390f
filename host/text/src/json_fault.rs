//! What is wrong with JSON that stands in one line of a file.

use std::fmt::Display;

/// The message of a JSON parser without the number of the line, which is always 1 and not the file's.
///
/// ```
/// assert_eq!(ts_text::json_fault("expected ident at line 1 column 2"), "expected ident at column 2");
/// ```
pub fn json_fault(error: impl Display) -> String {
    error.to_string().replacen(" at line 1 column ", " at column ", 1)
}
