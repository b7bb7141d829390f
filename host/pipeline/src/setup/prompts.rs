//! From a problem to what the model sees of it.
//!
//! In: a checkpoint's chat template and a recipe's `[prompt]`. Out: prompts, as text or as tokens. The `<think>` that opens the
//! reasoning is not added: templates of reasoning models write it themselves.

use std::path::Path;

use ts_model::TextTokenizer;
use ts_model::chat::{ChatTemplate, Message, TemplateOptions};
use ts_run::Prompt;
use ts_run::records::ProblemRecord;

use crate::Error;
use ts_recipe::PromptSection;

/// Writes prompts.
pub(super) struct Prompts {
    chat: ChatTemplate,
    section: PromptSection,
}

impl Prompts {
    /// Reads the checkpoint's template.
    pub(super) fn read(folder: &Path, section: &PromptSection) -> Result<Self, Error> {
        let options =
            TemplateOptions { date: section.date.parse().ok(), values: section.template_kwargs.clone() };
        Ok(Self { chat: ChatTemplate::read(folder)?.with(options), section: section.clone() })
    }

    /// What the chat template is given of a problem.
    ///
    /// A problem's text is a user's message. A problem's messages are taken as they are: `prompt.system` precedes them where they have no
    /// system message of their own. `prompt.instruction` goes to the end of the last message, which is a user's.
    pub(super) fn messages(&self, problem: &ProblemRecord) -> Vec<Message> {
        messages(&self.section, &problem.prompt)
    }

    /// The text of a prompt, the chat template around it.
    pub(super) fn text(&self, problem: &ProblemRecord) -> Result<String, Error> {
        Ok(self.chat.render(&self.messages(problem), true)?)
    }

    /// The token that the checkpoint's tokenizer names as its end of text.
    pub(super) fn end_of_text(&self) -> Option<&str> {
        self.chat.named_token("eos_token")
    }

    /// The tokens of a prompt.
    pub(super) fn tokens(
        &self,
        tokenizer: &TextTokenizer,
        problem: &ProblemRecord,
    ) -> Result<Vec<u32>, Error> {
        Ok(tokenizer.encode(&self.text(problem)?)?)
    }

    /// Tokens of a prompt, after checking that it leaves room for a response in the model's `limit` positions: a run would find out
    /// only when it comes to that problem. `key` is the recipe's name for `max_new_tokens`.
    pub(super) fn check_room(
        &self,
        tokenizer: &TextTokenizer,
        problem: &ProblemRecord,
        (key, max_new_tokens): (&'static str, usize),
        limit: usize,
    ) -> Result<usize, Error> {
        let prompt_tokens = self.tokens(tokenizer, problem)?.len();
        if prompt_tokens + max_new_tokens > limit {
            let problem = problem.id.clone();
            return Err(Error::NoRoom { problem, prompt_tokens, key, max_new_tokens, limit });
        }
        Ok(prompt_tokens)
    }
}

fn messages(section: &PromptSection, prompt: &Prompt) -> Vec<Message> {
    let mut messages = match prompt {
        Prompt::Text(text) => vec![Message::user(text.clone())],
        Prompt::Messages(messages) => {
            let message =
                |it: &ts_run::Message| Message { role: it.role.clone(), content: it.content.clone() };
            messages.iter().map(message).collect()
        }
    };
    let has_system = messages.iter().any(|message| matches!(message.role.as_str(), "system" | "developer"));
    if !section.system.is_empty() && !has_system {
        messages.insert(0, Message::system(section.system.clone()));
    }
    if let Some(last) = messages.last_mut()
        && !section.instruction.is_empty()
    {
        last.content = format!("{}\n{}", last.content, section.instruction);
    }
    messages
}

/// What a user should know of the text that ends the reasoning, if the tokenizer has no token for it.
pub(super) fn note_on_reasoning_end(tokenizer: &TextTokenizer, reasoning_end: &str) -> Option<String> {
    if tokenizer.token_id(reasoning_end).is_some() {
        return None;
    }
    let spelt = tokenizer
        .encode(reasoning_end)
        .ok()
        .filter(|tokens| tokenizer.decode(tokens).is_ok_and(|text| text.contains(reasoning_end)));
    let how = match spelt {
        Some(tokens) => format!("is no token of this tokenizer, which spells it in {}", tokens.len()),
        None => "cannot be spelt by this tokenizer".to_owned(),
    };
    Some(format!(
        "note: prompt.reasoning_end = {reasoning_end:?} {how}; where a response does not have it, all of it counts as reasoning"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_message_and_an_instruction_join_what_a_problem_asks() {
        let recipe = ts_embedded::RECIPES.iter().find(|(name, _)| *name == "default").unwrap().1;
        let mut section = ts_recipe::Loader::parse("default", recipe).unwrap().prompt;
        let shown = |section: &PromptSection, prompt: &Prompt| -> Vec<String> {
            let messages = messages(section, prompt);
            messages.iter().map(|message| format!("{}: {}", message.role, message.content)).collect()
        };
        let said = |turns: &[(&str, &str)]| {
            let message = |&(role, content): &(&str, &str)| ts_run::Message {
                role: role.into(),
                content: content.into(),
            };
            Prompt::Messages(turns.iter().map(message).collect())
        };
        let own = said(&[("system", "Mine"), ("user", "a"), ("assistant", "b"), ("user", "c")]);
        assert_eq!(shown(&section, &own), ["system: Mine", "user: a", "assistant: b", "user: c"]);
        (section.system, section.instruction) = ("S".to_owned(), "Box it.".to_owned());
        assert_eq!(shown(&section, &own), ["system: Mine", "user: a", "assistant: b", "user: c\nBox it."]);
        for asked in ["a".into(), said(&[("user", "a")])] {
            assert_eq!(shown(&section, &asked), ["system: S", "user: a\nBox it."]);
        }
    }

    #[test]
    fn an_end_of_reasoning_without_a_token_is_noted() {
        let tokenizer = |vocab: serde_json::Value| {
            let json = serde_json::json!({
                "version": "1.0", "added_tokens": [], "normalizer": null, "post_processor": null,
                "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false},
                "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
                "model": {"type": "BPE", "vocab": vocab, "merges": []},
            });
            TextTokenizer::from_bytes(json.to_string().as_bytes(), Path::new("tokenizer.json")).unwrap()
        };
        let tokenizer = tokenizer(serde_json::json!({"<": 0, "/": 1, "t": 2, ">": 3}));
        assert_eq!(note_on_reasoning_end(&tokenizer, ">"), None);
        let note = note_on_reasoning_end(&tokenizer, "</t>").unwrap();
        assert!(note.contains("\"</t>\" is no token of this tokenizer, which spells it in 4;"), "{note}");
        let note = note_on_reasoning_end(&tokenizer, "</think>").unwrap();
        assert!(note.contains("\"</think>\" cannot be spelt"), "{note}");
    }
}
