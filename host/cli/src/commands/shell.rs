//! The commands `completions` and `man`: the command line as a shell and as a manual know it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use clap_complete::Shell;

use crate::terminal::{say, say_page};
use crate::usage;

/// Prints the script that completes commands and flags.
pub(super) fn completions(shell: Shell) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut usage::command(), "ts-host", &mut script);
    say_page(String::from_utf8(script)?.trim_end())
}

/// Writes a manual page for each command into a folder.
pub(super) fn man(folder: &Path) -> Result<()> {
    let cannot = || format!("cannot write manual pages into {}", folder.display());
    fs::create_dir_all(folder).with_context(cannot)?;
    clap_mangen::generate_to(usage::command(), folder).with_context(cannot)?;
    say(folder.display())
}
