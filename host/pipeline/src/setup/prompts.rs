//! From a problem to what the model sees of it.
//!
//! In: a checkpoint's chat template and a recipe's `[prompt]`. Out: prompts, as text or as tokens. Left out on purpose: the
//! `<think>` that opens the reasoning; templates of reasoning models write it themselves.

use std::path::Path;

use ts_model::TextTokenizer;
use ts_model::chat::{ChatTemplate, Message, TemplateOptions};
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

    /// The text of a prompt, the chat template around it.
    pub(super) fn text(&self, problem: &ProblemRecord) -> Result<String, Error> {
        let PromptSection { system, instruction, .. } = &self.section;
        let mut messages = Vec::new();
        if !system.is_empty() {
            messages.push(Message::system(system.clone()));
        }
        let instruction = if instruction.is_empty() { String::new() } else { format!("\n{instruction}") };
        messages.push(Message::user(format!("{}{instruction}", problem.prompt)));
        Ok(self.chat.render(&messages, true)?)
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
