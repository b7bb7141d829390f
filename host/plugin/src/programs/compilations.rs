//! What came of the texts of programs when a runner compiled them, kept: it depends on nothing but the text.

use std::collections::HashMap;
use std::sync::Arc;

use crate::programs::program::Ending;

/// Bytes of texts and of what was made of them that are kept.
const KEPT_BYTES: usize = 64 << 20;

/// What came of texts.
#[derive(Default)]
pub(crate) struct Compilations {
    by_source: HashMap<String, Compilation>,
    bytes: usize,
}

/// What came of a text, and the fuel that it took.
#[derive(Clone)]
pub(crate) struct Compilation {
    pub(crate) compiled: Compiled,
    pub(crate) fuel: u64,
}

/// What came of a text.
#[derive(Clone)]
pub(crate) enum Compiled {
    /// A program in the runner's own form.
    Code(Arc<[u8]>),
    /// None, for this reason.
    Ended(Ending),
}

impl Compilations {
    /// What came of a text, if it is kept.
    pub(crate) fn get(&self, source: &str) -> Option<Compilation> {
        self.by_source.get(source).cloned()
    }

    /// Keeps what came of a text. When there is too much, all goes: what is used again comes again.
    pub(crate) fn add(&mut self, source: &str, compilation: &Compilation) {
        let code = if let Compiled::Code(code) = &compilation.compiled { code.len() } else { 0 };
        self.bytes += source.len() + code;
        if self.bytes > KEPT_BYTES {
            self.by_source.clear();
            self.bytes = source.len() + code;
        }
        self.by_source.insert(source.to_owned(), compilation.clone());
    }
}
