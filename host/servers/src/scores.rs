//! What a server thinks of a text: at each token the most likely ones, with their log-probabilities.
//!
//! In: a text as token ids. Out: for each of its last tokens the ids that a server told of, and their log-probabilities before
//! temperature. vLLM gives them as `prompt_logprobs`; it keeps no prefix for such a request, and tells of every token of the text.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::completion::Wrong;

/// A text to score.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    /// Token ids.
    pub tokens: &'a [u32],
    /// The first token that is asked about; not the first of all, which nothing predicts.
    pub from: usize,
    /// How many of the most likely tokens to tell of.
    pub top: u32,
}

/// Some tokens of a vocabulary, and the natural logarithms of their probabilities.
pub type Likely = HashMap<u32, f64>;

/// The JSON that asks for it: one token is drawn besides, because none cannot be.
pub(crate) fn body(model: &str, text: &Text<'_>) -> Value {
    json!({
        "model": model,
        "prompt": text.tokens,
        "max_tokens": 1,
        "temperature": 0.0,
        "prompt_logprobs": text.top,
        "add_special_tokens": false,
    })
}

#[derive(Deserialize)]
struct Answer {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    prompt_logprobs: Option<Vec<Option<HashMap<String, LogProb>>>>,
}

#[derive(Deserialize)]
struct LogProb {
    logprob: f64,
}

/// Reads an answer: of each token from `text.from` on, the likely ones in its place, itself among them.
pub(crate) fn read(text: &Text<'_>, answer: &[u8]) -> Result<Vec<Likely>, Wrong> {
    let nonsense = |what: String| Err(Wrong::Nonsense(what));
    let choices = match serde_json::from_slice(answer) {
        Ok(Answer { choices }) => choices,
        Err(error) => return nonsense(format!("not the JSON of a completion: {error}")),
    };
    let Ok([choice]) = <[Choice; 1]>::try_from(choices) else {
        return nonsense("not one choice".to_owned());
    };
    let Some(all) = choice.prompt_logprobs else {
        return Err(Wrong::Setup(
            "gives no log-probabilities of prompts (prompt_logprobs), as vLLM does".to_owned(),
        ));
    };
    if all.len() != text.tokens.len() {
        return nonsense(format!("scores of {} tokens, and {} were sent", all.len(), text.tokens.len()));
    }
    let mut likely = Vec::with_capacity(all.len().saturating_sub(text.from));
    for (place, (token, told)) in text.tokens.iter().zip(all).enumerate().skip(text.from) {
        let parsed = told.into_iter().flatten().map(|(id, LogProb { logprob })| {
            let is_log = logprob.is_finite() && logprob <= 1e-3;
            Some((id.parse().ok().filter(|_| is_log)?, logprob))
        });
        let Some(told) = parsed.collect::<Option<Likely>>() else {
            return nonsense(format!("token {place} has scores that are no log-probabilities"));
        };
        if !told.contains_key(token) {
            return nonsense(format!("token {place} has no score"));
        }
        likely.push(told);
    }
    Ok(likely)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: Text<'_> = Text { tokens: &[5, 6, 7], from: 1, top: 2 };

    fn read_json(logprobs: Value) -> Result<Vec<Likely>, Wrong> {
        read(&TEXT, json!({"choices": [{"text": "x", "prompt_logprobs": logprobs}]}).to_string().as_bytes())
    }

    #[test]
    fn scores_are_of_the_tokens_that_were_asked_about() {
        let one = json!({"6": {"logprob": -0.5, "rank": 1}, "9": {"logprob": -1.5, "rank": 2}});
        let other = json!({"7": {"logprob": -2.0}});
        let likely = read_json(json!([null, one, other])).unwrap();
        assert_eq!(likely, [Likely::from([(6, -0.5), (9, -1.5)]), Likely::from([(7, -2.0)])]);
    }

    #[test]
    fn nonsense_is_not_believed() {
        let good = json!({"6": {"logprob": -0.5}});
        for wrong in [
            json!([null, good]),
            json!([null, good, null]),
            json!([null, good, {"6": {"logprob": -0.5}}]),
            json!([null, good, {"7": {"logprob": 0.7}}]),
            json!([null, good, {"7": {"logprob": -0.5}, "x": {"logprob": -0.5}}]),
            json!([null, good, {"7": {"logprob": null}}]),
        ] {
            assert!(matches!(read_json(wrong.clone()), Err(Wrong::Nonsense(_))), "{wrong}");
        }
        assert!(matches!(read_json(Value::Null), Err(Wrong::Setup(_))));
    }
}
