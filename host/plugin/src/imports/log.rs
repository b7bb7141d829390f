//! The `log` import: what a guest says is put into its instance's buffer, and paid for.

use wasmtime::StoreContextMut;
use wasmtime::component::Linker;

use crate::call::state::State;
use crate::contract::bindings::ts_host::plugin::log as wit;
use crate::contract::version::Version;
use crate::imports::charge;
use crate::log::LogLevel;

/// Gives a linker the log, under its name in each version of the contract: the types are the same.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let log = |mut store: StoreContextMut<'_, State>, (level, message): (wit::Level, String)| {
        charge::host_call(&mut store, message.len())?;
        store.data_mut().log.push(level.into(), &message);
        Ok(())
    };
    Version::ALL.into_iter().try_for_each(|version| {
        linker.instance(&format!("ts-host:plugin/log@{version}"))?.func_wrap("log", log)
    })
}

impl From<wit::Level> for LogLevel {
    fn from(level: wit::Level) -> Self {
        match level {
            wit::Level::Debug => Self::Debug,
            wit::Level::Info => Self::Info,
            wit::Level::Warn => Self::Warn,
            wit::Level::Error => Self::Error,
        }
    }
}
