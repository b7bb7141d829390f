//! `ts-host`: parse, run, exit code.
//!
//! The exit codes are in `exit_code.rs`.

mod args;
mod commands;
mod compiling;
mod exit_code;
#[cfg(feature = "training")]
mod interrupt;
mod out_of_memory;
mod plugin_log;
#[cfg(feature = "training")]
mod progress;
mod terminal;
mod usage;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: out_of_memory::Allocator = out_of_memory::Allocator;

fn main() -> ExitCode {
    out_of_memory::keep_freed_memory();
    // Workers share no pool inside candle: see `ts_model::shards`.
    // SAFETY: nothing else runs yet, so no other thread reads the environment.
    #[cfg(feature = "training")]
    unsafe {
        std::env::set_var(ts_model::shards::CANDLE_THREADS_VARIABLE, "1")
    };
    if let Some(done) = support_processes() {
        // Whoever started this process hears of an error by its status alone.
        return if done.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    out_of_memory::end_in_order();
    // A panic's text may quote what came from outside, and goes the way of everything else.
    std::panic::set_hook(Box::new(|panic| {
        out_of_memory::end_if_said(&panic.to_string());
        terminal::note(format_args!("error: a fault of ts-host itself: {panic}"));
    }));
    compiling::tell();
    match commands::dispatch(usage::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if terminal::is_closed(&error) => ExitCode::SUCCESS,
        Err(error) => {
            commands::tell(&error);
            exit_code::exit_code(&error)
        }
    }
}

/// Does the work of a process that this program started to be confined in, if this is one.
fn support_processes() -> Option<std::io::Result<()>> {
    let done = ts_plugin::support_processes().or_else(ts_rows::support_processes);
    #[cfg(feature = "training")]
    let done = done.or_else(ts_model::chat::support_processes);
    done
}
