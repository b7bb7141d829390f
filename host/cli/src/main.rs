//! `ts-host`: parse, run, exit code.
//!
//! Exit codes: 0 done; 1 something failed, and the message says what; 2 the command line is wrong; 3 a run stopped because too
//! many responses have no grade, which is the grader's failure and not the run's.

mod args;
mod commands;
mod progress;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

/// Page faults cost 1.4 times as much with the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Workers share no pool inside candle: see `ts_model::shards`.
    // SAFETY: nothing else runs yet, so no other thread reads the environment.
    unsafe { std::env::set_var(ts_model::shards::CANDLE_THREADS_VARIABLE, "1") };
    ts_plugin::support_processes();
    match commands::dispatch(args::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if terminal::is_closed(&error) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::note(format_args!("error: {error:#}"));
            if let Some(hint) = commands::hint(&error) {
                terminal::note(format_args!("hint: {hint}"));
            }
            commands::exit_code(&error)
        }
    }
}
