//! Responses that other programs sampled: whose problem they answer, and what they say.
//!
//! | written by | the problem | its responses | whether they ended |
//! |---|---|---|---|
//! | verl (`main_generation`, `main_generation_server`) | `prompt`, `extra_info.index` | `responses` | not said |
//! | open-r1 (OpenR1-Math, and its `generate.py`) | `problem`, `uuid` | `generations` or `generation` | `finish_reasons` |
//! | lighteval's details | `doc.query` | `model_response.text`, `.output_tokens` | not said |
//! | JSON lines: a response in each, or several | `problem` (an identifier) or `prompt` | `text`, `tokens`; or `responses` | `finished` or `finish_reason` |
//!
//! In: files, as for problem sets. Out: the rows one after the other, or what one of them lacks.

use serde_json::Value;
use ts_rows::Fields;

use crate::sets::verl;
use crate::{Error, NumberedRow, RowsOfFiles};

/// Who wrote the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleFormat {
    /// verl's generation.
    Verl,
    /// open-r1's data sets.
    OpenR1,
    /// lighteval's details.
    Lighteval,
    /// JSON lines.
    Jsonl,
}

impl SampleFormat {
    /// As it is written on the command line, and in a manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Verl => "verl",
            Self::OpenR1 => "open-r1",
            Self::Lighteval => "lighteval",
            Self::Jsonl => "jsonl",
        }
    }
}

/// What one row has: a problem, by what it is known, and responses to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// The file, and where in it, for messages and records.
    pub place: String,
    /// The problem's identifier, if the row has one.
    pub id: Option<String>,
    /// What was asked, if the row has it.
    pub question: Option<String>,
    /// The responses.
    pub responses: Vec<Answer>,
}

/// One response.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Its text, if it is there.
    pub text: Option<String>,
    /// Its token ids, if they are there.
    pub tokens: Option<Vec<u32>>,
    /// Whether the model ended it, if that is said.
    pub finished: Option<bool>,
}

/// The responses in files of this format.
pub fn samples(format: SampleFormat, files: Vec<std::path::PathBuf>) -> Samples {
    Samples { format, rows: RowsOfFiles::new(files) }
}

/// The rows, one after the other.
pub struct Samples {
    format: SampleFormat,
    rows: RowsOfFiles,
}

/// Goes on after [`Error::NotAProblem`], and ends after any other error.
impl Iterator for Samples {
    type Item = Result<Answered, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let NumberedRow { path, row, number } = match self.rows.next()? {
            Ok(row) => row,
            Err(error) => return Some(Err(error)),
        };
        let place = row.place;
        let answered = match self.format {
            SampleFormat::Verl => of_verl(&row.fields, number),
            SampleFormat::OpenR1 => of_open_r1(&row.fields),
            SampleFormat::Lighteval => of_lighteval(&row.fields),
            SampleFormat::Jsonl => of_jsonl(&row.fields),
        };
        Some(match answered {
            Ok(answered) => {
                let name = path.file_name().unwrap_or(path.as_os_str()).display().to_string();
                Ok(Answered { place: format!("{name}{}", place.after_name()), ..answered })
            }
            Err(reason) => Err(Error::NotAProblem { path, place, reason }),
        })
    }
}

type Read = Result<Answered, String>;

fn answered(id: Option<String>, question: Option<String>, responses: Vec<Answer>) -> Read {
    if id.is_none() && question.is_none() {
        return Err("nothing says which problem it answers".to_owned());
    }
    if responses.is_empty() {
        return Err("it has no response".to_owned());
    }
    Ok(Answered { place: String::new(), id, question, responses })
}

fn of_verl(row: &Fields, number: usize) -> Read {
    let texts = texts(row, &["responses", "response"])?;
    answered(Some(verl::id(row, number)?), row.get("prompt").and_then(question_of), plain(texts))
}

fn of_open_r1(row: &Fields) -> Read {
    let texts = texts(row, &["generations", "generation"])?;
    let reasons = row.get("finish_reasons").or_else(|| row.get("finish_reason"));
    let reason = |at: usize| match reasons {
        Some(Value::Array(reasons)) => reasons.get(at).and_then(Value::as_str),
        Some(Value::String(reason)) => Some(reason.as_str()),
        _ => None,
    };
    let mut responses = plain(texts);
    for (at, response) in responses.iter_mut().enumerate() {
        response.finished = reason(at).map(|reason| reason != "length");
    }
    let text = |names: &[&str]| names.iter().find_map(|name| row.get(*name)?.as_str().map(str::to_owned));
    answered(text(&["uuid", "id"]), text(&["problem", "prompt", "instruction"]), responses)
}

fn of_lighteval(row: &Fields) -> Read {
    let response =
        row.get("model_response").and_then(Value::as_object).ok_or("no column `model_response`")?;
    let texts = texts(response, &["text"]).map_err(|reason| format!("`model_response`: {reason}"))?;
    let mut responses = plain(texts);
    if let Some(Value::Array(lists)) =
        response.get("output_tokens").filter(|lists| *lists != &Value::Array(vec![]))
    {
        if lists.len() != responses.len() {
            let (texts, lists) = (responses.len(), lists.len());
            return Err(format!("`model_response` has {texts} texts and tokens of {lists}"));
        }
        for (response, list) in responses.iter_mut().zip(lists) {
            response.tokens =
                Some(ids(list).ok_or("`model_response.output_tokens` must be lists of token ids")?)
                    .filter(|tokens| !tokens.is_empty());
        }
    }
    let query = row.get("doc").and_then(|doc| doc.get("query")).and_then(question_of);
    answered(None, query, responses)
}

fn of_jsonl(row: &Fields) -> Read {
    let first =
        |names: &[&str]| names.iter().find_map(|name| row.get(*name).filter(|value| !value.is_null()));
    let id = first(&["problem", "problem_id", "id"]).map(|id| match id {
        Value::String(id) => Ok(id.clone()),
        Value::Number(id) => Ok(id.to_string()),
        _ => Err("the problem's identifier must be a text or a number"),
    });
    let question = first(&["prompt", "question"]).and_then(question_of);
    let finished = match first(&["finished", "finish_reason"]) {
        None => None,
        Some(Value::Bool(finished)) => Some(*finished),
        Some(Value::String(reason)) => Some(reason != "length"),
        Some(_) => return Err("`finished` must be true or false".to_owned()),
    };
    let tokens = first(&["tokens", "token_ids"]);
    let tokens = tokens.map(|list| ids(list).ok_or("`tokens` must be a list of token ids")).transpose()?;
    let mut responses =
        match (texts(row, &["responses", "text", "response", "completion", "output"]), &tokens) {
            (Ok(texts), _) => plain(texts),
            (Err(_), Some(_)) => vec![Answer { text: None, tokens: None, finished: None }],
            (Err(reason), None) => return Err(reason),
        };
    if tokens.is_some() && responses.len() > 1 {
        return Err("`tokens` stand beside more than one response".to_owned());
    }
    for response in &mut responses {
        (response.tokens, response.finished) = (tokens.clone(), finished);
    }
    answered(id.transpose()?, question, responses)
}

/// A text, or the texts of a list, in the first of these columns.
fn texts(row: &Fields, names: &[&str]) -> Result<Vec<String>, String> {
    let found = names.iter().find_map(|name| Some((name, row.get(*name).filter(|value| !value.is_null())?)));
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match found {
        None => Err(format!("no column `{}`", names.join("`, nor `"))),
        Some((_, Value::String(text))) => Ok(vec![text.clone()]),
        Some((name, value)) => {
            let texts = value.as_array().and_then(|list| list.iter().map(text).collect::<Option<Vec<_>>>());
            texts.ok_or_else(|| format!("column `{name}` must be a text or a list of texts"))
        }
    }
}

fn plain(texts: Vec<String>) -> Vec<Answer> {
    texts.into_iter().map(|text| Answer { text: Some(text), tokens: None, finished: None }).collect()
}

fn ids(list: &Value) -> Option<Vec<u32>> {
    list.as_array()?.iter().map(|id| id.as_u64().and_then(|id| u32::try_from(id).ok())).collect()
}

/// What was asked: a text, or what the user says in messages, as a problem's own question is made.
fn question_of(prompt: &Value) -> Option<String> {
    match prompt {
        Value::String(text) => Some(text.clone()),
        Value::Array(messages) => {
            let said = messages.iter().filter(|message| message["role"] == "user");
            let said: Option<Vec<_>> = said.map(|message| message["content"].as_str()).collect();
            said.filter(|said| !said.is_empty()).map(|said| said.join("\n\n"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(format: SampleFormat, row: &Value) -> Result<Answered, String> {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("set.jsonl");
        std::fs::write(&path, row.to_string()).unwrap();
        samples(format, vec![path.clone()])
            .next()
            .unwrap()
            .map_err(|error| error.to_string().replace(&path.display().to_string(), "FILE"))
    }

    fn texts_of(answered: &Answered) -> Vec<(&str, Option<bool>)> {
        answered.responses.iter().map(|it| (it.text.as_deref().unwrap_or("-"), it.finished)).collect()
    }

    #[test]
    fn every_program_s_columns() {
        let verl = json!({"data_source": "d", "prompt": [{"role": "user", "content": "Q"}], "extra_info": {"split": "s", "index": 3},
                          "responses": ["a", "b"]});
        let answered = read(SampleFormat::Verl, &verl).unwrap();
        assert_eq!((answered.id.as_deref(), answered.question.as_deref()), (Some("d/s/3"), Some("Q")));
        assert_eq!(texts_of(&answered), [("a", None), ("b", None)]);
        assert_eq!(answered.place, "set.jsonl:1");

        let open_r1 = json!({"problem": "Q", "uuid": "u", "generations": ["a", "b"], "finish_reasons": ["stop", "length"]});
        let answered = read(SampleFormat::OpenR1, &open_r1).unwrap();
        assert_eq!((answered.id.as_deref(), answered.question.as_deref()), (Some("u"), Some("Q")));
        assert_eq!(texts_of(&answered), [("a", Some(true)), ("b", Some(false))]);

        let lighteval = json!({"doc": {"query": "Q", "id": "0"}, "metric": {}, "model_response": {"text": ["a"], "output_tokens": [[1, 2]]}});
        let answered = read(SampleFormat::Lighteval, &lighteval).unwrap();
        assert_eq!((answered.id, answered.question.as_deref()), (None, Some("Q")));
        assert_eq!(answered.responses[0].tokens, Some(vec![1, 2]));

        for (row, finished) in [
            (json!({"problem": "p", "text": "a", "finished": false}), Some(false)),
            (json!({"problem": "p", "response": "a", "finish_reason": "stop"}), Some(true)),
            (json!({"id": "p", "completion": "a"}), None),
        ] {
            let answered = read(SampleFormat::Jsonl, &row).unwrap();
            assert_eq!(
                (answered.id.as_deref(), texts_of(&answered)),
                (Some("p"), vec![("a", finished)]),
                "{row}"
            );
        }
        let answered = read(SampleFormat::Jsonl, &json!({"problem": 7, "tokens": [5]})).unwrap();
        assert_eq!((answered.id.as_deref(), &answered.responses[0].tokens), (Some("7"), &Some(vec![5])));
    }

    #[test]
    fn what_a_row_lacks_is_named() {
        for (format, row, reason) in [
            (SampleFormat::Verl, json!({"prompt": "Q"}), "FILE:1: no column `responses`, nor `response`"),
            (SampleFormat::OpenR1, json!({"generations": ["a"]}), "nothing says which problem"),
            (SampleFormat::OpenR1, json!({"problem": "Q", "generations": []}), "it has no response"),
            (SampleFormat::Lighteval, json!({"predictions": ["a"]}), "no column `model_response`"),
            (
                SampleFormat::Lighteval,
                json!({"doc": {"query": "Q"}, "model_response": {"text": ["a"], "output_tokens": [[1], [2]]}}),
                "has 1 texts and tokens of 2",
            ),
            (SampleFormat::Jsonl, json!({"problem": "p"}), "no column `responses`"),
            (SampleFormat::Jsonl, json!({"problem": "p", "tokens": [-1]}), "must be a list of token ids"),
            (
                SampleFormat::Jsonl,
                json!({"problem": "p", "text": 1}),
                "column `text` must be a text or a list",
            ),
        ] {
            let error = read(format, &row).unwrap_err();
            assert!(error.contains(reason), "{row}: {error}");
        }
    }
}
