//! Prompts as the checkpoint was trained to see them: its chat template, rendered with minijinja.
//!
//! In: messages. Out: the text to tokenize. The template is `chat_template.jinja`, or the `chat_template`
//! field of `tokenizer_config.json`; a checkpoint without either gets [`ChatTemplate::plain`].
//!
//! A template is a program that a stranger wrote; [`render`] and [`process`] run it within bounds.
//!
//! Tools, documents and images, which such templates also take, render as absent.

mod dialect;
mod methods;
mod process;
mod python_json;
mod render;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::config::read_object;
use crate::error::{ModelError, Result};
use crate::files;
use crate::tokenizer::CONFIG_NAME;

pub use self::process::support_processes;
pub use jiff::civil::Date;

/// Most bytes of a template. The longest known ones have 20,000.
const MAX_TEMPLATE_BYTES: u64 = 256 << 10;

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// `system`, `user` or `assistant`, or what else the template knows.
    pub role: String,
    /// What is said.
    pub content: String,
}

impl Message {
    /// A turn of the person who asks.
    pub fn user(content: impl Into<String>) -> Self {
        Self { role: "user".to_owned(), content: content.into() }
    }

    /// Instructions that precede the conversation.
    pub fn system(content: impl Into<String>) -> Self {
        Self { role: "system".to_owned(), content: content.into() }
    }
}

/// What a template may read beside the messages.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TemplateOptions {
    /// The date that `strftime_now` tells; without one the template does not find that function, and says the date that it was
    /// written with, or fails. No template reads a clock: the same input has the same prompt on every day.
    pub date: Option<Date>,
    /// Values by name, such as `enable_thinking`.
    pub values: BTreeMap<String, Value>,
}

/// Turns messages into a prompt.
#[derive(Clone, Debug)]
pub struct ChatTemplate {
    /// The Jinja source, or none for the plain form.
    source: Option<String>,
    /// Where the source stands; for messages.
    path: PathBuf,
    /// The special tokens that have names, such as `bos_token`.
    tokens: BTreeMap<String, String>,
    options: TemplateOptions,
    /// Where it is rendered.
    process: Arc<process::Process>,
}

impl ChatTemplate {
    /// Reads the template of a checkpoint folder; the plain one if it has none.
    pub fn read(folder: &Path) -> Result<Self> {
        const FILE: &str = "chat_template.jinja";
        let fields = read_object(folder, CONFIG_NAME)?.unwrap_or_default();
        let mut template = Self {
            source: named_template(fields.get("chat_template")),
            path: folder.join(CONFIG_NAME),
            tokens: named_tokens(&fields),
            options: TemplateOptions::default(),
            process: Arc::default(),
        };
        if let Some(bytes) = files::read(folder, FILE, MAX_TEMPLATE_BYTES)? {
            template.path = folder.join(FILE);
            let not_text = |error: std::string::FromUtf8Error| ModelError::ChatTemplate {
                path: template.path.clone(),
                reason: format!("it is not UTF-8 at byte {}", error.utf8_error().valid_up_to()),
            };
            template.source = Some(String::from_utf8(bytes).map_err(not_text)?);
        }
        if template.source.as_ref().is_some_and(|source| source.len() as u64 > MAX_TEMPLATE_BYTES) {
            return Err(ModelError::TooMuch {
                path: template.path,
                what: "bytes of template",
                most: MAX_TEMPLATE_BYTES,
            });
        }
        Ok(template)
    }

    /// A special token by the name that `tokenizer_config.json` has for it, such as `eos_token`.
    pub fn named_token(&self, name: &str) -> Option<&str> {
        self.tokens.get(name).map(String::as_str)
    }

    /// The messages' texts with a blank line after each: for base models, which know no turns.
    pub fn plain() -> Self {
        Self {
            source: None,
            path: PathBuf::new(),
            tokens: BTreeMap::new(),
            options: TemplateOptions::default(),
            process: Arc::default(),
        }
    }

    /// The same template, which may read these too.
    pub fn with(self, options: TemplateOptions) -> Self {
        Self { options, ..self }
    }

    /// Whether the checkpoint brought a template of its own.
    pub fn is_plain(&self) -> bool {
        self.source.is_none()
    }

    /// The text of `messages`; with `add_generation_prompt`, it ends where the assistant's answer begins.
    ///
    /// # Errors
    /// [`ModelError::ChatTemplate`] for a template that is wrong or raises;
    /// [`ModelError::ChatTemplateBounds`] for one that asks for too much.
    pub fn render(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String> {
        let Some(source) = &self.source else {
            return Ok(messages.iter().map(|message| format!("{}\n\n", message.content)).collect());
        };
        let values = render::Values {
            messages: messages.to_vec(),
            add_generation_prompt,
            tokens: self.tokens.clone(),
            options: self.options.clone(),
        };
        let elsewhere = self.process.render(source, &values);
        elsewhere
            .unwrap_or_else(|| render::render_here(source, &values))
            .map_err(|failed| failed.at(&self.path))
    }
}

/// The template itself, or of several named ones the default.
fn named_template(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(source) => Some(source.clone()),
        Value::Array(named) => {
            let of = |name: &str| {
                named.iter().find(|entry| entry.get("name").and_then(Value::as_str) == Some(name))
            };
            let entry = of("default").or(named.first())?;
            Some(entry.get("template")?.as_str()?.to_owned())
        }
        _ => None,
    }
}

/// The names under which templates find special tokens.
const NAMED_TOKENS: [&str; 7] =
    ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/// The special tokens that have names. Each is written as its text or as an object that holds it.
fn named_tokens(fields: &Map<String, Value>) -> BTreeMap<String, String> {
    let text = |name: &str| {
        let value = fields.get(name)?;
        Some(value.as_str().or_else(|| value.get("content")?.as_str())?.to_owned())
    };
    NAMED_TOKENS.iter().filter_map(|name| Some(((*name).to_owned(), text(name)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shape of the R1 distills' template: Python methods, a namespace, whitespace control, an opened
    /// `<think>`.
    const R1_LIKE: &str = "{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}\
        {% set ns = namespace(system='') %}{%- for message in messages %}{%- if message['role'] == 'system' %}\
        {% set ns.system = message['content'] %}{%- endif %}{%- endfor %}{{bos_token}}{{ns.system}}\
        {%- for message in messages %}{%- if message['role'] == 'user' %}{{'<|User|>' + message['content'].strip()}}\
        {%- endif %}{%- if message['role'] == 'assistant' %}{{'<|Assistant|>' + message['content'].split('</think>')[-1] + eos_token}}\
        {%- endif %}{%- endfor %}{% if add_generation_prompt %}{{'<|Assistant|><think>\\n'}}{% endif %}";

    #[test]
    fn renders_what_python_would() {
        let folder = tempfile::tempdir().unwrap();
        let config = serde_json::json!({"chat_template": R1_LIKE, "bos_token": {"content": "<s>"}, "eos_token": "</s>"});
        std::fs::write(folder.path().join("tokenizer_config.json"), config.to_string()).unwrap();
        let template = ChatTemplate::read(folder.path()).unwrap();
        let mut messages = vec![Message::system("Be brief."), Message::user("  1 + 1? ")];
        let prompt = template.render(&messages, true).unwrap();
        assert_eq!(prompt, "<s>Be brief.<|User|>1 + 1?<|Assistant|><think>\n");
        messages.push(Message { role: "assistant".to_owned(), content: "<think>hm</think>2".into() });
        let text = template.render(&messages, false).unwrap();
        assert_eq!(text, "<s>Be brief.<|User|>1 + 1?<|Assistant|>2</s>");
    }

    #[test]
    fn the_jinja_file_wins_and_named_templates_have_a_default() {
        let folder = tempfile::tempdir().unwrap();
        let named = serde_json::json!({"chat_template": [
            {"name": "tool_use", "template": "tools"}, {"name": "default", "template": "default"}]});
        std::fs::write(folder.path().join("tokenizer_config.json"), named.to_string()).unwrap();
        assert_eq!(ChatTemplate::read(folder.path()).unwrap().render(&[], true).unwrap(), "default");
        std::fs::write(folder.path().join("chat_template.jinja"), "file").unwrap();
        assert_eq!(ChatTemplate::read(folder.path()).unwrap().render(&[], true).unwrap(), "file");
    }

    #[test]
    fn without_a_template_the_texts_follow_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let template = ChatTemplate::read(folder.path()).unwrap();
        assert!(template.is_plain());
        assert_eq!(template.render(&[Message::system("a"), Message::user("b")], true).unwrap(), "a\n\nb\n\n");
    }

    #[test]
    fn a_template_that_raises_or_does_not_parse_is_an_error() {
        for source in ["{{ raise_exception('roles must alternate') }}", "{% if %}"] {
            let template = ChatTemplate { source: Some(source.into()), ..ChatTemplate::plain() };
            let error = template.render(&[Message::user("x")], true).unwrap_err();
            assert!(matches!(error, ModelError::ChatTemplate { .. }), "{error}");
        }
    }
}
