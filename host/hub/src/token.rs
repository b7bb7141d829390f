//! The token of whoever asks. It is shown nowhere.

use std::fmt;
use std::io::Read;

use crate::Error;
use crate::cache::{absolute, home};

/// Most bytes of a token. Those of the hub have 37.
const MAX_BYTES: u64 = 4096;

/// A token that can stand in a header.
#[derive(Clone)]
pub(crate) struct Token(String);

impl Token {
    /// From the environment, or from the file that `hf auth login` writes.
    ///
    /// # Errors
    /// [`Error::Setting`], which does not say the token.
    pub(crate) fn from_env() -> Result<Option<Self>, Error> {
        match std::env::var("HF_TOKEN") {
            Ok(token) => return Self::checked("HF_TOKEN", &token),
            Err(std::env::VarError::NotUnicode(_)) => return Self::checked("HF_TOKEN", "\0"),
            Err(std::env::VarError::NotPresent) => {}
        }
        let path = absolute("HF_TOKEN_PATH").or_else(|| Some(home()?.join("token")));
        let Some(file) = path.and_then(|path| std::fs::File::open(path).ok()) else { return Ok(None) };
        let mut text = String::new();
        let read = file.take(MAX_BYTES).read_to_string(&mut text);
        Self::checked(
            "the token's file (HF_TOKEN_PATH, or `token` in HF_HOME)",
            if read.is_ok() { &text } else { "\0" },
        )
    }

    fn checked(variable: &'static str, token: &str) -> Result<Option<Self>, Error> {
        let token = token.trim();
        let fits = token.len() < MAX_BYTES as usize && token.bytes().all(|b| b.is_ascii_graphic());
        match token {
            "" => Ok(None),
            _ if fits => Ok(Some(Self(token.to_owned()))),
            _ => Err(Error::Setting {
                variable,
                fault: "is not a token: it has characters that none has".to_owned(),
            }),
        }
    }

    /// The value of `Authorization`.
    pub(crate) fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_shown_nowhere() {
        let token = Token::checked("HF_TOKEN", " hf_secret\n").unwrap().unwrap();
        assert_eq!(token.header(), "Bearer hf_secret");
        assert_eq!(format!("{token:?}"), "Token(…)");
        assert!(Token::checked("HF_TOKEN", "").unwrap().is_none());
        let error = Token::checked("HF_TOKEN", "hf_se cret").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("cret"));
    }
}
