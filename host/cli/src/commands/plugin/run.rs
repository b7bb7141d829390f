//! One call of a plugin.
//!
//! In: a JSON object, in the form of the plugin's role. Out: the JSON object that it gives; what it said and what it cost go
//! to standard error. The forms are in `ts_harness::handle`.

use std::io::Read;

use anyhow::{Context, Result, bail};

use super::handle_of;
use super::heard::Heard;
use crate::args::plugin::PluginRunArgs;
use crate::exit_code::CallFailed;
use crate::terminal::{note, say_json};

pub(super) fn run(args: &PluginRunArgs) -> Result<()> {
    let heard = Heard::default();
    let handle = handle_of(&args.called, Some(heard.sink()))?;
    let name = args.input.display();
    let mut text = String::new();
    match args.input.as_os_str() == "-" {
        true => std::io::stdin().read_to_string(&mut text).map(drop),
        false => std::fs::read_to_string(&args.input).map(|read| text = read),
    }
    .with_context(|| format!("cannot read the input from {name}"))?;
    let value = serde_json::from_str(&text).with_context(|| format!("the input from {name} is not JSON"))?;
    let input = match handle.input(&value) {
        Ok(input) => input,
        Err(reason) => bail!("the input from {name} does not fit: {reason}"),
    };
    let (answered, lines) = heard.during(|| handle.call(&input));
    lines.iter().for_each(note);
    say_json(&format!("{:#}", answered.output))?;
    let fuel = answered.fuel.unwrap_or_default();
    match answered.failed {
        Some(how) => {
            note(format_args!("{fuel} units of fuel"));
            Err(CallFailed { how }.into())
        }
        None => {
            note(format_args!("{fuel} units of fuel, {} KiB of memory", answered.memory / 1024));
            Ok(())
        }
    }
}
