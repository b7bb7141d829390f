//! Chores, run as `cargo xtask CHORE`.
//!
//! | chore | what it does |
//! |---|---|
//! | `plugins` | builds every plugin crate into `plugins/NAME.wasm` and writes `plugins/plugins.lock` |
//! | `plugins --check` | rebuilds, writes nothing, fails if sources, lock and committed components disagree |
//! | `runners` | builds the components that run programs, `plugins/*_runner.wasm`, or takes them from `target/runners` |
//! | `runners LANGUAGE` | the same for one language, `python` or `javascript` |
//! | `site` | makes the documentation a site of HTML, `target/site/html` |
//! | `archive` | builds the program for any Linux, linked to nothing, and packs it with its manual pages and completions |
//! | `guest COMMAND …` | runs a command in which `cargo` builds for WebAssembly with the toolchain of the plugins |
//!
//! In: the working tree. Out: components and their lock file. Tests and releases are plain `cargo` commands.

mod archive;
mod build;
mod cargo;
mod debian;
mod lock;
mod plugins;
mod process;
mod runners;
mod site;
mod sources;
mod toolchain;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use toolchain::Toolchain;

const USAGE: &str = "usage: cargo xtask plugins [--check] | cargo xtask runners [python|javascript] | cargo xtask site | \
                     cargo xtask archive | \
                     cargo xtask guest COMMAND [ARGUMENT …]";

/// What the command line asks for.
enum Chore {
    /// Build the plugins; with `check`, compare with what is committed instead of replacing it.
    Plugins { check: bool },
    /// Build the components that run programs, or that of one language.
    Runners { language: Option<String> },
    /// Make the site of the documentation.
    Site,
    /// Pack a program that is linked to nothing.
    Archive,
    /// Run a command with the toolchain of the plugins.
    Guest { program: String, arguments: Vec<String> },
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match parse(&arguments).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn parse(arguments: &[String]) -> Result<Chore> {
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["plugins"] => Ok(Chore::Plugins { check: false }),
        ["plugins", "--check"] => Ok(Chore::Plugins { check: true }),
        ["runners"] => Ok(Chore::Runners { language: None }),
        ["runners", language] if runners::is_language(language) => {
            Ok(Chore::Runners { language: Some(language.to_owned()) })
        }
        ["site"] => Ok(Chore::Site),
        ["archive"] => Ok(Chore::Archive),
        ["guest", program, ..] => {
            Ok(Chore::Guest { program: program.to_owned(), arguments: arguments[2..].to_vec() })
        }
        _ => bail!("{USAGE}"),
    }
}

fn run(chore: Chore) -> Result<()> {
    let root = workspace_root()?;
    match chore {
        Chore::Plugins { check: false } => plugins::build(&root),
        Chore::Plugins { check: true } => plugins::check(&root),
        Chore::Runners { language } => runners::build(&root, language.as_deref()),
        Chore::Site => site::build(&root),
        Chore::Archive => archive::build(&root),
        Chore::Guest { program, arguments } => {
            let mut command = Toolchain::find()?.command(&program, &[])?;
            let status =
                command.args(arguments).status().with_context(|| format!("could not start {program}"))?;
            if status.success() { Ok(()) } else { bail!("{program} failed: {status}") }
        }
    }
}

/// The folder of the root `Cargo.toml`: the parent of this crate.
fn workspace_root() -> Result<PathBuf> {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map(Path::to_path_buf)
        .context("the xtask crate has no parent folder")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Chore> {
        parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn the_command_line_is_read_strictly() {
        assert!(matches!(parsed("plugins"), Ok(Chore::Plugins { check: false })));
        assert!(matches!(parsed("plugins --check"), Ok(Chore::Plugins { check: true })));
        assert!(matches!(parsed("runners"), Ok(Chore::Runners { language: None })));
        assert!(
            matches!(parsed("runners python"), Ok(Chore::Runners { language: Some(name) }) if name == "python")
        );
        let Ok(Chore::Guest { program, arguments }) = parsed("guest cargo build --release") else {
            panic!("a command was not accepted")
        };
        assert_eq!(
            (program.as_str(), &arguments[..]),
            ("cargo", &["build", "--release"].map(str::to_owned)[..])
        );
        for wrong in [
            "",
            "guest",
            "runners --check",
            "runners ruby",
            "runners python javascript",
            "plugin",
            "plugins --chekc",
            "plugins --check --check",
        ] {
            assert!(parsed(wrong).is_err(), "{wrong:?} was accepted");
        }
    }
}
