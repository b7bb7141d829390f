//! The command `plugin fuzz`: made and hostile inputs.
//!
//! In: a plugin, a seed, a number of inputs. Out: a line for each fault and the shortest input that shows it; a failing exit status if
//! there is one.

use std::fs;

use anyhow::{Context, Result, bail};
use serde_json::json;
use ts_harness::fuzz;
use ts_recipe::n_threads;

use super::handle;
use crate::args::plugin::PluginFuzzArgs;
use crate::terminal::{say, say_value};

/// Characters of an input that are shown.
const SHOWN: usize = 400;

pub(super) fn fuzz(args: &PluginFuzzArgs) -> Result<()> {
    let handle = handle(&args.called)?;
    let found = fuzz::fuzz(&handle, args.seed as u64, args.n, n_threads(args.workers));
    let fuzz::Fuzzed { n_inputs, n_refused, findings } = &found;
    if args.json {
        let shown = |one: &fuzz::Finding| json!({"number": one.number, "fault": one.fault, "told": one.told, "input": one.input});
        say_value(&json!({
            "inputs": n_inputs,
            "seed": args.seed,
            "refused": n_refused,
            "faults": findings.iter().map(shown).collect::<Vec<_>>(),
        }))?;
    } else {
        say(format_args!(
            "{n_inputs} inputs with seed {}: {n_refused} refused, faults: {}",
            args.seed,
            findings.len()
        ))?;
        for finding in findings {
            say(format_args!("input {}: {}: {}", finding.number, finding.fault, finding.told))?;
            say(format_args!("  {}", ts_text::line(&finding.input).at_most(SHOWN)))?;
        }
    }
    if let Some(path) = &args.out {
        let lines: String = findings.iter().map(|finding| format!("{}\n", finding.input)).collect();
        fs::write(path, lines).with_context(|| format!("cannot write {}", path.display()))?;
    }
    match findings.len() {
        0 => Ok(()),
        1 => bail!("a fault was found"),
        n => bail!("{n} faults were found"),
    }
}
