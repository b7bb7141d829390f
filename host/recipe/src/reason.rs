//! What is wrong with a value of a recipe, in the words of recipes.
//!
//! In: what serde says, which speaks of `struct`, `usize` and `variant`. Out: the key, what it must be, what it was, and
//! what may have been meant. serde gives its reasons as texts alone, of a few forms that have not changed since
//! 2017; a text of another form stays as it is.

use toml::{Table, Value};

/// The key at fault, with dots, and what is wrong with it or with its value. `path` is where serde was; `table` is the recipe as far
/// as it could be read.
pub(crate) fn reason(path: &str, said: &str, table: &Table) -> (String, String) {
    let path = if path == "." { "" } else { path };
    if let Some((field, expected)) = two(said, "unknown field `", "`, ") {
        let section = path.strip_suffix(field).map_or(path, |above| above.trim_end_matches('.'));
        return (joined(section, field), unknown_key(section, field, &names(expected), table));
    }
    (path.to_owned(), wrong_value(path, said))
}

fn wrong_value(path: &str, said: &str) -> String {
    if let Some((variant, expected)) = two(said, "unknown variant `", "`, ") {
        let names = names(expected);
        let meant = ts_text::nearest(variant, names.iter().copied());
        let meant = meant.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
        return format!("{path} must be {}, not `{variant}`{meant}", choice(&names));
    }
    let (was, expected) = match two(said, "invalid type: ", ", expected ") {
        Some(parts) => parts,
        None => match two(said, "invalid value: ", ", expected ") {
            Some(parts) => parts,
            None => match said.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
                Some(field) => {
                    let key = joined(path, field);
                    return format!(
                        "{key} is missing; `extends = \"default\"` at the top takes what is not said from there"
                    );
                }
                None if path.is_empty() => return said.to_owned(),
                None => return format!("{path}: {said}"),
            },
        },
    };
    // One text where several are meant needs its brackets alone.
    let as_list = match (expected, was.strip_prefix("string ")) {
        ("a sequence", Some(text)) => format!(", such as [{text}]"),
        _ => String::new(),
    };
    format!("{path} must be {}{as_list}, not {}", kind(expected), value(was))
}

/// A key that no recipe has: the one that was meant, or those that there are.
fn unknown_key(section: &str, field: &str, names: &[&str], table: &Table) -> String {
    let there_is_no = format!("a recipe has no `{}`", joined(section, field));
    if let Some(name) = ts_text::nearest(field, names.iter().copied()) {
        return format!("{there_is_no}; did you mean `{}`?", joined(section, name));
    }
    let here = joined(section, field);
    if let Some(elsewhere) = elsewhere(table, field).into_iter().find(|key| *key != here) {
        return format!("{there_is_no}; did you mean `{elsewhere}`?");
    }
    let of = if section.is_empty() { "its sections are".to_owned() } else { format!("[{section}] has") };
    format!("{there_is_no}; {of} {}", names.join(", "))
}

/// The keys with this last name, in any section.
fn elsewhere(table: &Table, name: &str) -> Vec<String> {
    let mut keys = Vec::new();
    for (key, value) in table {
        let Value::Table(inner) = value else { continue };
        let here = inner.get(name).filter(|value| !value.is_table()).map(|_| name.to_owned());
        keys.extend(here.into_iter().chain(elsewhere(inner, name)).map(|inner| format!("{key}.{inner}")));
    }
    keys
}

fn joined(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}

/// The texts between a beginning and a mark, and behind the mark.
fn two<'a>(said: &'a str, begin: &str, mark: &str) -> Option<(&'a str, &'a str)> {
    said.strip_prefix(begin)?.split_once(mark)
}

/// The names in serde's "expected one of `a`, `b`".
fn names(expected: &str) -> Vec<&str> {
    expected.split('`').skip(1).step_by(2).collect()
}

/// Names as a choice: "`a`, `b` or `c`".
fn choice(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => "nothing".to_owned(),
    }
}

/// What a type of ours is called in a recipe.
fn kind(expected: &str) -> &str {
    match expected {
        "f64" | "f32" => "a number",
        "usize" | "u64" | "u32" | "u16" | "u8" => "a whole number from 0",
        "i64" | "i32" => "a whole number",
        "a boolean" => "true or false",
        "a string" => "a text",
        "a sequence" => "a list",
        "a map" => "a table",
        name if name.starts_with("struct ") => "a table",
        other => other,
    }
}

/// A value as it was written.
fn value(was: &str) -> String {
    let inner = |begin: &str| was.strip_prefix(begin)?.strip_suffix('`');
    let number = inner("integer `").or_else(|| inner("floating point `")).or_else(|| inner("boolean `"));
    match (was, number) {
        (_, Some(number)) => number.to_owned(),
        ("map", _) => "a table".to_owned(),
        ("sequence", _) => "a list".to_owned(),
        _ => was.replacen("string ", "the text ", 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_name_the_key_and_what_it_must_be() {
        let table = "[train]\nbeta = 0.1\nq = 1\n[sample]\nn_samples = 4\n[a.b]\ndeep = 1";
        let table: Table = table.parse().unwrap();
        for (path, said, ours) in [
            (
                "train.bta",
                "unknown field `bta`, expected one of `lambda`, `beta`",
                "a recipe has no `train.bta`; did you mean `train.beta`?",
            ),
            (
                "train",
                "unknown field `bta`, expected `beta` or `eta`",
                "a recipe has no `train.bta`; did you mean `train.beta`?",
            ),
            (
                ".",
                "unknown field `trian`, expected one of `run`, `train`",
                "a recipe has no `trian`; did you mean `train`?",
            ),
            (
                ".",
                "unknown field `beta`, expected one of `run`, `train`",
                "a recipe has no `beta`; did you mean `train.beta`?",
            ),
            (
                "train",
                "unknown field `n_samples`, expected one of `beta`",
                "a recipe has no `train.n_samples`; did you mean `sample.n_samples`?",
            ),
            (
                "train",
                "unknown field `deep`, expected one of `beta`",
                "a recipe has no `train.deep`; did you mean `a.b.deep`?",
            ),
            (
                "train",
                "unknown field `q`, expected one of `beta`, `lambda`",
                "a recipe has no `train.q`; [train] has beta, lambda",
            ),
            (
                "sampler.kind",
                "unknown variant `vllm`, expected `local` or `openai`",
                "sampler.kind must be `local` or `openai`, not `vllm`",
            ),
            (
                "s",
                "unknown variant `cosin`, expected one of `linear`, `cosine`, `none`",
                "s must be `linear`, `cosine` or `none`, not `cosin`; did you mean `cosine`?",
            ),
            (
                "train.beta",
                "invalid type: string \"much\", expected f64",
                "train.beta must be a number, not the text \"much\"",
            ),
            (
                "train.steps",
                "invalid value: integer `-1`, expected usize",
                "train.steps must be a whole number from 0, not -1",
            ),
            (
                "train.lora",
                "invalid type: boolean `true`, expected struct LoraSection",
                "train.lora must be a table, not true",
            ),
            (
                "sampler.urls",
                "invalid type: map, expected a sequence",
                "sampler.urls must be a list, not a table",
            ),
            (
                "sampler.urls",
                "invalid type: string \"http://a/v1\", expected a sequence",
                "sampler.urls must be a list, such as [\"http://a/v1\"], not the text \"http://a/v1\"",
            ),
            (
                "train",
                "missing field `beta`",
                "train.beta is missing; `extends = \"default\"` at the top takes what is not said from there",
            ),
            ("prompt.date", "of another form", "prompt.date: of another form"),
        ] {
            assert_eq!(reason(path, said, &table).1, ours);
        }
    }

    #[test]
    fn the_key_at_fault_is_the_whole_way_to_it() {
        let key = |path: &str, said: &str| reason(path, said, &Table::new()).0;
        assert_eq!(key("train.bta", "unknown field `bta`, expected `beta`"), "train.bta");
        assert_eq!(key("train", "unknown field `bta`, expected `beta`"), "train.bta");
        assert_eq!(key(".", "unknown field `bta`, expected `beta`"), "bta");
        assert_eq!(key("train.beta", "invalid type: map, expected f64"), "train.beta");
    }
}
