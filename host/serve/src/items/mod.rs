//! What is graded: problems and responses, as JSON.
//!
//! | field | value |
//! |---|---|
//! | `id` | text or number; may be missing; given back as it came; 1,024 bytes at most |
//! | `prompt` | text; may be missing |
//! | `reference` | text or number, which the grader gets as it is written |
//! | `response` | text |
//!
//! Every further field is metadata for the grader: a text as it says, anything else as it is written.
//!
//! A request is an item alone, or `{"items": […]}`. It stays a text until its turn: [`outline`] checks all of
//! it and notes where each item stands, and [`item`] makes one item of its text when it is about to be
//! graded. So what waits takes its text and sixteen bytes an item.
//!
//! In: a text. Out: an [`Outline`], then [`Item`]s; or one sentence that says which field of which item is
//! wrong. The fields have no other names. Problem sets have several; a client can choose.

mod json;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use ts_plugin::Problem;

use crate::refusal::Refusal;

/// Fields of one item.
const MAX_FIELDS: usize = 256;

/// Bytes of an `id` as it is written: it stands in answers and in errors.
const MAX_ID_BYTES: usize = 1024;

/// Where a text came from, which is what errors call its items.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Place {
    /// A request's body: one item, or a batch.
    Body,
    /// A line, counted from 1: one item.
    Line(usize),
}

/// Where the items of a text stand.
#[derive(Debug, PartialEq)]
pub(crate) struct Outline {
    /// `{"items": […]}`; so come the answers.
    pub(crate) is_batch: bool,
    pub(crate) items: Vec<Range<usize>>,
}

/// An item that is about to be graded.
#[derive(Debug, PartialEq)]
pub(crate) struct Item {
    pub(crate) problem: Problem,
    pub(crate) response: String,
}

/// The fields of one item, each value as it is written.
#[derive(Debug)]
struct Fields<'a> {
    /// Null where it is missing.
    id: &'a str,
    /// Null where it is missing.
    prompt: &'a str,
    reference: &'a str,
    response: &'a str,
    /// By name.
    metadata: BTreeMap<Cow<'a, str>, &'a str>,
}

/// Checks a whole text of at most `most` items.
pub(crate) fn outline(bytes: &[u8], place: Place, most: usize) -> Result<Outline, Refusal> {
    let at_line = |why: String| match place {
        Place::Body => Refusal::Malformed(why),
        Place::Line(number) => Refusal::Malformed(format!("line {number}: {why}")),
    };
    let (text, whole) = json::check(bytes).map_err(at_line)?;
    let found = json::kind(&text[whole.clone()]);
    if found != "an object" {
        return Err(at_line(format!("must be an object, not {found}")));
    }
    let batch = match place {
        Place::Body => batch(text, &whole).map_err(Refusal::Malformed)?,
        Place::Line(_) => None,
    };
    let Some(batch) = batch else {
        fields(text, &whole, &place.name(0)).map_err(Refusal::Malformed)?;
        return Ok(Outline { is_batch: false, items: vec![whole] });
    };
    let mut items = Vec::new();
    for (index, item) in json::elements(text, &batch).enumerate() {
        if index == most {
            return Err(Refusal::TooManyItems { items: json::elements(text, &batch).count(), most });
        }
        let found = json::kind(&text[item.clone()]);
        if found != "an object" {
            return Err(Refusal::Malformed(format!("item {index} must be an object, not {found}")));
        }
        fields(text, &item, &place.name(index)).map_err(Refusal::Malformed)?;
        items.push(item);
    }
    Ok(Outline { is_batch: true, items })
}

/// The item at `index` of a text that was checked.
pub(crate) fn item(bytes: &[u8], place: Place, outline: &Outline, index: usize) -> Result<Item, String> {
    let name = place.name(index);
    let fields = fields(text(bytes)?, &outline.items[index], &name)?;
    let as_text = |value: &str| match json::kind(value) {
        "a text" => json::decode(value).map(Cow::into_owned).map_err(|why| format!("{name}: {why}")),
        _ => Ok(value.to_owned()),
    };
    let or_else = |value: &str, default: &str| match value {
        "null" => Ok(default.to_owned()),
        value => as_text(value),
    };
    let metadata =
        fields.metadata.iter().map(|(name, value)| Ok((name.clone().into_owned(), as_text(value)?)));
    Ok(Item {
        problem: Problem {
            id: or_else(fields.id, &name.replace(' ', "-"))?,
            prompt: or_else(fields.prompt, "")?,
            reference: as_text(fields.reference)?,
            metadata: metadata.collect::<Result<_, String>>()?,
        },
        response: as_text(fields.response)?,
    })
}

/// The `id` of an item of a text that was checked, as it is written; null if it has none.
pub(crate) fn id<'a>(bytes: &'a [u8], outline: &Outline, index: usize) -> &'a str {
    let Ok(text) = text(bytes) else { return "null" };
    let mut members = json::members(text, &outline.items[index]);
    members.find(|(name, _)| is_named(&text[name.clone()], "id")).map_or("null", |(_, value)| &text[value])
}

fn text(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|error| error.to_string())
}

/// Where the list of a batch stands, if the object is one.
fn batch(text: &str, whole: &Range<usize>) -> Result<Option<Range<usize>>, String> {
    let is_items = |name: &Range<usize>| is_named(&text[name.clone()], "items");
    let Some((_, items)) = json::members(text, whole).find(|(name, _)| is_items(name)) else {
        return Ok(None);
    };
    if let Some((other, _)) = json::members(text, whole).find(|(name, _)| !is_items(name)) {
        let name = shown(&text[other]);
        return Err(format!("field `{name}` is beside `items`; metadata belongs in each item"));
    }
    if json::members(text, whole).nth(1).is_some() {
        return Err("field `items` is a duplicate".to_owned());
    }
    match json::kind(&text[items.clone()]) {
        "a list" => Ok(Some(items)),
        other => Err(format!("field `items` must be a list, not {other}")),
    }
}

/// The fields of the item in this range, checked.
fn fields<'a>(text: &'a str, item: &Range<usize>, place: &str) -> Result<Fields<'a>, String> {
    let mut fields = BTreeMap::new();
    for (name, value) in json::members(text, item) {
        let (quoted, value) = (&text[name], &text[value]);
        let no_text = |why| format!("{place}: field `{}`: {why}", shown(quoted));
        let name = json::decode(quoted).map_err(no_text)?;
        if json::kind(value) == "a text" {
            json::check_text(value).map_err(no_text)?;
        }
        if fields.insert(name, value).is_some() {
            return Err(format!("{place}: field `{}` is a duplicate", shown(quoted)));
        }
        if fields.len() > MAX_FIELDS {
            return Err(format!(
                "{place} has more than {MAX_FIELDS} fields; put some into one, as an object"
            ));
        }
    }
    let mut take = |name: &str, kinds: &[&str], expected: &str, default: Option<&'a str>| {
        let Some(value) = fields.remove(name).or(default) else {
            return Err(format!("{place}: field `{name}` is missing"));
        };
        let found = json::kind(value);
        if kinds.contains(&found) {
            return Ok(value);
        }
        Err(format!("{place}: field `{name}` must be {expected}, not {found}"))
    };
    let id = take("id", &["a text", "a number", "null"], "a text or a number", Some("null"))?;
    if id.len() > MAX_ID_BYTES {
        return Err(format!("{place}: field `id` has more than {MAX_ID_BYTES} bytes"));
    }
    Ok(Fields {
        id,
        prompt: take("prompt", &["a text", "null"], "a text", Some("null"))?,
        reference: take("reference", &["a text", "a number"], "a text or a number", None)?,
        response: take("response", &["a text"], "a text", None)?,
        metadata: fields,
    })
}

impl Place {
    /// What an item is called.
    fn name(self, index: usize) -> String {
        match self {
            Self::Body => format!("item {index}"),
            Self::Line(number) => format!("line {number}"),
        }
    }
}

/// Whether a name in quotes is this one.
fn is_named(quoted: &str, name: &str) -> bool {
    // An escape is six bytes for one at most.
    quoted.len() <= 6 * name.len() + 2 && json::decode(quoted).is_ok_and(|text| text == name)
}

/// A name in quotes as an error shows it: the beginning of a long one.
fn shown(quoted: &str) -> String {
    const MOST: usize = 80;
    let name = json::decode(quoted).unwrap_or_default();
    let mut shown: String = name.chars().take(MOST).collect();
    if name.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Item {
        let place = Place::Line(1);
        item(text.as_bytes(), place, &outline(text.as_bytes(), place, 1).unwrap(), 0).unwrap()
    }

    fn said(body: &str) -> String {
        outline(body.as_bytes(), Place::Body, 10).unwrap_err().failure().message
    }

    #[test]
    fn an_item_keeps_its_id_its_digits_and_its_metadata() {
        let line = r#"{"id": 7, "reference": 0.50, "response": "x\n", "tests": [1,  1e999, "\u0061"], "level": "5\u00e9"}"#;
        let Item { problem, response } = one(line);
        assert_eq!((problem.id.as_str(), response.as_str()), ("7", "x\n"));
        assert_eq!((problem.reference.as_str(), problem.prompt.as_str()), ("0.50", ""));
        let metadata = [("level", "5é"), ("tests", r#"[1,  1e999, "\u0061"]"#)];
        assert_eq!(problem.metadata, metadata.map(|(name, value)| (name.to_owned(), value.to_owned())));
        for (line, id, name) in [
            (r#"{"reference":"","response":""}"#, "null", "line-1"),
            (r#"{"reference":"","response":"","id":null}"#, "null", "line-1"),
            (r#"{"reference":"","response":"", "\u0069d" : "a\u0041"}"#, r#""a\u0041""#, "aA"),
            (
                r#"{"id":1234567890123456789012.10,"prompt":null,"reference":"","response":""}"#,
                "1234567890123456789012.10",
                "1234567890123456789012.10",
            ),
        ] {
            let outline = outline(line.as_bytes(), Place::Line(1), 1).unwrap();
            assert_eq!(
                (super::id(line.as_bytes(), &outline, 0), one(line).problem.id.as_str()),
                (id, name),
                "{line}"
            );
        }
    }

    #[test]
    fn one_item_or_a_batch() {
        let read = |body: &str| outline(body.as_bytes(), Place::Body, 2);
        let alone = read(r#" {"reference": "2", "response": "2"}"#).unwrap();
        assert_eq!((alone.is_batch, alone.items.len(), &alone.items[0]), (false, 1, &(1..36)));
        assert_eq!(read(r#"{"items": [ ]}"#).unwrap(), Outline { is_batch: true, items: vec![] });
        let item = r#"{"reference":"","response":""}"#;
        let body = format!(r#"{{"\u0069tems": [{item} , {item}]}}"#);
        let batch = read(&body).unwrap();
        assert_eq!(batch.items.iter().map(|range| &body[range.clone()]).collect::<Vec<_>>(), [item; 2]);
        assert_eq!(
            read(&format!(r#"{{"items": [{item},{item},3]}}"#)),
            Err(Refusal::TooManyItems { items: 3, most: 2 })
        );
        // A line is an item, whatever its fields are called.
        let line = r#"{"reference":"","response":"","items":[]}"#;
        assert_eq!(one(line).problem.metadata, [("items".to_owned(), "[]".to_owned())]);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let many: Vec<_> = (0..300).map(|n| format!(r#""f{n}":0"#)).collect();
        let long = format!(r#"{{"id":"{}","reference":"","response":""}}"#, "x".repeat(1023));
        for (body, says) in [
            ("", "not JSON: EOF while parsing a value at line 1 column 0"),
            ("[]", "must be an object, not a list"),
            (r#"{"items": 3}"#, "field `items` must be a list, not a number"),
            (r#"{"items": [], "x": 1}"#, "field `x` is beside `items`"),
            (r#"{"items": [], "items": []}"#, "field `items` is a duplicate"),
            (r#"{"items": [null]}"#, "item 0 must be an object, not null"),
            (r#"{"response": ""}"#, "item 0: field `reference` is missing"),
            (
                r#"{"items": [{"reference":"","response":""},{"reference":"","response":3}]}"#,
                "item 1: field `response` must be a text, not a number",
            ),
            (r#"{"id": [], "reference":"","response":""}"#, "item 0: field `id` must be a text or a number"),
            (&long, "item 0: field `id` has more than 1024 bytes"),
            (r#"{"reference":"","response":"\ud800"}"#, "item 0: field `response`: half a surrogate pair"),
            (r#"{"\ud800":0,"reference":"","response":""}"#, "half a surrogate pair"),
            (r#"{"a":0,"\u0061":0,"reference":"","response":""}"#, "item 0: field `a` is a duplicate"),
            (&format!("{{{}}}", many.join(",")), "item 0 has more than 256 fields"),
        ] {
            let error = said(body);
            assert!(error.contains(says), "{body}: {error}");
        }
        let refusal = outline(b"\"\xff\"", Place::Line(7), 1).unwrap_err();
        assert_eq!(refusal.failure().message, "line 7: not JSON: byte 1 is not UTF-8");
    }
}
