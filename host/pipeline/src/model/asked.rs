//! What a model is asked with: tokens, a text as it stands, or messages in the checkpoint's chat template.

use std::io::BufRead;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_model::TextTokenizer;
use ts_model::adapter::AdapterConfig;
use ts_model::chat::{ChatTemplate, Message, TemplateOptions};

use super::{Fault, InputLines};
use crate::Error;
use crate::setup::open_folder;

/// A line of the input; one of the last three.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    id: Option<Value>,
    tokens: Option<Vec<u32>>,
    prompt: Option<String>,
    messages: Option<Vec<Message>>,
}

/// A prompt as the model sees it; a line of `encode`'s output.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Encoded {
    /// As it was given; the line's number where none was.
    pub id: Value,
    /// Its text, special tokens included.
    pub text: String,
    /// Its tokens.
    pub tokens: Vec<u32>,
}

/// Makes prompts of what is asked: a checkpoint's tokenizer and its template.
pub struct Encoder {
    pub(super) tokenizer: TextTokenizer,
    chat: ChatTemplate,
}

impl Encoder {
    /// Reads the two from a checkpoint folder, or those that an adapter's folder or its base has.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn open(folder: &Path, options: TemplateOptions) -> Result<Self, Error> {
        match AdapterConfig::read(folder)? {
            None => Self::of(folder, options),
            Some(_) => Self::of(open_folder(folder, None)?.folder.texts(), options),
        }
    }

    /// Reads the two from the folder that has them.
    pub(super) fn of(folder: &Path, options: TemplateOptions) -> Result<Self, Error> {
        Ok(Self { tokenizer: TextTokenizer::read(folder)?, chat: ChatTemplate::read(folder)?.with(options) })
    }

    /// The next prompt of an input, and its line.
    ///
    /// # Errors
    /// A line that asks with none of the three, or with more than one; what the tokenizer or the template refuses.
    pub fn next<R: BufRead>(&self, input: &mut InputLines<R>) -> Result<Option<(usize, Encoded)>, Fault> {
        let Some((line, asked)) = input.read::<Asked>()? else { return Ok(None) };
        let id = asked.id.clone().unwrap_or_else(|| line.into());
        let (text, tokens) = self.encode(asked).map_err(|reason| input.fault(line, reason))?;
        Ok(Some((line, Encoded { id, text, tokens })))
    }

    fn encode(&self, asked: Asked) -> Result<(String, Vec<u32>), String> {
        let text = match asked {
            Asked { tokens: Some(tokens), prompt: None, messages: None, .. } => {
                let text = self.tokenizer.decode(&tokens).map_err(|error| error.to_string())?;
                return Ok((text, tokens));
            }
            Asked { tokens: None, prompt: Some(text), messages: None, .. } => text,
            Asked { tokens: None, prompt: None, messages: Some(messages), .. } => {
                self.chat.render(&messages, true).map_err(|error| error.to_string())?
            }
            _ => return Err("one of `tokens`, `prompt` and `messages` must be given".to_owned()),
        };
        let tokens = self.tokenizer.encode(&text).map_err(|error| error.to_string())?;
        Ok((text, tokens))
    }
}
