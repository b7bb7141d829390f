//! Names of plugins, as the contract wants them: lower case, words joined by `_`.
//!
//! In: a name as typed, its words joined by `_` or by `-`. Out: the name with `_`. No other name is mended.

use crate::Error;

/// The name as a plugin describes itself, or what is wrong with it.
pub(crate) fn checked(name: &str) -> Result<String, Error> {
    let refused = |why| Err(Error::Name { name: name.to_owned(), why });
    if name.is_empty() {
        return refused("it is empty");
    }
    if !name.starts_with(|first: char| first.is_ascii_lowercase()) {
        return refused("it must begin with a lower-case letter of ASCII");
    }
    if !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-') {
        return refused("it may hold lower-case letters of ASCII, digits, and `_` or `-` between words");
    }
    if name.contains('_') && name.contains('-') {
        return refused("its words are joined by `_` and by `-`, and one must do");
    }
    if name.split(['_', '-']).any(str::is_empty) {
        return refused("a word of it is empty");
    }
    Ok(name.replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kebab_and_snake_are_one_name() {
        for name in ["my_grader", "my-grader"] {
            assert_eq!(checked(name).unwrap(), "my_grader");
        }
        assert_eq!(checked("g2").unwrap(), "g2");
    }

    #[test]
    fn other_names_are_refused() {
        for name in ["", "2g", "MyGrader", "my grader", "../x", "a__b", "a_", "-a", "a-b_c", "grä"] {
            assert!(checked(name).is_err(), "{name}");
        }
    }
}
