//! The command `plugin new`: a project folder for a new plugin.
//!
//! In: a name, a role and a language. Out: the folder, and where to read on.

use std::path::Path;

use anyhow::Result;
use ts_templates::Language;

use crate::args::plugin::{PluginLanguage, PluginNewArgs};
use crate::terminal::say;

/// Makes the project in a folder of its name, below the current one.
pub(super) fn new(args: &PluginNewArgs) -> Result<()> {
    let language = match args.lang {
        PluginLanguage::Rust => Language::Rust,
        PluginLanguage::Python => Language::Python,
        PluginLanguage::Javascript => Language::JavaScript,
        PluginLanguage::C => Language::C,
        PluginLanguage::Go => Language::Go,
    };
    ts_templates::write(Path::new(&args.name), &args.name, args.role, language)?;
    say(format_args!("made {}; its README.md says how to build and test it", args.name))
}
