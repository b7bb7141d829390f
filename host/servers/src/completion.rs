//! What a server is asked for, and what of its answer is believed.
//!
//! In: a [`Request`], and the JSON that came back. Out: a [`Completion`], or what was wrong with the answer. Field names are those of
//! OpenAI's `/v1/completions` and of vLLM's and SGLang's additions to it.

use serde::Deserialize;
use serde_json::{Value, json};

/// A prompt, both ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// Token ids.
    pub tokens: Vec<u32>,
    /// The text that they are tokenised from, special tokens written out; none if it would be tokenised otherwise.
    pub text: Option<String>,
}

/// One draw.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// What is continued.
    pub prompt: &'a Prompt,
    /// Decides the draw, as far as a server holds to it. Of its 64 bits 63 are sent: the seeds of vLLM have a sign.
    pub seed: u64,
    /// 0 is greedy.
    pub temperature: f64,
    /// Above 0, at most 1.
    pub top_p: f64,
    /// Tokens.
    pub max_tokens: usize,
    /// The ids that end a text.
    pub end: &'a [u32],
    /// How many tokens there are; ids are below.
    pub n_tokens: usize,
}

/// What a server wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The tokens or the text.
    pub content: Content,
    /// Whether the model ended it; otherwise it was cut off at `max_tokens`.
    pub finished: bool,
    /// How many tokens the server says it drew.
    pub n_tokens: Option<usize>,
}

/// Tokens, or the text that they make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Exactly those that were drawn, the one that ends the text among them.
    Tokens(Vec<u32>),
    /// From a server that gives no tokens.
    Text(String),
}

/// How much of the API a server knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Every sampling value, and token ids both ways: vLLM, SGLang.
    Full,
    /// OpenAI's fields alone, the prompt as token ids.
    Ids,
    /// The prompt as text, and sampling values as transformers names them: `transformers serve`, which is greedy where it is not told.
    Transformers,
    /// OpenAI's fields alone, the prompt as text.
    Text,
}

impl Dialect {
    /// All, the one with the most first.
    pub(crate) const ALL: [Self; 4] = [Self::Full, Self::Ids, Self::Transformers, Self::Text];
}

/// The JSON of a request; none if the dialect cannot say it.
pub(crate) fn body(model: &str, request: &Request<'_>, dialect: Dialect) -> Option<Value> {
    let prompt = match dialect {
        Dialect::Text | Dialect::Transformers => json!(request.prompt.text.as_ref()?),
        Dialect::Full | Dialect::Ids => json!(request.prompt.tokens),
    };
    let mut body = json!({
        "model": model,
        "prompt": prompt,
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "seed": request.seed & i64::MAX as u64,
    });
    if dialect == Dialect::Transformers {
        let values = json!({
            "do_sample": request.temperature > 0.0,
            "temperature": request.temperature,
            "top_p": request.top_p,
            "top_k": 0,
            "max_new_tokens": request.max_tokens,
            "eos_token_id": request.end,
        });
        body["generation_config"] = json!(values.to_string());
    }
    if let (Dialect::Full, Value::Object(fields)) = (dialect, &mut body) {
        // A checkpoint's generation_config.json may say otherwise, and a server goes by it where a request is silent.
        let all = json!({
            "n": 1,
            "stream": false,
            "top_k": -1,
            "min_p": 0.0,
            "repetition_penalty": 1.0,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
            "stop_token_ids": request.end,
            "add_special_tokens": false,
            "skip_special_tokens": false,
            "return_token_ids": true,
        });
        fields.extend(all.as_object().cloned().unwrap_or_default());
    }
    Some(body)
}

#[derive(Deserialize)]
struct Answer {
    choices: Vec<Choice>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Choice {
    text: Option<String>,
    token_ids: Option<Vec<u32>>,
    prompt_token_ids: Option<Vec<u32>>,
    finish_reason: Option<String>,
    stop_reason: Option<Value>,
}

#[derive(Deserialize)]
struct Usage {
    prompt_tokens: Option<usize>,
    completion_tokens: Option<usize>,
}

/// What is wrong with an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// It is damaged or makes no sense; another time it may be right.
    Nonsense(String),
    /// The server is set up in a way that does not fit, and will answer so again.
    Setup(String),
}

/// Reads an answer and checks it against what was asked.
pub(crate) fn read(request: &Request<'_>, answer: &[u8]) -> Result<Completion, Wrong> {
    let nonsense = |what: String| Err(Wrong::Nonsense(what));
    let Answer { choices, usage } = match serde_json::from_slice(answer) {
        Ok(answer) => answer,
        Err(error) => return nonsense(format!("not the JSON of a completion: {error}")),
    };
    let n_choices = choices.len();
    let Ok([choice]) = <[Choice; 1]>::try_from(choices) else {
        return nonsense(format!("{n_choices} choices where one was asked for"));
    };
    let asked = &request.prompt.tokens;
    let (n_prompt, n_drawn) =
        usage.map_or((None, None), |usage| (usage.prompt_tokens, usage.completion_tokens));
    match (&choice.prompt_token_ids, n_prompt) {
        (Some(seen), _) if seen != asked => {
            return Err(Wrong::Setup("saw another prompt than it was sent: its tokens differ".to_owned()));
        }
        (None, Some(n)) if n != asked.len() => {
            return Err(Wrong::Setup(format!(
                "saw a prompt of {n} tokens where {} were sent: it adds or takes away special tokens, or has another tokenizer",
                asked.len()
            )));
        }
        _ => {}
    }
    let finished = match choice.finish_reason.as_deref() {
        Some("stop") => true,
        Some("length") => false,
        Some(other) => return nonsense(format!("ended for the reason {other:?}")),
        None => return nonsense("without a reason why it ended".to_owned()),
    };
    if let Some(Value::String(stop)) = &choice.stop_reason {
        return Err(Wrong::Setup(format!("stopped at the text {stop:?}, which nobody asked for")));
    }
    let cut_off = |n: usize| {
        format!("cut the response off at {n} of {} tokens: let it have a longer context", request.max_tokens)
    };
    let content = match (choice.token_ids, choice.text) {
        (Some(mut tokens), _) => {
            if let Some(id) = tokens.iter().find(|id| **id as usize >= request.n_tokens) {
                return nonsense(format!("token {id}, and there are {}", request.n_tokens));
            }
            if n_drawn.is_some_and(|n| n != tokens.len()) {
                return nonsense(format!("{} tokens, and counts {}", tokens.len(), n_drawn.unwrap_or(0)));
            }
            let is_end = |id: &u32| request.end.contains(id);
            // SGLang may leave the last one out.
            if finished && !tokens.last().is_some_and(is_end) {
                tokens.extend(request.end.first());
            }
            let n_before_last = tokens.len().saturating_sub(1);
            if tokens[..n_before_last].iter().any(is_end) || (!finished && tokens.last().is_some_and(is_end))
            {
                return nonsense("went on behind the end of the text".to_owned());
            }
            let room = request.max_tokens + usize::from(finished);
            if tokens.len() > room {
                return nonsense(format!(
                    "{} tokens where {} were asked for at most",
                    tokens.len(),
                    request.max_tokens
                ));
            }
            if !finished && tokens.len() < request.max_tokens {
                return Err(Wrong::Setup(cut_off(tokens.len())));
            }
            Content::Tokens(tokens)
        }
        (None, Some(text)) => {
            if let (false, Some(n)) = (finished, n_drawn.filter(|n| *n < request.max_tokens)) {
                return Err(Wrong::Setup(cut_off(n)));
            }
            Content::Text(text)
        }
        (None, None) => return nonsense("neither text nor tokens".to_owned()),
    };
    Ok(Completion { content, finished, n_tokens: n_drawn })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt() -> Prompt {
        Prompt { tokens: vec![1, 2, 3], text: Some("abc".to_owned()) }
    }

    fn request(prompt: &Prompt) -> Request<'_> {
        Request {
            prompt,
            seed: u64::MAX,
            temperature: 0.9,
            top_p: 1.0,
            max_tokens: 4,
            end: &[0, 9],
            n_tokens: 20,
        }
    }

    fn read_json(answer: Value) -> Result<Completion, Wrong> {
        read(&request(&prompt()), answer.to_string().as_bytes())
    }

    fn answer(tokens: &[u32], reason: &str) -> Value {
        json!({
            "choices": [{"index": 0, "text": "..", "token_ids": tokens, "prompt_token_ids": [1, 2, 3], "finish_reason": reason,
                "stop_reason": null}],
            "usage": {"prompt_tokens": 3, "completion_tokens": tokens.len()},
        })
    }

    #[test]
    fn each_dialect_says_what_it_can() {
        let full = body("m", &request(&prompt()), Dialect::Full).unwrap();
        assert_eq!((&full["prompt"], &full["seed"]), (&json!([1, 2, 3]), &json!(i64::MAX)));
        assert_eq!((&full["stop_token_ids"], &full["return_token_ids"]), (&json!([0, 9]), &json!(true)));
        let ids = body("m", &request(&prompt()), Dialect::Ids).unwrap();
        assert_eq!((&ids["prompt"], &ids["top_k"]), (&json!([1, 2, 3]), &Value::Null));
        assert_eq!(body("m", &request(&prompt()), Dialect::Text).unwrap()["prompt"], "abc");
        let transformers = body("m", &request(&prompt()), Dialect::Transformers).unwrap();
        let values: Value =
            serde_json::from_str(transformers["generation_config"].as_str().unwrap()).unwrap();
        assert_eq!((&values["do_sample"], &values["eos_token_id"]), (&json!(true), &json!([0, 9])));
        assert_eq!(transformers["prompt"], "abc");
        let untold = Prompt { text: None, ..prompt() };
        assert_eq!(body("m", &request(&untold), Dialect::Text), None);
    }

    #[test]
    fn tokens_come_as_they_were_drawn() {
        let tokens = |tokens: &[u32], finished| {
            Ok(Completion {
                content: Content::Tokens(tokens.to_vec()),
                finished,
                n_tokens: Some(tokens.len()),
            })
        };
        assert_eq!(read_json(answer(&[5, 6, 0], "stop")), tokens(&[5, 6, 0], true));
        assert_eq!(read_json(answer(&[5, 6, 7, 8], "length")), tokens(&[5, 6, 7, 8], false));
        // An id that a request names as an end is in `stop_reason`.
        let mut by_id = answer(&[5, 9], "stop");
        by_id["choices"][0]["stop_reason"] = json!(9);
        assert_eq!(read_json(by_id), tokens(&[5, 9], true));
        let Ok(trimmed) = read_json(answer(&[5, 6], "stop")) else { panic!("a trimmed end is refused") };
        assert_eq!(trimmed.content, Content::Tokens(vec![5, 6, 0]));
    }

    #[test]
    fn text_comes_from_those_that_have_no_tokens() {
        let choice = json!({"text": "ab", "finish_reason": "stop"});
        let expected = Completion { content: Content::Text("ab".to_owned()), finished: true, n_tokens: None };
        assert_eq!(read_json(json!({"choices": [choice]})), Ok(expected));
    }

    #[test]
    fn nonsense_is_not_believed() {
        let with = |place: &str, value: Value| {
            let mut answer = answer(&[5, 6, 0], "stop");
            *answer.pointer_mut(place).unwrap() = value;
            answer
        };
        let choice = answer(&[5, 0], "stop")["choices"][0].clone();
        for wrong in [
            json!([]),
            json!({"choices": []}),
            json!({"choices": [choice, choice]}),
            answer(&[5, 20, 0], "stop"),
            answer(&[5, 0, 6, 7], "length"),
            answer(&[5, 6, 7, 0], "length"),
            answer(&[0, 5, 0], "stop"),
            answer(&[5, 6, 7, 8, 5], "length"),
            answer(&[5, 6, 7, 8, 5, 0], "stop"),
            answer(&[5, 6, 0], "abort"),
            with("/choices/0/finish_reason", Value::Null),
            with("/choices/0/token_ids", json!([5, -1])),
            with("/choices/0/token_ids", json!([5, 1.5])),
            with("/usage/completion_tokens", json!(2)),
            json!({"choices": [{"finish_reason": "stop"}]}),
        ] {
            assert!(matches!(read_json(wrong.clone()), Err(Wrong::Nonsense(_))), "{wrong}");
        }
        let half = &answer(&[5, 6, 0], "stop").to_string().into_bytes()[..60];
        assert!(matches!(read(&request(&prompt()), half), Err(Wrong::Nonsense(_))));
    }

    #[test]
    fn a_setup_that_does_not_fit_is_named() {
        let with = |place: &str, value: Value| {
            let mut answer = answer(&[5, 6, 0], "stop");
            *answer.pointer_mut(place).unwrap() = value;
            answer
        };
        let no_ids =
            json!({"choices": [{"text": "ab", "finish_reason": "stop"}], "usage": {"prompt_tokens": 4}});
        for (wrong, why) in [
            (with("/choices/0/prompt_token_ids", json!([7, 1, 2, 3])), "another prompt"),
            (with("/choices/0/stop_reason", json!("\n\n")), "nobody asked for"),
            (no_ids, "saw a prompt of 4 tokens where 3 were sent"),
            (answer(&[5, 6], "length"), "cut the response off at 2 of 4 tokens"),
        ] {
            match read_json(wrong) {
                Err(Wrong::Setup(what)) => assert!(what.contains(why), "{what}"),
                other => panic!("{other:?}"),
            }
        }
    }
}
