//! LiveCodeBench: problems of contests, with inputs and outputs, or with a method to call.
//!
//! Public tests are JSON in a text. Private ones are too, or else that text, pickled, compressed and in
//! base64.

use std::io::Read;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{object, pickle};

/// Tests of one problem have at most so many bytes.
const MAX_BYTES: u64 = 1 << 30;

/// What the set's own harness puts before every program.
const PREAMBLE: &str = "from typing import *\nfrom functools import *\nfrom collections import *\nfrom itertools import *\n\
    from heapq import *\nfrom bisect import *\nfrom string import *\nfrom operator import *\nfrom math import *\n\
    import string, re, datetime, collections, heapq, bisect, copy, math, random, statistics, itertools, functools, operator, io, \
    sys, json\nsys.setrecursionlimit(50000)\n";

#[derive(Deserialize)]
pub(super) struct Item {
    question_id: String,
    question_content: String,
    #[serde(default)]
    starter_code: String,
    #[serde(default)]
    difficulty: Value,
    public_test_cases: String,
    #[serde(default)]
    private_test_cases: String,
    #[serde(default)]
    metadata: String,
}

#[derive(Deserialize)]
struct Test {
    input: String,
    output: String,
    testtype: String,
}

/// The problem of one line.
pub(super) fn problem(item: Item) -> Result<Value, String> {
    let public = tests(&item.public_test_cases).map_err(|error| format!("public_test_cases: {error}"))?;
    let private = tests(&item.private_test_cases).map_err(|error| format!("private_test_cases: {error}"))?;
    let function = function(&item.metadata)?;
    let written = |test: &Test| written(test, function.is_some());
    let tests = public.iter().chain(&private).map(written).collect::<Result<Vec<_>, _>>()?;
    if tests.is_empty() {
        return Err("it has no tests".to_owned());
    }
    let how = if function.is_some() {
        format!(
            "\n\nComplete this code, and answer with all of it in one block.\n\n```python\n{}\n```",
            item.starter_code.trim_end()
        )
    } else {
        "\n\nAnswer with one Python program in a block of code. It reads standard input and writes to standard output.".to_owned()
    };
    Ok(object(vec![
        ("id", json!(item.question_id)),
        ("prompt", json!(format!("{}{how}", item.question_content.trim_end()))),
        ("reference", json!("its tests")),
        ("difficulty", item.difficulty),
        ("language", json!("python")),
        ("entry_point", json!(function)),
        ("preamble", json!(PREAMBLE)),
        ("tests", json!(tests)),
    ]))
}

/// The method to call, if the problem names one.
fn function(metadata: &str) -> Result<Option<String>, String> {
    if metadata.trim().is_empty() {
        return Ok(None);
    }
    let metadata: Value = serde_json::from_str(metadata).map_err(|error| format!("metadata: {error}"))?;
    Ok(metadata.get("func_name").and_then(Value::as_str).map(str::to_owned))
}

/// The tests in a text.
fn tests(text: &str) -> Result<Vec<Test>, String> {
    if text.trim().is_empty() {
        return Ok(vec![]);
    }
    if text.trim_start().starts_with('[') {
        return serde_json::from_str(text).map_err(|error| error.to_string());
    }
    let compressed =
        BASE64_STANDARD.decode(text.trim()).map_err(|_| "it is neither JSON nor base64".to_owned())?;
    let mut pickled = Vec::new();
    let mut reader = flate2::read::ZlibDecoder::new(compressed.as_slice()).take(MAX_BYTES);
    reader.read_to_end(&mut pickled).map_err(|error| format!("it does not unpack: {error}"))?;
    serde_json::from_str(pickle::text(&pickled)?).map_err(|error| error.to_string())
}

/// A test in our form. Of a call, each line of the input is an argument.
fn written(test: &Test, has_function: bool) -> Result<Value, String> {
    match test.testtype.as_str() {
        "stdin" => Ok(json!({ "input": test.input, "output": test.output })),
        "functional" if has_function => {
            let value = |text: &str| {
                serde_json::from_str::<Value>(text)
                    .map_err(|_| format!("{text:?} in a functional test is not JSON"))
            };
            let args = test.input.lines().filter(|line| !line.trim().is_empty()).map(value);
            let args = args.collect::<Result<Vec<_>, _>>()?;
            Ok(json!({ "args": args, "expected": value(&test.output)? }))
        }
        "functional" => Err("its tests call a function, and metadata names none".to_owned()),
        other => Err(format!("a test is of type `{other}`, not stdin or functional")),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn item(public: &str, private: &str, metadata: &str) -> Result<Value, String> {
        let line = json!({"question_title": "t", "question_id": "q1", "question_content": "Add.", "starter_code": "class Solution:",
                          "difficulty": "easy", "public_test_cases": public, "private_test_cases": private, "metadata": metadata});
        problem(serde_json::from_value(line).unwrap())
    }

    #[test]
    fn inputs_and_outputs_public_and_packed() {
        let public = r#"[{"input": "1 2\n", "output": "3", "testtype": "stdin"}]"#;
        let private = r#"[{"input": "3 4\n", "output": "7", "testtype": "stdin"}]"#;
        // Protocol 4: a frame, a text of known length, a memo, the end.
        let mut pickled = b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00\x8c".to_vec();
        pickled.push(private.len() as u8);
        pickled.extend_from_slice(private.as_bytes());
        pickled.extend_from_slice(b"\x94.");
        let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(&pickled).unwrap();
        let packed = BASE64_STANDARD.encode(packed.finish().unwrap());
        let problem = item(public, &packed, "{}").unwrap();
        assert_eq!(
            problem["tests"],
            json!([{"input": "1 2\n", "output": "3"}, {"input": "3 4\n", "output": "7"}])
        );
        assert_eq!(problem.get("entry_point"), None);
        assert!(item(public, "no*base64", "").unwrap_err().contains("private_test_cases"));
    }

    #[test]
    fn calls() {
        let public = r#"[{"input": "[1, 2]\n\"a\"", "output": "true", "testtype": "functional"}]"#;
        let problem = item(public, "", r#"{"func_name": "f"}"#).unwrap();
        assert_eq!(problem["tests"], json!([{"args": [[1, 2], "a"], "expected": true}]));
        assert_eq!(problem["entry_point"], "f");
        assert!(item(public, "", "{}").unwrap_err().contains("names none"));
    }
}
