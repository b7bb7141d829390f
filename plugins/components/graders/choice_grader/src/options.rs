//! The options of a problem, as data sets write them.
//!
//! Under `choices`, `options` or `endings` (or `choices` inside `question`), one of
//!
//! ```text
//! ["Paris", "London"]                                       MMLU, GPQA, HellaSwag
//! {"text": ["Paris", "London"], "label": ["A", "B"]}        ARC, CommonsenseQA
//! [{"label": "A", "text": "Paris"}, …]                      ARC and CommonsenseQA as first published
//! {"A": "Paris", "B": "London"}                             by letter
//! ```
//!
//! In: a problem's metadata. Out: labels and texts in order. Options that stand only in the prompt are not
//! looked for.

use serde_json::Value;

use crate::normal::normal;

/// The fields that may hold options.
const FIELDS: [&str; 4] = ["choices", "options", "endings", "question"];

/// One option. Its letter is that of its position.
#[derive(Debug, PartialEq)]
pub(crate) struct Choice {
    /// What the data set calls it; a letter unless the data set says otherwise.
    pub(crate) label: String,
    /// Its text as it is compared ([`normal`]).
    pub(crate) text: String,
}

/// The options of a problem: at least two and at most 26; none where the metadata has no such list.
pub(crate) fn options(metadata: &[(String, String)]) -> Vec<Choice> {
    let values = FIELDS.iter().filter_map(|field| metadata.iter().find(|(name, _)| name == field));
    let lists = values.filter_map(|(_, value)| list(&serde_json::from_str(value).ok()?));
    lists.into_iter().find(|list| (2..=26).contains(&list.len())).unwrap_or_default()
}

/// The letter of the option at a position.
pub(crate) fn letter(position: usize) -> char {
    u8::try_from(position).map_or('?', |position| char::from(b'A'.saturating_add(position)))
}

/// The position of a letter.
pub(crate) fn position(letter: char) -> usize {
    (letter as usize).saturating_sub('A' as usize)
}

/// The position of the only option whose text is `text`; failing that, of the only one whose text stands in
/// it, leaving aside options whose text is part of another's that stands there too.
pub(crate) fn by_text(options: &[Choice], text: &str) -> Option<usize> {
    let text = normal(text);
    only(options.iter().map(|option| !option.text.is_empty() && option.text == text)).or_else(|| {
        let holds =
            |text: &str, part: &str| !part.is_empty() && format!(" {text} ").contains(&format!(" {part} "));
        let standing = || options.iter().filter(|option| holds(&text, &option.text));
        let is_part = |option: &Choice| {
            standing().any(|other| other.text != option.text && holds(&other.text, &option.text))
        };
        only(options.iter().map(|option| holds(&text, &option.text) && !is_part(option)))
    })
}

/// The position of the only one that is true.
fn only(mut matches: impl Iterator<Item = bool>) -> Option<usize> {
    let first = matches.position(|is_match| is_match)?;
    (!matches.any(|is_match| is_match)).then_some(first)
}

fn list(value: &Value) -> Option<Vec<Choice>> {
    match value {
        Value::Array(items) => {
            items.iter().enumerate().map(|(position, item)| item_of_list(position, item)).collect()
        }
        Value::Object(object) => match (object.get("text"), object.get("label"), object.get("choices")) {
            (Some(Value::Array(texts)), Some(Value::Array(labels)), _) if texts.len() == labels.len() => {
                texts.iter().zip(labels).map(|(text, label)| choice(label, text)).collect()
            }
            (_, _, Some(choices @ Value::Array(_))) => list(choices),
            _ => {
                // A map is sorted by its keys, which are the letters.
                let is_letter = |(position, key): (usize, &String)| *key == letter(position).to_string();
                let choices =
                    || object.iter().map(|(key, text)| choice(&Value::from(key.as_str()), text)).collect();
                object.keys().enumerate().all(is_letter).then(choices)?
            }
        },
        _ => None,
    }
}

fn item_of_list(position: usize, item: &Value) -> Option<Choice> {
    match item {
        Value::Object(object) => choice(object.get("label")?, object.get("text")?),
        text => choice(&Value::from(letter(position).to_string()), text),
    }
}

/// An option out of two scalars.
fn choice(label: &Value, text: &Value) -> Option<Choice> {
    Some(Choice { label: scalar(label)?, text: normal(&scalar(text)?) })
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(field: &str, value: &str) -> String {
        let options = options(&[("id".to_owned(), "7".to_owned()), (field.to_owned(), value.to_owned())]);
        let options = options.iter().map(|option| format!("{}={}", option.label, option.text));
        options.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_form() {
        for (field, value) in [
            ("choices", r#"["Paris", "London"]"#),
            ("options", r#"["Paris", "London"]"#),
            ("endings", r#"["Paris", "London"]"#),
            ("choices", r#"{"text": ["Paris", "London"], "label": ["A", "B"]}"#),
            ("choices", r#"[{"label": "A", "text": "Paris"}, {"label": "B", "text": "London"}]"#),
            (
                "question",
                r#"{"stem": "?", "choices": [{"label": "A", "text": "Paris"}, {"label": "B", "text": "London"}]}"#,
            ),
            ("options", r#"{"B": "London", "A": "Paris"}"#),
        ] {
            assert_eq!(read(field, value), "A=paris B=london", "{value}");
        }
        assert_eq!(read("choices", "[1, 2.5, true]"), "A=1 B=2.5 C=true");
    }

    #[test]
    fn what_is_no_list_of_options() {
        for value in
            ["", "Paris, London", "[]", "[\"Paris\"]", "{}", "{\"A\": 1, \"C\": 2}", "[[1], [2]]", "7"]
        {
            assert_eq!(read("choices", value), "", "{value}");
        }
    }

    #[test]
    fn a_text_must_name_one_option() {
        let cities =
            options(&[("choices".to_owned(), r#"["York", "New York", "Paris", "Paris"]"#.to_owned())]);
        assert_eq!(by_text(&cities, "york."), Some(0));
        assert_eq!(by_text(&cities, "It is New York"), Some(1));
        assert_eq!(by_text(&cities, "Paris"), None);
        assert_eq!(by_text(&cities, "Rome"), None);
        assert_eq!(by_text(&cities, "Yorkshire"), None);
    }
}
