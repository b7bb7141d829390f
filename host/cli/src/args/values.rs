//! Values as they are typed. What a parser here refuses is an error of the command line, and says what the value must be.

use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde_json::Value;
use ts_plugin::Role;

/// A whole number within bounds.
fn whole<T: FromStr + PartialOrd + Display>(text: &str, range: RangeInclusive<T>) -> Result<T, String> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("must be a whole number from {} to {}", range.start(), range.end()))
}

/// A number of threads.
pub(super) fn threads(text: &str) -> Result<usize, String> {
    whole(text, 0..=1024)
}

/// A number that bounds something; to a million, so that nothing overflows.
pub(super) fn at_least_one(text: &str) -> Result<usize, String> {
    whole(text, 1..=1_000_000)
}

/// A number of draws.
#[cfg(feature = "training")]
pub(super) fn draws(text: &str) -> Result<u32, String> {
    whole(text, 1..=1_000_000)
}

/// A number of things, none among them.
pub(super) fn count(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| "must be a whole number from 0".to_owned())
}

/// A time in seconds, to a day.
pub(super) fn seconds(text: &str) -> Result<u64, String> {
    whole(text, 1..=86_400).map_err(|must| must.replace("number", "number of seconds"))
}

/// A seed; what TOML has room for.
#[cfg(feature = "training")]
pub(super) fn seed(text: &str) -> Result<i64, String> {
    whole(text, 0..=i64::MAX)
}

/// An amount of something, more than none.
#[cfg(feature = "training")]
pub(super) fn amount(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if number > 0.0 && f64::is_finite(number) => Ok(number),
        _ => Err("must be a number above 0".to_owned()),
    }
}

/// A seed among several.
#[cfg(feature = "training")]
pub(super) fn seeds(text: &str) -> Result<u64, String> {
    seed(text).map(i64::unsigned_abs).map_err(|must| format!("each {must}"))
}

/// KEY=VALUE, the value JSON, or else a text as it stands.
pub(super) fn key_value(text: &str) -> Result<(String, Value), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
            Ok((key.trim().to_owned(), value))
        }
        _ => Err("must be KEY=VALUE".to_owned()),
    }
}

/// A role, as the contract or as recipes write it.
pub(super) fn role(text: &str) -> Result<Role, String> {
    let name = text.replace('_', "-");
    let role = Role::ALL.into_iter().find(|role| role.interface() == name);
    role.ok_or_else(|| {
        let names = || Role::ALL.into_iter().map(Role::interface);
        let meant = ts_text::nearest(text, names()).map(|name| format!("; did you mean {name}?"));
        format!("must be one of {}{}", names().collect::<Vec<_>>().join(", "), meant.unwrap_or_default())
    })
}

/// A role that a plugin is called in by itself.
pub(super) fn called_role(text: &str) -> Result<Role, String> {
    match role(text)? {
        Role::Runner => Err("a runner is called by verifiers alone".to_owned()),
        role => Ok(role),
    }
}

/// An address to listen at.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
        let meant = match port.parse::<u16>() {
            Ok(port) if matches!(host, "" | "localhost") => format!("; did you mean 127.0.0.1:{port}?"),
            Ok(_) => String::new(),
            Err(_) => "; a port is a number from 0 to 65535".to_owned(),
        };
        format!("must be an address and a port, such as 127.0.0.1:8377 or [::1]:8377{meant}")
    })
}

/// A date for a chat template.
#[cfg(feature = "training")]
pub(super) fn date(text: &str) -> Result<ts_model::chat::Date, String> {
    text.parse().map_err(|_| "must be a date such as 2026-03-07".to_owned())
}

/// A device, as recipes write it.
#[cfg(feature = "training")]
pub(super) fn device(text: &str) -> Result<String, String> {
    match ts_recipe::is_device(text) {
        true => Ok(text.to_owned()),
        false => Err("must be cpu, or cuda:N with the number of a GPU, such as cuda:0".to_owned()),
    }
}

/// A number format, as recipes write it, or as PyTorch does.
#[cfg(feature = "training")]
pub(super) fn dtype(text: &str) -> Result<ts_recipe::Dtype, String> {
    match text {
        "f32" | "float32" => Ok(ts_recipe::Dtype::F32),
        "bf16" | "bfloat16" => Ok(ts_recipe::Dtype::Bf16),
        "f16" | "float16" => Ok(ts_recipe::Dtype::F16),
        _ => Err("must be f32, bf16 or f16".to_owned()),
    }
}
