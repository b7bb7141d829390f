//! The command `plugin componentize`: a component of the core module that a compiler made.
//!
//! In: a file and roles. Out: another file.

use anyhow::{Context, Result};
use ts_templates::{Encoding, Options};

use crate::args::plugin::{PluginComponentizeArgs, TextEncoding};
use crate::terminal::say;

/// Makes the component, beside the module unless told where.
pub(super) fn componentize(args: &PluginComponentizeArgs) -> Result<()> {
    let file = args.module.display();
    let module = std::fs::read(&args.module).with_context(|| format!("cannot read {file}"))?;
    let encoding = match args.encoding {
        TextEncoding::Utf8 => Encoding::Utf8,
        TextEncoding::Utf16 => Encoding::Utf16,
    };
    let options = Options { encoding };
    let component =
        ts_templates::componentize(&module, &args.role, options).with_context(|| file.to_string())?;
    let out = args.out.clone().unwrap_or_else(|| args.module.with_extension("component.wasm"));
    std::fs::write(&out, &component).with_context(|| format!("cannot write {}", out.display()))?;
    say(format_args!("made {}, {} bytes", out.display(), component.len()))
}
