//! Who hears that a plugin is compiled, which may take from a moment to minutes and happens before anything else can.
//!
//! In: one function of the program, for all of its hosts, since people look at a program and not at a host. Out: it is called when a
//! compilation begins, and what it gives back when that ends. What is found compiled is not told of. Printing is the program's business.

use std::sync::OnceLock;

/// A compilation that begins.
#[derive(Debug, Clone, Copy)]
pub struct Compilation<'a> {
    /// Where the component comes from: a path, or `embedded:NAME`.
    pub origin: &'a str,
    /// Its size, bytes.
    pub bytes: u64,
}

/// Called when a compilation ends, with whether there is code.
pub type WhenCompiled = Box<dyn FnOnce(bool)>;

/// Called when a compilation begins.
type Listener = fn(Compilation<'_>) -> WhenCompiled;

static LISTENER: OnceLock<Listener> = OnceLock::new();

/// From now on `listener` hears of every compilation of this process, on the thread that waits for it. The first one that is set stays.
pub fn on_compile(listener: Listener) {
    let _ = LISTENER.set(listener);
}

/// Compiles, and says so.
pub(crate) fn told<T, E>(
    compilation: Compilation<'_>,
    compile: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    let when_compiled = LISTENER.get().map(|listener| listener(compilation));
    let compiled = compile();
    if let Some(when_compiled) = when_compiled {
        when_compiled(compiled.is_ok());
    }
    compiled
}
