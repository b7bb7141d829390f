//! The command line, parsed; what is wrong with it is shown as any other error: what was typed, a file's name
//! perhaps, stays on its line.
//!
//! Help and version hold nothing from outside; clap prints them, with its colours.

use std::process::exit;

use clap::Parser;
use clap::error::{ContextValue, Error, ErrorKind};

use crate::args::Cli;
use crate::terminal::note_page;

/// What was typed. Help, a version or an error ends the program here.
pub(crate) fn parse() -> Cli {
    match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() && !is_help(&error) => {
            let code = error.exit_code();
            note_page(shown(error).trim_end());
            exit(code)
        }
        Err(error) => error.exit(),
    }
}

fn is_help(error: &Error) -> bool {
    error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
}

/// The error as lines of ours: each value in it on one line.
fn shown(mut error: Error) -> String {
    let line = |text: &String| ts_text::line(text).to_string();
    let context: Vec<_> = error.context().map(|(kind, value)| (kind, value.clone())).collect();
    for (kind, value) in context {
        let value = match value {
            ContextValue::String(text) => ContextValue::String(line(&text)),
            ContextValue::Strings(texts) => ContextValue::Strings(texts.iter().map(line).collect()),
            _ => continue,
        };
        error.insert(kind, value);
    }
    error.render().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_stays_on_its_line() {
        let hostile = "a\u{1b}[2J\nready to run\u{202e}";
        for typed in [
            vec!["ts-host", hostile],
            vec!["ts-host", "run", hostile],
            vec!["ts-host", "run", "--seed", hostile],
            vec!["ts-host", "serve", "--plugin", "p", "--listen", hostile],
            vec!["ts-host", "import", hostile, "f", "--out", "o"],
        ] {
            let text = shown(Cli::try_parse_from(&typed).unwrap_err());
            assert!(!text.contains("\nready") && text.contains("\\nready to run"), "{typed:?}: {text}");
        }
    }
}
