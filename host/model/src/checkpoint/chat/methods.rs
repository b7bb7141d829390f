//! Python's methods of texts, lists and dictionaries, paid for.
//!
//! In: a method that a template calls. Out: what `minijinja-contrib`'s version of it gives. The engine pays
//! for what a method returns, but only afterwards, and not for the work: here both are paid for before the
//! method is called, and what cannot be foreseen is refused.

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, State, Value};
use minijinja_contrib::pycompat::unknown_method_callback;

/// Bytes that one unit of fuel pays for.
const BYTES_PER_FUEL: usize = 64;

/// Fuel for each byte of a text that is split: a piece takes far more memory than a byte.
const FUEL_PER_SPLIT_BYTE: usize = 1;

/// Most digits of a number in a format: a width or a precision.
const MAX_FORMAT_DIGITS: usize = 3;

/// Calls a method.
pub(super) fn call(
    state: &mut State<'_, '_>,
    value: &Value,
    method: &str,
    args: &[Value],
) -> Result<Value, Error> {
    let text = value.as_str();
    let bytes = text.map_or(0, str::len) + args.iter().map(n_bytes).sum::<usize>();
    pay(state, bytes)?;
    match (text, method, args) {
        (Some(_), "join", [items]) => return state.apply_filter("join", &[items.clone(), value.clone()]),
        (Some(text), "replace", [old, new, ..]) => {
            if let (Some(old), Some(new)) = (old.as_str(), new.as_str()) {
                pay(state, text.matches(old).count().saturating_mul(new.len()))?;
            }
        }
        (Some(text), "strip" | "lstrip" | "rstrip", [chars]) => {
            pay(state, text.len().saturating_mul(n_bytes(chars)))?;
        }
        (Some(text), "split" | "splitlines", _) => {
            pay(state, text.len() * FUEL_PER_SPLIT_BYTE * BYTES_PER_FUEL)?
        }
        (Some(text), "format", args) => pay(state, formatted_bytes(text, args)?)?,
        (Some(_), "startswith" | "endswith", [affixes]) if affixes.as_str().is_none() => {
            for affix in affixes.try_iter()? {
                pay(state, BYTES_PER_FUEL + n_bytes(&affix))?;
            }
        }
        (None, "count", [what]) if value.kind() == ValueKind::Seq => return count(state, value, what),
        (None, "get", [key, ..]) if !is_plain(key) => {
            return Err(refused("a key that is not text or number"));
        }
        _ => {}
    }
    unknown_method_callback(state, value, method, args)
}

/// How often a list holds a text or a number. Lists in it are other values, and are not looked into.
fn count(state: &State<'_, '_>, list: &Value, what: &Value) -> Result<Value, Error> {
    if !is_plain(what) {
        return Err(refused("counting what is not text or number"));
    }
    let mut n_found = 0;
    for item in list.try_iter()? {
        pay(state, BYTES_PER_FUEL + n_bytes(&item).min(n_bytes(what)))?;
        n_found += usize::from(is_plain(&item) && item == *what);
    }
    Ok(n_found.into())
}

/// At most so many bytes come of a format and what is put into it.
fn formatted_bytes(format: &str, args: &[Value]) -> Result<usize, Error> {
    if !args.iter().all(is_plain) {
        return Err(refused("formatting what is not text or number"));
    }
    let (mut n_digits, mut is_open) = (0, false);
    for c in format.replace("{{", "").replace("}}", "").chars() {
        match c {
            '{' if is_open => return Err(refused("a field within a field of a format")),
            '{' => is_open = true,
            '}' => is_open = false,
            _ => {}
        }
        n_digits = if is_open && c.is_ascii_digit() { n_digits + 1 } else { 0 };
        if n_digits > MAX_FORMAT_DIGITS {
            return Err(refused("a number of more than three digits in a format"));
        }
    }
    let longest = args.iter().map(n_bytes).max().unwrap_or(0) + 2 * 10_usize.pow(MAX_FORMAT_DIGITS as u32);
    Ok(format.matches('{').count().saturating_mul(longest))
}

/// A value that nothing is in.
fn is_plain(value: &Value) -> bool {
    matches!(
        value.kind(),
        ValueKind::String | ValueKind::Number | ValueKind::Bool | ValueKind::None | ValueKind::Undefined
    )
}

fn n_bytes(value: &Value) -> usize {
    value.as_str().map_or(0, str::len)
}

pub(super) fn pay(state: &State<'_, '_>, bytes: usize) -> Result<(), Error> {
    state.consume_fuel(bytes.div_ceil(BYTES_PER_FUEL) as u64)
}

fn refused(what: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("{what} is not implemented in methods"))
}
