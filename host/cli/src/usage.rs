//! The command line, parsed; what is wrong with it is shown as any other error: what was typed, a file's name
//! perhaps, stays on its line, and a name that there is not is answered with the one that was meant.
//!
//! Help and version hold nothing from outside; clap prints them, with its colours.

use std::process::exit;

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use clap::{Command, CommandFactory, FromArgMatches};

use crate::args::Cli;
use crate::terminal::note_page;

/// What was typed. Help, a version or an error ends the program here.
pub(crate) fn parse() -> Cli {
    match parse_from(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() && !is_help(&error) => {
            let code = error.exit_code();
            note_page(shown(error).trim_end());
            exit(code)
        }
        Err(error) => error.exit(),
    }
}

/// The whole command line, as clap knows it.
pub(crate) fn command() -> Command {
    take_signs(Cli::command())
}

fn parse_from<T: Into<std::ffi::OsString> + Clone>(words: impl IntoIterator<Item = T>) -> Result<Cli, Error> {
    command().try_get_matches_from(words).and_then(|matches| Cli::from_arg_matches(&matches))
}

/// Lets every flag take a value such as -1, to be told what it must be; no flag of ours begins with a digit.
fn take_signs(command: Command) -> Command {
    let take =
        |arg: clap::Arg| if arg.get_action().takes_values() { arg.allow_negative_numbers(true) } else { arg };
    command.mut_args(take).mut_subcommands(take_signs)
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
    if let Some((kind, meant)) = meant(&error) {
        error.insert(kind, meant);
    }
    error.render().to_string()
}

/// What was meant by a command, a value or an argument that there is not, where clap, which compares other than letter by
/// letter, finds nothing alike: `rnu`.
fn meant(error: &Error) -> Option<(ContextKind, ContextValue)> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let (kind, meant) = match error.kind() {
        ErrorKind::InvalidSubcommand => {
            // The usage names the commands above: `ts-host plugin`.
            let above = error.get(ContextKind::Usage)?.to_string();
            let parent = above.split_whitespace().skip(2).take_while(|word| !word.starts_with(['[', '<']));
            let command = parent.fold(command(), |command, name| match command.find_subcommand(name) {
                Some(inner) => inner.clone(),
                None => command,
            });
            let names = command.get_subcommands().map(Command::get_name);
            let meant = ts_text::nearest(text(ContextKind::InvalidSubcommand)?, names)?.to_owned();
            (ContextKind::SuggestedSubcommand, ContextValue::Strings(vec![meant]))
        }
        ErrorKind::InvalidValue => {
            let Some(ContextValue::Strings(valid)) = error.get(ContextKind::ValidValue) else { return None };
            let names = valid.iter().map(String::as_str);
            let meant = ts_text::nearest(text(ContextKind::InvalidValue)?, names)?.to_owned();
            (ContextKind::SuggestedValue, ContextValue::String(meant))
        }
        // `--seeds 1 2`: no command takes a number by itself.
        ErrorKind::UnknownArgument => {
            text(ContextKind::InvalidArg)?.parse::<f64>().ok()?;
            let advice = "the values of a list are separated by commas, as in '--seeds 1,2'";
            (ContextKind::Suggested, ContextValue::StyledStrs(vec![advice.into()]))
        }
        _ => return None,
    };
    error.get(kind).is_none().then_some((kind, meant))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(words: &[&str]) -> String {
        shown(parse_from(words).unwrap_err())
    }

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
            let text = said(&typed);
            assert!(!text.contains("\nready") && text.contains("\\nready to run"), "{typed:?}: {text}");
        }
    }

    #[test]
    fn a_misspelt_name_is_answered_with_the_one_that_was_meant() {
        for (typed, meant) in [
            (vec!["ts-host", "rnu"], "'run'"),
            (vec!["ts-host", "plugin", "tset"], "'test'"),
            (vec!["ts-host", "plugin", "nwe"], "'new'"),
            (vec!["ts-host", "model", "inspct", "x"], "'inspect'"),
            (vec!["ts-host", "export", "x", "--to", "tlr"], "'trl'"),
            (vec!["ts-host", "run", "--reciep", "x"], "'--recipe'"),
        ] {
            let text = said(&typed);
            assert!(text.contains("tip: ") && text.contains(meant), "{typed:?}: {text}");
        }
    }

    #[test]
    fn a_list_with_spaces_is_told_of_commas() {
        for typed in
            [["ts-host", "ablate", "--seeds", "1", "2"], ["ts-host", "ablate", "--strengths", "0.5", "1.0"]]
        {
            assert!(said(&typed).contains("tip: the values of a list are separated by commas"));
        }
        assert!(!said(&["ts-host", "run", "somewhere"]).contains("commas"));
    }

    #[test]
    fn a_negative_number_is_told_what_the_number_must_be() {
        assert!(said(&["ts-host", "run", "--workers", "-1"]).contains("must be a whole number from 0"));
        assert!(said(&["ts-host", "run", "--seed", "-1"]).contains("must be a whole number from 0"));
        assert!(
            said(&["ts-host", "plugin", "test", "p", "--cases", "c", "--allow", "-1"])
                .contains("must be a whole number")
        );
    }

    #[test]
    fn the_command_line_is_in_order() {
        command().debug_assert();
    }
}
